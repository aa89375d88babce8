"""``mat:FILE``: traces in a MATLAB file, v5 or v7.3."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import UsageError, nearest
from workbench.subjects.brains.arrays import TIME_NAMES, ArrayKeys, describe, read_array_series
from workbench.subjects.brains.choices import COMMON, existing_file, names
from workbench.subjects.brains.matlab_tree import read_leaves
from workbench.subjects.brains.source import TraceSource, reading, trace_sites
from workbench.subjects.brains.traces import Series, Session, Traces

if TYPE_CHECKING:
    from workbench.capturing.request import CaptureRequest
    from workbench.capturing.source import SiteInfo, Source

_KEYS = ArrayKeys("variable", "time_variable", "names_variable")
OPTIONS = (
    "variable",
    "time_variable",
    "names_variable",
    "orientation",
    "sampling_rate",
    "time_unit",
    "quantity",
)
# Kato's files hold derivatives and raw values beside the traces that are analysed.
_CUSTOMARY = ("deltafoverf_bc", "deltafoverf", "traces")


def open_subject(request: CaptureRequest, name: str, _staging: Path | None) -> Source:
    """See `workbench.subjects.addresses.open_source`.

    Raises
    ------
    UsageError
        If there is no such file, or it is not plain which variable is what.
    WorkbenchError
        If the file is damaged.
    """
    return TraceSource(request, mat_traces(request, name))


def subject_sites(request: CaptureRequest, name: str) -> list[SiteInfo]:
    """See `workbench.subjects.addresses.list_sites`."""
    return trace_sites(mat_traces(request, name))


def mat_traces(request: CaptureRequest, name: str) -> Traces:
    """Traces in a MATLAB file.

    Parameters
    ----------
    request : CaptureRequest
        Options: ``variable`` (with dots and, for the elements of structs and cells, numbers from 0
        on, such as ``worm.0.traces``), ``time_variable``, ``names_variable``, ``orientation`` (of
        the array as MATLAB shows it), ``sampling_rate``, ``time_unit``, ``quantity``.
    name : str
        Path. Files of v7.3 are read where they lie; those of v5 are held in memory.

    Returns
    -------
    Traces
    """
    request.check_options((*COMMON, *OPTIONS))
    path = existing_file(name, (".mat",))
    with reading(str(path), "a file that MATLAB saved"):
        leaves, file = read_leaves(path)
    usable = {each: leaf for each, leaf in leaves.items() if leaf.dtype.kind in "biufOU"}
    series, notes = read_array_series(request, _together(request, usable), _KEYS)
    return Traces(_preferred(series), (Session({"session": "session"}),), {}, notes, file)


def _together(request: CaptureRequest, leaves: dict[str, Any]) -> dict[str, Any]:
    """Variables that lie beside those that the user named, and those named."""
    given = names(request, "variable")
    if not given:
        clocks = {_parent(each) for each in leaves if _last(each) in TIME_NAMES}
        if len(clocks) > 1 and request.option("time_variable") is None:
            numbers = {
                each: leaf
                for each, leaf in leaves.items()
                if leaf.dtype.kind in "biuf" and len(leaf.shape) == 2
            }
            raise UsageError(
                f"Found several recordings in '{request.subject}': {describe(numbers)}; expected "
                "one: pass variable=NAME."
            )
        return leaves
    for each in given:
        if each not in leaves:
            raise UsageError(
                f"Found no variable '{each}' in '{request.subject}'; {nearest(each, leaves)}"
            )
    named = {*given, request.option("time_variable"), request.option("names_variable")}
    parents = {_parent(each) for each in given}
    return {k: leaf for k, leaf in leaves.items() if k in named or _parent(k) in parents}


def _parent(name: str) -> str:
    return name.rpartition(".")[0]


def _last(name: str) -> str:
    return name.rpartition(".")[2].lower()


def _preferred(series: tuple[Series, ...]) -> tuple[Series, ...]:
    """Of several series, ``*`` means the customary one of a known layout."""
    for wanted in _CUSTOMARY:
        found = [each for each in series if _last(each.name) == wanted]
        if len(found) == 1 < len(series):
            return tuple(replace(each, is_default=each is found[0]) for each in series)
    return series
