"""Gathering the gradients of one parameter while outputs go backwards, then its kernel."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING

from analyses.learning_regime.tangent_contractions import (
    MIB,
    Similarity,
    cost_of_positions,
    cost_of_slices,
    gram,
    kernel_of_gradients,
    kernel_of_positions,
    output_spans,
    slices,
)
from analyses.learning_regime.tangent_uses import LookedUp, Use, View, Weighted

if TYPE_CHECKING:
    import torch


class Gradients:
    """Gradients of every row and output in one small parameter.

    Parameters
    ----------
    uses : sequence of Use
        None where gradients are filled in otherwise.
    n_rows, n_outputs, size : int
        Size is that of the whole parameter.
    like : tensor
        Of the wanted type.

    Attributes
    ----------
    values : tensor (rows, outputs, size)
    """

    def __init__(
        self, uses: Sequence[Use], n_rows: int, n_outputs: int, size: int, like: torch.Tensor
    ) -> None:
        self._uses = uses
        self.values = like.new_zeros(n_rows, n_outputs, size)

    def add(self, outputs: slice, number: int, delta: torch.Tensor) -> None:
        """Take in gradients of some outputs in what came out of a use, (o, r, ...)."""
        use = self._uses[number]
        found = use.gradient(use.canonical(delta).to(self.values.dtype))
        use.view.add(found.transpose(0, 1), self.values[:, outputs])

    def product(self, vector: torch.Tensor, total: torch.Tensor) -> None:
        """Add the sum of gradients, weighted by (rows, outputs), to `total` (size,)."""
        total += vector.reshape(-1) @ self.values.flatten(0, 1)


class Factors:
    """Factors of the gradients in one large weight: what came in, and deltas of what came out.

    Parameters
    ----------
    uses : sequence of Weighted (of one group) or LookedUp
        All of one view.
    n_rows, n_outputs : int
    like : tensor
        Of the wanted type.
    """

    def __init__(
        self, uses: Sequence[Weighted | LookedUp], n_rows: int, n_outputs: int, like: torch.Tensor
    ) -> None:
        self._uses = uses
        self.view: View = uses[0].view
        widths = [width(use) for use in uses]
        places = [use.n_positions for use in uses]
        self._alike = len({type(use) for use in uses}) == 1
        if self._alike:
            self._delta = like.new_zeros(sum(places), n_outputs, n_rows, widths[0])
            self._deltas = list(self._delta.split(places))
        else:
            sizes = zip(places, widths, strict=True)
            self._deltas = [like.new_zeros(p, n_outputs, n_rows, size) for p, size in sizes]

    def add(self, outputs: slice, number: int, delta: torch.Tensor) -> None:
        """Take in gradients of some outputs in what came out of a use, (o, r, ...)."""
        flat = self._uses[number].canonical(delta).flatten(2, -2)  # (o, r, p, out)
        self._deltas[number][:, outputs] = flat.permute(2, 0, 1, 3).to(self._deltas[number].dtype)

    def product(self, vector: torch.Tensor, total: torch.Tensor) -> None:
        """Add the sum of gradients, weighted by (rows, outputs), to `total` (size,)."""
        for use, delta in zip(self._uses, self._deltas, strict=True):
            mixed = delta.new_zeros(delta[:, 0].shape)  # (positions, rows, out)
            for number, weights in enumerate(vector.T):
                mixed.addcmul_(delta[:, number], weights[:, None])
            self.view.add(_gradient_sum(use, mixed.flatten(0, 1)), total)

    def add_kernel(self, kernel: torch.Tensor, max_mib: float) -> None:
        """Add the kernel by whichever way is cheaper.

        Parameters
        ----------
        kernel : tensor (rows * outputs, rows * outputs)
            Added to in place.
        max_mib : float
            Memory for gradients that are formed for a slice of the weight.
        """
        if not self._alike:
            self._add_slices(kernel, max_mib)
            return
        n_positions, n_outputs, n_rows, n_out = self._delta.shape
        spans = output_spans(self._delta, self._used())
        direct = cost_of_positions(spans, n_rows, n_out)
        if direct <= cost_of_slices(len(kernel), n_positions, prod(self.view.shape)):
            found = kernel_of_positions(self._delta, self._similarity(), spans)
            kernel.view(n_rows, n_outputs, n_rows, n_outputs).add_(found)
        else:
            self._add_slices(kernel, max_mib)

    def _entered(self) -> torch.Tensor:
        """What went in, (positions, rows, in), or entries (positions, rows)."""
        import torch

        found = [
            use.entered[:, 0] if isinstance(use, Weighted) else use.entries for use in self._uses
        ]
        return torch.cat(found, 1).transpose(0, 1).to(found[0].dtype)

    def _used(self) -> torch.Tensor:
        entered = self._entered()
        # An entry of a table is never nothing; an input of zeros is.
        return entered.ne(0).flatten(1).any(1) if entered.ndim == 3 else entered.ge(0).any(1)

    def _similarity(self) -> Similarity:
        entered = self._entered()
        if entered.ndim == 3:
            return lambda p, q: entered[p] @ entered[q].T
        like = self._delta
        return lambda p, q: (entered[p][:, None] == entered[q]).to(like.dtype)

    def _add_slices(self, kernel: torch.Tensor, max_mib: float) -> None:
        """Through the gradients in a few rows of the weight at a time."""
        n_out, n_in = self.view.shape[0], prod(self.view.shape[1:])
        row_mib = 2 * len(kernel) * n_in * kernel.element_size() / MIB
        for part in slices(n_out, row_mib, max_mib):
            parts = [
                _gradient_rows(*each, part) for each in zip(self._uses, self._deltas, strict=True)
            ]
            block = parts[0]
            for each in parts[1:]:
                block += each
            kernel += gram(block.reshape(len(kernel), -1))


def add_kernels(kept: Sequence[Gradients | Factors], kernel: torch.Tensor, max_mib: float) -> None:
    """Add the kernels of all that was collected.

    Parameters
    ----------
    kept : sequence of Gradients or Factors
    kernel : tensor (rows * outputs, rows * outputs)
        Added to in place.
    max_mib : float
    """
    blocks = [each.values.flatten(0, 1) for each in kept if isinstance(each, Gradients)]
    kernel_of_gradients(blocks, kernel, max_mib)
    for each in kept:
        if isinstance(each, Factors):
            each.add_kernel(kernel, max_mib)


def width(use: Weighted | LookedUp) -> int:
    """Units that come out: of a layer, all; of a table, those of an entry.

    Parameters
    ----------
    use : Weighted or LookedUp

    Returns
    -------
    int
    """
    return use.view.shape[0] if isinstance(use, Weighted) else use.view.shape[-1]


def _gradient_sum(use: Weighted | LookedUp, delta: torch.Tensor) -> torch.Tensor:
    """Gradient of all rows together, for delta (positions * rows, out)."""
    if isinstance(use, Weighted):
        return delta.T @ use.entered[:, 0].transpose(0, 1).flatten(0, 1)
    entries = use.entries.T.flatten()
    return delta.new_zeros(use.view.shape).index_add_(0, entries, delta)


def _gradient_rows(use: Weighted | LookedUp, delta: torch.Tensor, part: slice) -> torch.Tensor:
    """Gradients in some rows of the weight or table, (rows, outputs, part, in)."""
    import torch

    if isinstance(use, Weighted):
        return torch.einsum("porc,rpi->roci", delta[..., part], use.entered[:, 0])
    inside = (use.entries >= part.start) & (use.entries < part.stop)
    values = delta.permute(2, 1, 0, 3) * inside[:, None, :, None]  # (r, o, p, units)
    places = (use.entries - part.start).clamp(0, part.stop - part.start - 1)
    sizes = (*values.shape[:2], part.stop - part.start, values.shape[3])
    found = values.new_zeros(sizes)
    return found.scatter_add_(2, places[:, None, :, None].expand(values.shape), values)
