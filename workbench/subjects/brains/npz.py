"""``npz:FILE``: traces in an ``.npz`` or ``.npy`` file."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError, WorkbenchError
from workbench.subjects.brains.arrays import ArrayKeys, read_array_series
from workbench.subjects.brains.choices import COMMON, existing_file
from workbench.subjects.brains.source import TraceSource, reading, trace_sites
from workbench.subjects.brains.traces import Session, Traces

if TYPE_CHECKING:
    from workbench.capturing.request import CaptureRequest
    from workbench.capturing.source import SiteInfo, Source

_KEYS = ArrayKeys("key", "time_key", "names_key")
OPTIONS = (
    "key",
    "time_key",
    "names_key",
    "orientation",
    "sampling_rate",
    "time_unit",
    "quantity",
)
_LOCAL_HEADER = 30


def open_subject(request: CaptureRequest, name: str, _staging: Path | None) -> Source:
    """See `workbench.subjects.addresses.open_source`.

    Raises
    ------
    UsageError
        If there is no such file, or it is not plain which array is what.
    WorkbenchError
        If the file is damaged, or holds pickled objects.
    """
    return TraceSource(request, npz_traces(request, name))


def subject_sites(request: CaptureRequest, name: str) -> list[SiteInfo]:
    """See `workbench.subjects.addresses.list_sites`."""
    return trace_sites(npz_traces(request, name))


def npz_traces(request: CaptureRequest, name: str) -> Traces:
    """Traces in a file of numpy arrays.

    Parameters
    ----------
    request : CaptureRequest
        Options: ``key`` (names of arrays of activity), ``time_key``, ``names_key``,
        ``orientation``, ``sampling_rate``, ``time_unit``, ``quantity``.
    name : str
        Path. ``.npy`` files and uncompressed members of ``.npz`` files are mapped, not loaded;
        compressed members are held in memory.

    Returns
    -------
    Traces
    """
    request.check_options((*COMMON, *OPTIONS))
    path = existing_file(name, (".npz", ".npy"))
    with reading(str(path), "a file that numpy.savez or numpy.save wrote"):
        arrays, pickled = open_arrays(path)
    asked = [request.option(name) for name in ("key", "time_key", "names_key")]
    for each in pickled:
        if each in asked or not arrays:
            raise WorkbenchError(_objects(f"{path}:{each}"))
    series, notes = read_array_series(request, arrays, _KEYS)
    if pickled:
        notes["pickled_left_out"] = pickled
    return Traces(series, (Session({"session": "session"}),), {}, notes)


def open_arrays(path: Path) -> tuple[dict[str, NDArray], list[str]]:
    """Arrays in an ``.npz`` or ``.npy`` file, mapped where they lie uncompressed.

    Parameters
    ----------
    path : Path

    Returns
    -------
    arrays : dict of str to ndarray
    pickled : list of str
        Names of what holds Python objects, and is not opened.
    """
    if path.suffix.lower() == ".npy":
        return {"traces": open_npy(path)}, []
    with zipfile.ZipFile(path) as archive:
        members = [each for each in archive.infolist() if each.filename.endswith(".npy")]
        if not members:
            raise UsageError(f"Found no array in '{path}'; expected a file of numpy.savez.")
        found = {
            each.filename.removesuffix(".npy"): _member(path, archive, each) for each in members
        }
    arrays = {name: array for name, array in found.items() if array is not None}
    return arrays, [name for name in found if name not in arrays]


def open_npy(path: Path) -> NDArray:
    """Map an ``.npy`` file.

    Raises
    ------
    WorkbenchError
        If it holds Python objects, is damaged or cut short.
    """
    with reading(str(path), "an array that numpy.save wrote"):
        with path.open("rb") as handle:
            if _header(handle)[2].hasobject:
                raise WorkbenchError(_objects(str(path)))
        return np.load(path, mmap_mode="r", allow_pickle=False)


def _objects(name: str) -> str:
    return (
        f"Found Python objects in '{name}', which would have to be unpickled and could run code; "
        "expected plain numbers or texts: save it again with numpy.savez and without objects."
    )


def _member(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray | None:
    with archive.open(member) as handle:
        shape, is_fortran, dtype = _header(handle)
        begin = handle.tell()
        if dtype.hasobject:
            return None
        if member.compress_type != zipfile.ZIP_STORED or 0 in shape or not shape:
            handle.seek(0)
            return np.lib.format.read_array(handle, allow_pickle=False)
    with path.open("rb") as raw:
        raw.seek(member.header_offset)
        header = raw.read(_LOCAL_HEADER)
    lengths = int.from_bytes(header[26:28], "little"), int.from_bytes(header[28:30], "little")
    start = member.header_offset + _LOCAL_HEADER + sum(lengths) + begin
    order: Any = "F" if is_fortran else "C"
    return np.memmap(path, dtype, "r", start, shape, order)


def _header(handle: Any) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = np.lib.format.read_magic(handle)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(handle)
    return np.lib.format.read_array_header_2_0(handle)
