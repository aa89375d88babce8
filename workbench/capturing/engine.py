"""The capture engine: plan, publish, then compute and commit what is missing."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.capturing.source import CAPTURE_VERSION, Source
from workbench.errors import WorkbenchError
from workbench.recording.files import FileRecord
from workbench.recording.identity import digest, digest_file
from workbench.recording.manifest import Manifest
from workbench.recording.recording import units_path
from workbench.recording.writer import (
    RecordingWriter,
    check_target,
    open_staging,
    publish,
    write_table,
)

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from workbench.capturing.request import CaptureRequest


def run_capture(request: CaptureRequest, root: Path, progress: bool = False) -> Path:
    """Capture into a folder, or continue a capture that was cut short.

    Parameters
    ----------
    request : CaptureRequest
    root : Path
        Folder to write.
    progress : bool
        Show a progress bar on standard error.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    UsageError
        If the request cannot be carried out, or the folder holds something else.
    WorkbenchError
        If the subject or the disk fails; what was committed stays.
    """
    from workbench.subjects.addresses import open_source

    return record(lambda staging: open_source(request, staging), root, progress)


def record(open_source: Callable[[Path], Source], root: Path, progress: bool = False) -> Path:
    """Capture from a source that is opened once there is a staging folder for its tables.

    Parameters
    ----------
    open_source : callable
        Takes the staging folder.
    root : Path
        Folder to write.
    progress : bool

    Returns
    -------
    Path
        The folder.
    """
    check_target(root)
    staging = open_staging(root)
    try:
        source = open_source(staging)
        manifest = _manifest(source, staging)
        publish(staging, root, manifest)
        source.settle(root)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    with RecordingWriter(root) as writer:
        _write_missing(source, writer, progress)
    return root


def _manifest(source: Source, staging: Path) -> Manifest:
    source.write_stimuli(staging)
    tables = [_record(staging, path) for path in sorted(staging.glob("*.parquet"))]
    tables += [write_table(staging, units_path(site), source.units(site)) for site in source.sites]
    ingredients = {
        **source.ingredients,
        "sites": [site.as_json() for site in source.sites],
        "plan": digest(list(source.plan)),
        "capture_version": CAPTURE_VERSION,
    }
    return Manifest(
        identity=digest(ingredients),
        ingredients=ingredients,
        subject=source.subject,
        sites=source.sites,
        plan=source.plan,
        tables=tuple(tables),
        software=_software(),
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


def _write_missing(source: Source, writer: RecordingWriter, progress: bool) -> None:
    # One writer thread: hashing and fsync release the interpreter lock and so hide behind the next
    # forward pass; waiting for the previous shard bounds memory to two shards.
    with ThreadPoolExecutor(max_workers=1) as pool:
        pending = None
        for number in _with_progress(writer, progress):
            rows, arrays = _compute(source, number, writer)
            if pending is not None:
                pending.result()
            pending = pool.submit(writer.commit, number, rows, arrays)
            del arrays
        if pending is not None:
            pending.result()


def _compute(
    source: Source, number: int, writer: RecordingWriter
) -> tuple[pd.DataFrame, dict[str, NDArray]]:
    try:
        names = [site.name for site in source.sites]
        return source.rows(number), source.activity(number, names)
    except WorkbenchError:
        raise
    except (RuntimeError, ValueError, IndexError, TypeError, MemoryError) as error:
        raise WorkbenchError(
            f"The subject failed at shard {number} of {len(writer.manifest.plan)} "
            f"({type(error).__name__}: {error}); {len(writer.committed)} shards are committed and "
            "stay: mend the cause and run the same command again to continue."
        ) from error


def _with_progress(writer: RecordingWriter, progress: bool) -> Iterator[int]:
    from tqdm import tqdm

    plan, missing = writer.manifest.plan, writer.missing
    done = sum(commit.rows for commit in writer.committed.values())
    with tqdm(
        total=sum(plan), initial=done, unit=" rows", unit_scale=True, disable=not progress
    ) as bar:
        for number in missing:
            yield number
            bar.update(plan[number])
