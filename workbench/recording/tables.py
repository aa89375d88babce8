"""The tables of a recording: rows, stimuli, units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError
from workbench.recording.commits import Commit, rows_path
from workbench.recording.manifest import STIMULI, SiteSpec

if TYPE_CHECKING:
    import pandas as pd


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


class DiskTables(Tables):
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
