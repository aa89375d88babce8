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
        arrays = open_arrays(path)
    series, notes = read_array_series(request, arrays, _KEYS)
    return Traces(series, (Session({"session": "session"}),), {}, notes)


def open_arrays(path: Path) -> dict[str, NDArray]:
    """Arrays in an ``.npz`` or ``.npy`` file, mapped where they lie uncompressed.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    WorkbenchError
        If an array holds Python objects, which would have to be unpickled.
    """
    if path.suffix.lower() == ".npy":
        return {"traces": open_npy(path)}
    with zipfile.ZipFile(path) as archive:
        members = [each for each in archive.infolist() if each.filename.endswith(".npy")]
        if not members:
            raise UsageError(f"Found no array in '{path}'; expected a file of numpy.savez.")
        return {
            each.filename.removesuffix(".npy"): _member(path, archive, each) for each in members
        }


def open_npy(path: Path) -> NDArray:
    """Map an ``.npy`` file.

    Raises
    ------
    WorkbenchError
        If it holds Python objects, is damaged or cut short.
    """
    with reading(str(path), "an array that numpy.save wrote"):
        with path.open("rb") as handle:
            _header(handle, str(path))
        return np.load(path, mmap_mode="r", allow_pickle=False)


def _member(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray:
    with archive.open(member) as handle:
        shape, is_fortran, dtype = _header(handle, f"{path}:{member.filename}")
        begin = handle.tell()
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


def _header(handle: Any, name: str) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = np.lib.format.read_magic(handle)
    read = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, is_fortran, dtype = read(handle)
    if dtype.hasobject:
        raise WorkbenchError(
            f"Found Python objects in '{name}', which would have to be unpickled and could run "
            "code; expected plain numbers: save it again with numpy.savez and without objects."
        )
    return shape, is_fortran, dtype
