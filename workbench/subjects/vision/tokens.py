"""Tokens of a vision transformer: patches back on their grid, the class token, registers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from workbench.subjects.networks.layout import TOKEN, UNIT, Layout, Part

_SEQUENCE = "axis2"
_POOLED = ("pooler", "pooler_output")


@dataclass(frozen=True)
class TokenGrid:
    """How the tokens of a model are ordered: class token, registers, patches row by row.

    Attributes
    ----------
    height, width : int
        Patches.
    registers : int
    """

    height: int
    width: int
    registers: int = 0

    @property
    def patches(self) -> int:
        """Number of patches."""
        return self.height * self.width

    def refine(self, layouts: Mapping[str, Layout]) -> dict[str, Layout]:
        """Divide sequences of tokens; what is none stays as it is.

        Parameters
        ----------
        layouts : mapping of str to Layout

        Returns
        -------
        dict of str to Layout
            For a site ``block`` of tokens: ``block`` with the patches ``(unit, y, x)``,
            ``block:cls`` with the class token ``(unit)``, ``block:register``
            ``(unit, register)``.
        """
        return {
            name: layout
            for site, given in layouts.items()
            for name, layout in self._divided(site, given)
        }

    def _divided(self, site: str, layout: Layout) -> Iterator[tuple[str, Layout]]:
        sizes = layout.sizes
        extra = sizes.get(_SEQUENCE, 0) - self.patches
        is_grid = extra in (0, 1 + self.registers) and set(layout.axes) == {"row", UNIT, _SEQUENCE}
        if not is_grid:
            yield site, layout
            return
        axes = tuple(TOKEN if name == _SEQUENCE else name for name in layout.axes)
        tokens = replace(layout, axes=axes)
        grid = (("y", self.height), ("x", self.width))
        yield site, replace(tokens, part=Part(site, extra, self.patches, grid))
        if extra:
            yield f"{site}:cls", replace(tokens, part=Part(site, 0, 1))
        if extra and self.registers:
            kept = Part(site, 1, self.registers, (("register", self.registers),))
            yield f"{site}:register", replace(tokens, part=kept)


def without_pooled_space(layouts: Mapping[str, Layout]) -> dict[str, Layout]:
    """Pooled maps of one pixel as units alone.

    Parameters
    ----------
    layouts : mapping of str to Layout

    Returns
    -------
    dict of str to Layout
    """
    return {site: _flat(site, layout) for site, layout in layouts.items()}


def _flat(site: str, layout: Layout) -> Layout:
    is_pooled = any(part in _POOLED for part in site.replace(":", ".").split("."))
    space = [size for name, size in layout.sizes.items() if name != UNIT]
    if not is_pooled or set(space) != {1}:
        return layout
    axes = tuple(name if name in ("row", UNIT) else "single" for name in layout.axes)
    return replace(layout, axes=axes)
