"""Small recordings in which two motifs are planted, or none."""

from __future__ import annotations

from typing import Literal

import numpy as np

from analyses.connectome.planted import planted
from workbench.analysis.base import Example
from workbench.recording.arrays import from_arrays

_N_ANIMALS, _N_FRAMES, _N_NEURONS = 4, 120, 20


def make_example(kind: Literal["planted", "noise"], seed: int) -> Example:
    """Make a recording of four animals with twenty neurons, and stimuli at equal times.

    Parameters
    ----------
    kind : {"planted", "noise"}
        Whether groups of neurons share a signal under the stimuli, or every neuron is on its own.
    seed : int

    Returns
    -------
    Example
    """
    worms = planted(
        seed,
        _N_ANIMALS,
        _N_FRAMES,
        _N_NEURONS,
        missing=0.0,
        n_motifs=2 if kind == "planted" else 0,
    )
    rows = {
        "animal": np.repeat([f"worm{number}" for number in range(_N_ANIMALS)], _N_FRAMES),
        "time": np.tile(np.arange(_N_FRAMES), _N_ANIMALS),
        "cue": np.tile(_cues(), _N_ANIMALS),
    }
    recording = from_arrays({"ganglion": worms.traces.reshape(-1, _N_NEURONS)}, rows)
    parameters = {
        "rank": 3,
        "stimuli": "cue",
        "method": "louvain",
        "n_null": 19,
        "n_restarts": 1,
        "smoothing": 2.0,
    }
    return Example(recording, parameters)


def _cues() -> np.ndarray:
    names = np.full(_N_FRAMES, "rest", dtype="U5")
    names[15:35] = "salt"
    names[50:70] = "light"
    return names
