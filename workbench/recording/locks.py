"""Who may write a recording: one process alone, or several workers that share the work."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

LOCK = ".lock"
_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}
_PATIENCE_SECONDS = 10.0


class FolderLock:
    """Advisory lock on a folder, held until it is closed or the process ends.

    It lies in a file of its own, because network file systems lock only files that are open for
    writing, and it moves along when the folder is renamed.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self._descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)

    def take(self, shared: bool = False, patient: bool = False) -> bool:
        """Try to take the lock, or to change how it is held.

        Parameters
        ----------
        shared : bool
            Together with others that share it, not alone.
        patient : bool
            Try for some seconds.

        Returns
        -------
        bool
            Whether it is held now. On file systems without locks it always is.
        """
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        deadline = time.monotonic() + (_PATIENCE_SECONDS if patient else 0)
        while True:
            try:
                fcntl.flock(self._descriptor, kind | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno in _UNSUPPORTED:
                    return True
                if time.monotonic() >= deadline:
                    return False
                time.sleep(0.05)
            else:
                return True

    def close(self) -> None:
        """Let others have it."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
