"""``csv:FILE``: traces in a ``.csv`` or ``.tsv`` file, one line a moment or one line a unit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError, WorkbenchError, nearest
from workbench.subjects.brains.arrays import array_clock, quantity_of
from workbench.subjects.brains.choices import COMMON, existing_file, names, orientation
from workbench.subjects.brains.clock import seconds_of
from workbench.subjects.brains.delimited import Lines, as_number, numbers, read_lines
from workbench.subjects.brains.runs import intervals_of_runs
from workbench.subjects.brains.source import TraceSource, trace_sites
from workbench.subjects.brains.traces import Sampled, Series, Session, Traces
from workbench.subjects.brains.unit_table import unit_table
from workbench.subjects.brains.values import ArrayValues

if TYPE_CHECKING:
    import pandas as pd

    from workbench.capturing.request import CaptureRequest
    from workbench.capturing.source import SiteInfo, Source

OPTIONS = (
    "time_column",
    "label_columns",
    "orientation",
    "sampling_rate",
    "time_unit",
    "header",
    "delimiter",
    "quantity",
)
_TIME_COLUMNS = ("time", "time_s", "t", "seconds", "time_seconds", "timestamp", "timestamps")


def open_subject(request: CaptureRequest, name: str, _staging: Path | None) -> Source:
    """See `workbench.subjects.addresses.open_source`.

    Raises
    ------
    UsageError
        If there is no such file, or it is not plain what its columns are.
    WorkbenchError
        If its lines differ in length or fields are no numbers.
    """
    return TraceSource(request, csv_traces(request, name))


def subject_sites(request: CaptureRequest, name: str) -> list[SiteInfo]:
    """See `workbench.subjects.addresses.list_sites`."""
    return trace_sites(csv_traces(request, name))


def csv_traces(request: CaptureRequest, name: str) -> Traces:
    """Traces in a text file; its numbers are held in memory.

    Parameters
    ----------
    request : CaptureRequest
        Options: ``time_column``, ``label_columns``, ``orientation`` (``unit,time``: every line
        starts with the name of its unit), ``sampling_rate``, ``time_unit``, ``header`` (yes or no),
        ``delimiter``, ``quantity``.
    name : str
        Path.

    Returns
    -------
    Traces
    """
    request.check_options((*COMMON, *OPTIONS))
    path = existing_file(name)
    lines = read_lines(request, path)
    columns = _columns(request, lines, path)
    time = _time_column(request, columns)
    labels = names(request, "label_columns")
    for label in labels:
        if label not in columns:
            raise UsageError(f"Found no column '{label}' in '{path}'; {nearest(label, columns)}")
    units = [column for column in columns if column not in (time, *labels)]
    if not units:
        raise UsageError(f"Found no column of activity in '{path}'; expected at least one.")
    values = np.stack([numbers(columns[unit], unit, path) for unit in units], axis=1)
    stamps = None if time is None else _stamps(request, columns[time], time, path)
    clock = array_clock(request, len(values), stamps)
    table = _labels({label: columns[label] for label in labels})
    given = ["" if unit.startswith("\0") else unit for unit in units]
    series = Series(
        "traces",
        unit_table(len(units), given),
        quantity_of(request, "traces"),
        (Sampled(ArrayValues(values), clock),),
    )
    intervals = intervals_of_runs(table, clock) if "trial" in labels else ()
    kept = table[[name for name in table.columns if name != "trial" or not intervals]]
    session = Session({"session": "session"}, intervals, kept if len(kept.columns) else None)
    notes = {"read_as": {"times": time or "sampling_rate", "labels": labels}, **lines.notes}
    return Traces((series,), (session,), {}, notes)


def _columns(request: CaptureRequest, lines: Lines, path: Path) -> dict[str, NDArray]:
    """Columns by name, one element a moment; nameless ones are numbered behind a NUL."""
    order = orientation(request)
    table = lines.table
    if order == "unit,time":
        called = table[:, 0].tolist()
        if lines.header is not None:
            called, table = [lines.header[0], *called], np.vstack([lines.header, table])
        found = dict(zip(called, table[:, 1:], strict=True))
    else:
        if order is None:
            _check_order(lines, path)
        table, header = _without_index(lines, path)
        called = header or [f"\0{number}" for number in range(table.shape[1])]
        found = dict(zip(called, table.T, strict=True))
    if len(found) < len(called):
        twice = next(each for each in called if called.count(each) > 1)
        raise UsageError(
            f"Found the name '{twice}' twice in '{path}'; expected every unit to have its own: "
            "mend the file, or pass orientation=unit,time if units are lines."
        )
    return found


def _without_index(lines: Lines, path: Path) -> tuple[NDArray, list[str] | None]:
    """Leave out a nameless column that only counts lines, as pandas writes it."""
    if lines.header is None or "" not in lines.header:
        return lines.table, lines.header
    place = lines.header.index("")
    counted = [str(number) for number in range(len(lines.table))]
    if lines.header.count("") > 1 or lines.table[:, place].tolist() != counted:
        raise UsageError(
            f"Found a column without a name at place {place + 1} of '{path}'; expected every "
            "column to have one: name it in the header."
        )
    lines.notes["index_column_left_out"] = place + 1
    header = [*lines.header[:place], *lines.header[place + 1 :]]
    return np.delete(lines.table, place, axis=1), header


def _check_order(lines: Lines, path: Path) -> None:
    first = lines.table[:, 0]
    words = [each for each in first.tolist() if each and as_number(each) is None]
    rest = [as_number(each) for each in lines.table[-1, 1:].tolist()]
    if lines.header is None and words and None not in rest and len(rest) > 1:
        raise UsageError(
            f"Found '{words[0]}' at the start of a line of numbers in '{path}', so units seem to "
            "be lines; expected one line a moment: pass orientation=unit,time, and label_columns="
            "NAME for lines that are no units."
        )


def _time_column(request: CaptureRequest, columns: dict[str, NDArray]) -> str | None:
    given = request.option("time_column")
    if given is not None:
        if given not in columns:
            raise UsageError(f"Found no time_column '{given}'; {nearest(str(given), columns)}")
        return str(given)
    if request.option("sampling_rate") is not None:
        return None
    found = [name for name in columns if name.lower() in _TIME_COLUMNS]
    if len(found) > 1:
        raise UsageError(
            f"Found {', '.join(map(repr, found))}; expected one column of times: pass time_column."
        )
    return found[0] if found else None


def _stamps(request: CaptureRequest, fields: NDArray, name: str, path: Path) -> NDArray[np.float64]:
    stamps = numbers(fields, name, path)
    if np.isnan(stamps).any():
        at = int(np.flatnonzero(np.isnan(stamps))[0])
        raise WorkbenchError(
            f"Found no time at moment {at} in column '{name}' of '{path}'; expected seconds "
            "throughout: mend the file."
        )
    seconds: NDArray[np.float64] = seconds_of(stamps, name, request.option("time_unit"))
    return seconds


def _labels(columns: dict[str, NDArray]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({name: _label(fields.tolist()) for name, fields in columns.items()})


def _label(fields: list[str]) -> Any:
    import pandas as pd

    found = [as_number(each) for each in fields]
    if any(each and value is None for each, value in zip(fields, found, strict=True)):
        return pd.Series([each or None for each in fields], dtype=object)
    return np.array([np.nan if value is None else value for value in found], dtype=np.float64)
