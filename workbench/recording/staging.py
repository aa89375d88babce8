"""Preparing a recording beside its place, so that it appears there whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from pathlib import Path

from workbench.errors import UsageError, WorkbenchError
from workbench.recording.files import TEMPORARY_SUFFIX, write_atomically
from workbench.recording.locks import LOCK, FolderLock
from workbench.recording.manifest import (
    COMMITS,
    MANIFEST,
    Manifest,
    is_recording,
    read_manifest,
)

_FORGOTTEN_SECONDS = 3600.0


class Staging:
    """A folder of this process alone in which a recording is planned.

    Parameters
    ----------
    root : Path
        Where the recording shall appear.

    Raises
    ------
    UsageError
        If ``root`` is a file or holds other files.
    WorkbenchError
        If no folder can be made there.
    """

    def __init__(self, root: Path) -> None:
        _check_target(root)
        self.root = root
        name = f".{root.name}.{os.getpid()}-{secrets.token_hex(4)}{TEMPORARY_SUFFIX}"
        self.path = root.with_name(name)
        try:
            self.path.mkdir(parents=True)
        except OSError as error:
            raise WorkbenchError(
                f"Could not make a folder in '{root.parent}' ({error.strerror}); choose another "
                "--out."
            ) from error
        self._lock = FolderLock(self.path)
        self._lock.take()
        _remove_forgotten(root)

    def publish(self, manifest: Manifest) -> FolderLock:
        """Let the planned recording appear under its own name, or find it there already.

        Parameters
        ----------
        manifest : Manifest

        Returns
        -------
        FolderLock
            Of the recording; held if it was this process that made it appear.

        Raises
        ------
        UsageError
            If another recording stands there.
        """
        if not is_recording(self.root):
            write_atomically(self.path, MANIFEST, [manifest.dump()])
            (self.path / COMMITS).mkdir(exist_ok=True)
            try:
                self.path.rename(self.root)
            except OSError as error:
                # Another process may have been faster by a moment.
                if not is_recording(self.root):
                    raise WorkbenchError(
                        f"Could not write '{self.root}' ({error.strerror}); choose another --out."
                    ) from error
            else:
                return self._lock
        found = read_manifest(self.root)
        self.discard()
        if found.identity != manifest.identity:
            raise UsageError(_another(self.root, found, manifest))
        return FolderLock(self.root)

    def discard(self) -> None:
        """Remove the folder."""
        if self.path.exists():
            shutil.rmtree(self.path, ignore_errors=True)
            self._lock.close()


def _check_target(root: Path) -> None:
    if root.exists() and not root.is_dir():
        raise UsageError(f"'{root}' is a file; expected a folder to write: choose another --out.")
    if root.is_dir() and any(root.iterdir()) and not is_recording(root):
        raise UsageError(
            f"Found other files in '{root}'; expected an empty folder or the recording to "
            "continue: choose another --out."
        )


def _remove_forgotten(root: Path) -> None:
    for path in root.parent.glob(f".{root.name}.*{TEMPORARY_SUFFIX}"):
        if (path / LOCK).exists():
            with FolderLock(path) as lock:
                is_forgotten = lock.take()
        else:
            is_forgotten = time.time() - path.stat().st_mtime > _FORGOTTEN_SECONDS
        if is_forgotten:
            shutil.rmtree(path, ignore_errors=True)


def _another(root: Path, found: Manifest, wanted: Manifest) -> str:
    differing = sorted(
        key
        for key in {*found.ingredients, *wanted.ingredients}
        if found.ingredients.get(key) != wanted.ingredients.get(key)
    )
    return (
        f"'{root}' holds another recording, of {found.subject.get('address')} (it differs in "
        f"{', '.join(differing)}); nothing was changed there: choose another --out or remove it."
    )
