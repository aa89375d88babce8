"""A recorded brain as a source of rows: from traces, whatever file they lie in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.capturing.request import CaptureRequest
from workbench.capturing.source import SiteInfo, Source, equal_shards, rows_per_shard
from workbench.errors import UsageError, WorkbenchError, nearest
from workbench.recording.dtypes import narrow
from workbench.recording.identity import digest_lines
from workbench.recording.manifest import SiteSpec
from workbench.subjects.brains.base import choose_series, make_bases
from workbench.subjects.brains.choices import number, window
from workbench.subjects.brains.clock import time_facts
from workbench.subjects.brains.intervals import Intervals
from workbench.subjects.brains.rows import plan_rows
from workbench.subjects.brains.survey import Survey, survey_rows
from workbench.subjects.brains.traces import Series, Session, Traces

if TYPE_CHECKING:
    import pandas as pd

_Z_SCORE_NOTE = (
    "values were z-scored over the whole recording: each moment holds the mean and spread of all "
    "others, so a split in time into training and test leaks; use raw values where they exist"
)


@dataclass(frozen=True)
class BrainSite(SiteInfo):
    """A site with its pace.

    Attributes
    ----------
    pace : str
        Sampling rate, or mean spacing where samples are uneven, and number of samples.
    quantity : str
        What a value is.
    """

    pace: str = ""
    quantity: str = ""


def trace_sites(traces: Traces) -> list[SiteInfo]:
    """What ``--list-sites`` prints of a recorded brain.

    Parameters
    ----------
    traces : Traces

    Returns
    -------
    list of BrainSite
    """
    return [
        BrainSite(each.name, (len(each.units),), str(each.dtype), each.pace, each.quantity)
        for each in traces.series
    ]


class TraceSource(Source):
    """See `workbench.capturing.source.Source`.

    Parameters
    ----------
    request : CaptureRequest
        With the options that `workbench.subjects.brains.choices.COMMON` names: ``bin`` (seconds;
        spikes are counted, samples averaged in bins), ``window`` (seconds around the onset of
        trials), ``intervals`` (which table of intervals the trials are) and ``shard_rows``.
    traces : Traces

    Raises
    ------
    UsageError
        If an option, a site or the choice of positions does not fit the recording.
    """

    def __init__(self, request: CaptureRequest, traces: Traces) -> None:
        request.allow_stimuli()
        self.request, self.traces = request, _with_main(traces, request.option("intervals"))
        width, span = number(request, "bin"), window(request)
        with reading(str(request.subject)):
            self._series = choose_series(self.traces, request.sites, width)
            bases = make_bases(self.traces, self._series, width)
            self._rows = plan_rows(request, bases, span)
            self._times = time_facts([base.clock for base in bases])
        self._n = min(self._rows.n, request.max_rows or self._rows.n)
        self.sites = tuple(self._site(each) for each in self._series)
        if not self._n or not all(site.shape[0] for site in self.sites):
            raise UsageError(
                f"Found {self._n} rows of {[site.shape[0] for site in self.sites]} units in "
                f"'{request.subject}'; expected at least one of each: choose other sites."
            )
        self._facts = {
            **({} if width is None else {"bin_seconds": width}),
            **({} if span is None else {"window_seconds": list(span)}),
        }
        self._size = rows_per_shard(self.sites, request.shard_rows)
        self.plan = equal_shards(self._n, self._size)

    def _site(self, series: Series) -> SiteSpec:
        binned = number(self.request, "bin") is not None and not series.is_spikes
        native = np.dtype(np.float64 if series.dtype == np.float64 else np.float32)
        found = self._rows.dtype(native if binned else series.dtype)
        dtype = self.request.storage_dtype(str(found), keep=True)
        return SiteSpec(series.name, (len(series.units),), dtype)

    @cached_property
    def _survey(self) -> Survey:
        # Blocks of a fixed length, so that the size of shards does not matter to the digests.
        size = rows_per_shard(self.sites, 4096)
        names = [site.name for site in self.sites]
        with reading(str(self.request.subject)):
            return survey_rows(
                (self._rows.table(start, stop), self._values(start, stop, names))
                for start in range(0, self._n, size)
                for stop in (min(start + size, self._n),)
            )

    @cached_property
    def subject(self) -> dict[str, Any]:  # type: ignore[override]
        """Address, quantity, spacing in time, and what else people should know."""
        quantities = {each.name: each.quantity for each in self._series}
        for name in self._found_z_scored:
            quantities[name] = "z-score (found: every unit has mean 0 and standard deviation 1)"
        one = len(set(quantities.values())) == 1
        return {
            "address": self.request.subject,
            "kind": "brain",
            "quantity": next(iter(quantities.values())) if one else quantities,
            **self._times,
            **self._facts,
            **self.traces.about,
        }

    @cached_property
    def notes(self) -> dict[str, Any]:  # type: ignore[override]
        """What the format's reader notes, and a warning about z-scores."""
        stated = [each.name for each in self._series if "z-score" in each.quantity]
        scored = [*stated, *self._found_z_scored]
        warning = {"z_scored": f"{', '.join(scored)}: {_Z_SCORE_NOTE}"} if scored else {}
        return {**self.traces.notes, **warning}

    @property
    def _found_z_scored(self) -> list[str]:
        if self.request.positions != "all" or self.request.option("quantity") is not None:
            return []
        stated = [each.name for each in self._series if "z-score" in each.quantity]
        return [name for name in self._survey.z_scored if name not in stated]

    @cached_property
    def ingredients(self) -> dict[str, Any]:
        """All that changes the numbers: contents, never the path or the date of the file."""
        tables = [self._rows.stimuli(), *(each.units for each in self._series)]
        positions = self.request.positions
        return {
            "subject": {"activity": self._survey.activity, "rows": self._survey.rows},
            "labels": digest_lines(each.to_json(double_precision=15) or "" for each in tables),
            "quantity": {each.name: each.quantity for each in self._series},
            "positions": positions if isinstance(positions, str) else list(positions),
            "n_rows": self._n,
            **self._facts,
        }

    def stimulus_table(self) -> pd.DataFrame:
        """Table of stimuli: sessions, or trials where these are the rows."""
        return self._rows.stimuli()

    def units(self, site: SiteSpec) -> pd.DataFrame:
        """Table of units, with ``missing`` (no value at all) and ``missing_fraction``."""
        series = next(each for each in self._series if each.name == site.name)
        absent = self._survey.missing[site.name]
        return series.units.assign(missing=absent == self._n, missing_fraction=absent / self._n)

    def _part(self, number: int) -> tuple[int, int]:
        start = number * self._size
        return start, start + self.plan[number]

    def rows(self, number: int) -> pd.DataFrame:
        """Row table of one shard."""
        with reading(str(self.request.subject)):
            return self._rows.table(*self._part(number))

    def activity(self, number: int, sites: Sequence[str]) -> dict[str, NDArray]:
        """Read one shard from the file."""
        found = self._values(*self._part(number), sites)
        return {
            site.name: narrow(found[site.name], site.dtype)
            for site in self.sites
            if site.name in found
        }

    def _values(self, start: int, stop: int, sites: Sequence[str]) -> dict[str, NDArray]:
        with reading(str(self.request.subject)):
            return {
                site.name: self._rows.read(site.name, start, stop)
                for site in self.sites
                if site.name in sites
            }

    def trial(self) -> int:
        """Read at most a thousand rows."""
        stop = min(self.plan[0], 1000)
        self._values(0, stop, [site.name for site in self.sites])
        return stop


