"""Safetensors shards: one tensor a file, written without a copy and read as a memory map.

Header and buffer are written by hand for two reasons: numpy has no bfloat16, which the library's
numpy functions therefore refuse, and the hash is taken while writing, not in a second pass.
The library itself reads what is written here (a test holds that).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workbench.errors import WorkbenchError
from workbench.recording.dtypes import SAFETENSORS_NAMES, stored_dtype
from workbench.recording.files import FileRecord, write_atomically

TENSOR = "activations"
_CHUNK_BYTES = 16 * 2**20


def write_shard(root: Path, relative: str, stored: NDArray, dtype: str) -> FileRecord:
    """Write one shard.

    Parameters
    ----------
    root : Path
        Folder of the recording.
    relative : str
        Path inside it.
    stored : ndarray (rows, units, ...)
        Bits in the storage dtype.
    dtype : str
        Name of the storage dtype.

    Returns
    -------
    FileRecord
    """
    contiguous = np.ascontiguousarray(stored, dtype=stored_dtype(dtype))
    return write_atomically(root, relative, _parts(contiguous, dtype))


def _parts(contiguous: NDArray, dtype: str) -> Iterator[bytes | memoryview]:
    entry = {
        "dtype": SAFETENSORS_NAMES[dtype],
        "shape": list(contiguous.shape),
        "data_offsets": [0, contiguous.nbytes],
    }
    header = json.dumps({TENSOR: entry}, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    yield struct.pack("<Q", len(header)) + header
    if contiguous.nbytes:
        view = contiguous.reshape(-1).view(np.uint8).data
        for start in range(0, len(view), _CHUNK_BYTES):
            yield view[start : start + _CHUNK_BYTES]


def map_shard(path: Path, shape: tuple[int, ...], dtype: str) -> NDArray:
    """Memory map of a shard, after its header was found to say what the manifest says.

    Parameters
    ----------
    path : Path
    shape : tuple of int
        Expected ``(rows, units, ...)``.
    dtype : str
        Expected storage dtype.

    Returns
    -------
    ndarray (rows, units, ...)
        Read-only, in the storage dtype.

    Raises
    ------
    WorkbenchError
        If the file is missing, cut short, or holds something else.
    """
    try:
        header, offset = _header(path)
        entry = header[TENSOR]
        found = (entry["dtype"], tuple(entry["shape"]))
    except (OSError, ValueError, KeyError, TypeError, struct.error) as error:
        raise WorkbenchError(
            f"Shard '{path}' cannot be read ({error}); expected a safetensors file with one tensor "
            f"'{TENSOR}': run 'workbench verify' on the recording, delete it and capture again."
        ) from error
    if found != (SAFETENSORS_NAMES[dtype], shape):
        raise WorkbenchError(
            f"Shard '{path}' holds {found[0]} {found[1]} but the manifest says "
            f"{SAFETENSORS_NAMES[dtype]} {shape}: run 'workbench verify' on the recording."
        )
    if 0 in shape:
        return np.empty(shape, dtype=stored_dtype(dtype))
    return np.memmap(path, dtype=stored_dtype(dtype), mode="r", offset=offset, shape=shape)


def _header(path: Path) -> tuple[dict, int]:
    size = path.stat().st_size
    with path.open("rb") as handle:
        (length,) = struct.unpack("<Q", handle.read(8))
        if length > size - 8:
            raise ValueError("the header is longer than the file")
        header = json.loads(handle.read(length))
    end = header[TENSOR]["data_offsets"][1]
    if size != 8 + length + end:
        raise ValueError(f"the file has {size} bytes, its header says {8 + length + end}")
    return header, 8 + length
