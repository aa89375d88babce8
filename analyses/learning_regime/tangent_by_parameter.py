"""Tangent kernels of every parameter apart, from one trace of the network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from workbench.errors import UsageError

if TYPE_CHECKING:
    import torch
    from torch import nn

    from analyses.learning_regime.tangent_checks import Mixture
    from analyses.learning_regime.tangent_collecting import Factors, Gradients
    from analyses.learning_regime.tangent_networks import Network

    Collected = Mapping[str, Sequence[Gradients | Factors]]


def tangent_kernels(
    model: nn.Module,
    inputs: Any,
    parameters: str | Sequence[str] | None = None,
    max_mib: float = 256.0,
) -> dict[str, NDArray]:
    """Exact tangent kernel of each parameter; their sum is the kernel of all.

    Parameters
    ----------
    model, inputs, parameters, max_mib
        As of `tangent_kernel`.

    Returns
    -------
    dict of str to ndarray (rows * outputs, rows * outputs)
        By parameter, as `tangent_kernel` gives them for it alone.

    Raises
    ------
    UsageError
        As `tangent_kernel`.

    Examples
    --------
    >>> import numpy as np
    >>> from torch import nn
    >>> found = tangent_kernels(nn.Linear(2, 1), np.array([[1.0, 2.0], [0.0, 1.0]]))
    >>> found["weight"].tolist(), found["bias"].tolist()
    ([[5.0, 2.0], [2.0, 1.0]], [[1.0, 1.0], [1.0, 1.0]])
    """
    from analyses.learning_regime.tangent_networks import check, prepare, ready

    network = prepare(model, inputs, parameters)
    with ready(network):
        check(network)
        return {name: kernel.cpu().numpy() for name, kernel in _apart(network, max_mib).items()}


def _apart(network: Network, max_mib: float) -> dict[str, torch.Tensor]:
    from analyses.learning_regime.tangent_checks import Mixture
    from analyses.learning_regime.tangent_jacobian import collect_jacobian, wide
    from analyses.learning_regime.tangent_structured import collect_structured
    from analyses.learning_regime.tangent_tracing import trace

    outputs, traced = trace(network)
    mixture = Mixture(network, outputs)
    n_outputs = outputs.shape[1]
    none = wide(outputs).new_zeros(outputs.numel(), outputs.numel())
    kernels = {name: none for name in network.parameters if not mixture.needs(name)}
    structured = collect_structured(network, outputs, traced, max_mib)
    kernels |= _kernels(structured, none, mixture, max_mib)
    del outputs, traced, structured
    left = {name: each for name, each in network.parameters.items() if name not in kernels}
    if left:
        found = collect_jacobian(network, left, n_outputs, max_mib)
        kernels |= _kernels(found, none, mixture, max_mib)
    missing = [name for name in network.parameters if name not in kernels]
    if missing:
        raise UsageError(
            f"Found gradients of single rows in {', '.join(missing)} that differ from those of all "
            "rows together; expected independent rows and no state kept between calls."
        )
    return kernels


def _kernels(
    groups: Iterator[Collected], none: torch.Tensor, mixture: Mixture, max_mib: float
) -> dict[str, torch.Tensor]:
    """Kernels of the parameters whose gradients are right."""
    from analyses.learning_regime.tangent_collecting import add_kernels

    kernels = {}
    for found in groups:
        for name, kept in found.items():
            if name not in kernels and mixture.agrees(name, kept):
                kernels[name] = none.clone()
                add_kernels(list(kept), kernels[name], max_mib)
    return kernels
