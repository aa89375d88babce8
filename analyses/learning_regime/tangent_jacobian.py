"""The kernel through the Jacobian, parameter by parameter: exact for any network, and slower."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from analyses.learning_regime.tangent_backwards import output_gradients
from analyses.learning_regime.tangent_collecting import Factors, Gradients
from analyses.learning_regime.tangent_contractions import MIB
from analyses.learning_regime.tangent_networks import Network
from analyses.learning_regime.tangent_recurrent import StepByStep

if TYPE_CHECKING:
    import torch


def collect_jacobian(
    network: Network, parameters: Mapping[str, torch.Tensor], n_outputs: int, max_mib: float
) -> Iterator[dict[str, list[Gradients | Factors]]]:
    """Gradients of groups of parameters whose Jacobian fits in memory, at least one a group.

    Parameters
    ----------
    network : Network
        Within `ready`.
    parameters : mapping of str to tensor
    n_outputs : int
    max_mib : float

    Yields
    ------
    dict of str to list of one Gradients

    Examples
    --------
    >>> import numpy as np, torch
    >>> from analyses.learning_regime.tangent_networks import prepare
    >>> net = prepare(torch.nn.Linear(3, 1, bias=False), np.eye(3), None)
    >>> for found in collect_jacobian(net, net.parameters, 1, max_mib=1):
    ...     found["weight"][0].values[:, 0].tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    n_kernel = network.n_rows * n_outputs
    for names in _groups(parameters, n_kernel, max_mib):
        found = {
            name: Gradients((), network.n_rows, n_outputs, value.numel(), wide(value))
            for name, value in parameters.items()
            if name in names
        }
        size = sum(parameters[name].numel() for name in names)
        together = max(1, int(max_mib * MIB / (16 * max(size, 1))))
        ends = [parameters[name] for name in found]
        for row in range(network.n_rows):
            _fill(network, row, ends, list(found.values()), together)
        yield {name: [kept] for name, kept in found.items()}


def wide(values: torch.Tensor) -> torch.Tensor:
    """A tensor of the type in which kernels are summed: at least single precision.

    Parameters
    ----------
    values : tensor

    Returns
    -------
    tensor, empty

    Examples
    --------
    >>> import torch
    >>> wide(torch.ones(2, dtype=torch.bfloat16)).dtype
    torch.float32
    """
    import torch

    single = torch.finfo(values.dtype).bits <= 32
    return values.new_empty(0, dtype=torch.float32 if single else torch.float64)


def _groups(
    parameters: Mapping[str, torch.Tensor], n_kernel: int, max_mib: float
) -> Iterator[list[str]]:
    group: list[str] = []
    used = 0.0
    for name, value in parameters.items():
        mib = n_kernel * value.numel() * wide(value).element_size() / MIB
        if group and used + mib > max_mib:
            yield group
            group, used = [], 0.0
        group.append(name)
        used += mib
    yield group


def _fill(
    network: Network, row: int, ends: list[torch.Tensor], found: list[Gradients], together: int
) -> None:
    """One row of the Jacobian: every row on its own, as it cannot be told apart from others."""
    with StepByStep():
        outputs = network.outputs(slice(row, row + 1))
    for part, gradients in output_gradients(outputs, ends, together):
        for kept, gradient in zip(found, gradients, strict=True):
            if gradient is not None:
                kept.values[row, part] = gradient.reshape(len(gradient), -1).to(kept.values.dtype)
