"""Quantiles of a stream, of many units at once, in bounded memory and with a known error.

After the sketches of Manku, Rajagopalan and Lindsay (1999) and Karnin, Lang and Liberty (2016,
arXiv 1603.05346): values are gathered; a full buffer is sorted and every fourth value kept, which
then counts four times as much. Of long streams one of every 4, 16, ... consecutive values is drawn
before anything is sorted. All units are thinned alike, so every step is one array operation.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import UsageError

_RADIX = 4
_LARGEST, _SMALLEST = 8192, 1024
# Values that the buffers of one level may hold over all units: 32 MiB.
_LEVEL_VALUES = 2**23
_PAGE = 2**14


class QuantileSketch:
    """Quantiles of every unit of a stream.

    Exact up to ``size`` values a unit. Beyond, the rank of a quantile is off by at most
    `rank_error` from compaction, and by a draw of standard deviation `sampling_error`; both are
    shares of all values. The result depends on the order of values, not on how they were cut into
    blocks.

    Parameters
    ----------
    n_units : int
    size : int, optional
        Values that a buffer holds, a multiple of 4; by default 8192, fewer for more than 1024
        units.
    seed : int

    Raises
    ------
    UsageError
        If the size is no multiple of 4 of at least 8.

    Examples
    --------
    >>> sketch = QuantileSketch(2)
    >>> sketch.update(np.arange(10.0).reshape(5, 2))
    >>> sketch.quantile(0.5).tolist(), sketch.rank_error
    ([4.0, 5.0], 0.0)
    """

    def __init__(self, n_units: int, size: int | None = None, seed: int = 0) -> None:
        self.size = _size_for(n_units) if size is None else size
        if self.size < 2 * _RADIX or self.size % _RADIX:
            raise UsageError(
                f"Found a sketch of size {size}; expected a multiple of {_RADIX}, at least "
                f"{2 * _RADIX}."
            )
        self.n_units, self.seed, self.count = n_units, seed, 0
        self._levels: list[NDArray[np.float32]] = []
        self._filled: list[int] = []
        self._compactions: list[int] = []
        self._moved = 0.0
        self._stride = 0

    @property
    def rank_error(self) -> float:
        """Largest error in rank that sorting and thinning can have made, as a share of values."""
        return self._moved / self.count if self.count else 0.0

    def sampling_error(self, quantile: float) -> float:
        """Standard deviation of the rank, as a share of values, from drawing before sorting.

        Parameters
        ----------
        quantile : float

        Returns
        -------
        float
            An upper bound: neighbours that resemble each other make it smaller.
        """
        # Of groups of at most so many values the draws are independent, and p (1 - p) is concave.
        spread = self._stride * quantile * (1 - quantile)
        return math.sqrt(spread / self.count) if self.count else 0.0

    def update(self, values: ArrayLike) -> None:
        """Take the next values.

        Parameters
        ----------
        values : array (rows, units) or (rows, units, places)

        Raises
        ------
        UsageError
            If there are other units than before.
        """
        block = np.asarray(values)
        if block.ndim not in (2, 3) or block.shape[1] != self.n_units:
            raise UsageError(
                f"Found a block of shape {block.shape} for {self.n_units} units; expected "
                "(rows, units) or (rows, units, places)."
            )
        block = block.reshape(len(block), self.n_units, -1)
        n_places, start = block.shape[2], 0
        total = len(block) * n_places
        while start < total:
            level, end = self._stride_level()
            stop = min(total, start + end - self.count)
            chosen = self._drawn(level, stop - start) + start
            self._push(level, block[chosen // n_places, :, chosen % n_places].T)
            self.count += stop - start
            start = stop

    def _stride_level(self) -> tuple[int, int]:
        """Level that values enter at, and the count at which that changes."""
        # Boundaries are counts, so that blocks of any size are drawn from alike.
        level = 0
        while self.size * _RADIX ** (level + 1) <= self.count:
            level += 1
        return level, self.size * _RADIX ** (level + 1)

    def _drawn(self, level: int, n: int) -> NDArray[np.int64]:
        """Positions among the next ``n`` values of those that are drawn, one of each group."""
        stride = _RADIX**level
        if stride == 1:
            return np.arange(n)
        first, last = self.count, self.count + n
        groups = np.arange(first // stride, (last - 1) // stride + 1)
        places = groups * stride + self._offsets(level, groups, stride)
        self._stride = max(self._stride, stride)
        return places[(places >= first) & (places < last)] - first

    def _offsets(self, level: int, groups: NDArray[np.int64], stride: int) -> NDArray[np.int64]:
        pages = [
            np.random.default_rng([self.seed, level, page]).integers(stride, size=_PAGE)
            for page in range(int(groups[0]) // _PAGE, int(groups[-1]) // _PAGE + 1)
        ]
        return np.concatenate(pages)[groups - groups[0] // _PAGE * _PAGE]

    def _push(self, level: int, values: NDArray) -> None:
        while len(self._levels) <= level:
            self._levels.append(np.empty((self.n_units, self.size), np.float32))
            self._filled.append(0)
            self._compactions.append(0)
        start, n_values = 0, values.shape[1]
        while start < n_values:
            filled = self._filled[level]
            stop = min(n_values, start + self.size - filled)
            self._levels[level][:, filled : filled + stop - start] = values[:, start:stop]
            self._filled[level] = filled + stop - start
            start = stop
            # A buffer that is just full stays as it is: a stream that ends here is exact.
            if start < n_values:
                self._compact(level)

    def _compact(self, level: int) -> None:
        buffer = self._levels[level]
        buffer.sort(axis=1)
        drawn = np.random.default_rng([self.seed, level, self._compactions[level], 1])
        kept = buffer[:, int(drawn.integers(_RADIX)) :: _RADIX].copy()
        self._filled[level] = 0
        self._compactions[level] += 1
        self._moved += (_RADIX - 1) * _RADIX**level
        self._push(level + 1, kept)

    def merge(self, other: QuantileSketch) -> None:
        """Take what another sketch has seen, as if its values came next.

        Parameters
        ----------
        other : QuantileSketch
            Of as many units, and of one size.

        Raises
        ------
        UsageError
            If units or sizes differ.
        """
        if (other.n_units, other.size) != (self.n_units, self.size):
            raise UsageError(
                f"Found sketches of {self.n_units} and {other.n_units} units, sizes {self.size} "
                f"and {other.size}; expected equal ones."
            )
        for level, (buffer, filled) in enumerate(zip(other._levels, other._filled, strict=True)):
            self._push(level, buffer[:, :filled])
        self.count += other.count
        self._moved += other._moved
        self._stride = max(self._stride, other._stride)

    def quantile(self, quantile: float) -> NDArray[np.float64]:
        """The smallest value that a share of all values does not exceed.

        Parameters
        ----------
        quantile : float
            Between 0 and 1.

        Returns
        -------
        ndarray (units,)
            As ``numpy.quantile(values, quantile, method="inverted_cdf")``.

        Raises
        ------
        UsageError
            If nothing has been seen, or the quantile is no share.
        """
        if not self.count or not 0 <= quantile <= 1:
            raise UsageError(
                f"Found quantile {quantile} of {self.count} values; expected a share between 0 "
                "and 1, and at least one value."
            )
        # Nothing below the part of each level that can lie above the quantile needs an order.
        total = sum(n * _RADIX**level for level, n in enumerate(self._filled))
        above = (1 - quantile) * total
        tails = [
            min(n, math.ceil(above / _RADIX**level) + 1) for level, n in enumerate(self._filled)
        ]
        weights = np.repeat(_RADIX ** np.arange(len(tails)), tails)
        values = np.concatenate([self._tail(level, n) for level, n in enumerate(tails)], axis=1)
        # Rounding of the product must not step over a rank that it meets exactly.
        wanted = quantile * total - (total - int(weights.sum())) - 1e-9
        return _weighted_quantile(values, weights, wanted)

    def _tail(self, level: int, n: int) -> NDArray[np.float32]:
        """The largest values of a level, ``(units, n)``."""
        here = self._levels[level][:, : self._filled[level]]
        here.sort(axis=1)
        return here[:, here.shape[1] - n :]


def _size_for(n_units: int) -> int:
    room = 2 ** int(math.log2(max(1, _LEVEL_VALUES // max(1, n_units))))
    return min(_LARGEST, max(_SMALLEST, room))


def _weighted_quantile(
    values: NDArray[np.float32], weights: NDArray[np.int64], wanted: float
) -> NDArray[np.float64]:
    found = np.empty(len(values))
    step = max(1, _LEVEL_VALUES // len(weights))
    for start in range(0, len(values), step):
        part = values[start : start + step]
        order = np.argsort(part, axis=1)
        reached = np.cumsum(weights[order], axis=1) >= wanted
        place = order[np.arange(len(part)), np.argmax(reached, axis=1)]
        found[start : start + step] = part[np.arange(len(part)), place]
    return found
