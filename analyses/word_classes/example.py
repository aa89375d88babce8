"""Small recordings with and without classes in them, for checks and documentation."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from workbench.analysis.base import Example
from workbench.recording.arrays import from_arrays
from workbench.recording.recording import Recording

_CLASSES = np.array(["ADJ", "NOUN", "VERB"])
_N_TEXTS, _N_WORDS, _N_UNITS = 40, 8, 6


def make_example(kind: Literal["planted", "noise"], seed: int) -> Example:
    """Make texts of random words, with activity that does or does not depend on their classes.

    Parameters
    ----------
    kind : {"planted", "noise"}
        Planted: the class of a row's own word shifts both sites, that of the next word the second
        site; the untrained companion knows the own word only, and less. Noise: nothing does.
    seed : int

    Returns
    -------
    Example
    """
    generator = np.random.default_rng(seed)
    codes = generator.integers(len(_CLASSES), size=(_N_TEXTS, _N_WORDS))
    following = np.roll(codes, -1, axis=1)
    strength = 1.0 if kind == "planted" else 0.0
    centres = generator.standard_normal((2, len(_CLASSES), _N_UNITS))
    own, coming = centres[0][codes.ravel()], centres[1][following.ravel()]
    trained = {
        "first": strength * own,
        "second": strength * (0.5 * own + coming),
    }
    untrained = {"first": 0.3 * strength * own, "second": 0.2 * strength * own}
    rows = _row_table(codes)
    return Example(
        _recording(trained, rows, generator),
        {"labels": "upos", "n_permutations": 99, "n_bootstrap": 99, "embeddings": ()},
        {"untrained": _recording(untrained, rows, generator)},
    )


def _row_table(codes: NDArray) -> dict[str, NDArray]:
    position = np.tile(np.arange(_N_WORDS), _N_TEXTS)
    names = _CLASSES[codes.ravel()]
    return {
        "stimulus": np.repeat(np.arange(_N_TEXTS), _N_WORDS),
        "position": position,
        "token": np.char.lower(names),
        "word": position,
        "upos": names,
    }


def _recording(
    signal: dict[str, NDArray], rows: dict[str, NDArray], generator: np.random.Generator
) -> Recording:
    noisy = {
        site: values + generator.standard_normal(values.shape) for site, values in signal.items()
    }
    return from_arrays(noisy, rows, kind="language", address="example")
