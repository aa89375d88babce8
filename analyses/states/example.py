"""Small recordings of spikes with and without hidden states, for checks and documentation."""

from __future__ import annotations

from typing import Literal

import numpy as np

from workbench.analysis.base import Example
from workbench.recording.arrays import from_arrays

_N_TRIALS, _N_BINS, _STAY = 20, 24, 0.92
_RATES = np.array([[1.2, 1.2, 0.2, 0.2], [0.2, 0.2, 1.2, 1.2]])


def make_example(kind: Literal["planted", "noise"], seed: int) -> Example:
    """Make spike counts that do or do not switch between states.

    Parameters
    ----------
    kind : {"planted", "noise"}
        Planted: two states, in which different neurons are active. Noise: independent Poisson
        counts of one rate.
    seed : int

    Returns
    -------
    Example
    """
    generator = np.random.default_rng(seed)
    switches = generator.random((_N_TRIALS, _N_BINS)) > _STAY
    states = np.cumsum(switches, axis=1) % 2
    rates = _RATES[states] if kind == "planted" else np.full((*states.shape, 4), 0.7)
    spikes = generator.poisson(rates).astype(np.float32)
    rows = {
        "stimulus": np.repeat(np.arange(_N_TRIALS), _N_BINS),
        "time": np.tile(np.arange(_N_BINS), _N_TRIALS),
    }
    recording = from_arrays(
        {"population": spikes.reshape(-1, spikes.shape[2])},
        rows,
        kind="brain",
        address="example",
    )
    parameters = {
        "candidates": (1, 2),
        "n_folds": 2,
        "n_surrogates": 19,
        "restarts": 1,
        "max_iterations": 5,
    }
    return Example(recording, parameters)
