"""Commit records: a shard exists only if its record says so.

One small file a shard, not a journal: records can be written by several workers in any order and
a killed writer never leaves half a line.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import WorkbenchError
from workbench.recording.files import FileRecord, write_atomically
from workbench.recording.manifest import COMMITS, SiteSpec


@dataclass(frozen=True)
class Commit:
    """Record of one shard: its rows and its files, the row table first, then the sites in order."""

    shard: int
    rows: int
    files: tuple[FileRecord, ...]


def shard_path(site: SiteSpec, shard: int) -> str:
    """Path of a site's shard inside the recording."""
    return f"sites/{site.folder}/{shard:06d}.safetensors"


def rows_path(shard: int) -> str:
    """Path of a shard's row table inside the recording."""
    return f"rows/{shard:06d}.parquet"


def commit_path(shard: int) -> str:
    """Path of a shard's commit record inside the recording."""
    return f"{COMMITS}/{shard:06d}.json"


def write_commit(root: Path, commit: Commit) -> None:
    """Make a shard exist, after all of its files are on disk."""
    content = {
        "shard": commit.shard,
        "rows": commit.rows,
        "files": [each.as_json() for each in commit.files],
    }
    payload = (json.dumps(content, indent=1) + "\n").encode()
    write_atomically(root, commit_path(commit.shard), [payload])


def read_commits(root: Path) -> dict[int, Commit]:
    """All commit records of a recording, by shard number in rising order.

    Raises
    ------
    WorkbenchError
        If a record is not what `write_commit` writes.
    """
    commits = (_read(path) for path in sorted((root / COMMITS).glob("*.json")))
    return {commit.shard: commit for commit in commits}


def _read(path: Path) -> Commit:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        files = tuple(FileRecord(**each) for each in content["files"])
        return Commit(int(content["shard"]), int(content["rows"]), files)
    except (ValueError, KeyError, TypeError) as error:
        raise WorkbenchError(
            f"Commit record '{path}' is garbled ({error}); delete it and run the capture again: "
            "only its shard is recomputed."
        ) from error
