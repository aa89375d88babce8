"""Writing a file so that it is either whole or absent: temporary name, fsync, atomic rename."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from workbench.errors import WorkbenchError

TEMPORARY_SUFFIX = ".partial"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True)
class FileRecord:
    """What the manifest says of one file: path inside the recording, size and hash."""

    path: str
    bytes: int
    sha256: str

    def as_json(self) -> dict[str, str | int]:
        """The record as a JSON object."""
        return asdict(self)


def write_atomically(root: Path, relative: str, chunks: Iterable[bytes | memoryview]) -> FileRecord:
    """Write chunks to ``root/relative`` so that a crash leaves the old file or none.

    Parameters
    ----------
    root : Path
        Folder of the recording.
    relative : str
        Path inside it, with forward slashes.
    chunks : iterable of bytes-like

    Returns
    -------
    FileRecord
        Size and SHA-256, taken while writing.

    Raises
    ------
    WorkbenchError
        If the disk is full or cannot be written; the temporary file is removed.
    """
    path = root / relative
    # A name of its own: workers may write the same file, with the same bytes, at the same time.
    unique = f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}{TEMPORARY_SUFFIX}"
    temporary = path.with_name(unique)
    running, size = hashlib.sha256(), 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as handle:
            for chunk in chunks:
                handle.write(chunk)
                running.update(chunk)
                size += len(chunk) if isinstance(chunk, bytes) else chunk.nbytes
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise WorkbenchError(_explain(error, path)) from error
    return FileRecord(relative, size, running.hexdigest())


def _explain(error: OSError, path: Path) -> str:
    if error.errno in _FULL:
        return (
            f"The disk was full while writing '{path}' ({error.strerror}); everything committed "
            "before stays: free some space and run the same command again to continue."
        )
    return (
        f"Could not write '{path}' ({error.strerror or error}); everything committed before "
        "stays: make the folder writable and run the same command again to continue."
    )


def _sync_folder(folder: Path) -> None:
    # Without this the rename itself may be lost in a power cut, although the file was synced.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