@contextmanager
def reading(name: str, expected: str = "") -> Iterator[None]:
    """Say in one sentence that a file is damaged, whatever its library raises.

    Parameters
    ----------
    name : str
        The file.
    expected : str
        What it should be.

    Raises
    ------
    WorkbenchError
        If something inside raises anything but one of the workbench's own errors.

    Examples
    --------
    >>> with reading("a.edf", "a file in EDF"):
    ...     raise OSError("unexpected end")
    Traceback (most recent call last):
    ...
    workbench.errors.WorkbenchError: Could not read 'a.edf' (OSError: unexpected end); expected a
    file in EDF: it may be damaged, cut short or of another format, so fetch it again or check it.
    """
    try:
        yield
    except (WorkbenchError, MemoryError):
        raise
    except Exception as error:
        text = " ".join(str(error).split())[:300]
        wanted = f"expected {expected}: " if expected else ""
        raise WorkbenchError(
            f"Could not read '{name}' ({type(error).__name__}: {text}); {wanted}it may be damaged, "
            "cut short or of another format, so fetch it again or check it."
        ) from error


def _with_main(traces: Traces, name: str | None) -> Traces:
    """Put the intervals that the user calls trials first."""
    if name is None:
        return traces
    known = [each.name for session in traces.sessions[:1] for each in session.intervals]
    if name not in known:
        raise UsageError(
            f"Found no intervals '{name}' in the recording; {nearest(str(name), known)}"
        )

    def ordered(session: Session) -> tuple[Intervals, ...]:
        return tuple(sorted(session.intervals, key=lambda each: each.name != name))

    sessions = tuple(replace(each, intervals=ordered(each)) for each in traces.sessions)
    return replace(traces, sessions=sessions)
