"""Activity at one site, read lazily: whole, in batches, shuffled, or as a labelled array."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal, Protocol, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from workbench.errors import UsageError
from workbench.recording.blocks import Block
from workbench.recording.dtypes import readable_dtype, stored_dtype, widen
from workbench.recording.manifest import SiteSpec

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

SHUFFLE_BUFFER_BYTES = 256 * 2**20


class Activations:
    """Lazy activity ``(row, unit, ...)`` at one site of a recording.

    Parameters
    ----------
    site : SiteSpec
        Name, axes and dtype.
    blocks : sequence of Block
        Where the rows lie, in order.
    row_table : callable
        Gives the table of rows when it is needed.
    unit_table : callable
        Gives the table of units when it is needed.

    Examples
    --------
    >>> import workbench as wb
    >>> rec = wb.from_arrays({"layer": np.arange(12.0).reshape(6, 2)})
    >>> activations = rec["layer"]
    >>> activations.shape
    (6, 2)
    >>> [len(batch) for batch in activations.batches(4)]
    [4, 2]
    >>> activations.to_xarray().dims
    ('row', 'unit')
    """

    def __init__(self, site: SiteSpec, blocks: Sequence[Block], tables: TablePair) -> None:
        self.site = site
        self._blocks = tuple(blocks)
        self._tables = tables
        self._starts = np.cumsum([0, *(block.rows for block in blocks)])

    @property
    def name(self) -> str:
        """Name of the site."""
        return self.site.name

    @property
    def shape(self) -> tuple[int, ...]:
        """``(rows, units, ...)``."""
        return (int(self._starts[-1]), *self.site.shape)

    @property
    def dims(self) -> tuple[str, ...]:
        """Axis names."""
        return self.site.dims

    @property
    def dtype(self) -> np.dtype:
        """Dtype that reading gives: float32 for stored bfloat16."""
        return readable_dtype(self.site.dtype)

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        axes = ", ".join(f"{d}: {s}" for d, s in zip(self.dims, self.shape, strict=True))
        return f"<Activations '{self.name}' ({axes}) stored as {self.site.dtype}>"

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray:
        return self.to_numpy(dtype=dtype)

    def to_numpy(self, rows: ArrayLike | None = None, dtype: DTypeLike | None = None) -> NDArray:
        """Read rows into memory.

        Parameters
        ----------
        rows : array of int or bool, optional
            Which rows, in which order; all by default.
        dtype : dtype, optional
            Cast to it; stored dtype by default, float32 for bfloat16.

        Returns
        -------
        ndarray (rows, units, ...)

        Raises
        ------
        UsageError
            If a row does not exist.
        """
        wanted = range(len(self)) if rows is None else self._indices(rows)
        values = np.empty((len(wanted), *self.site.shape), dtype=dtype or self.dtype)
        if isinstance(wanted, range):
            for start, block in zip(self._starts, self._blocks, strict=False):
                part = block.read(0, block.rows)
                values[start : start + block.rows] = widen(part, self.site.dtype)
            return values
        home = np.searchsorted(self._starts, wanted, side="right") - 1
        for number in np.unique(home):
            here = np.flatnonzero(home == number)
            part = self._blocks[number].take(wanted[here] - self._starts[number])
            values[here] = widen(part, self.site.dtype)
        return values

    def read(self, start: int, stop: int) -> NDArray:
        """Consecutive rows as they are stored, bfloat16 as its bits.

        Parameters
        ----------
        start, stop : int

        Returns
        -------
        ndarray (stop - start, units, ...)
            Perhaps a read-only view.
        """
        first = int(np.searchsorted(self._starts, start, side="right")) - 1
        parts = []
        while start < stop:
            block, offset = self._blocks[first], int(self._starts[first])
            end = min(stop, offset + block.rows)
            parts.append(block.read(start - offset, end - offset))
            start, first = end, first + 1
        if not parts:
            return np.empty((0, *self.site.shape), dtype=stored_dtype(self.site.dtype))
        return np.concatenate(parts) if len(parts) > 1 else parts[0]

    def take(self, rows: NDArray[np.int64]) -> NDArray:
        """Any rows as they are stored, bfloat16 as its bits.

        Parameters
        ----------
        rows : ndarray of int

        Returns
        -------
        ndarray (rows, units, ...)
        """
        values = np.empty((len(rows), *self.site.shape), dtype=stored_dtype(self.site.dtype))
        home = np.searchsorted(self._starts, rows, side="right") - 1
        for number in np.unique(home):
            here = np.flatnonzero(home == number)
            values[here] = self._blocks[number].take(rows[here] - self._starts[number])
        return values

    def to_xarray(self) -> xr.DataArray:
        """Read all rows as a labelled array.

        Returns
        -------
        xarray.DataArray (row, unit, ...)
            Coordinates: every column of the row table along ``row`` and of the unit table along
            ``unit``, the latter with the prefix ``unit_`` where both have a column of that name.
        """
        import xarray as xr

        table, units = self._tables.rows(), self._tables.units()
        coords = {str(c): ("row", _coordinate(table[c])) for c in table.columns}
        for column in units.columns:
            name = f"unit_{column}" if str(column) in coords else str(column)
            coords[name] = ("unit", _coordinate(units[column]))
        return xr.DataArray(self.to_numpy(), dims=self.dims, coords=coords, name=self.name)

    @overload
    def batches(
        self, size: int, shuffle: int | None = ..., *, return_rows: Literal[False] = ...
    ) -> Iterator[NDArray]: ...

    @overload
    def batches(
        self, size: int, shuffle: int | None = ..., *, return_rows: Literal[True]
    ) -> Iterator[tuple[NDArray, NDArray[np.int64]]]: ...

    def batches(
        self, size: int, shuffle: int | None = None, *, return_rows: bool = False
    ) -> Iterator[NDArray] | Iterator[tuple[NDArray, NDArray[np.int64]]]:
        """Go once over all rows in batches.

        Parameters
        ----------
        size : int
            Rows a batch; the last one may be smaller.
        shuffle : int, optional
            Seed of a random order; stored order by default. Sites of up to 256 MiB are permuted
            uniformly; of larger ones, runs of 256 rows (of live subjects: shards) are permuted over
            the whole recording and then row by row within a buffer of 256 MiB.
        return_rows : bool
            Give ``(batch, row numbers)`` instead of the batch alone.

        Yields
        ------
        ndarray (size, units, ...)
            Or a pair of it and the row numbers ``(size,)``.

        Raises
        ------
        UsageError
            If the size is not positive.
        """
        if size < 1:
            raise UsageError(f"Found batch size {size}; expected at least 1: pass a larger size.")
        pairs = self._sequential(size) if shuffle is None else self._shuffled(size, shuffle)
        return pairs if return_rows else (batch for batch, _ in pairs)

    def _sequential(self, size: int) -> Iterator[tuple[NDArray, NDArray[np.int64]]]:
        for start in range(0, len(self), size):
            stop = min(start + size, len(self))
            # A copy: what was read may be a view of the file or of the caller's own array.
            yield self._copy(start, stop), np.arange(start, stop)

    def _copy(self, start: int, stop: int) -> NDArray:
        part = self.read(start, stop)
        return widen(part if part.base is None else np.array(part), self.site.dtype)

    def _shuffled(self, size: int, seed: int) -> Iterator[tuple[NDArray, NDArray[np.int64]]]:
        generator = np.random.default_rng(seed)
        buffer = self._buffer(size)
        numbers = np.empty(len(buffer), dtype=np.int64)
        kept = 0
        for runs in self._buffered_runs(generator, len(buffer) - size):
            filled = kept
            for start, stop in runs:
                buffer[filled : filled + stop - start] = self.read(start, stop)
                numbers[filled : filled + stop - start] = np.arange(start, stop)
                filled += stop - start
            order = generator.permutation(filled)
            whole = filled - filled % size
            for start in range(0, whole, size):
                chosen = order[start : start + size]
                yield widen(np.take(buffer, chosen, axis=0), self.site.dtype), numbers[chosen]
            # What did not fill a batch moves to the front, so every batch but the last is full.
            left = order[whole:]
            kept = len(left)
            buffer[:kept], numbers[:kept] = buffer[left], numbers[left]
        if kept:
            yield widen(buffer[:kept], self.site.dtype), numbers[:kept]

    def _buffer(self, size: int) -> NDArray:
        stored = stored_dtype(self.site.dtype)
        row_bytes = max(1, stored.itemsize * int(np.prod(self.site.shape)))
        longest = max((block.run for block in self._blocks), default=1)
        rows = min(len(self), max(longest, SHUFFLE_BUFFER_BYTES // row_bytes))
        return np.empty((rows + size, *self.site.shape), dtype=stored)

    def _buffered_runs(
        self, generator: np.random.Generator, room: int
    ) -> Iterator[list[tuple[int, int]]]:
        runs = [
            (int(offset) + start, int(offset) + min(start + block.run, block.rows))
            for offset, block in zip(self._starts, self._blocks, strict=False)
            for start in range(0, block.rows, block.run)
        ]
        together: list[tuple[int, int]] = []
        filled = 0
        for number in generator.permutation(len(runs)):
            start, stop = runs[number]
            if filled + stop - start > room:
                yield sorted(together)
                together, filled = [], 0
            together.append((start, stop))
            filled += stop - start
        yield sorted(together)

    def _indices(self, rows: ArrayLike) -> NDArray[np.int64]:
        wanted = np.asarray(rows)
        if wanted.dtype == bool:
            if wanted.shape != (len(self),):
                raise UsageError(
                    f"Found a row mask of shape {wanted.shape}; expected ({len(self)},)."
                )
            wanted = np.flatnonzero(wanted)
        wanted = wanted.astype(np.int64, copy=False).reshape(-1)
        wanted = np.where(wanted < 0, wanted + len(self), wanted)
        if len(wanted) and (wanted.min() < 0 or wanted.max() >= len(self)):
            raise UsageError(
                f"Found a row number outside the recording; expected 0 to {len(self) - 1}."
            )
        return wanted


class TablePair(Protocol):
    """Row and unit tables, read only when needed."""

    def rows(self) -> pd.DataFrame:
        """Table of rows."""

    def units(self) -> pd.DataFrame:
        """Table of units."""


def _coordinate(column: pd.Series) -> NDArray:
    # Strings become plain objects: xarray's text support for pandas' own string dtype is partial.
    values = column.to_numpy()
    return values if values.dtype.kind in "biufM" else column.astype(object).to_numpy()
