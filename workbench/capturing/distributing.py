"""Computing the shards of one recording in several processes or Ray actors.

Every worker opens the subject itself, finds that its identity is the recording's, and writes its
own shards; between workers and coordinator travel shard numbers only. A shard whose worker dies is
computed again by another: its bytes are the same, and it exists only once its record does.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.capturing.engine import compute, with_progress
from workbench.capturing.planning import OpenSource, described
from workbench.capturing.running import Running, limited_threads
from workbench.errors import WorkbenchError
from workbench.recording.commits import commit_path
from workbench.recording.identity import digest
from workbench.recording.manifest import read_manifest
from workbench.recording.writer import commit_shard

if TYPE_CHECKING:
    from workbench.recording.writer import RecordingWriter

_MOST_DEATHS = 5


def distribute(
    open_source: OpenSource, writer: RecordingWriter, numbers: Sequence[int], running: Running
) -> None:
    """Compute and commit shards by several workers.

    Parameters
    ----------
    open_source : callable
        Pickled to the workers.
    writer : RecordingWriter
        Of the published recording.
    numbers : sequence of int
        Shards to compute.
    running : Running

    Raises
    ------
    WorkbenchError
        If the subject fails, or workers keep dying; what was committed stays.
    """
    arguments = (open_source, writer.root.resolve(), Path.cwd())
    if running.executor == "ray":
        from workbench.capturing.ray_workers import completed_by_actors

        completed = completed_by_actors(arguments, numbers, running.worker_count)
    else:
        completed = completed_by_processes(arguments, numbers, running.worker_count)
    bar = with_progress(writer, numbers, running.progress)
    try:
        for _ in completed:
            next(bar, None)
    finally:
        writer.refresh()


class ShardWorker:
    """Opens a subject once and writes shards of a published recording.

    Parameters
    ----------
    open_source : callable
    root : Path
        Folder of the recording.
    folder : Path
        Working directory of the coordinator, which relative paths are meant from.

    Raises
    ------
    WorkbenchError
        If the subject is not the one that was planned: other weights, data or versions.
    """

    def __init__(self, open_source: OpenSource, root: Path, folder: Path) -> None:
        if folder.is_dir():
            os.chdir(folder)
        self.root, self.manifest = root, read_manifest(root)
        self._threads = int(self.manifest.software.get("threads", "1"))
        with tempfile.TemporaryDirectory(prefix="workbench-") as staging:
            self.source = open_source(Path(staging))
            self.source.settle(root)
        found = described(self.source)
        if digest(found) != self.manifest.identity:
            wanted = self.manifest.ingredients
            differing = sorted(key for key in found if found[key] != wanted.get(key))
            raise WorkbenchError(
                f"A worker opened another subject than was planned for '{root}' (it differs in "
                f"{', '.join(differing)}); expected the same files and versions on every machine: "
                "make them equal and run the same command again to continue."
            )

    def write(self, number: int) -> int:
        """Compute and commit one shard, unless another worker has.

        Parameters
        ----------
        number : int

        Returns
        -------
        int
            The number.
        """
        if not (self.root / commit_path(number)).exists():
            with limited_threads(self._threads):
                rows, arrays = compute(self.source, number)
                commit_shard(self.root, self.manifest, number, rows, arrays)
        return number


def completed_by_processes(
    arguments: tuple[OpenSource, Path, Path], numbers: Sequence[int], workers: int
) -> Iterator[int]:
    """Shards in the order in which processes complete them.

    Parameters
    ----------
    arguments : tuple
        Of `ShardWorker`.
    numbers : sequence of int
    workers : int

    Yields
    ------
    int

    Raises
    ------
    WorkbenchError
        If the subject fails, or processes keep dying.
    """
    missing, deaths = list(numbers), 0
    while missing:
        done: list[int] = []
        try:
            for number in _until_one_dies(arguments, missing, min(workers, len(missing))):
                done.append(number)
                yield number
        except BrokenProcessPool as error:
            deaths += 1
            if deaths > _MOST_DEATHS:
                raise WorkbenchError(too_many_deaths(len(missing) - len(done))) from error
        missing = [number for number in missing if number not in done]


def too_many_deaths(n_missing: int) -> str:
    """What to say when workers keep dying."""
    return (
        f"Workers were killed {_MOST_DEATHS + 1} times and {n_missing} shards are missing; what "
        "was committed stays: perhaps memory ran out, so use fewer --workers or smaller batches, "
        "and run the same command again to continue."
    )


def _until_one_dies(
    arguments: tuple[OpenSource, Path, Path], numbers: Sequence[int], workers: int
) -> Iterator[int]:
    # Forking a process that has started BLAS or torch threads can deadlock; spawning cannot.
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, context, _start, arguments) as pool:
        queue = list(numbers)
        # Two waiting for every worker keep it busy; the rest stays here, so that little is lost
        # when the pool breaks.
        first, queue = queue[: 2 * workers], queue[2 * workers :]
        waiting: set[Future[int]] = {pool.submit(_write, number) for number in first}
        try:
            while waiting:
                ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                following, queue = queue[: len(ready)], queue[len(ready) :]
                waiting |= {pool.submit(_write, number) for number in following}
                for future in ready:
                    yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


_worker: ShardWorker | WorkbenchError | None = None


def _start(open_source: OpenSource, root: Path, folder: Path) -> None:
    # An exception here would only say that the pool broke; kept, it says why.
    global _worker  # noqa: PLW0603 - one worker a process
    try:
        _worker = ShardWorker(open_source, root, folder)
    except WorkbenchError as error:
        _worker = error


def _write(number: int) -> int:
    if not isinstance(_worker, ShardWorker):
        raise _worker or WorkbenchError("A worker process was not started rightly; run again.")
    return _worker.write(number)
