"""Shards by Ray actors, on this machine or a cluster; activity never travels between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from workbench.capturing.distributing import ShardWorker, too_many_deaths
from workbench.capturing.planning import OpenSource
from workbench.errors import UsageError, WorkbenchError
from workbench.executors import connected_ray

_MOST_DEATHS = 5
_LARGEST_ARGUMENT = 2**20


def completed_by_actors(
    arguments: tuple[OpenSource, Path, Path], numbers: Sequence[int], workers: int
) -> Iterator[int]:
    """Shards in the order in which Ray actors complete them.

    Uses the cluster that the environment names (``RAY_ADDRESS``) or that runs on this machine, and
    otherwise starts one here. All machines must see the folder under the same path. An actor takes
    a GPU where the cluster has some.

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
    UsageError
        If Ray is not installed, or the request carries large arrays.
    WorkbenchError
        If the subject fails, or actors keep dying.
    """
    ray = connected_ray()
    _refuse_large(arguments)
    gpus = 1 if ray.cluster_resources().get("GPU", 0) >= 1 else 0
    actor_class = ray.remote(ShardWorker).options(
        num_cpus=1, num_gpus=gpus, scheduling_strategy="SPREAD"
    )
    queue, deaths = list(numbers), 0
    at_work: dict[Any, tuple[Any, int]] = {}

    def give(actor: Any) -> None:
        if queue:
            number = queue.pop(0)
            at_work[actor.write.remote(number)] = (actor, number)
        else:
            # Its place goes to an actor that the cluster had no room for yet.
            ray.kill(actor)

    for _ in range(min(workers, len(queue))):
        give(actor_class.remote(*arguments))
    try:
        while at_work:
            (reference, *_), _ = ray.wait(list(at_work), num_returns=1)
            actor, number = at_work.pop(reference)
            try:
                yield ray.get(reference)
            except ray.exceptions.RayActorError as error:
                _raise_own(error)
                deaths += 1
                queue.insert(0, number)
                if deaths > _MOST_DEATHS:
                    raise WorkbenchError(too_many_deaths(len(queue) + len(at_work))) from error
                actor = actor_class.remote(*arguments)
            except ray.exceptions.RayTaskError as error:
                _raise_own(error)
                raise
            give(actor)
    finally:
        for actor, _ in at_work.values():
            ray.kill(actor)


def _refuse_large(arguments: tuple[OpenSource, Path, Path]) -> None:
    from multiprocessing.reduction import ForkingPickler

    size = len(ForkingPickler.dumps(arguments))
    if size > _LARGEST_ARGUMENT:
        raise UsageError(
            f"Found a request of {size} bytes for Ray; expected stimuli and networks that every "
            "machine opens itself: write them to a file and give its path."
        )


def _raise_own(error: Exception) -> None:
    # Ray wraps what an actor raised; the sentence for the user is inside.
    cause: BaseException | None = error
    while cause is not None:
        inner = getattr(cause, "cause", None)
        for each in (cause, inner):
            if isinstance(each, WorkbenchError):
                raise type(each)(str(each.args[0] if each.args else each)) from error
        cause = inner if isinstance(inner, BaseException) else cause.__cause__
