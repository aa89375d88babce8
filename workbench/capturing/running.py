"""How a capture is carried out: executor, workers, share of the work, threads."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from workbench.errors import UsageError, nearest
from workbench.executors import EXECUTORS, available_cores


@dataclass(frozen=True)
class Running:
    """How a capture is carried out; none of it changes which shards there are.

    Attributes
    ----------
    executor : str
        ``serial``, ``processes`` or ``ray``.
    workers : int, optional
        Processes or Ray actors; two by default.
    worker : str, optional
        ``i/n``: compute only the shards of worker ``i`` (from 0) of ``n`` that share a folder.
    threads : int, optional
        Threads of every worker's arithmetic. ``OMP_NUM_THREADS`` or all cores by default, whatever
        the executor, because rounding depends on it; an unfinished recording keeps the number that
        it was begun with.
    progress : bool
        Show a progress bar on standard error.

    Raises
    ------
    UsageError
        If a choice is not one of those offered.

    Examples
    --------
    >>> Running(worker="1/4").share
    (1, 4)
    >>> Running(worker="4/4")
    Traceback (most recent call last):
    ...
    workbench.errors.UsageError: Found worker '4/4'; expected i/n with i from 0 to n - 1, ...
    """

    executor: str = "serial"
    workers: int | None = None
    worker: str | None = None
    threads: int | None = None
    progress: bool = False

    def __post_init__(self) -> None:
        if self.executor not in EXECUTORS:
            raise UsageError(
                f"Found no executor '{self.executor}'; {nearest(self.executor, EXECUTORS)}"
            )
        for name, count in (("workers", self.workers), ("threads", self.threads)):
            if count is not None and count < 1:
                raise UsageError(f"Found {name} {count}; expected at least 1.")
        if self.worker is not None and self.executor != "serial":
            raise UsageError(
                f"Found worker {self.worker} with executor '{self.executor}'; a worker computes "
                "its share by itself: leave one of the two out."
            )
        if self.workers is not None and self.executor == "serial":
            raise UsageError(
                f"Found {self.workers} workers with executor 'serial'; choose 'processes' or 'ray'."
            )
        self.share  # noqa: B018 - reading it checks it

    @property
    def share(self) -> tuple[int, int]:
        """Number of this worker, and of how many."""
        if self.worker is None:
            return 0, 1
        first, slash, second = self.worker.partition("/")
        valid = bool(slash) and first.strip().isdecimal() and second.strip().isdecimal()
        if not valid or not int(first) < int(second):
            raise UsageError(
                f"Found worker '{self.worker}'; expected i/n with i from 0 to n - 1, such as 0/4."
            )
        return int(first), int(second)

    @property
    def thread_count(self) -> int:
        """Threads of a capture that begins now."""
        named = os.environ.get("OMP_NUM_THREADS", "")
        return self.threads or (int(named) if named.isdecimal() else 0) or available_cores()

    @property
    def worker_count(self) -> int:
        """Processes or actors."""
        return self.workers or 2


@contextmanager
def limited_threads(count: int) -> Iterator[None]:
    """Do arithmetic in a given number of threads, and restore what was before.

    Parameters
    ----------
    count : int
    """
    from threadpoolctl import threadpool_limits

    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch is not None else None
    try:
        if torch is not None:
            torch.set_num_threads(count)
        with threadpool_limits(count):
            yield
    finally:
        if torch is not None:
            torch.set_num_threads(before)
