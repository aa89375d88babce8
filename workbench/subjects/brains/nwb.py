"""``nwb:FILE``: Neurodata Without Borders; everything is found by its type, not by its path."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.errors import UsageError
from workbench.subjects.brains.choices import COMMON, existing_file, orientation
from workbench.subjects.brains.clock import Clock, StampedClock, SteadyClock
from workbench.subjects.brains.intervals import Intervals, make_intervals
from workbench.subjects.brains.nwb_tables import as_frame, row_table, spike_trains, with_names
from workbench.subjects.brains.orientation import time_axis
from workbench.subjects.brains.packages import need
from workbench.subjects.brains.source import TraceSource, reading, trace_sites
from workbench.subjects.brains.traces import Sampled, Series, Session, Traces
from workbench.subjects.brains.unit_table import unit_table
from workbench.subjects.brains.values import ArrayValues

if TYPE_CHECKING:
    from workbench.capturing.request import CaptureRequest
    from workbench.capturing.source import SiteInfo, Source

OPTIONS = ("orientation",)


def open_subject(request: CaptureRequest, name: str, _staging: Path | None) -> Source:
    """See `workbench.subjects.addresses.open_source`.

    Raises
    ------
    UsageError
        If pynwb or the file is missing, or the file holds no activity.
    WorkbenchError
        If the file is damaged.
    """
    return TraceSource(request, nwb_traces(request, name))


def subject_sites(request: CaptureRequest, name: str) -> list[SiteInfo]:
    """See `workbench.subjects.addresses.list_sites`."""
    return trace_sites(nwb_traces(request, name))


def nwb_traces(request: CaptureRequest, name: str) -> Traces:
    """Traces in an NWB file, read where they lie; no network is used.

    Parameters
    ----------
    request : CaptureRequest
        Option: ``orientation``, where a series does not say which axis is time.
    name : str
        Path.

    Returns
    -------
    Traces
    """
    request.check_options((*COMMON, *OPTIONS))
    path = existing_file(name, (".nwb",))
    pynwb = need("pynwb")
    with reading(str(path), "a file in Neurodata Without Borders"), warnings.catch_warnings():
        # pynwb warns of cached schemas that it ignores, and of axes, which are checked here.
        warnings.simplefilter("ignore")
        handle = pynwb.NWBHDF5IO(str(path), mode="r", load_namespaces=True)
        content = handle.read()
        series, left_out = _all_series(request, content)
        intervals = tuple(_intervals(table) for table in _interval_tables(content))
        notes = {"left_out": left_out} if left_out else {}
    wanted = request.sites.split(",") if isinstance(request.sites, str) else request.sites
    for site in left_out:
        if site in wanted:
            raise UsageError(left_out[site])
    if not series:
        raise UsageError(
            f"Found no activity in '{path}': no TimeSeries of time by unit and no table of units "
            "with spike times; expected one of these."
            + (f" Left out: {left_out}." if left_out else "")
        )
    session = Session({"session": "session"}, tuple(each for each in intervals if len(each.table)))
    return Traces(tuple(series), (session,), _about(content), notes, handle)


def _all_series(request: CaptureRequest, content: Any) -> tuple[list[Series], dict[str, str]]:
    """Series of activity by their site names, and what was left out and why."""
    from pynwb.base import TimeSeries
    from pynwb.misc import Units

    aside = _presented(content)
    found = [
        each
        for each in content.objects.values()
        if (isinstance(each, TimeSeries) and id(each) not in aside and _is_numeric(each))
        or (isinstance(each, Units) and "spike_times" in each.colnames)
    ]
    # Their order in the file is not that of the same file opened again.
    found.sort(key=lambda each: (isinstance(each, Units), _path(each)))
    series: list[Series] = []
    left_out: dict[str, str] = {}
    for each in found:
        site = _site_name(each, found)
        try:
            series.append(
                _units(site, each) if isinstance(each, Units) else _sampled(request, site, each)
            )
        except UsageError as error:
            left_out[site] = str(error)
    return series, left_out


def _presented(content: Any) -> set[int]:
    """What was shown to the subject, which is no activity."""
    groups = (content.stimulus, content.stimulus_template)
    return {id(each) for group in groups for each in group.values()}


def _is_numeric(series: Any) -> bool:
    shape = getattr(series.data, "shape", None)
    dtype = getattr(series.data, "dtype", None)
    return shape is not None and dtype is not None and len(shape) in (1, 2) and dtype.kind in "biuf"


def _site_name(each: Any, found: list[Any]) -> str:
    """Its own name, with those of as many of its parents as set it apart."""
    path = _path(each)
    for depth in range(1, len(path) + 1):
        tail = path[-depth:]
        if sum(_path(other)[-depth:] == tail for other in found) == 1:
            return "/".join(tail)
    return "/".join(path)


def _path(each: Any) -> list[str]:
    names: list[str] = []
    while each is not None and each.name != "root":
        names.insert(0, str(each.name))
        each = each.parent
    return names


def _sampled(request: CaptureRequest, site: str, series: Any) -> Series:
    data = series.data
    if 0 in data.shape:
        raise UsageError(f"Found no sample in '{site}'; expected some: choose other sites.")
    region = _region(series)
    stamps = series.timestamps
    axis = _time_axis(request, site, data.shape, None if stamps is None else len(stamps), region)
    gain = getattr(series, "channel_conversion", None)
    scale: Any = float(series.conversion if series.conversion is not None else 1.0)
    if gain is not None:
        scale = scale * np.asarray(gain[:], dtype=np.float64)
    values = ArrayValues(data, time_axis=axis, scale=scale, offset=float(series.offset or 0.0))
    units = unit_table(values.shape[1])
    if region is not None:
        units = with_names(row_table(region, values.shape[1]), region, series)
    quantity = f"{type(series).__name__} in {series.unit or 'unknown unit'}"
    described = f"{series.name} {series.description or ''}".lower()
    if "z-score" in described or "zscore" in described:
        quantity = f"z-score ({quantity})"
    return Series(site, units, quantity, (Sampled(values, _clock(series, values.shape[0])),))


def _region(series: Any) -> Any:
    rois = getattr(series, "rois", None)
    return rois if rois is not None else getattr(series, "electrodes", None)


def _time_axis(
    request: CaptureRequest, site: str, shape: tuple[int, ...], n_times: int | None, region: Any
) -> int:
    n_units = None if region is None or len(shape) == 1 else len(region.data)
    given = orientation(request)
    if n_times is None and n_units is None and given is None:
        # The format says that time comes first, and nothing here speaks against it.
        return 0
    if n_times is None and n_units is not None and given is None and shape[0] == shape[-1]:
        raise UsageError(
            f"Found '{site}' of {shape[0]} x {shape[1]} with {n_units} units and no time stamps, "
            "so both axes fit; expected exactly one to: pass orientation=time,unit or unit,time."
        )
    return time_axis(site, shape, n_times, n_units, given)


def _clock(series: Any, n: int) -> Clock:
    if series.timestamps is not None:
        return StampedClock(series.timestamps, f"'{series.name}'")
    if series.rate is None:
        raise UsageError(f"Found neither time stamps nor a rate for '{series.name}'.")
    return SteadyClock(n, float(series.rate), float(series.starting_time or 0.0))


def _units(site: str, table: Any) -> Series:
    trains = spike_trains(table)
    units = unit_table(trains.n_units, table=as_frame(table, ("spike_times", "obs_intervals")))
    return Series(site, units, "spikes per bin", (trains,))


def _interval_tables(content: Any) -> list[Any]:
    """Tables of spans of time: trials first."""
    from pynwb.epoch import TimeIntervals

    found = [each for each in content.objects.values() if isinstance(each, TimeIntervals)]
    return sorted(found, key=lambda each: (each.name != "trials", each.name))


def _intervals(table: Any) -> Intervals:
    frame = as_frame(table, ("timeseries",))
    labels = frame.drop(columns=["id", "start_time", "stop_time"], errors="ignore")
    return make_intervals(table.name, frame["start_time"], frame["stop_time"], labels)


def _about(content: Any) -> dict[str, Any]:
    subject = content.subject
    facts = {
        "session_description": content.session_description,
        "identifier": content.identifier,
        "animal": None if subject is None else subject.subject_id,
        "species": None if subject is None else subject.species,
        "institution": content.institution,
        "lab": content.lab,
    }
    return {name: str(value) for name, value in facts.items() if value}
