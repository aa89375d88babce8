"""Weights, tangent kernels and random drift of an opened subject, checkpoint by checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from analyses.learning_regime.alignments import kernel_alignment, kernel_target_alignment
from analyses.learning_regime.numbers import Number, against_shuffled
from analyses.learning_regime.opened import Opened, State
from analyses.learning_regime.opened_kernels import ALL, Kernels, kernels_with, over_outputs
from analyses.learning_regime.random_drift import beside_drift
from analyses.learning_regime.resampling import Draws, redrawn_alignments, shuffled_alignments
from analyses.learning_regime.weights import effective_rank, weight_change
from workbench.errors import UsageError
from workbench.statistics.permutation import permutation_p


@dataclass(frozen=True)
class TrainingOptions:
    """Numbers of draws.

    Attributes
    ----------
    n_permutations, n_bootstrap, n_drift, seed : int
    """

    n_permutations: int
    n_bootstrap: int
    n_drift: int
    seed: int


@dataclass(frozen=True, eq=False)
class Training:
    """What an opened subject says.

    Attributes
    ----------
    numbers : list of Number
    kernels : dict of str to ndarray (2, stimuli, stimuli)
        By weight: at the first and last checkpoint, summed over outputs.
    spectra : dict of str to ndarray (3, values)
        By weight: singular values at both, and of a Gaussian matrix of the first one's size and
        norm.
    no_kernels : str
        Why there are none; empty if there are.
    no_loss : str
    """

    numbers: list[Number]
    kernels: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    spectra: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    no_kernels: str = ""
    no_loss: str = ""


def training_numbers(
    opened: Opened, checkpoints: Sequence[str], sites: Sequence[str], options: TrainingOptions
) -> Training:
    """Ask an opened subject about its training.

    Parameters
    ----------
    opened : Opened
    checkpoints : sequence of str
    sites : sequence of str
    options : TrainingOptions

    Returns
    -------
    Training
    """
    kernels, reason = _all_kernels(opened)
    numbers = _scores(opened, checkpoints) + _of_weights(opened, checkpoints)
    if kernels:
        numbers += _of_kernels(opened, kernels, checkpoints, options)
        numbers += _targets(opened, kernels, checkpoints, options)
    numbers += beside_drift(opened, kernels, checkpoints, sites, (options.n_drift, options.seed))
    n_stimuli = len(opened.inputs)
    ends = {
        name: np.stack([over_outputs(each[name], n_stimuli) for each in (kernels[0], kernels[-1])])
        for name in (kernels[0] if kernels else {})
    }
    finite = [number for number in numbers if np.isfinite(number.value)]
    return Training(finite, ends, _spectra(opened, options.seed), reason, opened.no_scores)


def _all_kernels(opened: Opened) -> tuple[list[Kernels], str]:
    try:
        return [kernels_with(opened, state) for state in opened.states], ""
    except UsageError as error:
        return [], str(error).rstrip(".")


def _scores(opened: Opened, checkpoints: Sequence[str]) -> list[Number]:
    numbers = []
    for name, state in zip(checkpoints, opened.states, strict=True):
        opened.load(state)
        for measure, value in opened.scores().items():
            unit = "nats" if measure == "loss" else "1"
            why = "the goal of training, shown beside the rest; its chance level depends on it"
            numbers.append(Number(measure, "network", "", name, value, unit, why_no_null=why))
    return numbers


def _matrices(opened: Opened, state: State) -> dict[str, NDArray[np.float64]]:
    return {name: state[name].double().cpu().numpy() for name in opened.names()}


def _of_weights(opened: Opened, checkpoints: Sequence[str]) -> list[Number]:
    parameters = [name for name, _ in opened.network.named_parameters()]
    whole = [{name: state[name] for name in parameters} for state in opened.states]
    numbers = []
    for name, state, every in zip(checkpoints, opened.states, whole, strict=True):
        matrices = _matrices(opened, state)
        if name != checkpoints[0]:
            start = _matrices(opened, opened.states[0])
            numbers.append(_change(ALL, name, weight_change(whole[0], every), 0))
            numbers += [
                _change(weight, name, weight_change(start[weight], each), each.size)
                for weight, each in matrices.items()
            ]
        numbers += [_rank(weight, name, each) for weight, each in matrices.items()]
    return numbers


def _change(weight: str, checkpoint: str, value: float, n: int) -> Number:
    why = "weights are compared with themselves: any change is one"
    return Number(
        "weight change", "weight", weight, checkpoint, value, n=max(n, 1), why_no_null=why
    )


def _rank(weight: str, checkpoint: str, matrix: NDArray[np.float64]) -> Number:
    value = effective_rank(matrix, "singular")
    why = "it describes one checkpoint: compare checkpoints"
    name = "effective rank of weights"
    return Number(name, "weight", weight, checkpoint, value, n=matrix.size, why_no_null=why)


def _spectra(opened: Opened, seed: int) -> dict[str, NDArray[np.float64]]:
    first, last = (_matrices(opened, state) for state in (opened.states[0], opened.states[-1]))
    generator = np.random.default_rng([seed, 5])
    found = {}
    for name, start in first.items():
        random = generator.standard_normal(start.shape)
        random *= np.linalg.norm(start) / np.linalg.norm(random)
        found[name] = np.stack([_singular_values(each) for each in (start, last[name], random)])
    return found


def _singular_values(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    found = np.linalg.svd(matrix.reshape(len(matrix), -1), compute_uv=False)
    return np.asarray(found, dtype=np.float64)


def _of_kernels(
    opened: Opened, kernels: list[Kernels], checkpoints: Sequence[str], options: TrainingOptions
) -> list[Number]:
    n_stimuli, numbers = len(opened.inputs), []
    draws = Draws.make(n_stimuli, options.n_permutations, options.n_bootstrap, options.seed)
    for name, later in zip(checkpoints[1:], kernels[1:], strict=True):
        for weight, kernel in later.items():
            pair = kernels[0][weight], kernel
            numbers += [_aligned(weight, name, pair, centred, draws) for centred in (False, True)]
    return numbers


def _aligned(
    weight: str,
    checkpoint: str,
    pair: tuple[NDArray[np.float64], NDArray[np.float64]],
    centred: bool,
    draws: Draws,
) -> Number:
    value = kernel_alignment(*pair, centered=centred)
    name = "centred kernel alignment" if centred else "kernel alignment"
    number = Number(name, "weight", weight, checkpoint, value, n=draws.orders.shape[1])
    first, second = map(_centred, pair) if centred else pair
    shuffled = shuffled_alignments(first, second, draws.orders)
    redrawn = redrawn_alignments(first, second, draws.weights)
    return against_shuffled(number, shuffled, redrawn, "stimuli shuffled between the two kernels")


def _centred(kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    means = kernel.mean(axis=0)
    return kernel - means - means[:, None] + means.mean()


def _targets(
    opened: Opened, kernels: list[Kernels], checkpoints: Sequence[str], options: TrainingOptions
) -> list[Number]:
    """How far the kernel of all parameters knows the labels, at every checkpoint."""
    if opened.labels is None or len(np.unique(opened.labels)) < 2:
        return []
    targets = (opened.labels[:, None] == np.unique(opened.labels)).astype(np.float64)
    targets -= targets.mean(axis=0)
    generator, numbers = np.random.default_rng([options.seed, 4]), []
    orders = [generator.permutation(len(targets)) for _ in range(options.n_permutations)]
    for name, found in zip(checkpoints, kernels, strict=True):
        kernel = over_outputs(found[ALL], len(targets))
        value = kernel_target_alignment(kernel, targets)
        null = np.array([kernel_target_alignment(kernel, targets[order]) for order in orders])
        number = Number("kernel-target alignment", "network", "", name, value, n=len(targets))
        numbers.append(
            replace(
                number,
                method="labels shuffled over stimuli",
                null_mean=float(null.mean()),
                null_sd=float(null.std()),
                n_null=len(null),
                p_value=permutation_p(value, null, "greater"),
            )
        )
    return numbers
