"""Arrays from files, without reading what is not asked for."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError, WorkbenchError

if TYPE_CHECKING:
    from workbench.subjects.networks.inputs import Sliceable

_DAMAGE = (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, NotImplementedError)
_LOCAL_HEADER = 30


def open_arrays(path: Path) -> dict[str, Sliceable]:
    """Arrays in an ``.npy``, ``.npz`` or ``.safetensors`` file, left on disk.

    Only arrays of a compressed ``.npz`` are read as a whole.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict of str to array
        By name; that of ``.npy`` is empty.

    Raises
    ------
    UsageError
        If there is no such file, or of another kind.
    WorkbenchError
        If it is damaged.
    """
    readers = {".npy": _open_npy, ".npz": _open_npz, ".safetensors": _open_safetensors}
    if not path.is_file():
        raise UsageError(f"Found no file '{path}'; expected stimuli: check the path.")
    if path.suffix.lower() not in readers:
        raise UsageError(
            f"Found '{path}'; expected an array in .npy, .npz or .safetensors, or pictures in a "
            "folder or .parquet."
        )
    with _said(path):
        return readers[path.suffix.lower()](path)


@contextmanager
def _said(path: Path) -> Iterator[None]:
    try:
        yield
    except WorkbenchError:
        raise
    except _DAMAGE as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise WorkbenchError(
            f"Could not read '{path}' ({first}); expected an undamaged {path.suffix} file with "
            "plain numeric arrays: write it again."
        ) from error


def _open_npy(path: Path) -> dict[str, Sliceable]:
    return {"": np.load(path, mmap_mode="r", allow_pickle=False)}


def _open_npz(path: Path) -> dict[str, Sliceable]:
    with zipfile.ZipFile(path) as archive:
        members = [each for each in archive.infolist() if each.filename.endswith(".npy")]
    return {each.filename.removesuffix(".npy"): _member(path, each) for each in members}


def _member(path: Path, member: zipfile.ZipInfo) -> NDArray:
    if member.compress_type != zipfile.ZIP_STORED:
        with np.load(path, allow_pickle=False) as archive:
            array: NDArray = archive[member.filename.removesuffix(".npy")]
            return array
    with path.open("rb") as handle:
        handle.seek(member.header_offset)
        local = handle.read(_LOCAL_HEADER)
        # The local header repeats the name and may have another extra field than the directory.
        skipped = int.from_bytes(local[26:28], "little") + int.from_bytes(local[28:30], "little")
        handle.seek(skipped, 1)
        return _map(path, handle)


def _map(path: Path, handle: Any) -> NDArray:
    version = np.lib.format.read_magic(handle)
    reader = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, is_fortran, dtype = reader(handle)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are never loaded")
    if 0 in shape:
        return np.empty(shape, dtype)
    order: Any = "F" if is_fortran else "C"
    return np.memmap(path, dtype, "r", handle.tell(), shape, order)


def _open_safetensors(path: Path) -> dict[str, Sliceable]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as archive:
            names = list(archive.keys())
        return {name: _SafetensorsArray(path, name) for name in names}
    except SafetensorError as error:
        raise ValueError(str(error)) from error


class _SafetensorsArray:
    def __init__(self, path: Path, name: str) -> None:
        from safetensors import safe_open

        self._path, self._name = path, name
        with safe_open(path, framework="pt") as archive:
            part = archive.get_slice(name)
            self.shape = tuple(part.get_shape())
            self.dtype = _as_numpy(part[:0] if self.shape else archive.get_tensor(name)).dtype

    def __getitem__(self, part: slice) -> NDArray:
        from safetensors import safe_open

        with safe_open(self._path, framework="pt") as archive:
            return _as_numpy(archive.get_slice(self._name)[part])


def _as_numpy(tensor: Any) -> NDArray:
    import torch

    # numpy has no bfloat16; float32 holds its values exactly.
    found: NDArray = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
    return found
