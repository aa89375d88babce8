"""Where independent units of work run; the numbers are the same wherever it is."""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from workbench.errors import UsageError, nearest

EXECUTORS = ("serial", "processes", "ray")


def available_cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def site_mapper(executor: str, threads: int) -> Callable[..., list]:
    """A function that maps over independent items.

    Parameters
    ----------
    executor : str
        ``serial``, ``processes`` or ``ray``.
    threads : int
        BLAS threads in every process, so that results do not depend on where they were made.

    Returns
    -------
    callable
        ``mapper(function, items) -> list``, in the order of the items.

    Raises
    ------
    UsageError
        If there is no such executor.

    Examples
    --------
    >>> site_mapper("serial", 1)(abs, [-1, 2])
    [1, 2]
    """
    if executor == "serial":
        return _map_serially
    if executor == "processes":
        return lambda function, items: _map_in_processes(function, items, threads)
    if executor == "ray":
        return lambda function, items: _map_with_ray(function, items, threads)
    raise UsageError(f"Found no executor '{executor}'; {nearest(executor, EXECUTORS)}")


def connected_ray() -> Any:
    """The module ``ray``, connected to a cluster.

    That which the environment names (``RAY_ADDRESS``) or which runs on this machine; otherwise one
    is started here.

    Returns
    -------
    module

    Raises
    ------
    UsageError
        If Ray is not installed.
    """
    try:
        import ray
    except ImportError as error:
        raise UsageError(
            "Found no Ray; install it with 'pip install \"workbench[ray]\"', or choose another "
            "executor."
        ) from error
    if not ray.is_initialized():
        ray.init(logging_level=logging.ERROR, log_to_driver=False)
    return ray


def _map_serially(function: Callable[[Any], Any], items: Iterable[Any]) -> list:
    return [function(item) for item in items]


def _map_in_processes(function: Callable[[Any], Any], items: Iterable[Any], threads: int) -> list:
    work = list(items)
    # Forking a process that has started BLAS or torch threads can deadlock; spawning cannot.
    context = multiprocessing.get_context("spawn")
    workers = max(1, min(len(work), available_cores()))
    with context.Pool(workers) as pool:
        return pool.map(partial(_with_threads, function, threads), work, chunksize=1)


def _map_with_ray(function: Callable[[Any], Any], items: Iterable[Any], threads: int) -> list:
    ray = connected_ray()
    task = ray.remote(_with_threads).options(num_cpus=1)
    try:
        return ray.get([task.remote(function, threads, item) for item in items])
    except ray.exceptions.RayTaskError as error:
        # Ray wraps what a task raised; callers expect the error itself.
        raise error.cause from error


def _with_threads(function: Callable[[Any], Any], threads: int, item: Any) -> Any:
    # Here, not when the process starts: only libraries that are loaded can be limited, and
    # unpickling the function has loaded them.
    from threadpoolctl import threadpool_limits

    with threadpool_limits(threads):
        return function(item)
