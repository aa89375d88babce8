"""Training of recurrent networks, all seeds and starts at once, with checkpoints."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analyses.learning_regime.backpropagation import Backpropagation, Weights
from analyses.learning_regime.batches import Batches
from analyses.learning_regime.schedule import COMPARED_LOSSES, Schedule, make_schedule
from analyses.learning_regime.starting import Starts, initial_weights
from analyses.learning_regime.tasks import Task, as_task
from analyses.learning_regime.trained_networks import TrainedNetworks
from workbench.capturing.running import limited_threads
from workbench.errors import UsageError, nearest

DTYPES = ("float32", "float64")


def train_rnn(
    task: str | Task,
    starts: Starts,
    *,
    seeds: Sequence[int] | int = (0, 1, 2, 3, 4),
    n_steps: int = 3000,
    batch_size: int = 32,
    learning_rate: float | Sequence[float] = 0.003,
    momentum: float = 0.9,
    checkpoints: int | Sequence[int] = 12,
    alpha: float = 1.0,
    scale: float = 1.0,
    device: str = "cpu",
    dtype: str = "float32",
    threads: int = 1,
    progress: bool = True,
) -> TrainedNetworks:
    """Train recurrent networks from several starts and seeds, side by side.

    Networks of one seed have the same input and output weights and see the same trials, so that
    starts are compared within seeds. A seed gives the same network, to rounding, whatever is
    trained beside it.

    Parameters
    ----------
    task : str or Task
        *2AF*, *DMS*, *CXT*, *digits*, or one of your own.
    starts : array (units, units) or (seeds, units, units), callable, int, or mapping of these
        Recurrent weights, to by from; a function of the seed that gives them; a number of units for
        Gaussian ones. A mapping names several starts, which all have the same number of units.
    seeds : sequence of int, or int
        Of input and output weights and of trials; a number stands for the seeds below it.
    n_steps, batch_size : int
    learning_rate : float or sequence of float
        Of several, the best one is kept for each network: that of the least mean of the last 20
        logged losses.
    momentum : float
    checkpoints : int or sequence of int
        How many, spread evenly over the logarithm of steps, or which steps; the start and the end
        are always among them.
    alpha : float
        Time step over time constant.
    scale : float
        Of the output; the learning rate is divided by its square. Large scales make learning lazy
        (Chizat, Oyallon and Bach 2019).
    device : str
        Such as ``cuda``.
    dtype : {"float32", "float64"}
    threads : int
        Of the processor; the matrices of a step are too small to share.
    progress : bool
        Whether to show a bar where training takes over a second.

    Returns
    -------
    TrainedNetworks
        Networks whose loss or weights are not finite are marked in `diverged`, and a warning names
        them.

    Raises
    ------
    UsageError
        If starts, seeds or the schedule make no training.

    References
    ----------
    Liu et al. 2024 (arXiv 2310.08513): stochastic gradient descent, batches of 32, learning rate
    .003, momentum .9, cross-entropy over all steps.

    Examples
    --------
    >>> trained = train_rnn("2AF", 20, seeds=[0, 1], n_steps=30, progress=False)
    >>> trained.recurrent.shape[:2], trained.steps[0], trained.steps[-1]
    ((1, 2), 0, 30)
    """
    chosen = as_task(task)
    numbers = list(range(seeds)) if isinstance(seeds, (int, np.integer)) else list(seeds)
    plan = make_schedule(n_steps, batch_size, learning_rate, momentum, checkpoints)
    _check_network(numbers, alpha, scale, dtype)
    names, start = initial_weights(starts, chosen.n_inputs, chosen.n_outputs, numbers)
    networks = _as_tensors(start, len(plan.learning_rates), device, dtype)
    rates = np.repeat(plan.learning_rates, len(names) * len(numbers)) / scale**2
    batches = Batches(chosen, numbers, batch_size, len(rates), networks.recurrent)
    sizes = chosen.n_steps, batch_size, chosen.taught_from
    engine = Backpropagation(*sizes, alpha, scale, networks)
    with limited_threads(threads):
        kept, losses = _descend(engine, networks, batches, rates, plan, progress)
    shape = len(plan.learning_rates), len(names), len(numbers)
    best = _best_rate(losses.reshape(*shape, -1))
    inputs, recurrent, outputs = (
        _chosen(each.reshape(*shape, *each.shape[1:]), best) for each in kept
    )
    trained = TrainedNetworks(
        chosen,
        tuple(names),
        tuple(int(seed) for seed in numbers),
        plan.checkpoints,
        inputs,
        recurrent,
        outputs,
        losses=_chosen(losses.reshape(*shape, -1), best),
        loss_steps=plan.loss_steps,
        learning_rates=np.asarray(plan.learning_rates)[best],
        alpha=alpha,
        scale=scale,
    )
    _warn_of_divergence(trained)
    return trained


def _as_tensors(start: Sequence[NDArray], copies: int, device: str, dtype: str) -> Weights:
    """All networks in a row: for each learning rate, for each start, each seed."""
    import torch

    kind = getattr(torch, dtype)
    rows = (torch.from_numpy(each).flatten(0, 1).to(device, kind) for each in start)
    return Weights(*(each.repeat(copies, 1, 1) for each in rows))


def _descend(
    engine: Backpropagation,
    weights: Weights,
    batches: Batches,
    rates: NDArray[np.float64],
    plan: Schedule,
    progress: bool,
) -> tuple[list[NDArray], NDArray[np.float64]]:
    """Train in place; weights (networks, checkpoints, ...) and losses (networks, logs)."""
    import torch
    from tqdm import tqdm

    kept: list[list[NDArray]] = [[] for _ in weights]
    logged, running = [], torch.zeros(len(rates), device=weights.recurrent.device)
    velocities = [torch.zeros_like(each) for each in weights]
    factors = torch.from_numpy(rates).to(weights.recurrent)[:, None, None]
    for step in tqdm(range(plan.n_steps), "training", unit="step", delay=1, disable=not progress):
        if step in plan.checkpoints:
            _keep(kept, weights)
        running += engine.backward(weights, *batches(step))
        for weight, velocity, gradient in zip(weights, velocities, engine.gradients, strict=True):
            velocity.mul_(plan.momentum).add_(gradient)
            weight.addcmul_(velocity, factors, value=-1)
        if (step + 1) % plan.logged_every == 0:
            logged.append(running.cpu().numpy().astype(np.float64) / plan.logged_every)
            running.zero_()
    _keep(kept, weights)
    return [np.stack(each, axis=1) for each in kept], np.stack(logged, axis=1)


def _keep(kept: list[list[NDArray]], weights: Weights) -> None:
    for series, weight in zip(kept, weights, strict=True):
        series.append(weight.cpu().numpy().copy())


def _best_rate(losses: NDArray[np.float64]) -> NDArray[np.int64]:
    """Which rate (starts, seeds) gives the least of the last losses (rates, ..., logs)."""
    last = losses[..., -COMPARED_LOSSES:].mean(axis=-1)
    return np.where(np.isfinite(last), last, np.inf).argmin(axis=0)


def _chosen(values: NDArray, best: NDArray[np.int64]) -> NDArray:
    starts, seeds = np.indices(best.shape)
    return values[best, starts, seeds]


def _check_network(seeds: Sequence[int], alpha: float, scale: float, dtype: str) -> None:
    if not seeds or len(set(seeds)) != len(seeds) or min(seeds) < 0:
        raise UsageError(
            f"Found seeds {list(seeds)}; expected at least one, from 0, each of them once."
        )
    if not 0 < alpha <= 1 or not 0 < scale < np.inf:
        raise UsageError(
            f"Found alpha {alpha} and scale {scale}; expected alpha above 0 and at most 1, and a "
            "positive scale."
        )
    if dtype not in DTYPES:
        raise UsageError(f"Found dtype '{dtype}'; {nearest(dtype, DTYPES)}")


def _warn_of_divergence(trained: TrainedNetworks) -> None:
    lost: list[Any] = [
        f"{trained.starts[start]}, seed {trained.seeds[seed]}"
        for start, seed in np.argwhere(trained.diverged)
    ]
    if lost:
        warnings.warn(
            f"{len(lost)} of {trained.diverged.size} networks diverged ({'; '.join(lost[:5])}): "
            "they are marked in 'diverged'. Lower the learning rate or the norm of the start.",
            stacklevel=3,
        )
