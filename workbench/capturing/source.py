"""The contract between kinds of subject and the capture engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

from workbench.recording.manifest import SiteSpec

if TYPE_CHECKING:
    import pandas as pd

CAPTURE_VERSION = 1
SHARD_BYTES = 256 * 2**20
SHARD_TOKENS = 16_384


@dataclass(frozen=True)
class ShardData:
    """One shard, computed: its row table and the activity of every site in storage dtype."""

    rows: pd.DataFrame
    arrays: Mapping[str, NDArray]


@dataclass(frozen=True)
class SiteInfo:
    """What ``--list-sites`` prints: name, shape of a row's activity, dtype in the subject."""

    name: str
    shape: tuple[int, ...]
    dtype: str


class Source(Protocol):
    """A subject together with its stimuli, planned and ready to be computed shard by shard."""

    @property
    def subject(self) -> dict[str, Any]:
        """Address, kind and description."""

    @property
    def sites(self) -> tuple[SiteSpec, ...]:
        """What is recorded, in the order of the pass."""

    @property
    def ingredients(self) -> dict[str, Any]:
        """All that changes the numbers."""

    @property
    def plan(self) -> tuple[int, ...]:
        """Rows of every shard."""

    @property
    def notes(self) -> dict[str, Any]:
        """Facts that a reader must know."""

    def stimuli(self, staging: Path) -> None:
        """Write the stimulus tables into the staging folder, where they are not there yet."""

    def units(self, site: SiteSpec) -> pd.DataFrame:
        """Table of the units of a site."""

    def shard(self, number: int, root: Path) -> ShardData:
        """Compute one shard of the recording in ``root``; the same whenever it is called."""


def rows_per_shard(sites: tuple[SiteSpec, ...], max_rows: int = SHARD_TOKENS) -> int:
    """Rows that a shard may have, so that all sites of a shard fit in `SHARD_BYTES` together.

    Examples
    --------
    >>> rows_per_shard((SiteSpec("a", (4096,), "float32"),))
    16384
    """
    row_bytes = max(1, sum(site.row_bytes for site in sites))
    return max(1, min(max_rows, SHARD_BYTES // row_bytes))
