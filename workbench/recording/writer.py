"""Writing a recording: plan first, then commit shard by shard; nothing committed is redone."""

from __future__ import annotations

import fcntl
import io
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError, WorkbenchError
from workbench.recording.commits import (
    Commit,
    read_commits,
    rows_path,
    shard_path,
    write_commit,
)
from workbench.recording.dtypes import narrow
from workbench.recording.files import TEMPORARY_SUFFIX, FileRecord, write_atomically
from workbench.recording.manifest import (
    COMMITS,
    MANIFEST,
    STIMULI,
    Manifest,
    is_recording,
    read_manifest,
)
from workbench.recording.shards import write_shard

if TYPE_CHECKING:
    import pandas as pd

    from workbench.recording.recording import Recording


def staging_folder(root: Path) -> Path:
    """Where a recording is prepared before it appears under its own name."""
    return root.with_name(f".{root.name}{TEMPORARY_SUFFIX}")


def open_staging(root: Path) -> Path:
    """Make an empty staging folder beside the recording to be.

    Raises
    ------
    WorkbenchError
        If the folder cannot be made.
    """
    staging = staging_folder(root)
    try:
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
    except OSError as error:
        raise WorkbenchError(
            f"Could not make a folder in '{root.parent}' ({error.strerror}); choose another --out."
        ) from error
    return staging


def check_target(root: Path) -> None:
    """Refuse a target folder that holds anything but a recording.

    Raises
    ------
    UsageError
        If it is a file or holds other files.
    """
    if root.exists() and not root.is_dir():
        raise UsageError(f"'{root}' is a file; expected a folder to write: choose another --out.")
    if root.is_dir() and any(root.iterdir()) and not is_recording(root):
        raise UsageError(
            f"Found other files in '{root}'; expected an empty folder or the recording to "
            "continue: choose another --out."
        )


def publish(staging: Path, root: Path, manifest: Manifest) -> None:
    """Let a planned recording appear under its own name, or find it there already.

    Parameters
    ----------
    staging : Path
        Folder with the stimulus and unit tables; it is gone afterwards.
    root : Path
    manifest : Manifest

    Raises
    ------
    UsageError
        If ``root`` holds another recording.
    """
    if is_recording(root):
        found = read_manifest(root)
        shutil.rmtree(staging, ignore_errors=True)
        if found.identity != manifest.identity:
            raise UsageError(_another(root, found, manifest))
        return
    write_atomically(staging, MANIFEST, [manifest.dump()])
    (staging / COMMITS).mkdir(exist_ok=True)
    try:
        staging.rename(root)
    except OSError as error:
        raise WorkbenchError(
            f"Could not write '{root}' ({error.strerror}); choose another --out."
        ) from error


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


class RecordingWriter:
    """Writes the missing shards of a published recording; one writer at a time.

    Parameters
    ----------
    root : Path
        Folder that `publish` made.

    Raises
    ------
    WorkbenchError
        If another process is writing the same recording.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.manifest = read_manifest(root)
        self._lock = os.open(root, os.O_RDONLY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise WorkbenchError(
                f"Another process is writing '{root}'; wait for it, or choose another --out."
            ) from error
        self.committed = read_commits(root)
        self._remove_leftovers()

    def _remove_leftovers(self) -> None:
        for path in self.root.rglob(f"*{TEMPORARY_SUFFIX}"):
            path.unlink(missing_ok=True)

    @property
    def missing(self) -> list[int]:
        """Numbers of the planned shards that are not committed."""
        return [n for n in range(len(self.manifest.plan)) if n not in self.committed]

    def commit(self, shard: int, rows: pd.DataFrame, arrays: Mapping[str, NDArray]) -> Commit:
        """Write one shard of every site and its row table, then the record that makes it exist.

        Parameters
        ----------
        shard : int
            Number in the plan.
        rows : DataFrame
            Row table of the shard.
        arrays : mapping of str to ndarray (rows, units, ...)
            Activity by site, in the storage dtype (bfloat16 as its bits in uint16).

        Returns
        -------
        Commit

        Raises
        ------
        WorkbenchError
            If rows or shapes are not as planned, or the disk is full.
        """
        planned = self.manifest.plan[shard]
        records = [write_table(self.root, rows_path(shard), rows)]
        for site in self.manifest.sites:
            values = arrays[site.name]
            if values.shape != (planned, *site.shape) or len(rows) != planned:
                raise WorkbenchError(
                    f"Site '{site.name}' gave {values.shape} for shard {shard} with {len(rows)} "
                    f"table rows; planned were {(planned, *site.shape)}: report this as a bug."
                )
            records.append(write_shard(self.root, shard_path(site, shard), values, site.dtype))
        commit = Commit(shard, planned, tuple(records))
        write_commit(self.root, commit)
        self.committed[shard] = commit
        return commit

    def close(self) -> None:
        """Let other processes write."""
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def write_table(root: Path, relative: str, table: pd.DataFrame) -> FileRecord:
    """Write a table as Parquet, atomically.

    Parameters
    ----------
    root : Path
    relative : str
    table : DataFrame

    Returns
    -------
    FileRecord
    """
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False, compression="zstd")
    return write_atomically(root, relative, [buffer.getbuffer()])


def write_recording(
    recording: Recording, path: str | Path, rows_per_shard: int | None = None
) -> Path:
    """Write any recording, such as one made from arrays, to disk.

    Parameters
    ----------
    recording : Recording
    path : str or Path
        Folder to write; it must not hold another recording.
    rows_per_shard : int, optional
        All rows in one shard by default.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    UsageError
        If the folder holds something else.

    Examples
    --------
    >>> import tempfile, workbench as wb
    >>> rec = wb.from_arrays({"a": np.ones((5, 2))})
    >>> folder = write_recording(rec, tempfile.mkdtemp() + "/rec", rows_per_shard=2)
    >>> wb.open(folder)["a"].shape
    (5, 2)
    """
    from workbench.recording.recording import units_path

    root, manifest = Path(path), recording.manifest
    check_target(root)
    staging = open_staging(root)
    tables = [write_table(staging, STIMULI, recording.stimuli)]
    for site in manifest.sites:
        tables.append(write_table(staging, units_path(site), recording.units(site.name)))
    plan = _equal_shards(recording.n_rows, rows_per_shard)
    planned = Manifest(
        manifest.identity,
        manifest.ingredients,
        manifest.subject,
        manifest.sites,
        plan,
        tuple(tables),
        manifest.software,
        manifest.notes,
    )
    publish(staging, root, planned)
    with RecordingWriter(root) as writer:
        for shard in writer.missing:
            start = sum(plan[:shard])
            rows = np.arange(start, start + plan[shard])
            arrays = {
                site.name: narrow(recording[site.name].to_numpy(rows), site.dtype)
                for site in manifest.sites
            }
            writer.commit(shard, recording.rows.iloc[rows].reset_index(drop=True), arrays)
    return root


def _equal_shards(n_rows: int, rows_per_shard: int | None) -> tuple[int, ...]:
    size = max(1, rows_per_shard or n_rows)
    return tuple(min(size, n_rows - start) for start in range(0, n_rows, size))
