"""Products of a tensor with all factors but one, for every axis, in two passes over its cells.

The axes are split in two groups. Summing over the second group once serves all axes of the first,
and the other way round (a dimension tree of depth two: Phan, Tichavsky and Cichocki 2013, *Fast
alternating LS algorithms for high order CANDECOMP/PARAFAC tensor factorizations*). No Khatri-Rao
product ever includes the axis that is updated.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from analyses.connectome.cp_backends import Array, is_torch


class Contraction(Protocol):
    """A tensor that can be multiplied with factors.

    Attributes
    ----------
    shape : tuple of int
    split : int
        Axes before it are the first group.
    """

    shape: tuple[int, ...]
    split: int

    def partial(self, group: int, factors: Sequence[Array]) -> Array:
        """Sum over the axes of the other group; (components, cells of the group)."""

    def finish(self, partial: Array, factors: Sequence[Array], axis: int) -> Array:
        """Sum over the other axes of the group; (components, size of the axis)."""


def best_split(left_sizes: Sequence[int], right_sizes: Sequence[int]) -> int:
    """Split with the smallest partial sums.

    Parameters
    ----------
    left_sizes, right_sizes : sequence of int
        Cells of the two groups for a split after the first, second, ... axis.

    Returns
    -------
    int
        Number of axes in the first group.

    Examples
    --------
    >>> best_split([240, 240 * 21], [21 * 1770, 1770])
    2
    """
    sums = [left + right for left, right in zip(left_sizes, right_sizes, strict=True)]
    return int(np.argmin(sums)) + 1


def khatri_rao(factors: Sequence[Array]) -> Array:
    """Column-wise Kronecker product.

    Parameters
    ----------
    factors : sequence of ndarray or Tensor (components, size)

    Returns
    -------
    ndarray or Tensor (components, product of sizes)

    Examples
    --------
    >>> khatri_rao([np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])]).tolist()
    [[3.0, 4.0, 6.0, 8.0]]
    """
    product = factors[0]
    for factor in factors[1:]:
        product = (product[:, :, None] * factor[:, None, :]).reshape(len(product), -1)
    return product


class DenseContraction:
    """A dense tensor.

    Parameters
    ----------
    tensor : ndarray or Tensor (...)
        Contiguous, so that its unfolding is a view.
    split : int, optional
        Size of the first group; what costs least by default.
    """

    def __init__(self, tensor: Array, split: int | None = None) -> None:
        self.shape = tuple(int(size) for size in tensor.shape)
        heads = [math.prod(self.shape[:n]) for n in range(1, len(self.shape))]
        tails = [math.prod(self.shape[n:]) for n in range(1, len(self.shape))]
        self.split = best_split(heads, tails) if split is None else split
        self.unfolded = tensor.reshape(heads[self.split - 1], tails[self.split - 1])

    def partial(self, group: int, factors: Sequence[Array]) -> Array:
        """Sum over the axes of the other group.

        Parameters
        ----------
        group : {0, 1}
        factors : sequence of ndarray or Tensor (components, size)

        Returns
        -------
        ndarray or Tensor (components, cells of the group)
        """
        if group == 1:
            return khatri_rao(factors[: self.split]) @ self.unfolded
        return _times_transposed(khatri_rao(factors[self.split :]), self.unfolded)

    def finish(self, partial: Array, factors: Sequence[Array], axis: int) -> Array:
        """Sum over the other axes of the group that an axis belongs to.

        Parameters
        ----------
        partial : ndarray or Tensor (components, cells of the group)
        factors : sequence of ndarray or Tensor (components, size)
        axis : int

        Returns
        -------
        ndarray or Tensor (components, size)
        """
        first = axis < self.split
        before = range(0 if first else self.split, axis)
        after = range(axis + 1, self.split if first else len(self.shape))
        rank = len(partial)
        for other in reversed(after):
            cells = partial.reshape(rank, -1, self.shape[other])
            partial = (cells @ factors[other][:, :, None])[:, :, 0]
        for other in before:
            cells = partial.reshape(rank, self.shape[other], -1)
            partial = (factors[other][:, None, :] @ cells)[:, 0]
        return partial.reshape(rank, self.shape[axis])


class SparseContraction:
    """A sparse tensor, of which only rows and columns of its unfolding that hold something count.

    Parameters
    ----------
    coordinates : ndarray (axes, entries) of int
    values : ndarray or Tensor (entries,)
        Entries with the same coordinates are added up.
    shape : tuple of int
    """

    def __init__(self, coordinates: np.ndarray, values: Array, shape: tuple[int, ...]) -> None:
        self.shape = shape
        splits = range(1, len(shape))
        heads = [_cells(coordinates[:n], shape[:n]) for n in splits]
        tails = [_cells(coordinates[n:], shape[n:]) for n in splits]
        self.split = best_split([each.count for each in heads], [each.count for each in tails])
        self._groups = heads[self.split - 1], tails[self.split - 1]
        del heads, tails
        rows, columns = (group.number for group in self._groups)
        counts = self._groups[0].count, self._groups[1].count
        self._matrix = _compressed(rows, columns, values, counts)
        self.values = self._matrix.values() if is_torch(values) else self._matrix.data
        self._transposed = (
            _compressed(columns, rows, values, counts[::-1]) if is_torch(values) else self._matrix.T
        )
        for group in self._groups:
            group.forget_entries()
        self._sums = self._indicators(values)

    def partial(self, group: int, factors: Sequence[Array]) -> Array:
        """As that of the dense contraction, over the cells of the group that hold something."""
        others = self._khatri_rao(1 - group, factors)
        matrix = self._transposed if group else self._matrix
        return (matrix @ others.T).T

    def finish(self, partial: Array, factors: Sequence[Array], axis: int) -> Array:
        """As that of the dense contraction."""
        group = 0 if axis < self.split else 1
        if self._groups[group].indices is None:
            return partial
        others = [each for each in self._axes(group) if each != axis]
        for other in others:
            partial = partial * factors[other][:, self._indices(group, other)]
        return (self._sums[axis] @ partial.T).T

    def _axes(self, group: int) -> range:
        return range(self.split, len(self.shape)) if group else range(self.split)

    def _indices(self, group: int, axis: int) -> Any:
        return self._groups[group].indices[axis - self.split * group]

    def _khatri_rao(self, group: int, factors: Sequence[Array]) -> Array:
        axes = self._axes(group)
        if self._groups[group].indices is None:
            return factors[axes[0]]
        product = factors[axes[0]][:, self._indices(group, axes[0])]
        for axis in axes[1:]:
            product = product * factors[axis][:, self._indices(group, axis)]
        return product

    def _indicators(self, like: Array) -> dict[int, Any]:
        """For every axis of a group of several, which cells of the group to add up."""
        found = {}
        for number, group in enumerate(self._groups):
            for axis in self._axes(number) if group.indices is not None else ():
                cells = np.arange(group.count)
                ones = (
                    like.new_ones(group.count)
                    if is_torch(like)
                    else np.ones(group.count, dtype=like.dtype)
                )
                shape = self.shape[axis], group.count
                found[axis] = _compressed(self._indices(number, axis), cells, ones, shape)
        return found


class _Cells:
    """Cells of a group of axes that hold something: which cell is each entry in."""

    def __init__(self, number: np.ndarray, count: int, indices: Any) -> None:
        self.number, self.count, self.indices = number, count, indices

    def forget_entries(self) -> None:
        self.number = np.empty(0, dtype=np.int64)


def _cells(coordinates: np.ndarray, shape: tuple[int, ...]) -> _Cells:
    if len(shape) == 1:
        return _Cells(coordinates[0], shape[0], None)
    flat = np.ravel_multi_index(tuple(coordinates), shape)
    found, number = np.unique(flat, return_inverse=True)
    indices = np.stack(np.unravel_index(found, shape))
    return _Cells(number, len(found), indices)


def _compressed(rows: Any, columns: Any, values: Array, shape: tuple[int, int]) -> Any:
    if not is_torch(values):
        from scipy import sparse

        return sparse.coo_array((values, (rows, columns)), shape=shape).tocsr()
    import torch

    places = torch.from_numpy(np.stack([rows, columns])).to(values.device)
    entries = torch.sparse_coo_tensor(places, values, shape, check_invariants=True).coalesce()
    with warnings.catch_warnings():
        # Said once a process of every compressed matrix; products with them are all that is used.
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        return entries.to_sparse_csr()


def _times_transposed(factors: Array, unfolded: Array) -> Array:
    """``factors @ unfolded.T``."""
    single = not is_torch(unfolded) and unfolded.dtype == np.float32
    if single or is_torch(unfolded):
        # Twice as fast as the other order, but in numpy's double precision half as fast.
        product = (unfolded @ factors.T).T
        return product.contiguous() if is_torch(product) else np.ascontiguousarray(product)
    return factors @ unfolded.T
