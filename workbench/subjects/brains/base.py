"""Which series are recorded together, and the samples or bins that they share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.errors import UsageError
from workbench.subjects.brains.binning import BinnedMeans, bin_labels, session_bins
from workbench.subjects.brains.clock import Clock
from workbench.subjects.brains.spikes import SpikeCounts, SpikeTrains
from workbench.subjects.brains.traces import Sampled, Series, Session, Traces
from workbench.subjects.brains.values import Values
from workbench.subjects.globs import match_sites

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Base:
    """One session with the chosen sites on common rows.

    Attributes
    ----------
    session : Session
    clock : Clock, optional
        Times of the rows.
    values : dict of str to Values
        By site, ``(row, unit)``.
    labels : DataFrame, optional
        One row a row.
    """

    session: Session
    clock: Clock | None
    values: dict[str, Values]
    labels: pd.DataFrame | None

    @property
    def n(self) -> int:
        """Number of rows."""
        return next(iter(self.values.values())).shape[0]


def choose_series(
    traces: Traces, sites: str | list[str], width: float | None
) -> tuple[Series, ...]:
    """Series that a capture asks for, if they can share their rows.

    Parameters
    ----------
    traces : Traces
    sites : str or list of str
        Names or globs.
    width : float, optional
        Seconds of a bin.

    Returns
    -------
    tuple of Series

    Raises
    ------
    UsageError
        If a site does not exist, spikes come without bins, or time bases differ.
    """
    everything = sites in ("*", ["*"])
    offered = [each for each in traces.series if each.is_default or not everything]
    wanted = match_sites(sites, [each.name for each in offered or traces.series])
    chosen = tuple(each for each in traces.series if each.name in wanted)
    untimed = [each.name for each in chosen if not each.is_spikes and None in each.time_base]
    if width is not None and untimed:
        raise UsageError(f"Found bin {width:g} s, but '{untimed[0]}' has no time: leave it out.")
    if width is None and all(each.is_spikes for each in chosen):
        raise UsageError(
            f"Found spike times at {_quoted(chosen)}; expected the length of a bin in seconds, to "
            "count them: add --bin 0.01."
        )
    if width is None and len({(each.is_spikes, each.time_base) for each in chosen}) > 1:
        raise UsageError(_different_bases(chosen))
    return chosen


def _different_bases(chosen: Sequence[Series]) -> str:
    groups: dict[object, list[Series]] = {}
    for each in chosen:
        groups.setdefault((each.is_spikes, each.time_base), []).append(each)
    shown = "; ".join(f"{_quoted(group)} ({group[0].pace})" for group in groups.values())
    return (
        f"Found series with different times: {shown}; expected the sites of one recording to share "
        "theirs: choose one of these groups with --sites, or put all on common bins with --bin."
    )


def _quoted(series: Sequence[Series]) -> str:
    return ", ".join(f"'{each.name}'" for each in series)


def make_bases(traces: Traces, chosen: Sequence[Series], width: float | None) -> list[Base]:
    """Sessions with their sites on common rows.

    Parameters
    ----------
    traces : Traces
    chosen : sequence of Series
    width : float, optional
        Seconds of a bin; samples as they are by default.

    Returns
    -------
    list of Base
    """
    return [
        _sampled(session, chosen, number)
        if width is None
        else _binned(session, chosen, number, width)
        for number, session in enumerate(traces.sessions)
    ]


def _sampled(session: Session, chosen: Sequence[Series], number: int) -> Base:
    parts = [each.parts[number] for each in chosen]
    values = {
        each.name: part.values
        for each, part in zip(chosen, parts, strict=True)
        if isinstance(part, Sampled)
    }
    clock = next((part.clock for part in parts if isinstance(part, Sampled)), None)
    return Base(session, clock, values, session.labels)


def _binned(session: Session, chosen: Sequence[Series], number: int, width: float) -> Base:
    parts = {each.name: each.parts[number] for each in chosen}
    bins = session_bins(list(parts.values()), session.intervals, width)
    values: dict[str, Values] = {}
    labels = None
    for name, part in parts.items():
        if isinstance(part, SpikeTrains):
            values[name] = SpikeCounts(part, bins)
        elif part.clock is not None:
            values[name] = BinnedMeans(part.values, part.clock, bins)
            if session.labels is not None:
                labels = bin_labels(session.labels, part.clock.index(bins.edges(0, bins.n)))
    return Base(session, bins.clock, values, labels)
