"""Gradients of many outputs at once, a few outputs at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def output_gradients(
    outputs: torch.Tensor, ends: Sequence[Any], n_together: int
) -> Iterator[tuple[slice, list[torch.Tensor | None]]]:
    """Gradients of every output, summed over rows, in tensors inside a network.

    As rows are independent, the sum over rows of the gradient in a tensor that has rows holds the
    gradient of every row.

    Parameters
    ----------
    outputs : tensor (rows, outputs)
        With their graph.
    ends : sequence of tensor or GradientEdge
    n_together : int
        Outputs a pass.

    Yields
    ------
    slice
        Of outputs.
    list of tensor (o, *shape), or None
        In every end; None where outputs do not depend on it.

    Examples
    --------
    >>> import torch
    >>> x = torch.arange(3.0, requires_grad=True)
    >>> y = torch.stack([x, x**2], 1)
    >>> [(part, found[0].tolist()) for part, found in output_gradients(y, [x], 2)]
    [(slice(0, 2, None), [[1.0, 1.0, 1.0], [0.0, 2.0, 4.0]])]
    """
    n_rows, n_outputs = outputs.shape
    for start in range(0, n_outputs, n_together):
        part = slice(start, min(n_outputs, start + n_together))
        chosen = outputs.new_zeros(part.stop - start, n_rows, n_outputs)
        for number in range(part.stop - start):
            chosen[number, :, start + number] = 1
        yield part, _gradients(outputs, ends, chosen)


def _gradients(
    outputs: torch.Tensor, ends: Sequence[Any], chosen: torch.Tensor
) -> list[torch.Tensor | None]:
    import torch

    options = {"retain_graph": True, "allow_unused": True}
    try:
        return list(torch.autograd.grad(outputs, ends, chosen, is_grads_batched=True, **options))
    except RuntimeError:
        # Some operations, such as custom ones, cannot go backwards for several outputs at once.
        each = [torch.autograd.grad(outputs, ends, one, **options) for one in chosen]
    return [None if found[0] is None else torch.stack(found) for found in zip(*each, strict=True)]
