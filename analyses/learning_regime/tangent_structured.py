"""The kernel without a Jacobian: from what goes into every weight and what comes back to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING

from analyses.learning_regime.tangent_backwards import output_gradients
from analyses.learning_regime.tangent_collecting import Factors, Gradients, width
from analyses.learning_regime.tangent_contractions import MIB
from analyses.learning_regime.tangent_jacobian import wide
from analyses.learning_regime.tangent_networks import Network
from analyses.learning_regime.tangent_uses import LookedUp, Use, View, Weighted

if TYPE_CHECKING:
    import torch

    from analyses.learning_regime.tangent_tracing import Traced

# What goes backwards at once may take this share of the memory: more of it is no faster.
TOGETHER = 1 / 128


@dataclass(frozen=True)
class Plan:
    """What is to be kept of a parameter, or of a part of it.

    Attributes
    ----------
    parameter : str
    uses : list of (int, Use)
        Number of the operation, and the use.
    factors : list of Weighted or LookedUp
        The uses, if their factors are to be kept; empty if gradients are.
    mib : float
        Memory that takes.
    """

    parameter: str
    uses: list[tuple[int, Use]]
    factors: list[Weighted | LookedUp]
    mib: float


def collect_structured(
    network: Network, outputs: torch.Tensor, traced: Sequence[Traced], max_mib: float
) -> Iterator[dict[str, list[Gradients | Factors]]]:
    """Gradients or factors of groups of parameters that fit in memory, at least one a group.

    Parameters
    ----------
    network : Network
        Within `ready`.
    outputs : tensor (rows, outputs)
        With their graph.
    traced : sequence of Traced
        Operations that use the parameters.
    max_mib : float

    Yields
    ------
    dict of str to list of Gradients or Factors

    Examples
    --------
    >>> import numpy as np
    >>> from torch import nn
    >>> from analyses.learning_regime.tangent_networks import prepare
    >>> from analyses.learning_regime.tangent_tracing import trace
    >>> net = prepare(nn.Linear(5, 2), np.ones((4, 5)), None)
    >>> for found in collect_structured(net, *trace(net), max_mib=1):
    ...     {name: type(kept[0]).__name__ for name, kept in found.items()}
    {'weight': 'Factors', 'bias': 'Gradients'}
    """
    plans = _plans(network, traced, outputs.shape[1])
    for group in _groups(plans, max_mib):
        kept = [(plan, _collector(network, plan, outputs.shape[1])) for plan in group]
        _gather(outputs, traced, kept, max_mib)
        found: dict[str, list[Gradients | Factors]] = {}
        for plan, collector in kept:
            found.setdefault(plan.parameter, []).append(collector)
        yield found


def _plans(network: Network, traced: Sequence[Traced], n_outputs: int) -> list[Plan]:
    uses: dict[str, list[tuple[int, Use]]] = {}
    for number, each in enumerate(traced):
        for name, use in each.uses:
            uses.setdefault(name, []).append((number, use))
    n_kernel = network.n_rows * n_outputs
    return [
        _plan(name, part, network.parameters[name], n_kernel)
        for name, found in uses.items()
        for part in _apart(found)
    ]


def _apart(uses: list[tuple[int, Use]]) -> list[list[tuple[int, Use]]]:
    """Uses by the part of the parameter that they use, or all together if parts overlap."""
    parts: dict[View, list[tuple[int, Use]]] = {}
    for each in uses:
        parts.setdefault(each[1].view, []).append(each)
    views = sorted(parts, key=lambda view: view.offset)
    overlap = any(one.last >= other.offset for one, other in pairwise(views))
    return [uses] if overlap else list(parts.values())


def _plan(name: str, uses: list[tuple[int, Use]], value: torch.Tensor, n_kernel: int) -> Plan:
    """Factors where they are smaller than gradients, and can be multiplied."""
    factors = _factors(uses)
    n_factors = sum(use.n_positions * width(use) for use in factors)
    if not 0 < n_factors < prod(uses[0][1].view.shape):
        factors, n_factors = [], value.numel()
    return Plan(name, uses, factors, n_kernel * n_factors * wide(value).element_size() / MIB)


def _factors(uses: list[tuple[int, Use]]) -> list[Weighted | LookedUp]:
    """The uses if all are products of one group, or tables, of one view; else none."""
    found = [
        use
        for _, use in uses
        if isinstance(use, LookedUp) or (isinstance(use, Weighted) and use.entered.shape[1] == 1)
    ]
    alike = len(found) == len(uses) and len({use.view for use in found}) == 1
    return found if alike else []


def _groups(plans: list[Plan], max_mib: float) -> Iterator[list[Plan]]:
    """Plans in turn; the parts of a parameter stay together."""
    group: list[Plan] = []
    for plan in plans:
        full = sum(each.mib for each in group) + plan.mib > max_mib
        if group and full and group[-1].parameter != plan.parameter:
            yield group
            group = []
        group.append(plan)
    if group:
        yield group


def _collector(network: Network, plan: Plan, n_outputs: int) -> Gradients | Factors:
    value = network.parameters[plan.parameter]
    if plan.factors:
        return Factors(plan.factors, network.n_rows, n_outputs, wide(value))
    uses = [use for _, use in plan.uses]
    return Gradients(uses, network.n_rows, n_outputs, value.numel(), wide(value))


def _gather(
    outputs: torch.Tensor,
    traced: Sequence[Traced],
    kept: list[tuple[Plan, Gradients | Factors]],
    max_mib: float,
) -> None:
    """Send outputs backwards and hand every collector what comes out of its operations."""
    numbers = sorted({number for plan, _ in kept for number, _ in plan.uses})
    size = sum(traced[number].size for number in numbers)
    together = max(1, int(max_mib * TOGETHER * MIB / (size * outputs.element_size())))
    ends = [traced[number].edge for number in numbers]
    for part, deltas in output_gradients(outputs, ends, together):
        found = dict(zip(numbers, deltas, strict=True))
        for plan, collector in kept:
            for place, (number, _) in enumerate(plan.uses):
                delta = found[number]
                if delta is not None:
                    collector.add(part, place, traced[number].layout.rows_first(delta, lead=1))
