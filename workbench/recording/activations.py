"""Activity at one site, read lazily: whole, in batches, shuffled, or as a labelled array."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from workbench.errors import UsageError
from workbench.recording.dtypes import as_dtype, readable_dtype, widen
from workbench.recording.manifest import SiteSpec
from workbench.recording.shards import map_shard

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

SHUFFLE_BUFFER_BYTES = 256 * 2**20
_SHUFFLE_RUN = 256


class Block(Protocol):
    """A run of consecutive rows that lie together."""

    @property
    def rows(self) -> int:
        """Number of rows."""

    def stored(self) -> NDArray:
        """The rows in storage dtype, ``(rows, units, ...)``, without reading what is not used."""


@dataclass(frozen=True)
class MemoryBlock:
    """Rows held in memory."""

    values: NDArray

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.values)

    def stored(self) -> NDArray:
        """The array itself."""
        return self.values


@dataclass(frozen=True)
class ShardBlock:
    """Rows in one shard on disk."""

    path: Path
    rows: int
    site: SiteSpec

    def stored(self) -> NDArray:
        """Memory map of the shard."""
        return map_shard(self.path, (self.rows, *self.site.shape), self.site.dtype)


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
        if rows is not None:
            return self._gather(self._indices(rows), dtype)
        target = np.dtype(dtype) if dtype is not None else self.dtype
        values = np.empty(self.shape, dtype=target)
        for start, block in zip(self._starts, self._blocks, strict=False):
            values[start : start + block.rows] = widen(block.stored(), self.site.dtype)
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
            Seed of a random order; stored order by default. Recordings of up to 256 MiB a site
            are permuted uniformly; of larger ones, runs of 256 rows are permuted over the whole
            recording and then row by row within a buffer of 256 MiB.
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
            yield self._span(start, stop), np.arange(start, stop)

    def _shuffled(self, size: int, seed: int) -> Iterator[tuple[NDArray, NDArray[np.int64]]]:
        generator = np.random.default_rng(seed)
        values: NDArray = np.empty((0, *self.site.shape), dtype=self.dtype)
        rows = np.empty(0, dtype=np.int64)
        for chosen in self._shuffled_rows(generator):
            # What did not fill a batch moves into the next buffer, so every batch but the last
            # is full.
            loaded = self.to_numpy(np.sort(chosen))[np.argsort(np.argsort(chosen))]
            values = np.concatenate([values, loaded]) if len(values) else loaded
            rows = np.concatenate([rows, chosen])
            whole = len(values) - len(values) % size
            for start in range(0, whole, size):
                yield values[start : start + size], rows[start : start + size]
            values, rows = values[whole:].copy(), rows[whole:]
        if len(values):
            yield values, rows

    def _shuffled_rows(self, generator: np.random.Generator) -> Iterator[NDArray[np.int64]]:
        n_rows = len(self)
        row_bytes = max(1, self.dtype.itemsize * int(np.prod(self.site.shape)))
        buffer_rows = max(_SHUFFLE_RUN, SHUFFLE_BUFFER_BYTES // row_bytes)
        if n_rows <= buffer_rows:
            yield generator.permutation(n_rows)
            return
        starts = generator.permutation(np.arange(0, n_rows, _SHUFFLE_RUN))
        for first in range(0, len(starts), buffer_rows // _SHUFFLE_RUN):
            runs = starts[first : first + buffer_rows // _SHUFFLE_RUN]
            rows = np.concatenate([np.arange(s, min(s + _SHUFFLE_RUN, n_rows)) for s in runs])
            yield generator.permutation(rows)

    def _span(self, start: int, stop: int) -> NDArray:
        first = int(np.searchsorted(self._starts, start, side="right")) - 1
        parts = []
        while start < stop:
            block, offset = self._blocks[first], int(self._starts[first])
            end = min(stop, offset + block.rows)
            parts.append(block.stored()[start - offset : end - offset])
            start, first = end, first + 1
        joined = np.concatenate(parts) if len(parts) > 1 else np.array(parts[0])
        return widen(joined, self.site.dtype)

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

    def _gather(self, rows: NDArray[np.int64], dtype: DTypeLike | None) -> NDArray:
        values = np.empty((len(rows), *self.site.shape), dtype=self.dtype)
        home = np.searchsorted(self._starts, rows, side="right") - 1
        for number in np.unique(home):
            here = np.flatnonzero(home == number)
            stored = self._blocks[number].stored()[rows[here] - self._starts[number]]
            values[here] = widen(stored, self.site.dtype)
        return as_dtype(values, dtype)


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
