"""One exact backward pass, with which all gradients by row are compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.errors import UsageError

if TYPE_CHECKING:
    import torch

    from analyses.learning_regime.tangent_collecting import Factors, Gradients
    from analyses.learning_regime.tangent_networks import Network


class Mixture:
    """A random mixture of all rows and outputs, and its gradients in the parameters.

    Parameters
    ----------
    network : Network
        Within `ready`.
    outputs : tensor (rows, outputs)
        With their graph.

    Raises
    ------
    UsageError
        If outputs do not depend on the parameters.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from analyses.learning_regime.tangent_networks import prepare
    >>> net = prepare(torch.nn.Linear(2, 1), np.ones((3, 2)), None)
    >>> Mixture(net, net.outputs()).needs("bias")
    True
    """

    def __init__(self, network: Network, outputs: torch.Tensor) -> None:
        import torch

        generator = torch.Generator().manual_seed(0)
        drawn = torch.randn(outputs.shape, generator=generator, dtype=torch.float64)
        vector = drawn.to(outputs.device, outputs.dtype)
        every = {id(each): each for each in network.model.parameters() if each.requires_grad}
        gradients = torch.autograd.grad(
            outputs, list(every.values()), vector, retain_graph=True, allow_unused=True
        )
        found = dict(zip(every, gradients, strict=True))
        self._exact = {name: found[id(value)] for name, value in network.parameters.items()}
        if all(each is None for each in self._exact.values()):
            raise UsageError(
                f"Found outputs that do not depend on {_some(list(network.parameters))}; expected "
                "parameters on the way to the outputs, without detach or no_grad."
            )
        self._vector = vector
        self._scale = sum(float(each.norm()) for each in gradients if each is not None)

    def needs(self, name: str) -> bool:
        """Whether the outputs depend on a parameter."""
        exact = self._exact[name]
        return exact is not None and bool(exact.any())

    def agrees(self, name: str, kept: Sequence[Gradients | Factors]) -> bool:
        """Whether the gradients by row that were kept of a parameter add up to the exact ones."""
        import torch

        exact = self._exact[name]
        if exact is None:
            return True
        wide = torch.promote_types(exact.dtype, torch.float32)
        total = exact.new_zeros(exact.numel(), dtype=wide)
        for each in kept:
            each.product(self._vector.to(wide), total)
        rounding = torch.finfo(exact.dtype).eps
        error = float((total - exact.reshape(-1)).norm())
        # Some gradients, as of the biases of keys, are nothing but rounding errors of the others.
        return error <= rounding**0.5 * float(exact.norm()) + 64 * rounding * self._scale


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more parameters" if len(names) > 3 else ""
    return ", ".join(f"'{name}'" for name in names[:3]) + more
