"""Products of the tangent kernel with vectors, and its sketch: no Jacobian is stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from analyses.learning_regime.given import given_array
from analyses.learning_regime.tangent_networks import Network, check, prepare, ready
from workbench.errors import UsageError

if TYPE_CHECKING:
    import torch
    from torch import nn

# Directions that go through the network together: at most so many, and so much memory.
TOGETHER, TOGETHER_BYTES = 256, 2**25


def tangent_kernel_product(
    model: nn.Module,
    inputs: Any,
    vector: Any,
    parameters: str | Sequence[str] | None = None,
) -> NDArray:
    r"""Tangent kernel times vectors, :math:`J (J^\top v)`, without the kernel.

    A gradient backwards and a derivative forwards for every vector: for kernels that are too large
    to be written down, as in iterative solvers.

    Parameters
    ----------
    model, inputs, parameters
        As in `tangent_kernel`.
    vector : array (rows * outputs,), (rows * outputs, vectors), or (rows, *outputs)
        One vector, several as columns, or one in the shape of the outputs.

    Returns
    -------
    ndarray, the shape of `vector`

    Raises
    ------
    UsageError
        As `tangent_kernel`, and if the vector is of another length.

    References
    ----------
    Novak et al. 2022, arXiv 2206.08720, section 3.2.

    Examples
    --------
    >>> import numpy as np
    >>> from torch import nn
    >>> x = np.array([[1.0, 2.0], [0.0, 1.0]])
    >>> tangent_kernel_product(nn.Linear(2, 1, bias=False), x, [1.0, 1.0])
    array([7., 3.], dtype=float32)
    """
    import torch

    network = prepare(model, inputs, parameters)
    given = given_array(vector, "vector")
    with ready(network):
        check(network)
        outputs, backwards = torch.func.vjp(_function(network), network.parameters)[:2]
        size = outputs.numel()
        if len(given) == size:
            columns = given.reshape(size, -1).T
        elif given.size == size:
            columns = given.reshape(1, size)
        else:
            raise UsageError(
                f"Found a vector of shape {given.shape}; expected {size} values (rows x outputs), "
                "or as many rows with one vector a column."
            )
        wanted = torch.as_tensor(columns.copy()).to(outputs)

        def product(each: torch.Tensor) -> torch.Tensor:
            (gradients,) = backwards(each.reshape(outputs.shape))
            return _forwards(network, gradients).reshape(-1)

        found = torch.vmap(product, chunk_size=_together(network))(wanted)
    array: NDArray = found.detach().cpu().numpy().T.reshape(given.shape)
    return array


def sketched_kernel(network: Network, n_directions: int, seed: int) -> torch.Tensor:
    """Mean over random directions v of the outer product of Jv with itself.

    Parameters
    ----------
    network : Network
        Within `ready`.
    n_directions, seed : int
        Directions are drawn one after the other, so that more of them begin with the same.

    Returns
    -------
    tensor (rows * outputs, rows * outputs)

    Raises
    ------
    UsageError
        If there is no direction.

    Examples
    --------
    >>> import numpy as np
    >>> from torch import nn
    >>> net = prepare(nn.Linear(2, 1, bias=False).double(), np.eye(2), None)
    >>> bool(abs(sketched_kernel(net, 4000, seed=0).trace() - 2) < 0.2)
    True
    """
    import torch

    if n_directions < 1:
        raise UsageError(f"Found n_directions={n_directions}; expected at least one.")
    generator = torch.Generator().manual_seed(seed)
    size = network.n_rows * network.outputs(slice(0, 1)).shape[1]
    kernel: Any = 0.0
    together = _together(network)
    for start in range(0, n_directions, together):
        number = min(together, n_directions - start)
        drawn = [_direction(network, generator) for _ in range(number)]
        stacked = {name: torch.stack([each[name] for each in drawn]) for name in drawn[0]}
        moved = torch.vmap(lambda each: _forwards(network, each))(stacked).reshape(number, size)
        kernel = kernel + moved.T @ moved
    return kernel.detach() / n_directions


def _together(network: Network) -> int:
    used = sum(each.numel() * each.element_size() for each in network.parameters.values())
    return max(1, min(TOGETHER, TOGETHER_BYTES // used))


def _direction(network: Network, generator: torch.Generator) -> dict[str, torch.Tensor]:
    import torch

    return {
        name: torch.randn(value.shape, generator=generator, dtype=torch.float64).to(value)
        for name, value in network.parameters.items()
    }


def _forwards(network: Network, direction: dict[str, torch.Tensor]) -> torch.Tensor:
    """Derivative of all outputs along a direction of the parameters, (rows, outputs)."""
    import torch

    return torch.func.jvp(_function(network), (network.parameters,), (direction,))[1]


def _function(network: Network) -> Callable[[dict[str, torch.Tensor]], torch.Tensor]:
    """Outputs as a function of the parameters."""
    from torch.nn.utils.stateless import _reparametrize_module as replaced

    from analyses.learning_regime.tangent_recurrent import StepByStep

    def outputs(parameters: dict[str, torch.Tensor]) -> torch.Tensor:
        with replaced(network.model, parameters, tie_weights=True), StepByStep():
            return network.outputs()

    return outputs
