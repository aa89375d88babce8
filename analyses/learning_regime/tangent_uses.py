"""How a parameter enters a network, and what the gradients of outputs then are, row by row.

A use knows the values that went in. Given ``delta``, the gradients of some outputs in what came
out, it gives the gradients in the parameter. Axes: o outputs, r rows, g groups, p positions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analyses.learning_regime.tangent_layouts import Layout

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class View:
    """The part of a parameter that was used, as it lies in its memory.

    Attributes
    ----------
    offset : int
        Of the first value, in the parameter.
    shape, stride : tuple of int
    """

    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def last(self) -> int:
        """Place of the last value."""
        return self.offset + sum((n - 1) * s for n, s in zip(self.shape, self.stride, strict=True))

    @property
    def repeats(self) -> bool:
        """Whether some values are shown several times, as by ``expand``."""
        return any(n > 1 and not s for n, s in zip(self.shape, self.stride, strict=True))

    def add(self, values: torch.Tensor, total: torch.Tensor) -> None:
        """Add gradients in the view to gradients in the whole parameter, in place.

        Parameters
        ----------
        values : tensor (*batch, ...)
            With as many values an entry as the view has.
        total : tensor (*batch, size), the last axis contiguous
        """
        batch, steps = total.shape[:-1], total.stride()[:-1]
        place = total.as_strided(
            (*batch, *self.shape), (*steps, *self.stride), total.storage_offset() + self.offset
        )
        place += values.reshape(place.shape)


@dataclass(frozen=True)
class Weighted:
    """A product with a weight: z = W h at every position, as of layers and convolutions.

    Attributes
    ----------
    view : View
        Of the weight (groups * out, in).
    entered : tensor (r, g, p, in)
    """

    view: View
    entered: torch.Tensor

    @property
    def n_positions(self) -> int:
        """Positions at which the weight is used for a row."""
        return self.entered.shape[2]

    def canonical(self, delta: torch.Tensor) -> torch.Tensor:
        """(o, r, ..., out) -> (o, r, g, p, out)."""
        n_outputs, n_rows = delta.shape[:2]
        return delta.reshape(n_outputs, n_rows, 1, self.n_positions, -1)

    def gradient(self, delta: torch.Tensor) -> torch.Tensor:
        """Canonical delta -> (o, r, size)."""
        import torch

        product = torch.einsum("orgpc,rgpi->orgci", delta, self.entered)
        return product.flatten(2)


@dataclass(frozen=True)
class Convolved(Weighted):
    """A convolution: a product with patches; channels come before space."""

    def canonical(self, delta: torch.Tensor) -> torch.Tensor:
        """(o, r, k, g * out, space) -> (o, r, g, k * space, out)."""
        n_groups = self.entered.shape[1]
        split = delta.flatten(4).unflatten(3, (n_groups, -1))  # (o, r, k, g, out, space)
        return split.permute(0, 1, 3, 2, 5, 4).flatten(3, 4)


@dataclass(frozen=True)
class LookedUp:
    """Rows of a table, as of embeddings.

    Attributes
    ----------
    view : View
        Of the table (entries, units).
    entries : tensor (r, p) of int
    padding : int
        Entry that does not learn, -1 for none.
    """

    view: View
    entries: torch.Tensor
    padding: int

    @property
    def n_positions(self) -> int:
        """Entries looked up for a row."""
        return self.entries.shape[1]

    def canonical(self, delta: torch.Tensor) -> torch.Tensor:
        """(o, r, ..., units) -> (o, r, p, units), 0 for padding."""
        flat = delta.reshape(*delta.shape[:2], self.n_positions, -1)
        return flat * (self.entries != self.padding)[..., None] if self.padding >= 0 else flat

    def gradient(self, delta: torch.Tensor) -> torch.Tensor:
        """Canonical delta -> (o, r, size)."""
        found = delta.new_zeros(*delta.shape[:2], *self.view.shape)
        places = self.entries[None, :, :, None].expand(delta.shape)
        return found.scatter_add_(2, places, delta).flatten(2)


@dataclass(frozen=True)
class Elementwise:
    """A sum or product with a parameter that is spread over other axes: biases and scales.

    Attributes
    ----------
    view : View
    spread : tuple of int
        The view's shape with axes of size 1 in front, as it meets what it is added to.
    factor : tensor (r, ...), or float
        Derivative of what comes out in the parameter.
    """

    view: View
    spread: tuple[int, ...]
    factor: torch.Tensor | float

    def canonical(self, delta: torch.Tensor) -> torch.Tensor:
        """(o, r, ...) -> (o, r, ...): nothing to do."""
        return delta

    def gradient(self, delta: torch.Tensor) -> torch.Tensor:
        """Delta (o, r, ...) -> (o, r, size)."""
        product = delta * self.factor
        axes = [
            axis
            for axis, (size, whole) in enumerate(
                zip(self.spread, product.shape[2:], strict=True), start=2
            )
            if size == 1 and whole > 1
        ]
        return (product.sum(axes) if axes else product).flatten(2)


Use = Weighted | LookedUp | Elementwise


@dataclass(frozen=True)
class Raw:
    """A use as it is recorded, before it is known where rows are.

    Attributes
    ----------
    parameter : str
    view : View
    kind : {"weighted", "convolved", "looked up", "elementwise"}
    entered : tensor, or float
        As it came in, on any axes; patches of a convolution are (batch, g, p, in).
    padding : int
        Of a table.
    """

    parameter: str
    view: View
    kind: str
    entered: torch.Tensor | float
    padding: int = -1


def settle(raw: Raw, entered: Layout | None, left: Layout, n_axes: int) -> Use | None:
    """A use with rows first, or None where rows and other axes are mixed.

    Parameters
    ----------
    raw : Raw
    entered : Layout, optional
        Of what came in; None where that is a number.
    left : Layout
        Of what came out.
    n_axes : int
        Axes of what came out.

    Returns
    -------
    Weighted, Convolved, LookedUp, Elementwise or None
    """
    if raw.kind == "elementwise":
        return _settle_elementwise(raw, entered, left, n_axes)
    if isinstance(raw.entered, float) or entered is None:
        return None
    moved = _single(entered.rows_first(raw.entered))
    if raw.kind == "convolved":  # (r, k, g, p, in)
        mixed = left.axis != entered.axis or left.axis not in (None, 0)
        return None if mixed else Convolved(raw.view, moved.transpose(1, 2).flatten(2, 3))
    if left.axis == n_axes - 1:
        return None
    if raw.kind == "looked up":
        return LookedUp(raw.view, moved.flatten(1), raw.padding)
    return Weighted(raw.view, moved.reshape(len(moved), 1, -1, moved.shape[-1]))


def _settle_elementwise(
    raw: Raw, entered: Layout | None, left: Layout, n_axes: int
) -> Elementwise | None:
    spread = (1,) * (n_axes - len(raw.view.shape)) + raw.view.shape
    if left.axis is not None and spread[left.axis] != 1:
        return None
    if isinstance(raw.entered, float):
        return Elementwise(raw.view, spread, raw.entered)
    if entered is None or entered.axis != left.axis or raw.entered.ndim != n_axes:
        return None
    return Elementwise(raw.view, spread, _single(entered.rows_first(raw.entered)))


def _single(values: torch.Tensor) -> torch.Tensor:
    """At least single precision, in which kernels are summed."""
    half = values.is_floating_point() and values.element_size() < 4
    return values.float() if half else values
