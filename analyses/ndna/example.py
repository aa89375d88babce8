"""Small recordings with and without a smooth path along depth, for checks and documentation."""

from __future__ import annotations

from typing import Literal

import numpy as np

from workbench.analysis.base import Example
from workbench.recording.arrays import from_arrays
from workbench.recording.recording import Recording

_N_TEXTS, _N_TOKENS, _N_SITES, _N_UNITS = 12, 5, 8, 10


def make_example(kind: Literal["planted", "noise"], seed: int) -> Example:
    """Make activity that walks along an arc from site to site, or jumps at random.

    Parameters
    ----------
    kind : {"planted", "noise"}
        Planted: every row's activity goes along an arc of its own, with some noise; that of the
        untrained companion does not. Noise: independent at every site, in both.
    seed : int

    Returns
    -------
    Example
    """
    generator = np.random.default_rng(seed)
    n_rows = _N_TEXTS * _N_TOKENS
    angle = np.linspace(0, 1.5, _N_SITES)
    first, second = generator.standard_normal((2, n_rows, _N_UNITS))
    arc = np.cos(angle)[:, None, None] * first + np.sin(angle)[:, None, None] * second
    strength = 1.0 if kind == "planted" else 0.0
    return Example(
        _recording(3 * strength * arc, generator),
        {"n_permutations": 99, "n_bootstrap": 99},
        {"untrained": _recording(0 * arc, generator)},
    )


def _recording(signal: np.ndarray, generator: np.random.Generator) -> Recording:
    arrays = {
        f"layer.{number}": values + 0.3 * generator.standard_normal(values.shape)
        for number, values in enumerate(signal)
    }
    rows = {
        "stimulus": np.repeat(np.arange(_N_TEXTS), _N_TOKENS),
        "position": np.tile(np.arange(_N_TOKENS), _N_TEXTS),
    }
    return from_arrays(arrays, rows, kind="language", address="example")
