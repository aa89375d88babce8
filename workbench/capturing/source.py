"""The contract between kinds of subject and the capture engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from workbench.recording.manifest import STIMULI, SiteSpec
from workbench.recording.writer import equal_shards as equal_shards  # noqa: PLC0414
from workbench.recording.writer import write_table

if TYPE_CHECKING:
    import pandas as pd

CAPTURE_VERSION = 1
SHARD_BYTES = 256 * 2**20
SHARD_TOKENS = 16_384


@dataclass(frozen=True)
class SiteInfo:
    """What ``--list-sites`` prints: name, shape of a row's activity, dtype in the subject."""

    name: str
    shape: tuple[int, ...]
    dtype: str


class Source(ABC):
    """A subject together with its stimuli, planned and ready to be computed shard by shard.

    Attributes
    ----------
    subject : dict
        Address, kind and description.
    sites : tuple of SiteSpec
        What is recorded, in the order of the pass.
    plan : tuple of int
        Rows of every shard.
    notes : dict
        Facts that a reader must know.
    """

    subject: dict[str, Any]
    sites: tuple[SiteSpec, ...]
    plan: tuple[int, ...]
    notes: dict[str, Any]

    @property
    @abstractmethod
    def ingredients(self) -> dict[str, Any]:
        """All that changes the numbers: digests of weights, stimuli, preprocessing, choices."""

    @abstractmethod
    def stimulus_table(self) -> pd.DataFrame:
        """Table of stimuli; the row tables' column ``stimulus`` counts its rows."""

    @abstractmethod
    def units(self, site: SiteSpec) -> pd.DataFrame:
        """Table of the units of a site."""

    @abstractmethod
    def rows(self, number: int) -> pd.DataFrame:
        """Row table of one shard, with a column ``stimulus``; nothing is computed for it."""

    @abstractmethod
    def activity(self, number: int, sites: Sequence[str]) -> dict[str, NDArray]:
        """Activity of one shard at some of the sites, ``(rows, *shape)`` in storage dtype.

        The same whenever, wherever and in whatever order it is called.
        """

    @abstractmethod
    def trial(self) -> int:
        """Compute a small part of the first shard, to be timed.

        Returns
        -------
        int
            How many rows that was.
        """

    def write_stimuli(self, staging: Path) -> None:
        """Write the stimulus tables into the staging folder, where they are not there yet."""
        write_table(staging, STIMULI, self.stimulus_table())

    def settle(self, root: Path) -> None:  # noqa: B027 - most sources keep nothing on disk
        """Note that what was in the staging folder now lies in ``root``."""


def rows_per_shard(sites: tuple[SiteSpec, ...], max_rows: int | None = None) -> int:
    """Rows that a shard may have, so that all sites of a shard fit in `SHARD_BYTES` together.

    Examples
    --------
    >>> rows_per_shard((SiteSpec("a", (4096,), "float32"),))
    16384
    """
    row_bytes = max(1, sum(site.row_bytes for site in sites))
    return max(1, min(max_rows or SHARD_TOKENS, SHARD_BYTES // row_bytes))
