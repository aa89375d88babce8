"""A recording: activity of one subject at its sites, with tables of rows, units and stimuli."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from workbench.errors import UsageError, WorkbenchError, nearest
from workbench.recording.activations import Activations
from workbench.recording.blocks import Block, ShardBlock
from workbench.recording.commits import Commit, read_commits, shard_path
from workbench.recording.manifest import Manifest, SiteSpec, read_manifest
from workbench.recording.tables import DiskTables, Tables

if TYPE_CHECKING:
    import pandas as pd


class Recording:
    """Activity of one subject, from disk or from arrays.

    Open one with `workbench.open`, make one with `workbench.capture` or `workbench.from_arrays`.

    Parameters
    ----------
    manifest : Manifest
    blocks : mapping of str to sequence of Block
        Where the rows of every site lie.
    tables : Tables
        Reads the tables when they are needed.
    path : Path, optional
        Folder on disk; None in memory.
    committed : int
        Number of shards that exist.

    Examples
    --------
    >>> import numpy as np, workbench as wb
    >>> rec = wb.from_arrays({"area": np.zeros((3, 2))}, rows={"label": ["a", "b", "a"]})
    >>> rec.sites
    ['area']
    >>> rec.rows["label"].tolist()
    ['a', 'b', 'a']
    >>> rec["aera"]
    Traceback (most recent call last):
    ...
    workbench.errors.UsageError: Found no site 'aera' in the recording; did you mean 'area'?
    """

    def __init__(
        self,
        manifest: Manifest,
        blocks: Mapping[str, Sequence[Block]],
        tables: Tables,
        path: Path | None = None,
        committed: int = 1,
    ) -> None:
        self.manifest = manifest
        self.path = path
        self._blocks = blocks
        self._tables = tables
        self._committed = committed

    @property
    def sites(self) -> list[str]:
        """Names of the sites, in the subject's own order."""
        return [site.name for site in self.manifest.sites]

    @property
    def identity(self) -> str:
        """Hash over everything that changes the numbers."""
        return self.manifest.identity

    @property
    def subject(self) -> dict[str, Any]:
        """Address, kind and description of what was recorded."""
        return self.manifest.subject

    @property
    def kind(self) -> str:
        """Kind of subject: ``language``, ``vision``, ``network`` or ``brain``."""
        return str(self.manifest.subject.get("kind", "network"))

    @property
    def name(self) -> str:
        """Name for people: the folder's, or the subject's address."""
        return self.path.name if self.path else str(self.manifest.subject.get("address", "memory"))

    @property
    def is_complete(self) -> bool:
        """Whether every planned shard is committed."""
        return self._committed == len(self.manifest.plan)

    @property
    def n_rows(self) -> int:
        """Number of rows that exist."""
        return sum(block.rows for block in next(iter(self._blocks.values()), ()))

    @cached_property
    def rows(self) -> pd.DataFrame:
        """Table of rows: what each row is."""
        return self._tables.rows()

    @cached_property
    def stimuli(self) -> pd.DataFrame:
        """Table of stimuli; its index is the column ``stimulus`` of the row table."""
        return self._tables.stimuli()

    def units(self, site: str) -> pd.DataFrame:
        """Table of the units of a site.

        Parameters
        ----------
        site : str

        Returns
        -------
        pandas.DataFrame
            One row a unit, in the order of the ``unit`` axis.
        """
        return self._tables.units(self._spec(site))

    def __getitem__(self, site: str) -> Activations:
        spec = self._spec(site)
        return Activations(spec, self._blocks[site], _SiteTables(self, site))

    def select(
        self,
        rows: ArrayLike | slice | str | None = None,
        units: Any = None,
        sites: str | Sequence[str] | None = None,
    ) -> Recording:
        """A view of some rows, units and sites: see `workbench.recording.selection.select`."""
        from workbench.recording.selection import select

        return select(self, rows, units, sites)

    def align(
        self, other: Recording, on: str | Sequence[str] = "stimulus"
    ) -> tuple[Recording, Recording]:
        """Views of both with the same observations: see `workbench.recording.alignment.align`."""
        from workbench.recording.alignment import align

        return align(self, other, on)

    def __contains__(self, site: object) -> bool:
        return site in self._blocks

    def __len__(self) -> int:
        return self.n_rows

    def _spec(self, site: str) -> SiteSpec:
        for spec in self.manifest.sites:
            if spec.name == site:
                return spec
        raise UsageError(
            f"Found no site '{site}' in the recording; {nearest(str(site), self.sites)}"
        )

    def __repr__(self) -> str:
        state = "" if self.is_complete else f", {self._committed}/{len(self.manifest.plan)} shards"
        return (
            f"<Recording '{self.name}' of {self.subject.get('address', '?')}: {self.n_rows} rows, "
            f"{len(self.sites)} sites{state}, identity {self.identity[:12]}>"
        )

    def _repr_html_(self) -> str:
        import pandas as pd

        table = pd.DataFrame(
            [{"site": s.name, "units": s.shape, "stored as": s.dtype} for s in self.manifest.sites]
        )
        from html import escape

        return f"<p>{escape(repr(self))}</p>" + table.to_html(index=False, escape=True)


@dataclass(frozen=True)
class _SiteTables:
    recording: Recording
    site: str

    def rows(self) -> pd.DataFrame:
        return self.recording.rows

    def units(self) -> pd.DataFrame:
        return self.recording.units(self.site)


def open_recording(path: str | Path) -> Recording:
    """Open a recording on disk, complete or not, and list all missing files at once.

    Parameters
    ----------
    path : str or Path
        Folder that a capture wrote.

    Returns
    -------
    Recording
        Of the committed shards; `Recording.is_complete` says whether that is all.

    Raises
    ------
    WorkbenchError
        If there is no recording, if a newer version wrote it, or if files are missing or have
        another size than was committed.
    """
    root = Path(path)
    manifest = read_manifest(root)
    commits = list(read_commits(root).values())
    faults = [fault for each in commits for fault in _missing(root, each)]
    if faults:
        shown = "; ".join(faults[:5]) + (f"; and {len(faults) - 5} more" if faults[5:] else "")
        raise WorkbenchError(
            f"Recording '{root}' has {len(faults)} faulty files ({shown}): restore them, or run "
            "'workbench verify --repair' on it and then the capture again."
        )
    blocks: dict[str, list[Block]] = {
        site.name: [ShardBlock(root / shard_path(site, c.shard), c.rows, site) for c in commits]
        for site in manifest.sites
    }
    return Recording(manifest, blocks, DiskTables(root, commits), root, len(commits))


def _missing(root: Path, commit: Commit) -> list[str]:
    faults = []
    for record in commit.files:
        path = root / record.path
        if not path.is_file():
            faults.append(f"{record.path} is missing")
        elif path.stat().st_size != record.bytes:
            found = path.stat().st_size
            faults.append(f"{record.path} has {found} bytes instead of {record.bytes}")
    return faults
