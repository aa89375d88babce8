"""The empirical neural tangent kernel of a network: inner products of gradients of its outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from workbench.errors import UsageError, nearest

if TYPE_CHECKING:
    import torch
    from torch import nn

    from analyses.learning_regime.tangent_checks import Mixture
    from analyses.learning_regime.tangent_collecting import Factors, Gradients
    from analyses.learning_regime.tangent_networks import Network

    Collected = Mapping[str, Sequence[Gradients | Factors]]

METHODS = ("auto", "jacobian", "structured", "sketch")


def tangent_kernel(
    model: nn.Module,
    inputs: Any,
    parameters: str | Sequence[str] | None = None,
    method: str = "auto",
    n_directions: int = 1024,
    seed: int = 0,
    max_mib: float = 256.0,
) -> NDArray:
    r"""Empirical neural tangent kernel of all rows and outputs.

    .. math:: K_{ij} = \sum_\theta \frac{\partial y_i}{\partial \theta}
              \frac{\partial y_j}{\partial \theta}

    Parameters
    ----------
    model : torch.nn.Module
        Deterministic, and treating rows independently: call ``model.eval()`` if it has dropout or
        batch normalisation. Of several outputs the first counts, of named ones ``logits``.
    inputs : array or tensor (rows, ...), tuple of such arguments, or mapping of keywords to them
    parameters : str or sequence of str, optional
        Names or patterns (``"*.weight"``) of parameters; all that are trained by default.
    method : {"auto", "jacobian", "structured", "sketch"}
        - ``structured``: from the inputs of every weight and the gradients that come back to it,
          without a Jacobian: for layers, convolutions, embeddings, normalisations, torch's
          recurrent layers and attention, and products with parameters in code of one's own,
          however often they are used.
        - ``jacobian``: from the Jacobian, parameter by parameter; for any network.
        - ``auto``: structured, and the Jacobian of the parameters that it does not cover.
        - ``sketch``: mean over random directions v of :math:`(Jv)(Jv)^\top`, v standard normal.
          An estimate without bias, but its noise makes the alignment of two kernels too low if
          directions are few; kernels to be compared must have the same seed.
    n_directions, seed : int
        Of the sketch.
    max_mib : float
        Memory beside the result, the activity and the gradients of one parameter.

    Returns
    -------
    ndarray (rows * outputs, rows * outputs)
        Ordered by row, then by output; all axes of outputs after the first, as steps in time, are
        outputs. In double precision for a model in double precision, else in single.

    Raises
    ------
    UsageError
        If passes differ (dropout on), rows depend on each other, outputs cannot be differentiated
        or are not finite, or parameters or the method are unknown.

    Notes
    -----
    A weight W used at positions p, as steps in time, with inputs h has the kernel
    :math:`\sum_{p,q} (\delta_{ip} \cdot \delta_{jq}) (h_{ip} \cdot h_{jq})` with
    :math:`\delta_{ip}` the gradient of output i in W h at position p. All gradients are compared
    with those of one exact backward pass of a random mixture of outputs.

    References
    ----------
    Jacot et al. 2018, arXiv 1806.07572. Novak et al. 2022, arXiv 2206.08720 (structured
    derivatives). Liu et al. 2024, arXiv 2310.08513.

    Examples
    --------
    >>> import numpy as np
    >>> from torch import nn
    >>> x = np.array([[1.0, 2.0], [0.0, 1.0]])
    >>> tangent_kernel(nn.Linear(2, 1, bias=False), x)
    array([[5., 2.],
           [2., 1.]], dtype=float32)
    """
    from analyses.learning_regime.tangent_networks import check, prepare, ready
    from analyses.learning_regime.tangent_products import sketched_kernel

    if method not in METHODS:
        raise UsageError(f"Found method='{method}': {nearest(method, METHODS)}")
    network = prepare(model, inputs, parameters)
    with ready(network):
        check(network)
        if method == "sketch":
            return sketched_kernel(network, n_directions, seed).cpu().numpy()
        return _exact(network, method, max_mib).cpu().numpy()


def _exact(network: Network, method: str, max_mib: float) -> torch.Tensor:
    from analyses.learning_regime.tangent_checks import Mixture
    from analyses.learning_regime.tangent_jacobian import collect_jacobian, wide
    from analyses.learning_regime.tangent_structured import collect_structured
    from analyses.learning_regime.tangent_tracing import trace

    outputs, traced = trace(network)
    mixture = Mixture(network, outputs)
    kernel = wide(outputs).new_zeros(outputs.numel(), outputs.numel())
    left = {name: value for name, value in network.parameters.items() if mixture.needs(name)}
    if method != "jacobian":
        _take(collect_structured(network, outputs, traced, max_mib), kernel, mixture, left, max_mib)
    if left and method == "structured":
        raise UsageError(
            f"Found uses that the structured form does not cover of {', '.join(left)}; take "
            "method='auto'."
        )
    n_outputs = outputs.shape[1]
    del outputs, traced
    if left:
        found = collect_jacobian(network, dict(left), n_outputs, max_mib)
        _take(found, kernel, mixture, left, max_mib)
    if left:
        raise UsageError(
            f"Found gradients of single rows in {', '.join(left)} that differ from those of all "
            "rows together; expected independent rows, no state kept between calls, and gradients "
            "that rounding does not decide: try model.double()."
        )
    return kernel


def _take(
    groups: Iterator[Collected],
    kernel: torch.Tensor,
    mixture: Mixture,
    left: dict[str, torch.Tensor],
    max_mib: float,
) -> None:
    """Add the kernels of parameters whose gradients are right, and take them off the list."""
    from analyses.learning_regime.tangent_collecting import add_kernels

    for found in groups:
        right = [name for name in found if name in left and mixture.agrees(name, found[name])]
        add_kernels([each for name in right for each in found[name]], kernel, max_mib)
        for name in right:
            del left[name]
