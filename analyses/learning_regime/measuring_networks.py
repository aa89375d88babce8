"""How richly trained networks learnt: every measure of the study, at every checkpoint."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from analyses.learning_regime.alignments import (
    kernel_alignment,
    kernel_target_alignment,
    representation_alignment,
    sign_similarity,
)
from analyses.learning_regime.initial_connectivity import MATCHES, weight_norm
from analyses.learning_regime.tasks import Trials
from analyses.learning_regime.trained_networks import TrainedNetworks
from analyses.learning_regime.weights import effective_rank, weight_change
from workbench.capturing.running import limited_threads
from workbench.errors import UsageError

if TYPE_CHECKING:
    import torch
    import xarray as xr

    from analyses.learning_regime.recurrent_network import RateNetwork

# Descriptions of the measures; the first six compare a checkpoint with the start.
MEASURES = {
    "weight_change": "Frobenius norm of the change of the recurrent weights",
    "relative_weight_change": "the same over the norm of the weights at the start",
    "representation_alignment": "of hidden states at the last step, uncentred",
    "centred_representation_alignment": "the same, centred (linear CKA)",
    "kernel_alignment": "of the tangent kernel of the recurrent weights, uncentred",
    "centred_kernel_alignment": "the same, centred",
    "sign_similarity": "share of equal signs of hidden states at the last step",
    "kernel_target_alignment": "of the kernel with the targets, less their means",
    "effective_rank": "of the recurrent weights: summed over largest eigenvalue, over units",
    "loss": "cross-entropy of held-out trials in nats",
    "accuracy": "share of held-out trials answered correctly",
    **{name: f"{name.replace('_', ' ')} of the recurrent weights" for name in MATCHES},
}
_DIVERGED = dict.fromkeys(MEASURES, float("nan"))


class Observed(NamedTuple):
    """What one network does with held-out trials at one checkpoint."""

    weight: NDArray
    states: NDArray
    kernel: NDArray | None
    performance: dict[str, float]


def measure_networks(
    trained: TrainedNetworks,
    *,
    n_trials: int = 320,
    n_kernel_trials: int = 32,
    kernels: bool = True,
    threads: int = 1,
    progress: bool = True,
) -> xr.Dataset:
    """Compare every checkpoint of trained networks with their start, on held-out trials.

    Parameters
    ----------
    trained : TrainedNetworks
    n_trials : int
        Held-out trials for hidden states, loss and accuracy; each seed has its own.
    n_kernel_trials : int
        The first of them, for tangent kernels of the recurrent weights: rows are trials, taught
        steps and outputs.
    kernels : bool
        Whether to compute kernels at all; their measures are NaN otherwise.
    threads : int
    progress : bool

    Returns
    -------
    xarray.Dataset
        Dims ``start``, ``seed``, ``step``; variables as `MEASURES`, and ``diverged`` and
        ``learning_rate`` (start, seed). Networks that diverged are NaN after the start;
        so are kernels that rounding decides, with a warning.

    References
    ----------
    Liu et al. 2024 (arXiv 2310.08513); the last step of 320 trials, and 32 trials x 8 steps x 3
    outputs for kernels.

    Examples
    --------
    >>> from analyses.learning_regime.training import train_rnn
    >>> trained = train_rnn("DMS", 20, seeds=1, n_steps=20, checkpoints=2, progress=False)
    >>> found = measure_networks(trained, n_trials=50, kernels=False, progress=False)
    >>> found["representation_alignment"].values[0, 0].round(6)[0]
    np.float64(1.0)
    """
    import torch  # noqa: F401  # its threads are limited only once it is imported
    import xarray as xr
    from tqdm import tqdm

    shape = (len(trained.starts), len(trained.seeds), len(trained.steps))
    found = {name: np.full(shape, np.nan) for name in MEASURES}
    trials = [trained.task.held_out(n_trials, seed) for seed in trained.seeds]
    n_kernels = n_kernel_trials if kernels else 0
    places = list(np.ndindex(shape[:2]))
    bar = tqdm(places, "measuring", unit="network", delay=1, disable=not progress)
    with limited_threads(threads):
        for start, seed in bar:
            for step, values in enumerate(_series(trained, start, seed, trials[seed], n_kernels)):
                for name, value in values.items():
                    found[name][start, seed, step] = value
    dims = ("start", "seed", "step")
    data = {name: (dims, values, {"description": MEASURES[name]}) for name, values in found.items()}
    coords = dict(zip(dims, map(list, (trained.starts, trained.seeds, trained.steps)), strict=True))
    return xr.Dataset(data, coords).assign(
        diverged=(dims[:2], trained.diverged), learning_rate=(dims[:2], trained.learning_rates)
    )


def _series(
    trained: TrainedNetworks, start: int, seed: int, trials: Trials, n_kernel_trials: int
) -> list[dict[str, float]]:
    places = ((start, seed, number) for number in range(len(trained.steps)))
    lost = bool(trained.diverged[start, seed])
    observed = [
        None if lost and place[2] else _observed(trained, place, trials, n_kernel_trials)
        for place in places
    ]
    first = observed[0]
    return [
        _DIVERGED if first is None or now is None else _compared(first, now, trained, trials)
        for now in observed
    ]


def _observed(
    trained: TrainedNetworks, place: tuple[int, int, int], trials: Trials, n_kernel_trials: int
) -> Observed | None:
    """None where the network has diverged."""
    import torch
    from torch.nn.functional import cross_entropy

    start, seed, number = place
    # Activity that grows from step to step makes much of single precision's rounding.
    task, network = trained.task, trained.network(start, trained.seeds[seed], number).double()
    inputs = torch.from_numpy(trials.inputs).double()
    targets = torch.from_numpy(trials.targets)
    with torch.no_grad():
        states = network.states(inputs)
        outputs = network.scale * network.W_out(states)
    if not (outputs.isfinite().all() and states.isfinite().all()):
        return None
    taught, wanted = (each[:, task.taught_from :].flatten(0, 1) for each in (outputs, targets))
    right = (outputs.argmax(2) == targets)[:, task.answered_from :]
    performance = {
        "loss": float(cross_entropy(taught, wanted)),
        "accuracy": float(right.double().mean()),
    }
    kernel = None
    if n_kernel_trials:
        where = f"{trained.starts[start]}, seed {trained.seeds[seed]}"
        kernel = _kernel(network, inputs[:n_kernel_trials], task.taught_from, where)
    return Observed(trained.recurrent[place], states[:, -1].numpy(), kernel, performance)


def _kernel(
    network: RateNetwork, inputs: torch.Tensor, taught_from: int, where: str
) -> NDArray | None:
    """None where rounding decides: starts whose eigenvalues are far below their singular values."""
    from analyses.learning_regime.recurrent_network import TaughtSteps
    from analyses.learning_regime.tangent import tangent_kernel

    taught = TaughtSteps(network, taught_from)
    try:
        return np.asarray(tangent_kernel(taught, inputs, parameters=["network.W_h.weight"]))
    except UsageError as error:
        warnings.warn(f"No kernel for {where}, whose measures are NaN: {error}", stacklevel=2)
        return None


def _compared(
    first: Observed, now: Observed, trained: TrainedNetworks, trials: Trials
) -> dict[str, float]:
    values = {
        "weight_change": weight_change(first.weight, now.weight, relative=False),
        "relative_weight_change": weight_change(first.weight, now.weight),
        "representation_alignment": representation_alignment(first.states, now.states),
        "centred_representation_alignment": representation_alignment(
            first.states, now.states, centered=True
        ),
        "sign_similarity": sign_similarity(first.states, now.states),
        "effective_rank": effective_rank(now.weight),
        **{name: weight_norm(now.weight, name) for name in MATCHES},
        **now.performance,
    }
    if first.kernel is not None and now.kernel is not None:
        wanted = _targets(trials, trained.task.taught_from, trained.task.n_outputs, now.kernel)
        values |= {
            "kernel_alignment": kernel_alignment(first.kernel, now.kernel),
            "centred_kernel_alignment": kernel_alignment(first.kernel, now.kernel, centered=True),
            "kernel_target_alignment": kernel_target_alignment(now.kernel, wanted),
        }
    return values


def _targets(trials: Trials, taught_from: int, n_outputs: int, kernel: NDArray) -> NDArray:
    """One-hot targets (rows of the kernel,), less the mean of each step and output."""
    one_hot = np.eye(n_outputs)[trials.targets[:, taught_from:]]
    n_trials = len(kernel) // (one_hot.shape[1] * n_outputs)
    used = one_hot[:n_trials]
    return (used - used.mean(axis=0)).reshape(-1)
