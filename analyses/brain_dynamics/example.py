"""Small recordings with and without rhythms that couple, for checks and documentation."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from workbench.analysis.base import Example
from workbench.recording.arrays import from_arrays

_N_TRIALS, _N_STEPS, _N_UNITS = 8, 100, 3
_RATE = 100.0
_PARAMETERS: dict[str, Any] = {
    "n_surrogates": 39,
    "n_bootstrap": 39,
    "bands": "slow:5-10,fast:20-40",
}


def make_example(kind: Literal["planted", "noise"], seed: int) -> Example:
    """Make trials of white noise, with or without a rhythm that units share with a lag.

    Parameters
    ----------
    kind : {"planted", "noise"}
        Planted: a slow rhythm of wandering phase reaches each unit a little later and swells a fast
        one.
    seed : int

    Returns
    -------
    Example

    Examples
    --------
    >>> make_example("planted", 0).recording["area"].shape
    (800, 3)
    """
    generator = np.random.default_rng([seed, 11])
    shape = (_N_TRIALS, _N_STEPS, _N_UNITS)
    values = generator.standard_normal(shape)
    if kind == "planted":
        steps = 2 * np.pi * 7.5 / _RATE + 0.2 * generator.standard_normal(shape[:2])
        start = generator.uniform(0, 2 * np.pi, (_N_TRIALS, 1))
        slow = (np.cumsum(steps, axis=1) + start)[..., None] - 0.6 * np.arange(_N_UNITS)
        fast = np.cos(4 * slow + generator.uniform(0, 2 * np.pi, shape[-1]))
        values += 2 * np.cos(slow) + (1 + np.cos(slow)) * fast
    rows = {
        "stimulus": np.repeat(np.arange(_N_TRIALS), _N_STEPS),
        "time": np.tile(np.arange(_N_STEPS) / _RATE, _N_TRIALS),
    }
    arrays = {"area": values.reshape(-1, _N_UNITS)}
    return Example(from_arrays(arrays, rows, kind="brain", address="example"), dict(_PARAMETERS))
