"""Volumes as time by voxel and time by region, a few at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.subjects.brains.values import blocks


class Volumes:
    """Volumes of a file, read where they lie.

    Parameters
    ----------
    array : array-like (x, y, z) or (x, y, z, time)
        Anything with slices, such as nibabel's ``dataobj``.
    shape : tuple of int
    """

    def __init__(self, array: Any, shape: tuple[int, ...]) -> None:
        self._array, self._shape = array, shape
        self.n = shape[3] if len(shape) == 4 else 1
        self.voxels = int(np.prod(shape[:3]))
        sample = array[:1, :1, :1, :1] if len(shape) == 4 else array[:1, :1, :1]
        self.dtype = np.asarray(sample).dtype.newbyteorder("=")

    def read(self, start: int, stop: int) -> NDArray:
        """Volumes ``start`` to ``stop``, ``(voxels, stop - start)``; z counts fastest."""
        part = self._array[..., start:stop] if len(self._shape) == 4 else self._array[...]
        return np.asarray(part).reshape(self.voxels, stop - start)


class VoxelValues:
    """Chosen voxels.

    Parameters
    ----------
    volumes : Volumes
    voxels : ndarray (unit,) of int
        Places in the raveled grid.

    Examples
    --------
    >>> array = np.arange(16.0).reshape(2, 2, 1, 4)
    >>> values = VoxelValues(Volumes(array, array.shape), np.array([1, 3]))
    >>> values.shape, values.read(1, 3).tolist()
    ((4, 2), [[5.0, 13.0], [6.0, 14.0]])
    """

    def __init__(self, volumes: Volumes, voxels: NDArray[np.int64]) -> None:
        self._volumes, self._voxels = volumes, voxels
        self.shape = (volumes.n, len(voxels))
        held = {"u": {2: np.int32, 4: np.int64, 8: np.int64}}.get(volumes.dtype.kind, {})
        self.dtype = np.dtype(held.get(volumes.dtype.itemsize, volumes.dtype))

    def read(self, start: int, stop: int) -> NDArray:
        """See `Values.read`."""
        found = np.empty((stop - start, self.shape[1]), dtype=self.dtype)
        for first, last in blocks(start, stop, self._volumes.voxels):
            found[first - start : last - start] = self._volumes.read(first, last)[self._voxels].T
        return found


class RegionValues:
    """Means over the voxels of each region, in float64; voxels that are NaN are left out.

    Parameters
    ----------
    volumes : Volumes
    labels : ndarray (voxels,) of int
        Region of each voxel.
    numbers : ndarray (unit,) of int
        The regions, rising.

    Attributes
    ----------
    voxels : ndarray (labelled,) of int
        Places of the voxels that lie in a region.
    codes : ndarray (labelled,) of int
        Unit of each of them.

    Examples
    --------
    >>> array = np.array([1.0, 3.0, 5.0, np.nan]).reshape(4, 1, 1, 1)
    >>> volumes = Volumes(array, array.shape)
    >>> RegionValues(volumes, np.array([7, 7, 9, 9]), np.array([7, 9])).read(0, 1).tolist()
    [[2.0, 5.0]]
    """

    def __init__(
        self, volumes: Volumes, labels: NDArray[np.int64], numbers: NDArray[np.int64]
    ) -> None:
        self._volumes = volumes
        self.voxels = np.flatnonzero(np.isin(labels, numbers))
        self.codes = np.searchsorted(numbers, labels[self.voxels])
        self.shape = (volumes.n, len(numbers))
        self.dtype = np.dtype(np.float64)

    def read(self, start: int, stop: int) -> NDArray:
        """See `Values.read`."""
        means = np.full((stop - start, self.shape[1]), np.nan)
        for first, last in blocks(start, stop, self._volumes.voxels):
            read = self._volumes.read(first, last)[self.voxels].astype(np.float64)
            for number in range(last - first):
                self._mean(read[:, number], means[first - start + number])
        return means

    def _mean(self, volume: NDArray[np.float64], into: NDArray[np.float64]) -> None:
        known = ~np.isnan(volume)
        count = np.bincount(self.codes[known], minlength=len(into))
        total = np.bincount(self.codes[known], volume[known], minlength=len(into))
        np.divide(total, count, out=into, where=count > 0)


def voxels_that_vary(volumes: Volumes) -> NDArray[np.int64]:
    """Voxels that are other than 0, and not missing, in at least one volume."""
    seen = np.zeros(volumes.voxels, dtype=bool)
    for first, last in blocks(0, volumes.n, volumes.voxels):
        read = volumes.read(first, last)
        seen |= ((read != 0) & ~np.isnan(read)).any(axis=1)
    return np.flatnonzero(seen)
