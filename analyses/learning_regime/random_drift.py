"""The strong control: what moving all weights as far as training did, at random, does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analyses.learning_regime.alignments import kernel_alignment, representation_alignment
from analyses.learning_regime.numbers import Number
from analyses.learning_regime.opened import Opened, State, moved_at_random
from analyses.learning_regime.opened_kernels import Kernels, kernels_with

MOVED = "weights moved as far in random directions; p of Student's t for one more draw"
_ALIGNMENTS = (("representation alignment", False), ("centred representation alignment", True))


def beside_drift(
    opened: Opened,
    kernels: list[Kernels],
    checkpoints: Sequence[str],
    sites: Sequence[str],
    draws: tuple[int, int],
) -> list[Number]:
    """How much lower alignments are than after moving all weights as far at random.

    Parameters
    ----------
    opened : Opened
    kernels : list of Kernels
        Of every checkpoint; none to leave them out.
    checkpoints, sites : sequence of str
    draws : pair of int
        How many, and the seed.

    Returns
    -------
    list of Number
    """
    n_drift, seed = draws
    if not n_drift:
        return []
    start = _Seen.of(opened, opened.states[0], sites, kernels[0] if kernels else {})
    parameters, numbers = [name for name, _ in opened.network.named_parameters()], []
    for number, name in enumerate(checkpoints[1:], start=1):
        end = opened.states[number]
        trained = _Seen.of(opened, end, sites, kernels[number] if kernels else {})
        drawn = [
            _moved(opened, end, parameters, sites, bool(kernels), [seed, number, draw])
            for draw in range(n_drift)
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
    return _Seen.of(opened, state, sites, kernels_with(opened, state) if with_kernels else {})


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
