"""Where the rows are in a tensor inside a network: found by running one row beside all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Layout:
    """Rows of a tensor: an axis of rows times others, ordered by row or with rows innermost.

    Attributes
    ----------
    n_rows : int
    axis : int, optional
        None if there is one row, which needs no axis.
    inner : bool
        Within this axis, rows go fastest, as in a reshaped (steps, rows, units).
    """

    n_rows: int
    axis: int | None
    inner: bool = False

    def rows_first(self, values: torch.Tensor, lead: int = 0) -> torch.Tensor:
        """Move rows behind `lead` further axes; what else the axis held stays in its place.

        Parameters
        ----------
        values : tensor (*lead, *shape)
        lead : int

        Returns
        -------
        tensor (*lead, rows, *shape), the axis of rows replaced by its other part (often 1)

        Examples
        --------
        >>> import torch
        >>> Layout(4, 1).rows_first(torch.zeros(7, 4, 3)).shape
        torch.Size([4, 7, 1, 3])
        """
        if self.axis is None:
            return values.unsqueeze(lead)
        axis = self.axis + lead
        sizes = (-1, self.n_rows) if self.inner else (self.n_rows, -1)
        return values.unflatten(axis, sizes).movedim(axis + self.inner, lead)


def find_layout(values: torch.Tensor, last: torch.Tensor, n_rows: int) -> Layout | None:
    """Layout of a tensor, given the same for the last row alone.

    Parameters
    ----------
    values, last : tensor
        The same quantity for all rows and for the last row.
    n_rows : int

    Returns
    -------
    Layout, or None if rows are no part of one axis

    Examples
    --------
    >>> import torch
    >>> whole = torch.arange(24.0).reshape(6, 4)  # three steps of two rows
    >>> find_layout(whole, whole[1::2], 2)
    Layout(n_rows=2, axis=0, inner=True)
    """
    if n_rows == 1:
        return Layout(1, None) if values.shape == last.shape else None
    if values.ndim != last.ndim:
        return None
    sizes = list(zip(values.shape, last.shape, strict=True))
    axes = [axis for axis, (many, one) in enumerate(sizes) if many != one]
    if len(axes) != 1 or values.shape[axes[0]] != n_rows * last.shape[axes[0]]:
        return None
    layouts = (Layout(n_rows, axes[0]), Layout(n_rows, axes[0], inner=True))
    if last.shape[axes[0]] == 1:
        return layouts[0]
    errors = [float((each.rows_first(values)[-1] - last).abs().max()) for each in layouts]
    return layouts[int(errors[1] < errors[0])]
