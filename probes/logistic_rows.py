"""Rows of several training sets, standardised, and the log loss of classes on them.

Rows that belong to the same training sets lie side by side, as a *cell*: five folds are five cells
of five sets. A set is then a sum over cells, no row is copied for it, and rows that it holds out
cost nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probes.standardizing import Standard

Array = NDArray[np.floating]
# Units are standardised before: one that hardly varies within a set is constant there.
_STILL = 1e-5
# Beyond it exponentials overflow in single precision; such a row is as wrong as can be.
_STEEPEST = 80.0
_BLOCK = 512
# Logits of a block that are read again while they are still in the cache of a core.
_CACHED = 2**15


@dataclass(frozen=True)
class Rows:
    """Rows sorted by cell, and the training sets made of cells.

    Attributes
    ----------
    x : ndarray (rows, units + 1)
        Standardised by all rows; the last column is 1, for the intercept.
    codes : ndarray (rows,) of int
    n_classes : int
    order : ndarray (rows,) of int
        Where each of them was before sorting.
    bounds : ndarray (cells + 1,) of int
        Where each cell begins, and the number of rows.
    members : ndarray (sets, cells)
        1 where the set holds the cell, otherwise 0.
    ridge : ndarray (sets, 1, units + 1)
        Each set's own variance of each unit, in the unit of `x`: the penalty is on weights of units
        scaled by it. 0 for the intercept.
    standard : Standard
        Of all rows.
    """

    x: Array
    codes: NDArray[np.int64]
    n_classes: int
    order: NDArray[np.int64]
    bounds: NDArray[np.int64]
    members: NDArray[np.float64]
    ridge: Array
    standard: Standard

    @classmethod
    def of(
        cls,
        x: NDArray[Any],
        codes: NDArray[np.int64],
        n_classes: int,
        sets: NDArray[np.bool_],
        dtype: Any,
    ) -> Rows:
        """Sort and standardise.

        Parameters
        ----------
        x : ndarray (rows, units)
        codes : ndarray (rows,) of int
            Class of each row.
        n_classes : int
        sets : ndarray (rows, sets) of bool
            Rows of each training set.
        dtype : dtype
            In which to compute.

        Returns
        -------
        Rows
        """
        patterns, cell = np.unique(sets, axis=0, return_inverse=True)
        cell = cell.reshape(-1)
        order = np.argsort(cell, kind="stable")
        bounds = np.concatenate([[0], np.cumsum(np.bincount(cell))])
        standard, members = Standard.of(x), patterns.T.astype(np.float64)
        out = np.empty((len(x), x.shape[1] + 1), dtype)
        moments = _standardise(x, standard, order, bounds, out)
        ridge = _variances(moments, members, np.diff(bounds)).astype(dtype)
        return cls(out, codes[order], n_classes, order, bounds, members, ridge, standard)

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return len(self.bounds) - 1

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Rows of each cell (cells,)."""
        return np.diff(self.bounds)

    def cell(self, number: int) -> slice:
        """Where the rows of a cell are."""
        return slice(int(self.bounds[number]), int(self.bounds[number + 1]))

    def losses(self, number: int, weights: Array) -> tuple[NDArray[np.float64], Array]:
        """Log loss of a cell under several sets of weights, and its gradient.

        Parameters
        ----------
        number : int
            Of the cell.
        weights : ndarray (sets, classes, units + 1)

        Returns
        -------
        losses : ndarray (sets,)
            Summed over the rows of the cell.
        gradients : ndarray (sets, classes, units + 1)
        """
        at = self.cell(number)
        return log_losses(self.x[at], self.codes[at], weights)


def log_losses(
    x: Array, codes: NDArray[np.int64], weights: Array
) -> tuple[NDArray[np.float64], Array]:
    """Multinomial log loss of several sets of weights on the same rows, and its gradient.

    A block of rows is read for its logits and, while it is in the cache, again for the gradient.

    Parameters
    ----------
    x : ndarray (rows, units)
    codes : ndarray (rows,) of int
    weights : ndarray (sets, classes, units)

    Returns
    -------
    losses : ndarray (sets,)
        Summed over rows.
    gradients : ndarray (sets, classes, units)

    Examples
    --------
    >>> losses, gradients = log_losses(np.ones((4, 1)), np.array([0, 1, 1, 1]), np.zeros((1, 2, 1)))
    >>> bool(np.isclose(losses[0], 4 * np.log(2))), gradients.ravel().tolist()
    (True, [1.0, -1.0])
    """
    sets, classes, units = weights.shape
    columns = sets * classes
    flat = np.ascontiguousarray(weights, dtype=x.dtype).reshape(columns, units)
    size = min(len(x), max(64, min(_BLOCK, _CACHED // columns)))
    space, part = np.empty(columns * size, x.dtype), np.empty((columns, units), x.dtype)
    losses, gradient = np.zeros(sets), np.zeros((columns, units), x.dtype)
    for begin in range(0, len(x), size):
        rows = x[begin : begin + size]
        logits = np.matmul(flat, rows.T, out=space[: columns * len(rows)].reshape(columns, -1))
        losses += _to_residuals(logits, codes[begin : begin + size], classes)
        gradient += np.matmul(logits, rows, out=part)
    return losses, gradient.reshape(weights.shape)


def _to_residuals(logits: Array, codes: NDArray[np.int64], n_classes: int) -> NDArray[np.float64]:
    """Turn logits (sets * classes, rows) into their gradient, and return the losses (sets,)."""
    n = len(codes)
    by_set = logits.reshape(-1, n_classes * n)
    own = codes * n + np.arange(n)
    # Beside the own class's logit the loss is a logarithm of at least 1, and needs no maximum.
    beside = by_set.reshape(-1, n_classes, n)
    beside -= by_set.take(own, axis=1)[:, None]
    np.minimum(beside, _STEEPEST, out=beside)
    np.exp(beside, out=beside)
    totals = beside.sum(axis=1)
    beside /= totals[:, None]
    by_set[:, own] -= 1
    return np.log(totals).sum(axis=1, dtype=np.float64)


def _standardise(
    x: NDArray[Any],
    standard: Standard,
    order: NDArray[np.int64],
    bounds: NDArray[np.int64],
    out: Array,
) -> NDArray[np.float64]:
    """Fill `out` with standardised rows in order; sums and sums of squares (2, cells, units)."""
    moments = np.zeros((2, len(bounds) - 1, x.shape[1]))
    for number, (first, last) in enumerate(pairwise(bounds)):
        for begin in range(first, last, _BLOCK):
            end = min(begin + _BLOCK, last)
            block = standard.transform(x[order[begin:end]]).astype(out.dtype, copy=False)
            moments[0, number] += block.sum(axis=0)
            moments[1, number] += np.einsum("ij,ij->j", block, block)
            out[begin:end, :-1] = block
    out[:, -1] = 1
    return moments


def _variances(
    moments: NDArray[np.float64], members: NDArray[np.float64], sizes: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Variance (sets, 1, units + 1) of every unit over each set, 1 where it is 0; a last 0."""
    means, squares = members @ moments / (members @ sizes)[:, None]
    variances = squares - means**2
    variances = np.where(variances > _STILL**2, variances, 1.0)
    return np.pad(variances, ((0, 0), (0, 1)))[:, None]
