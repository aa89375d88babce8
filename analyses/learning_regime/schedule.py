"""How long to train, how fast, and when to keep the weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workbench.errors import UsageError

_LOGGED = 100
COMPARED_LOSSES = 20


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
        return max(1, min(_LOGGED, self.n_steps // COMPARED_LOSSES))

    @property
    def loss_steps(self) -> tuple[int, ...]:
        """Steps after which a loss is logged."""
        return tuple(range(self.logged_every, self.n_steps + 1, self.logged_every))


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
            f"Found {n_steps} steps and {n_checkpoints} checkpoints; expected at least one step, "
            "and two checkpoints: the start and the end."
        )
    if n_checkpoints == 2:
        return 0, n_steps
    spaced = np.geomspace(1, n_steps, n_checkpoints - 1).round().astype(int)
    return tuple(sorted({0, *spaced.tolist(), n_steps}))


def make_schedule(
    n_steps: int,
    batch_size: int,
    learning_rate: float | Sequence[float],
    momentum: float,
    checkpoints: int | Sequence[int],
) -> Schedule:
    """The schedule of a training, checked.

    Parameters
    ----------
    n_steps, batch_size, learning_rate, momentum, checkpoints
        As `train_rnn`.

    Returns
    -------
    Schedule

    Raises
    ------
    UsageError
        If it is none.

    Examples
    --------
    >>> make_schedule(100, 32, 0.003, 0.9, 4).checkpoints
    (0, 1, 10, 100)
    """
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
