"""Held-out rows that were learned from after all: the same input gives a model the same row."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Cells far wider than what batches of other sizes change, and far narrower than what rows differ.
_CELL = 1e-3
_N_PROJECTIONS = 6
_ROWS = 2**16


def repeated(train: NDArray, held_out: NDArray) -> NDArray[np.bool_]:
    """Which held-out rows equal a training row, up to rounding.

    Two texts that begin alike give a causal model the same rows at their beginnings, although the
    texts differ. Rows are compared by six random projections, in cells of a thousandth of their
    standard deviation: others than equal rows all but never fall together, and of equal ones less
    than a hundredth part is missed because it lies on a border of a cell.

    Parameters
    ----------
    train : ndarray (train, units)
    held_out : ndarray (held out, units)

    Returns
    -------
    ndarray (held out,) of bool

    Examples
    --------
    >>> X = np.random.default_rng(0).standard_normal((100, 4))
    >>> repeated(X[:90], np.concatenate([X[80:], X[:1] + 1e-9])).tolist()[8:]
    [True, True, False, False, False, False, False, False, False, False, False, False, True]
    """
    directions = np.random.default_rng(0).standard_normal((train.shape[1], _N_PROJECTIONS))
    known, asked = _projected(train, directions), _projected(held_out, directions)
    widths = _CELL * known.std(axis=0)
    usable = widths > 0
    cells = [np.floor(part[:, usable] / widths[usable]).astype(np.int64) for part in (known, asked)]
    codes = np.unique(np.concatenate(cells), axis=0, return_inverse=True)[1].reshape(-1)
    return np.isin(codes[len(train) :], codes[: len(train)])


def _projected(rows: NDArray, directions: NDArray[np.float64]) -> NDArray[np.float64]:
    parts = [
        rows[start : start + _ROWS].astype(np.float64) @ directions
        for start in range(0, len(rows), _ROWS)
    ]
    return np.concatenate(parts)
