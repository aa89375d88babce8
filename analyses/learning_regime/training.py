"""Training of recurrent networks, all seeds and starts at once, with checkpoints at log-spaced steps."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analyses.learning_regime.backpropagation import Backpropagation, Weights
from analyses.learning_regime.starting import Starts, initial_weights
from analyses.learning_regime.tasks import Task, as_task
from analyses.learning_regime.trained_networks import TrainedNetworks
from workbench.errors import UsageError, nearest

if TYPE_CHECKING:
    from torch import Tensor

# Trials are drawn for so many steps at once, by seed and number of the block: whatever else is
# trained beside a seed, and wherever a training begins, it sees the same trials.
_BLOCK = 64
_LOGGED = 100
_COMPARED_LOSSES = 20
DTYPES = ("float32", "float64")


@dataclass(frozen=True)
class Schedule:
    """How to train: stochastic gradient descent with momentum.

    Attributes
    ----------
    n_steps, batch_size : int
    learning_rates : tuple of float
        Each is tried; for every network the one of the least loss is kept.
    momentum : float
    checkpoints : tuple of int
        Steps of which the weights are kept.
    """

    n_steps: int
    batch_size: int
    learning_rates: tuple[float, ...]
    momentum: float
    checkpoints: tuple[int, ...]

    @property
    def logged_every(self) -> int:
        """Steps over which losses are averaged."""
        return max(1, min(_LOGGED, self.n_steps // _COMPARED_LOSSES))


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
    Liu et al. 2024 (arXiv 2310.08513), appendix; stochastic gradient descent, batches of 32, learning
    rate .003, momentum .9, cross-entropy over all steps.

    Examples
    --------
    >>> trained = train_rnn("2AF", 20, seeds=[0, 1], n_steps=30, progress=False)
    >>> trained.recurrent.shape[:2], trained.steps[0], trained.steps[-1]
    ((1, 2), 0, 30)
    """
    import torch

    chosen = as_task(task)
    numbers = list(range(seeds)) if isinstance(seeds, (int, np.integer)) else list(seeds)
    plan = _schedule(n_steps, batch_size, learning_rate, momentum, checkpoints)
    _check_network(numbers, alpha, scale, dtype)
    names, start = initial_weights(starts, chosen.n_inputs, chosen.n_outputs, numbers)
    copies = len(plan.learning_rates)
    networks = Weights(
        *(
            torch.from_numpy(each).flatten(0, 1).repeat(copies, 1, 1).to(device, getattr(torch, dtype))
            for each in start
        )
    )
    rates = np.repeat(plan.learning_rates, len(names) * len(numbers)) / scale**2
    batches = Batches(chosen, numbers, plan.batch_size, len(rates), networks.recurrent)
    engine = Backpropagation(
        chosen.n_steps, plan.batch_size, chosen.taught_from, alpha, scale, networks
    )
    kept, losses = _descend(engine, networks, batches, rates, plan, progress)
    shape = (copies, len(names), len(numbers))
    best = _best_rate(losses.reshape(*shape, -1))
    weights = [_chosen(each.reshape(*shape, *each.shape[1:]), best) for each in kept]
    trained = TrainedNetworks(
        task=chosen,
        starts=tuple(names),
        seeds=tuple(int(seed) for seed in numbers),
        steps=plan.checkpoints,
        inputs=weights[0],
        recurrent=weights[1],
        outputs=weights[2],
        losses=_chosen(losses.reshape(*shape, -1), best),
        loss_steps=tuple(range(plan.logged_every, plan.n_steps + 1, plan.logged_every)),
        learning_rates=np.asarray(plan.learning_rates)[best],
        alpha=alpha,
        scale=scale,
    )
    _warn_of_divergence(trained)
    return trained


def log_spaced_steps(n_steps: int, n_checkpoints: int) -> tuple[int, ...]:
    """Steps 0, 1, ..., `n_steps`, spread evenly over their logarithm; equal ones once.

    Parameters
    ----------
    n_steps : int
    n_checkpoints : int
        At least 2.

    Returns
    -------
    tuple of int

    Raises
    ------
    UsageError
        If there is no step, or fewer than two checkpoints.

    Examples
    --------
    >>> log_spaced_steps(1000, 5)
    (0, 1, 10, 100, 1000)
    """
    if n_steps < 1 or n_checkpoints < 2:
        raise UsageError(
            f"Found {n_steps} steps and {n_checkpoints} checkpoints; expected at least one step, and "
            "two checkpoints: the start and the end."
        )
    if n_checkpoints == 2:
        return 0, n_steps
    spaced = np.geomspace(1, n_steps, n_checkpoints - 1).round().astype(int)
    return tuple(sorted({0, *spaced.tolist(), n_steps}))


