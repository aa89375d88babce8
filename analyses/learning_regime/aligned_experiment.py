"""The exception: a low-rank start that is aligned with the task is lazy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analyses.learning_regime.initial_connectivity import (
    low_rank_init,
    scaled_to,
    truncated,
    weight_norm,
)
from analyses.learning_regime.measuring_networks import measure_networks
from analyses.learning_regime.tasks import Task
from analyses.learning_regime.training import train_rnn

if TYPE_CHECKING:
    import xarray as xr

STARTS = ("full rank", "low rank", "low rank, aligned", "low rank, aligned, units shuffled")


def run_aligned_experiment(
    task: str | Task = "2AF",
    rank: int = 1,
    seeds: Sequence[int] | int = 8,
    *,
    n: int = 100,
    n_steps: int = 3000,
    match: str = "frobenius",
    n_trials: int = 320,
    n_kernel_trials: int = 32,
    kernels: bool = True,
    progress: bool = True,
    **training: Any,
) -> xr.Dataset:
    """Train from low-rank starts that do or do not hold what the task needs.

    A full-rank network is trained first. What it learnt (the change of its recurrent weights, cut
    to the rank and scaled as `low_rank_init` scales) is the aligned start of a new network with the
    same input and output weights. The same matrix with units shuffled has the same spectrum, and is
    no longer aligned with inputs and outputs.

    Parameters
    ----------
    task, seeds, n, n_steps, match, n_trials, n_kernel_trials, kernels, progress, **training
        As `run_rank_experiment`; one task and one match.
    rank : int

    Returns
    -------
    xarray.Dataset
        Dims ``start`` (`STARTS`), ``seed``, ``step``; variables as `measure_networks`.

    References
    ----------
    Liu et al. 2024 (arXiv 2310.08513), proposition 1.

    Examples
    --------
    >>> found = run_aligned_experiment(
    ...     "DMS", seeds=2, n=20, n_steps=20, kernels=False, progress=False
    ... )
    >>> found.sizes["start"]
    4
    """
    numbers = list(range(seeds)) if isinstance(seeds, (int, np.integer)) else list(seeds)
    common: dict[str, Any] = {
        "seeds": numbers,
        "n_steps": n_steps,
        "progress": progress,
        **training,
    }
    teacher = train_rnn(task, n, checkpoints=2, **common)
    learnt = teacher.recurrent[0, :, -1] - teacher.recurrent[0, :, 0]
    pairs = list(zip(learnt, numbers, strict=True))
    aligned = [_sized(change, rank, n, match, seed) for change, seed in pairs]
    shuffled = [_shuffled(each, seed) for each, seed in zip(aligned, numbers, strict=True)]
    random = [low_rank_init(n, rank, match=match, seed=seed) for seed in numbers]
    starts = dict(zip(STARTS, (n, random, aligned, shuffled), strict=True))
    trained = train_rnn(task, starts, checkpoints=2, **common)
    return measure_networks(
        trained,
        n_trials=n_trials,
        n_kernel_trials=n_kernel_trials,
        kernels=kernels,
        progress=progress,
    )


def _sized(learnt: NDArray, rank: int, n: int, match: str, seed: int) -> NDArray[np.float64]:
    wanted = weight_norm(low_rank_init(n, n, seed=seed), match)
    return scaled_to(truncated(learnt, rank), wanted, match)


def _shuffled(weight: NDArray, seed: int) -> NDArray:
    order = np.random.default_rng((seed, 0x5EED)).permutation(len(weight))
    return weight[np.ix_(order, order)]
