"""Networks of a known branching ratio, to test estimators on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.analysis.parameters import whole
from workbench.errors import UsageError


@dataclass(frozen=True)
class BranchingRun:
    """Spikes of a simulated network.

    Attributes
    ----------
    spikes : ndarray (time, units) of bool
    adjacency : ndarray (units, units) of bool
        Who projects (column) to whom (row).
    ratio : float
        Planted branching ratio.
    """

    spikes: NDArray[np.bool_]
    adjacency: NDArray[np.bool_]
    ratio: float


def branching_network(
    ratio: float,
    n_units: int = 2000,
    out_degree: int | None = 10,
    n_steps: int = 100,
    n_first: int = 20,
    drive: float = 0.0,
    seed: int = 0,
) -> BranchingRun:
    """Spread spikes over a random network, each causing `ratio` others on average.

    Parameters
    ----------
    ratio : float
        Branching ratio: a spike makes each unit that it reaches fire with this probability, over
        the number of those.
    n_units : int
    out_degree : int, optional
        Units that each projects to, chosen at random; None for all others.
    n_steps : int
    n_first : int
        Units that fire in the first step.
    drive : float
        Spikes a step from outside, on average (Poisson), in units at random.
    seed : int

    Returns
    -------
    BranchingRun
        Units that are reached several times in a step fire once, so the true ratio falls as
        activity fills the network.

    Raises
    ------
    UsageError
        If the ratio exceeds the number of units reached, or a number is out of range.

    Examples
    --------
    >>> run = branching_network(0.8, n_units=50, n_steps=10)
    >>> run.spikes.shape, int(run.adjacency.sum())
    ((10, 50), 500)
    """
    whole(n_units, "n_units", 2)
    reach = n_units - 1 if out_degree is None else whole(out_degree, "out_degree", 1, n_units - 1)
    whole(n_steps, "n_steps", 1)
    whole(n_first, "n_first", 0, n_units)
    if not 0 <= ratio <= reach or drive < 0:
        raise UsageError(
            f"Found ratio={ratio!r} and drive={drive!r}; expected a ratio of 0 to {reach} (units "
            "that each reaches) and a drive that is not negative."
        )
    generator = np.random.default_rng(seed)
    adjacency = _random_links(n_units, reach, generator)
    spikes = np.zeros((n_steps, n_units), dtype=bool)
    spikes[0, generator.choice(n_units, n_first, replace=False)] = True
    silent = np.log1p(-min(ratio / reach, 1 - 1e-12))
    as_numbers = adjacency.astype(np.float32)
    for step in range(1, n_steps):
        reached = as_numbers[:, spikes[step - 1]].sum(axis=1)
        spikes[step] = generator.random(n_units) < -np.expm1(reached * silent)
        from_outside = generator.integers(n_units, size=generator.poisson(drive))
        spikes[step, from_outside] = True
    return BranchingRun(spikes, adjacency, float(ratio))


def driven_branching(
    ratio: float, drive: float, n_steps: int, seed: int = 0, n_start: int | None = None
) -> NDArray[np.int64]:
    """Activity of a branching process with immigration, without a network's limits.

    Parameters
    ----------
    ratio : float
        Mean number of spikes that each causes in the next step (Poisson).
    drive : float
        Spikes a step from outside, on average (Poisson).
    n_steps : int
    seed : int
    n_start : int, optional
        Spikes in the first step; the stationary mean by default, which needs a ratio below 1.

    Returns
    -------
    ndarray (time,) of int
        Number of spikes.

    Raises
    ------
    UsageError
        If a number is out of range, or there is no stationary mean to start from.

    Examples
    --------
    >>> driven_branching(0.5, 10.0, 4).shape
    (4,)
    """
    whole(n_steps, "n_steps", 1)
    if ratio < 0 or drive < 0 or (n_start is None and ratio >= 1):
        raise UsageError(
            f"Found ratio={ratio!r} and drive={drive!r}; expected numbers that are not negative, "
            "and n_start for a ratio of 1 or more."
        )
    generator = np.random.default_rng(seed)
    activity = np.empty(n_steps, dtype=np.int64)
    activity[0] = round(drive / (1 - ratio)) if n_start is None else n_start
    for step in range(1, n_steps):
        activity[step] = generator.poisson(ratio * activity[step - 1] + drive)
    return activity


def _random_links(n_units: int, reach: int, generator: np.random.Generator) -> NDArray[np.bool_]:
    adjacency = np.zeros((n_units, n_units), dtype=bool)
    for unit in range(n_units):
        others = generator.choice(n_units - 1, reach, replace=False)
        adjacency[others + (others >= unit), unit] = True
    return adjacency
