"""Activity that lies somewhere, as time by unit, read slice by slice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError

BLOCK_BYTES = 64 * 2**20
_HELD_AS = {"uint16": "int32", "uint32": "int64", "uint64": "int64", "float128": "float64"}


class Values(Protocol):
    """Activity of one session at one site."""

    @property
    def shape(self) -> tuple[int, int]:
        """``(time, unit)``."""

    @property
    def dtype(self) -> np.dtype:
        """Dtype of what `read` gives."""

    def read(self, start: int, stop: int) -> NDArray:
        """Samples ``start`` to ``stop``, ``(stop - start, unit)``."""


class ArrayValues:
    """Values in an array, a memory map or a dataset on disk.

    Parameters
    ----------
    array : array-like (time, unit), (unit, time) or (time,)
        Anything with ``shape``, ``dtype`` and slices.
    time_axis : {0, 1}
    units : sequence of int, optional
        Which units, rising; all by default.
    scale, offset : float or ndarray (unit,), optional
        To physical units: ``scale * stored + offset``. Whole numbers that are scaled become
        float32.

    Raises
    ------
    UsageError
        If the values are not real numbers.

    Examples
    --------
    >>> values = ArrayValues(np.arange(6, dtype=np.int16).reshape(2, 3), time_axis=1, scale=0.5)
    >>> values.shape, values.dtype, values.read(1, 2).tolist()
    ((3, 2), dtype('float32'), [[0.5, 2.0]])
    """

    def __init__(
        self,
        array: Any,
        time_axis: int = 0,
        units: Sequence[int] | None = None,
        scale: float | NDArray = 1.0,
        offset: float | NDArray = 0.0,
    ) -> None:
        native = np.dtype(array.dtype).newbyteorder("=")
        if native.kind not in "biuf":
            raise UsageError(
                f"Found values of dtype {native}; expected real numbers: choose another array."
            )
        self._array, self._time_axis = array, time_axis if len(array.shape) > 1 else 0
        self._units = None if units is None else np.asarray(units, dtype=np.int64)
        self._scale, self._offset = scale, offset
        self._is_scaled = bool(np.any(np.asarray(scale) != 1) or np.any(np.asarray(offset) != 0))
        held = np.dtype(_HELD_AS.get(native.name, native.name))
        self.dtype = np.dtype(np.float32) if self._is_scaled and held.kind != "f" else held

    @property
    def shape(self) -> tuple[int, int]:
        """See `Values.shape`."""
        sizes = self._array.shape
        across = sizes[1 - self._time_axis] if len(sizes) > 1 else 1
        return int(sizes[self._time_axis]), int(across if self._units is None else len(self._units))

    def read(self, start: int, stop: int) -> NDArray:
        """See `Values.read`."""
        if self._time_axis:
            read = np.asarray(self._array[:, start:stop]).T
        else:
            read = np.asarray(self._array[start:stop])
        read = read.reshape(stop - start, read.shape[1] if read.ndim > 1 else 1)
        if self._units is not None:
            read = read[:, self._units]
        if self._is_scaled:
            read = read.astype(np.float64) * self._scale + self._offset
        return np.ascontiguousarray(read, dtype=self.dtype)


class PartValues:
    """A span of time of other values.

    Examples
    --------
    >>> part = PartValues(ArrayValues(np.arange(5)), 2, 5)
    >>> part.shape, part.read(0, 1).tolist()
    ((3, 1), [[2]])
    """

    def __init__(self, values: Values, start: int, stop: int) -> None:
        self._values, self._start = values, start
        self.shape = (stop - start, values.shape[1])
        self.dtype = values.dtype

    def read(self, start: int, stop: int) -> NDArray:
        """See `Values.read`."""
        return self._values.read(self._start + start, self._start + stop)


class JoinedValues:
    """Units of several values with the same times, side by side."""

    def __init__(self, parts: Sequence[Values]) -> None:
        self._parts = tuple(parts)
        self.shape = (parts[0].shape[0], sum(part.shape[1] for part in parts))
        self.dtype = np.result_type(*(part.dtype for part in parts))

    def read(self, start: int, stop: int) -> NDArray:
        """See `Values.read`."""
        read = [part.read(start, stop) for part in self._parts]
        return np.concatenate(read, axis=1).astype(self.dtype, copy=False)


class LinearValues:
    """``a + factor * b`` of values with the same shape, as float32 or wider."""

    def __init__(self, a: Values, b: Values, factor: float) -> None:
        self._a, self._b, self._factor = a, b, factor
        self.shape = a.shape
        self.dtype = np.result_type(a.dtype, b.dtype, np.float32)

    def read(self, start: int, stop: int) -> NDArray:
        """See `Values.read`."""
        a, b = self._a.read(start, stop), self._b.read(start, stop)
        return (a.astype(np.float64) + self._factor * b).astype(self.dtype)


def blocks(start: int, stop: int, units: int) -> Iterator[tuple[int, int]]:
    """Spans of samples that fit into `BLOCK_BYTES` as float64.

    Examples
    --------
    >>> list(blocks(0, 5, 2**22))
    [(0, 2), (2, 4), (4, 5)]
    """
    step = max(1, BLOCK_BYTES // (8 * max(1, units)))
    for first in range(start, stop, step):
        yield first, min(first + step, stop)


def mean_dtype(native: np.dtype) -> np.dtype:
    """Dtype of means: float64 for float64, otherwise float32."""
    return np.dtype(np.float64 if native == np.float64 else np.float32)


def span_mean(values: Values, start: int, stop: int) -> NDArray[np.float64]:
    """Mean over a span of time, ``(unit,)``; NaN is left out, and is the mean of nothing.

    Examples
    --------
    >>> span_mean(ArrayValues(np.array([[1.0, np.nan], [3.0, np.nan]])), 0, 2).tolist()
    [2.0, nan]
    """
    total = np.zeros(values.shape[1])
    count = np.zeros(values.shape[1])
    for first, last in blocks(start, stop, values.shape[1]):
        read = values.read(first, last).astype(np.float64)
        total += np.nansum(read, axis=0)
        count += np.count_nonzero(~np.isnan(read), axis=0)
    return np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
