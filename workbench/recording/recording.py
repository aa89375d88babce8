"""A recording: activity of one subject at its sites, with tables of rows, units and stimuli."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from workbench.errors import UsageError, WorkbenchError, nearest
from workbench.recording.activations import Activations, Block, MemoryBlock, ShardBlock
from workbench.recording.commits import Commit, read_commits, rows_path, shard_path
from workbench.recording.dtypes import STORED_AS
from workbench.recording.identity import digest, digest_array
from workbench.recording.manifest import STIMULI, Manifest, SiteSpec, read_manifest

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
    >>> import workbench as wb
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


class Tables:
    """The three tables of a recording, as functions that read them; this one reads from memory.

    Parameters
    ----------
    rows, stimuli : DataFrame
    units : mapping of str to DataFrame
        By name of site.
    """

    def __init__(
        self, rows: pd.DataFrame, stimuli: pd.DataFrame, units: Mapping[str, pd.DataFrame]
    ) -> None:
        self._rows, self._stimuli, self._units = rows, stimuli, units

    def rows(self) -> pd.DataFrame:
        """Table of rows."""
        return self._rows

    def stimuli(self) -> pd.DataFrame:
        """Table of stimuli."""
        return self._stimuli

    def units(self, site: SiteSpec) -> pd.DataFrame:
        """Table of the units of a site."""
        return self._units[site.name]


class _DiskTables(Tables):
    def __init__(self, root: Path, commits: Sequence[Commit]) -> None:
        self._root, self._commits = root, commits

    def rows(self) -> pd.DataFrame:
        import pandas as pd

        parts = [_read_table(self._root / rows_path(each.shard)) for each in self._commits]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()

    def stimuli(self) -> pd.DataFrame:
        return _read_table(self._root / STIMULI)

    def units(self, site: SiteSpec) -> pd.DataFrame:
        return _read_table(self._root / units_path(site))


@dataclass(frozen=True)
class _SiteTables:
    recording: Recording
    site: str

    def rows(self) -> pd.DataFrame:
        return self.recording.rows

    def units(self) -> pd.DataFrame:
        return self.recording.units(self.site)


def units_path(site: SiteSpec) -> str:
    """Path of a site's unit table inside the recording."""
    return f"units/{site.folder}.parquet"


def _read_table(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise WorkbenchError(
            f"Table '{path}' cannot be read ({error}); run 'workbench verify' on the recording."
        ) from error


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
    return Recording(manifest, blocks, _DiskTables(root, commits), root, len(commits))


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


def from_arrays(
    sites: Mapping[str, ArrayLike],
    rows: Mapping[str, ArrayLike] | pd.DataFrame | None = None,
    *,
    stimuli: pd.DataFrame | None = None,
    units: Mapping[str, pd.DataFrame] | None = None,
    kind: str = "network",
    address: str = "memory",
) -> Recording:
    """Make a recording in memory from arrays.

    Parameters
    ----------
    sites : mapping of str to array (rows, units, ...)
        Activity at each site; equally many rows at all of them.
    rows : mapping of str to array (rows,) or DataFrame, optional
        Labels and other columns of the row table.
    stimuli : DataFrame, optional
        Table of stimuli; the row table's column ``stimulus`` counts its rows.
    units : mapping of str to DataFrame, optional
        Tables of units by site.
    kind : str
        Kind of subject.
    address : str
        What to call it.

    Returns
    -------
    Recording

    Raises
    ------
    UsageError
        If there is no site, an array has no unit axis, or the numbers of rows differ.

    Examples
    --------
    >>> rec = from_arrays({"a": np.ones((4, 3))}, rows={"word": list("abcd")}, kind="language")
    >>> rec["a"].to_numpy().shape
    (4, 3)
    """
    import pandas as pd

    arrays = {str(name): _plain_array(name, values) for name, values in sites.items()}
    n_rows = _common_rows(arrays)
    columns = {
        str(name): np.asarray(column)
        for name, column in ({} if rows is None else dict(rows)).items()
    }
    for name, column in columns.items():
        if column.shape != (n_rows,):
            raise UsageError(
                f"Found row column '{name}' of shape {column.shape}; expected ({n_rows},)."
            )
    table = pd.DataFrame(columns, index=range(n_rows))
    if "stimulus" not in table:
        table.insert(0, "stimulus", np.arange(n_rows))
    if stimuli is None:
        stimuli = pd.DataFrame(index=range(int(table["stimulus"].max()) + 1 if n_rows else 0))
    specs = tuple(_memory_spec(name, values) for name, values in arrays.items())
    ingredients = {
        "arrays": {name: digest_array(values) for name, values in arrays.items()},
        "rows": digest({str(c): [str(v) for v in table[c].tolist()] for c in table}),
    }
    manifest = Manifest(
        digest(ingredients), ingredients, {"address": address, "kind": kind}, specs, (n_rows,), ()
    )
    unit_tables = {spec.name: pd.DataFrame({"unit": range(spec.shape[0])}) for spec in specs}
    unit_tables.update(units or {})
    blocks: dict[str, list[Block]] = {
        name: [MemoryBlock(values)] for name, values in arrays.items()
    }
    return Recording(manifest, blocks, Tables(table, stimuli, unit_tables))


def _plain_array(name: str, values: ArrayLike) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype == object or array.dtype.kind not in "fiub":
        raise UsageError(f"Found {array.dtype} values at site '{name}'; expected real numbers.")
    if array.ndim < 2:
        raise UsageError(
            f"Found an array of shape {array.shape} at site '{name}'; expected (rows, units, ...)."
        )
    return array if array.dtype.name in STORED_AS else array.astype(np.float64)


def _common_rows(arrays: Mapping[str, np.ndarray]) -> int:
    counts = {name: len(values) for name, values in arrays.items()}
    if not counts:
        raise UsageError("Found no site; expected at least one array of shape (rows, units, ...).")
    if len(set(counts.values())) > 1:
        raise UsageError(f"Found unequal numbers of rows {counts}; expected the same at all sites.")
    return next(iter(counts.values()))


def _memory_spec(name: str, values: np.ndarray) -> SiteSpec:
    space = ("y", "x") if values.ndim == 4 else tuple(f"axis{i}" for i in range(2, values.ndim))
    return SiteSpec(name, values.shape[1:], values.dtype.name, ("row", "unit", *space))
