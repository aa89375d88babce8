"""Planning a capture: what the recording will be, before anything is computed."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from workbench.capturing import source as contract
from workbench.capturing.source import Source
from workbench.recording.files import FileRecord
from workbench.recording.identity import digest, digest_file
from workbench.recording.locks import FolderLock
from workbench.recording.manifest import Manifest, SiteSpec
from workbench.recording.staging import Staging
from workbench.recording.tables import units_path
from workbench.recording.writer import write_table

OpenSource = Callable[[Path | None], Source]


def prepare(open_source: OpenSource, root: Path, threads: int) -> tuple[Source, FolderLock]:
    """Open a source and let its planned recording appear in its folder, if it is not there.

    Parameters
    ----------
    open_source : callable
        Takes a staging folder for the source's tables.
    root : Path
        Folder to write.
    threads : int
        Noted in the manifest, for whoever computes shards.

    Returns
    -------
    tuple of Source and FolderLock

    Raises
    ------
    UsageError
        If the folder holds something else.
    """
    staging = Staging(root)
    try:
        source = open_source(staging.path)
        lock = staging.publish(_manifest(source, staging.path, threads))
    except BaseException:
        staging.discard()
        raise
    source.settle(root)
    return source, lock


def described(source: Source) -> dict[str, Any]:
    """All ingredients of the identity of a source's recording.

    Parameters
    ----------
    source : Source

    Returns
    -------
    dict
    """
    return {
        **source.ingredients,
        "sites": [site.as_json() for site in source.sites],
        "plan": digest(list(source.plan)),
        "capture_version": contract.CAPTURE_VERSION,
    }


def _manifest(source: Source, staging: Path, threads: int) -> Manifest:
    source.write_stimuli(staging)
    tables = [_record(staging, path) for path in sorted(staging.glob("*.parquet"))]
    tables += [write_table(staging, units_path(site), source.units(site)) for site in source.sites]
    ingredients = described(source)
    return Manifest(
        identity=digest(ingredients),
        ingredients=ingredients,
        subject=source.subject,
        sites=source.sites,
        plan=source.plan,
        tables=tuple(tables),
        software={**_software(), "threads": str(threads)},
        notes=source.notes,
    )


def _record(staging: Path, path: Path) -> FileRecord:
    relative = path.relative_to(staging).as_posix()
    return FileRecord(relative, path.stat().st_size, digest_file(path))


def _software() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("workbench", "torch", "transformers", "transformer-lens", "numpy", "pyarrow"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


@dataclass(frozen=True)
class CapturePlan:
    """What a capture would write, and about how long it would take.

    Attributes
    ----------
    rows : int
    shards : int
    sites : tuple of SiteSpec
    seconds : float
        At the rate that a small part was computed with here, by one worker.
    """

    rows: int
    shards: int
    sites: tuple[SiteSpec, ...]
    seconds: float

    @property
    def bytes(self) -> int:
        """Bytes of activity, of all sites together."""
        return self.rows * sum(site.row_bytes for site in self.sites)

    def as_json(self) -> dict[str, Any]:
        """The plan as a JSON object."""
        return {
            "rows": self.rows,
            "shards": self.shards,
            "bytes": self.bytes,
            "seconds": self.seconds,
            "sites": [
                {
                    "site": site.name,
                    "shape": list(site.shape),
                    "dtype": site.dtype,
                    "bytes": self.rows * site.row_bytes,
                }
                for site in self.sites
            ],
        }


def estimate(source: Source) -> CapturePlan:
    """Size and time of a capture, from its plan and a timed trial.

    Parameters
    ----------
    source : Source

    Returns
    -------
    CapturePlan
    """
    # Twice, because the first pass pays for what is set up only once.
    source.trial()
    start = time.perf_counter()
    rows = source.trial()
    rate = (time.perf_counter() - start) / max(1, rows)
    total = sum(source.plan)
    return CapturePlan(total, len(source.plan), source.sites, rate * total)
