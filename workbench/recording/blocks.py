"""Where the rows of a site lie: in memory, in a shard on disk, or behind a view of another site."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from workbench.recording.manifest import SiteSpec
from workbench.recording.shards import map_shard

if TYPE_CHECKING:
    from workbench.recording.activations import Activations

RUN = 256


class Block(Protocol):
    """A run of consecutive rows that lie together, in storage dtype (bfloat16 as its bits)."""

    @property
    def rows(self) -> int:
        """Number of rows."""

    @property
    def run(self) -> int:
        """How many consecutive rows are best read together when rows are shuffled."""

    def read(self, start: int, stop: int) -> NDArray:
        """Consecutive rows, ``(stop - start, units, ...)``, perhaps as a view."""

    def take(self, rows: NDArray[np.int64]) -> NDArray:
        """Any rows, ``(rows, units, ...)``."""


@dataclass(frozen=True)
class MemoryBlock:
    """Rows held in memory."""

    values: NDArray
    run: int = RUN

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.values)

    def read(self, start: int, stop: int) -> NDArray:
        """Consecutive rows."""
        return self.values[start:stop]

    def take(self, rows: NDArray[np.int64]) -> NDArray:
        """Any rows."""
        return self.values[rows]


@dataclass(frozen=True)
class ShardBlock:
    """Rows in one shard on disk."""

    path: Path
    rows: int
    site: SiteSpec
    run: int = RUN

    @property
    def _map(self) -> NDArray:
        try:
            written = self.path.stat().st_mtime_ns
        except OSError:
            written = 0
        return _mapped(self.path, (self.rows, *self.site.shape), self.site.dtype, written)

    def read(self, start: int, stop: int) -> NDArray:
        """Consecutive rows, as a view of the file."""
        return self._map[start:stop]

    def take(self, rows: NDArray[np.int64]) -> NDArray:
        """Any rows."""
        return self._map[rows]


# Few, because mapped pages count as memory of the process and the number of maps is limited.
@lru_cache(maxsize=8)
def _mapped(path: Path, shape: tuple[int, ...], dtype: str, _written: int) -> NDArray:
    return map_shard(path, shape, dtype)


@dataclass(frozen=True)
class ViewBlock:
    """Some rows and units of a site, read where they lie.

    Attributes
    ----------
    origin : Activations
    chosen : ndarray of int, optional
        Rows in the order of the view; all by default.
    units : ndarray of int, optional
        Units in the order of the view, -1 for a missing one, which is NaN; all by default.
    """

    origin: Activations
    chosen: NDArray[np.int64] | None = None
    units: NDArray[np.int64] | None = None
    run: int = RUN

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.origin) if self.chosen is None else len(self.chosen)

    def read(self, start: int, stop: int) -> NDArray:
        """Consecutive rows of the view."""
        if self.chosen is None:
            return self._of_units(self.origin.read(start, stop))
        return self.take(np.arange(start, stop))

    def take(self, rows: NDArray[np.int64]) -> NDArray:
        """Any rows of the view."""
        wanted = rows if self.chosen is None else self.chosen[rows]
        if len(wanted) and np.array_equal(wanted, np.arange(wanted[0], wanted[0] + len(wanted))):
            first = int(wanted[0])
            return self._of_units(self.origin.read(first, first + len(wanted)))
        return self._of_units(self.origin.take(wanted))

    def _of_units(self, values: NDArray) -> NDArray:
        if self.units is None:
            return values
        chosen = values[:, self.units]
        if (self.units < 0).any():
            chosen[:, self.units < 0] = _nan_of(self.origin.site.dtype)
        return chosen


def _nan_of(dtype: str) -> float | int:
    # bfloat16 travels as bits.
    return 0x7FC0 if dtype == "bfloat16" else np.nan
