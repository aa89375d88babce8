"""Normal equations of one axis, exact where cells are missing.

Each row of a factor sees only its observed cells, so it has a Gram matrix of its own: the sum over
those cells of ``k k^T`` with k the product of the other factors there. That is a contraction of the
mask with products of pairs of components, and costs little where the mask does not depend on some
axis (such as time): that axis then enters by its plain Gram matrix.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analyses.connectome.cp_backends import Array, indices_like, total
from analyses.connectome.cp_contraction import DenseContraction


class Grams:
    """Gram matrices for every axis in turn.

    Parameters
    ----------
    rank : int
    n_axes : int
    split : int
        Of the axes in two groups, as the tensor's.
    mask : ndarray or Tensor (...), optional
        1 where observed, 0 elsewhere, in the dtype of the tensor; as many axes, of size 1 where it
        does not depend on an axis. All observed by default.
    """

    def __init__(self, rank: int, n_axes: int, split: int, mask: Array | None, like: Array) -> None:
        self._n_axes = n_axes
        self._mask = None if mask is None else DenseContraction(mask, split)
        first, second = np.triu_indices(rank)
        self._first, self._second = indices_like(first, like), indices_like(second, like)
        place = np.zeros((rank, rank), dtype=np.int64)
        place[first, second] = place[second, first] = np.arange(len(first))
        self._place = indices_like(place, like)

    def partial(self, group: int, factors: Sequence[Array]) -> Array | None:
        """What all axes of a group share; None without a mask.

        Parameters
        ----------
        group : {0, 1}
        factors : sequence of ndarray or Tensor (components, size)

        Returns
        -------
        ndarray or Tensor (pairs of components, cells of the group), or None
            Never larger than the tensor unless pairs of components outnumber the other group's
            cells.
        """
        if self._mask is None:
            return None
        return self._mask.partial(group, self._products(factors))

    def of_axis(self, partial: Array | None, factors: Sequence[Array], axis: int) -> Array:
        """Gram matrix, or one for each row where they differ.

        Parameters
        ----------
        partial : ndarray or Tensor, or None
            Of the axis' group.
        factors : sequence of ndarray or Tensor (components, size)
        axis : int

        Returns
        -------
        ndarray or Tensor (components, components) or (components, components, size)
        """
        if self._mask is None or partial is None:
            others = [n for n in range(self._n_axes) if n != axis]
            gram = factors[others[0]] @ factors[others[0]].T
            for other in others[1:]:
                gram = gram * (factors[other] @ factors[other].T)
            return gram
        packed = self._mask.finish(partial, self._products(factors), axis)
        full = packed[self._place]
        return full[:, :, 0] if full.shape[2] == 1 else full

    def _products(self, factors: Sequence[Array]) -> list[Array]:
        """Products of pairs of components; summed over axes on which the mask does not depend."""
        assert self._mask is not None  # noqa: S101 - for the type checker
        found = []
        for factor, size in zip(factors, self._mask.shape, strict=True):
            pairs = factor[self._first] * factor[self._second]
            found.append(pairs if size > 1 or factor.shape[1] == 1 else pairs.sum(1)[:, None])
        return found


def squared_length(gram: Array, factor: Array) -> float:
    """Sum of squares of the model over the observed cells.

    Parameters
    ----------
    gram : ndarray or Tensor (components, components) or (components, components, size)
        Of one axis.
    factor : ndarray or Tensor (components, size)
        Of that axis.

    Returns
    -------
    float

    Examples
    --------
    >>> squared_length(np.array([[4.0]]), np.array([[1.0, 2.0]]))
    20.0
    """
    if gram.ndim == 2:
        return total(gram * (factor @ factor.T))
    return total((gram * factor[None]).sum(1) * factor)
