"""Writing a recording: plan first, then commit shard by shard; nothing committed is redone."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from workbench.errors import WorkbenchError
from workbench.recording.commits import (
    Commit,
    read_commits,
    rows_path,
    shard_path,
    write_commit,
)
from workbench.recording.dtypes import narrow
from workbench.recording.files import TEMPORARY_SUFFIX, FileRecord, write_atomically
from workbench.recording.locks import FolderLock
from workbench.recording.manifest import STIMULI, Manifest, read_manifest
from workbench.recording.shards import write_shard
from workbench.recording.staging import Staging
from workbench.recording.tables import units_path

if TYPE_CHECKING:
    import pandas as pd

    from workbench.recording.recording import Recording


class RecordingWriter:
    """Writes the missing shards of a published recording.

    Parameters
    ----------
    root : Path
        Folder of the recording.
    lock : FolderLock, optional
        Its lock, if this process has opened it already.
    shared : bool
        Whether other workers may write at the same time.

    Raises
    ------
    WorkbenchError
        If another process is writing the same recording.
    """

    def __init__(self, root: Path, lock: FolderLock | None = None, shared: bool = False) -> None:
        self.root = root
        self.manifest = read_manifest(root)
        self._lock = lock or FolderLock(root)
        if not self._lock.take(shared, patient=shared):
            self._lock.close()
            raise WorkbenchError(
                f"Another process is writing '{root}'; wait for it, or choose another --out."
            )
        self.refresh()
        if not shared:
            self._remove_leftovers()

    def refresh(self) -> None:
        """Look again which shards are committed."""
        self.committed = read_commits(self.root)

    def _remove_leftovers(self) -> None:
        for path in self.root.rglob(f"*{TEMPORARY_SUFFIX}"):
            path.unlink(missing_ok=True)

    @property
    def missing(self) -> list[int]:
        """Numbers of the planned shards that are not committed."""
        return [n for n in range(len(self.manifest.plan)) if n not in self.committed]

    def commit(self, shard: int, rows: pd.DataFrame, arrays: Mapping[str, NDArray]) -> Commit:
        """Write one shard: see `commit_shard`."""
        self.committed[shard] = commit_shard(self.root, self.manifest, shard, rows, arrays)
        return self.committed[shard]

    def close(self) -> None:
        """Remove what killed workers left, if no other is at work, and let others write."""
        if self._lock.take():
            self._remove_leftovers()
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def commit_shard(
    root: Path,
    manifest: Manifest,
    shard: int,
    rows: pd.DataFrame,
    arrays: Mapping[str, NDArray],
) -> Commit:
    """Write one shard of every site and its row table, then the record that makes it exist.

    Parameters
    ----------
    root : Path
        Folder of the recording.
    manifest : Manifest
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
    planned = manifest.plan[shard]
    records = [write_table(root, rows_path(shard), rows)]
    for site in manifest.sites:
        values = arrays[site.name]
        if values.shape != (planned, *site.shape) or len(rows) != planned:
            raise WorkbenchError(
                f"Site '{site.name}' gave {values.shape} for shard {shard} with {len(rows)} "
                f"table rows; planned were {(planned, *site.shape)}: report this as a bug."
            )
        records.append(write_shard(root, shard_path(site, shard), values, site.dtype))
    commit = Commit(shard, planned, tuple(records))
    write_commit(root, commit)
    return commit


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
    root, manifest = Path(path), recording.manifest
    staging = Staging(root)
    tables = [write_table(staging.path, STIMULI, recording.stimuli)]
    for site in manifest.sites:
        tables.append(write_table(staging.path, units_path(site), recording.units(site.name)))
    plan = equal_shards(recording.n_rows, rows_per_shard)
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
    with RecordingWriter(root, staging.publish(planned)) as writer:
        for shard in writer.missing:
            start = sum(plan[:shard])
            rows = np.arange(start, start + plan[shard])
            arrays = {
                site.name: narrow(recording[site.name].to_numpy(rows), site.dtype)
                for site in manifest.sites
            }
            writer.commit(shard, recording.rows.iloc[rows].reset_index(drop=True), arrays)
    return root


def equal_shards(n_rows: int, size: int | None) -> tuple[int, ...]:
    """Rows of every shard where all but the last have the same.

    Parameters
    ----------
    n_rows : int
    size : int, optional
        All in one shard by default.

    Returns
    -------
    tuple of int

    Examples
    --------
    >>> equal_shards(5, 2), equal_shards(5, None)
    ((2, 2, 1), (5,))
    """
    size = max(1, size or n_rows)
    return tuple(min(size, n_rows - start) for start in range(0, n_rows, size))
