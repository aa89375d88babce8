"""Axes of what a module gives, and from there to rows by units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

ROW, UNIT, TIME, CALL, SINGLE, TOKEN = "row", "unit", "time", "call", "single", "token"


@dataclass(frozen=True)
class Part:
    """Some tokens of a sequence.

    Attributes
    ----------
    of : str
        Site that has all of them.
    start, length : int
        Which ones.
    axes : tuple of (str, int)
        What the token axis becomes: ``(("y", 14), ("x", 14))`` for patches, nothing for one token.
    """

    of: str
    start: int
    length: int
    axes: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Layout:
    """How the calls of a module become activity.

    Attributes
    ----------
    module : str
        Name of the module.
    calls : int
        How often it is called in a pass.
    axes : tuple of str
        Names of the axes of one call's output. `SINGLE` is an axis of one value that goes,
        `TOKEN` one that `part` divides.
    shape : tuple of int
        Their sizes for one stimulus.
    stacked : str
        Name of the axis of calls, where there are several.
    dtype : str
        Dtype in the network.
    part : Part, optional
    """

    module: str
    calls: int
    axes: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    stacked: str = TIME
    part: Part | None = None

    @property
    def sizes(self) -> dict[str, int]:
        """Size of every axis of a stimulus' activity, units first."""
        found = {self.stacked: self.calls} if self.calls > 1 else {}
        for name, size in zip(self.axes, self.shape, strict=True):
            if name == TOKEN and self.part is not None:
                found |= dict(self.part.axes)
            elif name not in (ROW, SINGLE):
                found[name] = size
        rest = {name: size for name, size in found.items() if name != UNIT}
        # A recurrence reads better before space.
        early = {name: rest.pop(name) for name in (TIME, CALL) if name in rest}
        return {UNIT: found.get(UNIT, 1)} | early | rest

    def arrange(self, calls: Sequence[torch.Tensor], by_step: bool) -> torch.Tensor:
        """Activity from what the calls of a pass gave.

        Parameters
        ----------
        calls : sequence of Tensor
            Each with the axes that the layout names.
        by_step : bool
            Whether every step is a row of its own.

        Returns
        -------
        Tensor (rows, units, ...)
        """
        import torch

        names = list(self.axes)
        value = calls[0]
        if self.calls > 1:
            value, names = torch.stack(list(calls)), [self.stacked, *names]
        while SINGLE in names:
            value = value.select(names.index(SINGLE), 0)
            names.remove(SINGLE)
        if self.part is not None:
            value, names = _cut(value, names, self.part)
        if UNIT not in names:
            value, names = value.unsqueeze(-1), [*names, UNIT]
        wanted = [ROW, *self.sizes]
        if by_step:
            wanted.remove(TIME)
            wanted.insert(1, TIME)
        value = value.permute([names.index(name) for name in wanted])
        return value.flatten(0, 1) if by_step else value


def _cut(value: torch.Tensor, names: list[str], part: Part) -> tuple[torch.Tensor, list[str]]:
    axis = names.index(TOKEN)
    value = value.narrow(axis, part.start, part.length)
    if part.axes:
        value = value.unflatten(axis, [size for _, size in part.axes])
    else:
        value = value.select(axis, 0)
    return value, [*names[:axis], *(name for name, _ in part.axes), *names[axis + 1 :]]
