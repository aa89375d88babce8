"""Small recordings of checkpoints that resemble the first or not, for checks and documentation."""

from __future__ import annotations

from typing import Literal

import numpy as np

from workbench.analysis.base import Example
from workbench.recording.arrays import from_arrays

_N_STIMULI, _N_UNITS = 30, 8
_CHECKPOINTS = ("initial", "middle", "final")
# How much of the activity is new at each checkpoint, at a lazy and at a rich site.
_NEW = {"lazy": (0.0, 0.1, 0.2), "rich": (0.0, 0.5, 0.7)}


def make_example(kind: Literal["planted", "noise"], seed: int) -> Example:
    """Make checkpoints whose activity grows away from the first, or has nothing to do with it.

    Parameters
    ----------
    kind : {"planted", "noise"}
        Planted: one site keeps most of its features, one replaces many. Noise: every checkpoint is
        drawn anew.
    seed : int

    Returns
    -------
    Example
    """
    generator = np.random.default_rng(seed)
    sites = {}
    for site, shares in _NEW.items():
        start = generator.standard_normal((_N_STIMULI, _N_UNITS))
        kept = shares if kind == "planted" else (0.0, 1.0, 1.0)
        sites[site] = np.concatenate(
            [
                np.sqrt(1 - new) * start + np.sqrt(new) * generator.standard_normal(start.shape)
                for new in kept
            ]
        )
    n_checkpoints = len(_CHECKPOINTS)
    rows = {
        "stimulus": np.tile(np.arange(_N_STIMULI), n_checkpoints),
        "checkpoint": np.repeat(np.arange(n_checkpoints), _N_STIMULI),
        "step": np.repeat([0, 10, 100], _N_STIMULI),
        "checkpoint_name": np.repeat(_CHECKPOINTS, _N_STIMULI),
    }
    recording = from_arrays(sites, rows, kind="network", address="example")
    return Example(recording, {"n_permutations": 99, "n_bootstrap": 99})
