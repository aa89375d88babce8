"""Small recordings with and without a dictionary in them, for checks and documentation."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from workbench.analysis.base import Example
from workbench.recording.arrays import from_arrays

_N_TEXTS, _N_TOKENS = 60, 25
_N_UNITS, _N_ATOMS, _N_ACTIVE = 16, 20, 2
_NOISE = 0.05
_PARAMETERS: dict[str, Any] = {
    "n_atoms": _N_ATOMS,
    "target_l0": float(_N_ACTIVE),
    "n_steps": 150,
    "batch_size": 128,
    "n_nulls": 3,
    "n_bootstrap": 59,
    "logits": False,
}


def make_example(kind: Literal["planted", "noise"], seed: int) -> Example:
    """Make texts whose activity is, or is not, a sparse sum of the atoms of a dictionary.

    Parameters
    ----------
    kind : {"planted", "noise"}
        Planted: two of 20 directions in 16 units add up in every row, with positive coefficients
        and a little noise. Noise: normal activity with the same mean and covariance.
    seed : int

    Returns
    -------
    Example

    Examples
    --------
    >>> make_example("planted", 0).recording["layer"].shape
    (1500, 16)
    """
    generator = np.random.default_rng([seed, 7])
    values = planted_rows(_N_TEXTS * _N_TOKENS, generator)
    if kind == "noise":
        covariance = np.cov(values, rowvar=False)
        values = generator.multivariate_normal(values.mean(axis=0), covariance, len(values))
    rows = {
        "stimulus": np.repeat(np.arange(_N_TEXTS), _N_TOKENS),
        "position": np.tile(np.arange(_N_TOKENS), _N_TEXTS),
        "token": np.tile([f" word{n}" for n in range(_N_TOKENS)], _N_TEXTS),
    }
    recording = from_arrays({"layer": values}, rows, kind="language", address="example")
    return Example(recording, dict(_PARAMETERS))


def planted_rows(n_rows: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Rows that are sparse sums of random atoms, with noise.

    Parameters
    ----------
    n_rows : int
    generator : numpy.random.Generator

    Returns
    -------
    ndarray (rows, units)
    """
    atoms = generator.standard_normal((_N_ATOMS, _N_UNITS))
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    support = np.argsort(generator.random((n_rows, _N_ATOMS)), axis=1)[:, :_N_ACTIVE]
    codes = np.zeros((n_rows, _N_ATOMS))
    np.put_along_axis(codes, support, generator.uniform(1.0, 2.0, support.shape), axis=1)
    return codes @ atoms + _NOISE * generator.standard_normal((n_rows, _N_UNITS))
