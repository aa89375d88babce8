"""A recorded brain that lies in arrays: time by unit, as it was measured."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from workbench.capturing.request import CaptureRequest
from workbench.capturing.source import ShardData, rows_per_shard
from workbench.recording.dtypes import narrow
from workbench.recording.identity import digest_array, digest_lines
from workbench.recording.manifest import STIMULI, SiteSpec
from workbench.recording.writer import write_table

if TYPE_CHECKING:
    import pandas as pd


class TraceSource:
    """See `workbench.capturing.source.Source`.

    Parameters
    ----------
    request : CaptureRequest
    site : str
        Name of the area or of the kind of signal.
    traces : ndarray (time, unit)
    rows : DataFrame
        One row a time bin; with `stimulus`, the session, and `time` in seconds.
    units : DataFrame
        One row a unit.
    sessions : DataFrame
        One row a session.
    about : dict
        Sampling rate, source, licence: for people.
    """

    def __init__(
        self,
        request: CaptureRequest,
        site: str,
        traces: NDArray,
        rows: pd.DataFrame,
        units: pd.DataFrame,
        sessions: pd.DataFrame,
        about: dict[str, Any],
    ) -> None:
        from workbench.subjects.globs import match_sites

        match_sites(request.sites, [site])
        request.refuse_positions()
        self._traces = traces[: request.max_rows]
        self._table = rows.iloc[: request.max_rows].reset_index(drop=True)
        self._unit_table, self._sessions = units, sessions
        self.sites = (SiteSpec(site, traces.shape[1:], request.dtype),)
        self.subject = {"address": request.subject, "kind": "brain", **about}
        self.notes: dict[str, Any] = {}
        self._size = rows_per_shard(self.sites)

    @property
    def plan(self) -> tuple[int, ...]:
        """Rows of every shard."""
        n_rows = len(self._traces)
        return tuple(min(self._size, n_rows - s) for s in range(0, n_rows, self._size))

    @cached_property
    def ingredients(self) -> dict[str, Any]:
        """All that changes the numbers."""
        return {
            "subject": {"traces": digest_array(self._traces)},
            "labels": digest_lines([self._table.to_json() or "", self._unit_table.to_json() or ""]),
        }

    def stimuli(self, staging: Path) -> None:
        """Write the table of stimuli: the sessions."""
        write_table(staging, STIMULI, self._sessions)

    def units(self, site: SiteSpec) -> pd.DataFrame:
        """Table of units."""
        return self._unit_table

    def shard(self, number: int, root: Path) -> ShardData:
        """Cut one shard out of the traces."""
        part = slice(number * self._size, number * self._size + self.plan[number])
        rows = self._table.iloc[part].reset_index(drop=True)
        (site,) = self.sites
        return ShardData(rows, {site.name: narrow(self._traces[part], site.dtype)})
