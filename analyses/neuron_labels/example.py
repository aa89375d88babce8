"""Small recordings of units that do, or do not, respond to labels of their rows."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from workbench.analysis.base import Example
from workbench.recording.arrays import from_arrays

_WORDS = {
    "shape": ("circle", "square", "triangle", "cross", "ring"),
    "colour": ("red", "green", "blue", "yellow", "purple", "cyan"),
    "texture": ("plain", "striped", "dotted", "checkered"),
}
_N_ROWS, _N_UNITS, _N_NOISE = 400, 24, 6
_NOISE = 0.3
_PARAMETERS: dict[str, Any] = {"n_permutations": 99, "n_bootstrap": 39}


def make_example(kind: Literal["planted", "noise"], seed: int) -> Example:
    """Make a network whose units respond to one label each, or to none.

    Parameters
    ----------
    kind : {"planted", "noise"}
        Planted: all but the last six units respond to one shape, colour or texture, with noise.
        Noise: no unit does.
    seed : int

    Returns
    -------
    Example

    Examples
    --------
    >>> make_example("planted", 0).recording["layer"].shape
    (400, 24)
    """
    generator = np.random.default_rng([seed, 19])
    rows = {
        name: np.array(words)[generator.integers(len(words), size=_N_ROWS)]
        for name, words in _WORDS.items()
    }
    values = _NOISE * generator.standard_normal((_N_ROWS, _N_UNITS))
    if kind == "planted":
        every = [(name, word) for name, words in _WORDS.items() for word in words]
        for unit in range(_N_UNITS - _N_NOISE):
            name, word = every[unit % len(every)]
            values[:, unit] += rows[name] == word
    recording = from_arrays({"layer": values.astype(np.float32)}, rows, address="example")
    return Example(recording, dict(_PARAMETERS))
