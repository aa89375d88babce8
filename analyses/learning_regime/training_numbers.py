"""Weights, tangent kernels and random drift of an opened subject, checkpoint by checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from analyses.learning_regime.alignments import (
    kernel_alignment,
    kernel_target_alignment,
    representation_alignment,
)
from analyses.learning_regime.numbers import Number, against_shuffled
from analyses.learning_regime.opened import Opened, State, moved_at_random
from analyses.learning_regime.resampling import Draws, redrawn_alignments, shuffled_alignments
from analyses.learning_regime.tangent_by_parameter import tangent_kernels
from analyses.learning_regime.weights import effective_rank, weight_change
from workbench.errors import UsageError
from workbench.statistics.permutation import permutation_p

Kernels = dict[str, NDArray[np.float64]]
ALL = "all parameters"
MOVED = "weights moved as far in random directions; p of Student's t for one more draw"
_ALIGNMENTS = (("representation alignment", False), ("centred representation alignment", True))


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
    numbers += _beside_drift(opened, kernels, checkpoints, sites, options)
    n_stimuli = len(opened.inputs)
    ends = {
        name: np.stack([_over_outputs(each[name], n_stimuli) for each in (kernels[0], kernels[-1])])
        for name in (kernels[0] if kernels else {})
    }
    finite = [number for number in numbers if np.isfinite(number.value)]
    return Training(finite, ends, _spectra(opened, options.seed), reason, opened.no_scores)


def _all_kernels(opened: Opened) -> tuple[list[Kernels], str]:
    try:
        return [_kernels(opened, state) for state in opened.states], ""
    except UsageError as error:
        return [], str(error).rstrip(".")


def _kernels(opened: Opened, state: State) -> Kernels:
    """Kernels of all weights with two axes or more, and of all parameters together."""
    opened.load(state)
    found = tangent_kernels(opened.answers, opened.inputs)
    total = np.sum([each.astype(np.float64) for each in found.values()], axis=0)
    named = {name: found[own] for name, own in opened.names().items() if own in found}
    return {ALL: total, **{name: each.astype(np.float64) for name, each in named.items()}}


def _over_outputs(kernel: NDArray[np.float64], n_stimuli: int) -> NDArray[np.float64]:
    each = len(kernel) // n_stimuli
    summed: NDArray[np.float64] = np.einsum(
        "iaja->ij", kernel.reshape(n_stimuli, each, n_stimuli, each)
    )
    return summed


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
    found: NDArray[np.float64] = np.linalg.svd(matrix.reshape(len(matrix), -1), compute_uv=False)
    return found


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
        kernel = _over_outputs(found[ALL], len(targets))
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


def _beside_drift(
    opened: Opened,
    kernels: list[Kernels],
    checkpoints: Sequence[str],
    sites: Sequence[str],
    options: TrainingOptions,
) -> list[Number]:
    """How much lower alignments are than after moving all weights as far at random."""
    if not options.n_drift:
        return []
    start = _Seen.of(opened, opened.states[0], sites, kernels[0] if kernels else {})
    parameters, numbers = [name for name, _ in opened.network.named_parameters()], []
    for number, name in enumerate(checkpoints[1:], start=1):
        end = opened.states[number]
        trained = _Seen.of(opened, end, sites, kernels[number] if kernels else {})
        drawn = [
            _moved(opened, end, parameters, sites, bool(kernels), [options.seed, number, draw])
            for draw in range(options.n_drift)
        ]
        random = [start.alignments(each) for each in drawn]
        for key, value in start.alignments(trained).items():
            null = np.array([each[key] for each in random])
            n = len(start.activity[key[2]]) if key[1] == "site" else len(opened.inputs)
            numbers.append(_below(key, name, value, null, n))
    return numbers


def _moved(
    opened: Opened,
    end: State,
    parameters: Sequence[str],
    sites: Sequence[str],
    with_kernels: bool,
    seed: Sequence[int],
) -> _Seen:
    import torch

    drawn = int(np.random.SeedSequence(seed).generate_state(1)[0])
    generator = torch.Generator().manual_seed(drawn)
    state = moved_at_random(opened.states[0], end, parameters, generator)
    return _Seen.of(opened, state, sites, _kernels(opened, state) if with_kernels else {})


@dataclass(frozen=True, eq=False)
class _Seen:
    """Activity and kernels with some weights."""

    activity: Mapping[str, NDArray]
    kernels: Kernels

    @classmethod
    def of(cls, opened: Opened, state: State, sites: Sequence[str], kernels: Kernels) -> _Seen:
        opened.load(state)
        return cls(opened.activity(sites), kernels)

    def alignments(self, other: _Seen) -> dict[tuple[str, str, str], float]:
        """By measure, ``site`` or ``weight``, and place."""
        found = {
            (name, "site", site): representation_alignment(values, other.activity[site], centred)
            for name, centred in _ALIGNMENTS
            for site, values in self.activity.items()
        }
        for weight, kernel in self.kernels.items():
            aligned = kernel_alignment(kernel, other.kernels[weight])
            found["kernel alignment", "weight", weight] = aligned
        return found


def _below(
    key: tuple[str, str, str], checkpoint: str, value: float, null: NDArray[np.float64], n: int
) -> Number:
    from scipy.stats import t

    name, of, place = key
    sd = float(null.std(ddof=1)) if len(null) > 1 else 0.0
    lost = float(null.mean()) - value
    scale = max(sd, 1e-9) * np.sqrt(1 + 1 / len(null))
    return Number(
        f"{name} below random drift",
        of,
        place,
        checkpoint,
        lost,
        n=n,
        method=MOVED,
        null_mean=0.0,
        null_sd=sd,
        n_null=len(null),
        p_value=float(t.sf(lost / scale, max(1, len(null) - 1))),
    )
