"""Small recordings with and without labels in them, for checks and documentation."""

from __future__ import annotations

from typing import Literal

import numpy as np

from workbench.analysis.base import Example
from workbench.recording.arrays import from_arrays

_N_TEXTS, _N_WORDS, _N_UNITS, _N_TYPES = 40, 8, 6, 30
_CLASSES = np.array(["ADJ", "NOUN", "VERB"])


def make_example(kind: Literal["planted", "noise"], seed: int) -> Example:
    """Make texts of random words, with activity that does or does not say their classes.

    Parameters
    ----------
    kind : {"planted", "noise"}
        Planted: the class of a word shifts the second site, less the first; the untrained
        companion knows nothing. Noise: nothing does.
    seed : int

    Returns
    -------
    Example
    """
    generator = np.random.default_rng(seed)
    words = generator.integers(_N_TYPES, size=_N_TEXTS * _N_WORDS)
    codes = words % len(_CLASSES) if kind == "planted" else generator.integers(3, size=len(words))
    centres = generator.standard_normal((len(_CLASSES), _N_UNITS))
    rows = {
        "stimulus": np.repeat(np.arange(_N_TEXTS), _N_WORDS),
        "position": np.tile(np.arange(_N_WORDS), _N_TEXTS),
        "token": np.char.add("w", words.astype(str)),
        "word": np.tile(np.arange(_N_WORDS), _N_TEXTS),
        "upos": _CLASSES[codes],
    }
    strength = {"first": 0.5, "second": 1.5} if kind == "planted" else {"first": 0, "second": 0}
    recordings = [
        from_arrays(
            {
                site: factor * trained * centres[codes]
                + generator.standard_normal((len(codes), _N_UNITS))
                for site, factor in strength.items()
            },
            rows,
            kind="language",
            address="example",
        )
        for trained in (1.0, 0.0)
    ]
    parameters = {"labels": "upos", "n_permutations": 99, "n_bootstrap": 99, "C": (0.01, 0.1)}
    return Example(recordings[0], parameters, {"untrained": recordings[1]})
