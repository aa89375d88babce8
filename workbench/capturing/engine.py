"""The capture engine: plan, publish, then compute and commit what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.capturing.planning import OpenSource, prepare
from workbench.capturing.running import Running, limited_threads
from workbench.capturing.source import Source
from workbench.errors import WorkbenchError
from workbench.recording.writer import RecordingWriter

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from workbench.capturing.request import CaptureRequest

_FAILURES = (ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError)


def run_capture(request: CaptureRequest, root: Path, running: Running | None = None) -> Path:
    """Capture into a folder, or continue a capture that was cut short.

    Parameters
    ----------
    request : CaptureRequest
    root : Path
        Folder to write.
    running : Running, optional
        Executor, threads, progress.

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

    return record(partial(open_source, request), root, running or Running())


def record(open_source: OpenSource, root: Path, running: Running | None = None) -> Path:
    """Capture from a source that is opened once there is a staging folder for its tables.

    Parameters
    ----------
    open_source : callable
        Takes the staging folder; pickled for executors other than ``serial``.
    root : Path
        Folder to write.
    running : Running, optional

    Returns
    -------
    Path
        The folder.
    """
    running = running or Running()
    source, lock = prepare(open_source, root, running.thread_count)
    with RecordingWriter(root, lock, shared=running.worker is not None) as writer:
        index, count = running.share
        numbers = [number for number in writer.missing if number % count == index]
        if running.executor == "serial":
            threads = int(writer.manifest.software.get("threads", running.thread_count))
            with limited_threads(threads):
                _write(source, writer, numbers, running.progress)
        elif numbers:
            from workbench.capturing.distributing import distribute

            # Workers open their own; a model that is held twice is memory wasted.
            del source
            distribute(open_source, writer, numbers, running)
    return root


def _write(source: Source, writer: RecordingWriter, numbers: Sequence[int], progress: bool) -> None:
    # One writer thread: hashing and fsync release the interpreter lock and so hide behind the next
    # forward pass; waiting for the previous shard bounds memory to two shards.
    with ThreadPoolExecutor(max_workers=1) as pool:
        pending = None
        for number in with_progress(writer, numbers, progress):
            rows, arrays = compute(source, number)
            if pending is not None:
                pending.result()
            pending = pool.submit(writer.commit, number, rows, arrays)
            del arrays
        if pending is not None:
            pending.result()


def compute(
    source: Source, number: int, sites: Sequence[str] | None = None
) -> tuple[pd.DataFrame, dict[str, NDArray]]:
    """One shard of a source: its row table and the activity at all of its sites.

    Parameters
    ----------
    source : Source
    number : int
    sites : sequence of str, optional
        All by default.

    Returns
    -------
    tuple of DataFrame and dict of str to ndarray

    Raises
    ------
    WorkbenchError
        If the subject fails.
    """
    try:
        names = [site.name for site in source.sites] if sites is None else sites
        return source.rows(number), source.activity(number, names)
    except WorkbenchError:
        raise
    except (*_FAILURES, ValueError, OSError) as error:
        raise WorkbenchError(
            f"The subject failed at shard {number} of {len(source.plan)} "
            f"({type(error).__name__}: {error}); what was committed before stays: mend the cause "
            "and run the same command again to continue."
        ) from error


def with_progress(writer: RecordingWriter, numbers: Sequence[int], progress: bool) -> Iterator[int]:
    """Go over shard numbers with a progress bar that counts rows.

    Parameters
    ----------
    writer : RecordingWriter
    numbers : sequence of int
    progress : bool

    Yields
    ------
    int
    """
    from tqdm import tqdm

    plan = writer.manifest.plan
    done = sum(commit.rows for commit in writer.committed.values())
    others = sum(plan) - done - sum(plan[number] for number in numbers)
    with tqdm(
        total=sum(plan) - others, initial=done, unit=" rows", unit_scale=True, disable=not progress
    ) as bar:
        for number in numbers:
            yield number
            bar.update(plan[number])