class Batches:
    """Trials of every step, for all networks.

    Parameters
    ----------
    task : Task
    seeds : sequence of int
        Networks go through the seeds in turn.
    batch_size : int
    n_networks : int
        A multiple of the number of seeds.
    like : Tensor
        Gives type and device.
    """

    def __init__(
        self, task: Task, seeds: Sequence[int], batch_size: int, n_networks: int, like: Tensor
    ) -> None:
        self.task, self.seeds, self.batch_size, self.like = task, seeds, batch_size, like
        self.copies = n_networks // len(seeds)
        self._number = -1
        self._block: tuple[Tensor, Tensor] | None = None

    def __call__(self, step: int) -> tuple[Tensor, Tensor]:
        """Inputs (networks, steps x trials, channels), targets (networks, outputs, taught)."""
        number, place = divmod(step, _BLOCK)
        if self._block is None or number != self._number:
            self._number, self._block = number, self._drawn(number)
        inputs, targets = (each[place] for each in self._block)
        return inputs.repeat(self.copies, 1, 1), targets.repeat(self.copies, 1, 1)

    def _drawn(self, number: int) -> tuple[Tensor, Tensor]:
        import torch

        drawn = [self.task.trials(_BLOCK * self.batch_size, (seed, number)) for seed in self.seeds]
        inputs = np.stack([self._by_step(each.inputs) for each in drawn], axis=1)
        taught = [self._by_step(each.targets[:, self.task.taught_from :]) for each in drawn]
        targets = np.stack(taught, axis=1)[:, :, None] == np.arange(self.task.n_outputs)[:, None]
        first, second = (torch.from_numpy(np.ascontiguousarray(each)) for each in (inputs, targets))
        return first.to(self.like), second.to(self.like)

    def _by_step(self, values: NDArray) -> NDArray:
        """From (block x trials, steps, ...) to (block, steps x trials, ...)."""
        split = values.reshape(_BLOCK, self.batch_size, *values.shape[1:]).swapaxes(1, 2)
        return split.reshape(_BLOCK, -1, *values.shape[2:])


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
    """Number of the learning rate (starts, seeds) whose last losses (rates, ..., logs) are least."""
    last = losses[..., -_COMPARED_LOSSES:].mean(axis=-1)
    return np.where(np.isfinite(last), last, np.inf).argmin(axis=0)


def _chosen(values: NDArray, best: NDArray[np.int64]) -> NDArray:
    starts, seeds = np.indices(best.shape)
    return values[best, starts, seeds]


def _schedule(
    n_steps: int,
    batch_size: int,
    learning_rate: float | Sequence[float],
    momentum: float,
    checkpoints: int | Sequence[int],
) -> Schedule:
    rates = tuple(float(rate) for rate in np.atleast_1d(np.asarray(learning_rate, np.float64)))
    if n_steps < 1 or batch_size < 1:
        raise UsageError(
            f"Found {n_steps} steps of {batch_size} trials; expected at least one of each."
        )
    if not rates or not all(0 < rate < np.inf for rate in rates) or not 0 <= momentum < 1:
        raise UsageError(
            f"Found learning rates {rates} and momentum {momentum}; expected positive rates, and a "
            "momentum from 0 to below 1."
        )
    if isinstance(checkpoints, (int, np.integer)):
        steps = log_spaced_steps(n_steps, int(checkpoints))
    else:
        steps = tuple(sorted({0, n_steps, *(int(step) for step in checkpoints)}))
    if steps[0] < 0 or steps[-1] > n_steps:
        raise UsageError(
            f"Found checkpoints at {steps[0]} to {steps[-1]}; expected steps from 0 to {n_steps}."
        )
    return Schedule(n_steps, batch_size, rates, momentum, steps)


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
            f"{len(lost)} of {trained.diverged.size} networks diverged ({'; '.join(lost[:5])}): they "
            "are marked in 'diverged'. Lower the learning rate or the norm of the start.",
            stacklevel=3,
        )
