"""Re-hashing a recording: every file against its record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workbench.recording.commits import commit_path, read_commits
from workbench.recording.files import FileRecord
from workbench.recording.identity import digest_file
from workbench.recording.manifest import read_manifest


@dataclass(frozen=True)
class Verification:
    """What re-hashing found.

    Attributes
    ----------
    path : Path
        The recording.
    files, bytes : int
        How much was read.
    faults : tuple of str
        One sentence for every file that is not as committed.
    missing_shards : tuple of int
        Planned shards that are not committed; not a fault, only unfinished.
    repaired : tuple of int
        Shards whose commit record was withdrawn, so that a capture makes them again.
    """

    path: Path
    files: int
    bytes: int
    faults: tuple[str, ...]
    missing_shards: tuple[int, ...]
    repaired: tuple[int, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every committed file is as committed."""
        return not self.faults


def verify_recording(path: str | Path, repair: bool = False) -> Verification:
    """Re-hash every file of a recording.

    Parameters
    ----------
    path : str or Path
    repair : bool
        Withdraw the commit records of faulty shards; running the capture again makes them anew.

    Returns
    -------
    Verification

    Raises
    ------
    WorkbenchError
        If there is no readable manifest.
    """
    root = Path(path)
    manifest, commits = read_manifest(root), read_commits(root)
    faults, faulty_shards, n_files, n_bytes = [], set(), 0, 0
    for shard, record in _records(manifest.tables, commits):
        n_files, n_bytes = n_files + 1, n_bytes + record.bytes
        fault = _fault(root, record)
        if fault:
            faults.append(fault)
            if shard is not None:
                faulty_shards.add(shard)
    if repair:
        for shard in faulty_shards:
            (root / commit_path(shard)).unlink()
    missing = tuple(n for n in range(len(manifest.plan)) if n not in commits)
    repaired = tuple(sorted(faulty_shards)) if repair else ()
    return Verification(root, n_files, n_bytes, tuple(faults), missing, repaired)


def _records(
    tables: tuple[FileRecord, ...], commits: dict
) -> Iterator[tuple[int | None, FileRecord]]:
    for table in tables:
        yield None, table
    for shard, commit in commits.items():
        for record in commit.files:
            yield shard, record


def _fault(root: Path, record: FileRecord) -> str:
    path = root / record.path
    if not path.is_file():
        return f"{record.path} is missing"
    size = path.stat().st_size
    if size != record.bytes:
        return f"{record.path} has {size} bytes instead of {record.bytes}"
    if digest_file(path) != record.sha256:
        return f"{record.path} has another SHA-256 than was committed: its bytes changed"
    return ""
