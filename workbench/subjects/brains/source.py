"""A recorded brain that lies in arrays: time by unit, as it was measured."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from workbench.capturing.request import CaptureRequest
from workbench.capturing.source import Source, equal_shards, rows_per_shard
from workbench.recording.dtypes import narrow
from workbench.recording.identity import digest_array, digest_lines
from workbench.recording.manifest import SiteSpec

if TYPE_CHECKING:
    import pandas as pd


class TraceSource(Source):
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
        request.allow_positions("all")
        request.allow_stimuli()
        self._traces = traces[: request.max_rows]
        self._table = rows.iloc[: request.max_rows].reset_index(drop=True)
        self._unit_table, self._sessions = units, sessions
        self.sites = (SiteSpec(site, traces.shape[1:], request.storage_dtype(str(traces.dtype))),)
        self.subject = {"address": request.subject, "kind": "brain", **about}
        self.notes: dict[str, Any] = {}
        self._size = rows_per_shard(self.sites)
        self.plan = equal_shards(len(self._traces), self._size)

    @cached_property
    def ingredients(self) -> dict[str, Any]:
        """All that changes the numbers."""
        return {
            "subject": {"traces": digest_array(self._traces)},
            "labels": digest_lines([self._table.to_json() or "", self._unit_table.to_json() or ""]),
        }

    def stimulus_table(self) -> pd.DataFrame:
        """Table of stimuli: the sessions."""
        return self._sessions

    def units(self, site: SiteSpec) -> pd.DataFrame:
        """Table of units."""
        return self._unit_table

    def _part(self, number: int) -> slice:
        return slice(number * self._size, number * self._size + self.plan[number])

    def rows(self, number: int) -> pd.DataFrame:
        """Row table of one shard."""
        return self._table.iloc[self._part(number)].reset_index(drop=True)

    def activity(self, number: int, sites: Sequence[str]) -> dict[str, NDArray]:
        """Cut one shard out of the traces."""
        (site,) = self.sites
        return {site.name: narrow(self._traces[self._part(number)], site.dtype)}

    def trial(self) -> int:
        """Read the first shard."""
        self.activity(0, [site.name for site in self.sites])
        return self.plan[0]
