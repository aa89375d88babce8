"""Euclidean distances of all pairs of rows, by matrix products in bounded memory.

``|a - b|^2 = |a|^2 + |b|^2 - 2 a.b`` costs one matrix product, tens of times faster than
differences, but loses digits where a and b lie close together. Those pairs are computed again from
their differences if they are few, and their block in float64 if they are many.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

# A block of pairs stays in the cache, yet is large enough for fast matrix products.
BLOCK_ROWS = 512
# Below this share of |a|^2 + |b|^2 a squared distance has lost too many digits.
_CLOSE = {np.dtype(np.float32): 1e-2, np.dtype(np.float64): 1e-10}
_FEW = 1 / 64
_PAIRS_AT_ONCE = 1024


def pair_distances(values: NDArray) -> NDArray[np.float64]:
    """Distances of all pairs as one matrix, for a few thousand rows.

    Parameters
    ----------
    values : ndarray (rows, units)
        float32 or float64.

    Returns
    -------
    ndarray (rows, rows)
        Symmetric, zero on the diagonal.

    Examples
    --------
    >>> pair_distances(np.array([[0.0, 0.0], [3.0, 4.0]])).tolist()
    [[0.0, 5.0], [5.0, 0.0]]
    """
    distances = np.empty((len(values), len(values)))
    for rows, columns, block in _blocks(values):
        # Rounding may differ between a pair and its mirror image.
        distances[columns, rows] = block.T
        distances[rows, columns] = np.maximum(block, block.T) if rows == columns else block
    return distances


def class_distance_sums(values: NDArray, counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sums of the distances between the rows of every two classes; no matrix of pairs is kept.

    Parameters
    ----------
    values : ndarray (rows, units)
        float32 or float64, sorted by class.
    counts : ndarray (classes,) of int
        Rows of each class, in that order.

    Returns
    -------
    ndarray (classes, classes)
        Over ordered pairs of different rows, so every pair within a class counts twice.

    Examples
    --------
    >>> class_distance_sums(np.array([[0.0], [1.0], [5.0]]), np.array([2, 1])).tolist()
    [[2.0, 9.0], [9.0, 0.0]]
    """
    codes = np.repeat(np.arange(len(counts)), counts)
    sums = np.zeros((len(counts), len(counts)))
    for rows, columns, block in _blocks(values):
        row_classes, row_starts = np.unique(codes[rows], return_index=True)
        column_classes, column_starts = np.unique(codes[columns], return_index=True)
        by_row = np.add.reduceat(block, column_starts, axis=1, dtype=np.float64)
        part = np.add.reduceat(by_row, row_starts, axis=0)
        sums[np.ix_(row_classes, column_classes)] += part
        if rows != columns:
            sums[np.ix_(column_classes, row_classes)] += part.T
    return sums


def _blocks(values: NDArray) -> Iterator[tuple[slice, slice, NDArray]]:
    squares, close = np.einsum("ij,ij->i", values, values), _CLOSE[values.dtype]
    spans = [
        slice(start, min(start + BLOCK_ROWS, len(values)))
        for start in range(0, len(values), BLOCK_ROWS)
    ]
    for number, rows in enumerate(spans):
        for columns in spans[number:]:
            block = values[rows] @ values[columns].T
            block *= -2
            block += squares[rows, None]
            block += squares[columns]
            limits = close * squares[rows, None], close * squares[columns]
            _sharpen(block, values[rows], values[columns], limits, same=rows == columns)
            yield rows, columns, np.sqrt(block, out=block)


def _sharpen(
    block: NDArray, a: NDArray, b: NDArray, limits: tuple[NDArray, NDArray], same: bool
) -> None:
    """Replace squared distances that lost their digits, in place."""
    if same:
        # Rows beside themselves are no pairs: nothing to compute again.
        np.fill_diagonal(block, np.inf)
    # The cheap test spares most blocks the comparison of every pair.
    if block.min() < limits[0].max() + limits[1].max():
        _sharpen_close(block, a, b, block < limits[0] + limits[1])
    if same:
        np.fill_diagonal(block, 0)
    np.maximum(block, 0, out=block)


def _sharpen_close(block: NDArray, a: NDArray, b: NDArray, close: NDArray[np.bool_]) -> None:
    if np.count_nonzero(close) > _FEW * block.size:
        if block.dtype != np.float64:
            block[...] = _exact_squares(a, b)
        return
    left, right = np.nonzero(close)
    for start in range(0, len(left), _PAIRS_AT_ONCE):
        here = slice(start, start + _PAIRS_AT_ONCE)
        difference = a[left[here]] - b[right[here]]
        block[left[here], right[here]] = np.einsum("ij,ij->i", difference, difference)


def _exact_squares(a: NDArray, b: NDArray) -> NDArray[np.float64]:
    a, b = a.astype(np.float64), b.astype(np.float64)
    squares = np.einsum("ij,ij->i", a, a)[:, None] + np.einsum("ij,ij->i", b, b)
    return squares - 2 * (a @ b.T)
