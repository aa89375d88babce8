"""The stimuli that drive each unit most, kept while activity streams by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_NONE = -1


@dataclass(eq=False)
class Strongest:
    """The ``k`` largest entries of every unit, each of another group.

    Of equal values the one of the lower number is kept, so the order of blocks does not matter.

    Attributes
    ----------
    values : ndarray (units, k) of float32
        Falling; minus infinity where there are fewer.
    numbers : ndarray (units, k) of int
        Of the stimuli; -1 where there are fewer.
    groups : ndarray (units, k) of int
        Stimuli of one group are copies of each other.
    maps : ndarray (units, k, places) of float32, optional
        Activity over the places of each stimulus.

    Examples
    --------
    >>> top = Strongest.empty(1, 2)
    >>> seen = np.array([0, 1, 2])
    >>> top.take(np.array([[1.0], [3.0], [2.0]], np.float32), seen, seen)
    >>> top.values.tolist(), top.numbers.tolist()
    ([[3.0, 2.0]], [[1, 2]])
    """

    values: NDArray[np.float32]
    numbers: NDArray[np.int64]
    groups: NDArray[np.int64]
    maps: NDArray[np.float32] | None = None

    @staticmethod
    def empty(n_units: int, k: int, n_places: int = 0) -> Strongest:
        """Nothing seen yet.

        Parameters
        ----------
        n_units, k : int
        n_places : int
            Of the maps to keep; 0 to keep none.

        Returns
        -------
        Strongest
        """
        shape = n_units, k
        return Strongest(
            np.full(shape, -np.inf, np.float32),
            np.full(shape, _NONE, np.int64),
            np.full(shape, _NONE, np.int64),
            np.zeros((*shape, n_places), np.float32) if n_places else None,
        )

    def take(
        self,
        peaks: NDArray[np.float32],
        numbers: NDArray[np.int64],
        groups: NDArray[np.int64],
        block: NDArray | None = None,
    ) -> None:
        """See some stimuli.

        Parameters
        ----------
        peaks : ndarray (stimuli, units)
        numbers : ndarray (stimuli,) or (stimuli, units) of int
        groups : ndarray (stimuli,) of int
        block : ndarray (stimuli, units, places), optional
            To keep maps from.
        """
        # Most units have seen stronger stimuli than any of these.
        touched = np.flatnonzero((peaks >= self.values[:, -1]).any(axis=0))
        offered = peaks[:, touched].T
        named = np.broadcast_to(numbers.reshape(len(numbers), -1), peaks.shape)[:, touched].T
        worst, last = self.values[touched, -1:], self.numbers[touched, -1:]
        better = (offered > worst) | ((offered == worst) & (named < last)) | (last == _NONE)
        some = better.any(axis=1)
        changed = touched[some]
        if not len(changed):
            return
        most = int(better[some].sum(axis=1).max())
        offered, named = np.where(better[some], offered[some], -np.inf), named[some]
        chosen = np.argpartition(offered, len(peaks) - most, axis=1)[:, len(peaks) - most :]
        found = np.take_along_axis(offered, chosen, axis=1)
        new_names = np.take_along_axis(named, chosen, axis=1)
        held_or_new: tuple[NDArray, NDArray, NDArray] = (
            np.concatenate([self.values[changed], found], axis=1),
            np.concatenate([self.numbers[changed], new_names], axis=1),
            np.concatenate([self.groups[changed], groups[chosen]], axis=1),
        )
        order = _best(*held_or_new, self.values.shape[1])
        held: tuple[NDArray, NDArray, NDArray] = (self.values, self.numbers, self.groups)
        for kept, joined in zip(held, held_or_new, strict=True):
            kept[changed] = np.take_along_axis(joined, order, axis=1)
        self.numbers[self.values == -np.inf] = _NONE
        self.groups[self.values == -np.inf] = _NONE
        if self.maps is not None and block is not None:
            self.maps[changed] = _kept_maps(self.maps[changed], block, changed, chosen, order)

    def merge(self, other: Strongest) -> None:
        """Take the entries of another.

        Parameters
        ----------
        other : Strongest
            Of as many units, with maps of as many places.
        """
        for rank in range(other.values.shape[1]):
            self._merge_rank(other, rank)

    def _merge_rank(self, other: Strongest, rank: int) -> None:
        joined = (
            np.concatenate([self.values, other.values[:, rank, None]], axis=1),
            np.concatenate([self.numbers, other.numbers[:, rank, None]], axis=1),
            np.concatenate([self.groups, other.groups[:, rank, None]], axis=1),
        )
        order = _best(*joined, self.values.shape[1])
        self.values, self.numbers, self.groups = (
            np.take_along_axis(each, order, axis=1) for each in joined
        )
        if self.maps is not None and other.maps is not None:
            maps = np.concatenate([self.maps, other.maps[:, rank, None]], axis=1)
            self.maps = np.take_along_axis(maps, order[:, :, None], axis=1)


def _kept_maps(
    held: NDArray[np.float32],
    block: NDArray,
    units: NDArray[np.int64],
    chosen: NDArray[np.int64],
    order: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Maps in their new order: those held before, and those that come from the block."""
    k = held.shape[1]
    kept = np.take_along_axis(held, np.minimum(order, k - 1)[:, :, None], axis=1)
    unit, rank = np.nonzero(order >= k)
    kept[unit, rank] = block[chosen[unit, order[unit, rank] - k], units[unit]]
    return kept


def _best(
    values: NDArray[np.float32], numbers: NDArray[np.int64], groups: NDArray[np.int64], k: int
) -> NDArray[np.int64]:
    """Places of the ``k`` best entries of each row, no two of one group."""
    order = np.lexsort((numbers, -values), axis=1)
    ordered = np.take_along_axis(groups, order, axis=1)
    # Sorting by group keeps the better of two first, as the sort is stable.
    by_group = np.argsort(ordered, axis=1, kind="stable")
    in_group = np.take_along_axis(ordered, by_group, axis=1)
    again = np.zeros(ordered.shape, dtype=bool)
    again[:, 1:] = (np.diff(in_group, axis=1) == 0) & (in_group[:, 1:] != _NONE)
    copies = np.zeros(ordered.shape, dtype=bool)
    np.put_along_axis(copies, by_group, again, axis=1)
    first = np.argsort(copies, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(order, first, axis=1)
