"""Shapes and textures on small patches of pixels, many objects at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.demo.scene_words import SHAPES, TEXTURES

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

# RGB, in the order of COLOURS.
PALETTE = np.array(
    [
        [215, 45, 40],
        [40, 170, 60],
        [50, 80, 225],
        [230, 205, 45],
        [165, 60, 200],
        [50, 200, 205],
    ],
    dtype=np.float32,
)
# What is left of the colour in the dark part of a texture.
_SHADE = 0.25


@dataclass(frozen=True)
class Sketch:
    """Objects to draw, one entry each.

    Attributes
    ----------
    shape, texture : int array (objects,)
        Into ``NOUNS`` and ``TEXTURES``.
    centre : float array (objects, 2)
        Row and column, in pixels.
    radius : float array (objects,)
        In pixels.
    angle : float array (objects,)
        In radians.
    colour : float array (objects, 3)
        RGB, 0 to 255.
    phase : int array (objects, 3)
        Offsets of the texture down and across in pixels, and whether stripes stand.
    """

    shape: NDArray[np.int64]
    texture: NDArray[np.int64]
    centre: Floats
    radius: Floats
    angle: Floats
    colour: Floats
    phase: NDArray[np.int64]


def patch_width(radius: float) -> int:
    """Pixels across a patch that holds any object of a radius.

    Examples
    --------
    >>> patch_width(4.0)
    13
    """
    return int(np.ceil(2 * radius * 1.25)) + 3


def patch_corners(centre: Floats, width: int) -> NDArray[np.int64]:
    """First row and column of every object's patch: (objects, 2); they may lie outside.

    Parameters
    ----------
    centre : float array (objects, 2)
    width : int

    Returns
    -------
    int array (objects, 2)
    """
    return (np.floor(centre) - width // 2).astype(np.int64)


def footprints(sketch: Sketch, width: int) -> Flags:
    """Which pixels of its patch belong to each object.

    Parameters
    ----------
    sketch : Sketch
        Of geometrical shapes only.
    width : int

    Returns
    -------
    bool array (objects, width, width)
    """
    inside = np.zeros((len(sketch.shape), width, width), dtype=bool)
    for number, name in enumerate(SHAPES):
        chosen = np.flatnonzero(sketch.shape == number)
        if len(chosen):
            down, across = _own_coordinates(sketch, chosen, width)
            inside[chosen] = _SHAPES[name](down, across)
    return inside


def brightness(sketch: Sketch, width: int, half_period: int) -> Floats:
    """How much of its colour each pixel of an object shows.

    Parameters
    ----------
    sketch : Sketch
    width : int
    half_period : int
        Pixels of one stripe, of one dot or of one field of a chequer.

    Returns
    -------
    float array (objects, width, width)
        From 0 to 1.
    """
    shown = np.ones((len(sketch.texture), width, width), dtype=np.float32)
    steps = np.arange(width)
    for number, name in enumerate(TEXTURES):
        chosen = np.flatnonzero(sketch.texture == number)
        if name == "plain" or not len(chosen):
            continue
        phase = sketch.phase[chosen]
        down = ((steps + phase[:, :1]) // half_period % 2 == 1)[:, :, None]
        across = ((steps + phase[:, 1:2]) // half_period % 2 == 1)[:, None, :]
        dark = _TEXTURES[name](down, across, (phase[:, 2] == 1)[:, None, None])
        shown[chosen] -= np.float32(1 - _SHADE) * dark
    return shown


def _own_coordinates(
    sketch: Sketch, chosen: NDArray[np.int64], width: int
) -> tuple[Floats, Floats]:
    """Down and across from the centre, turned with the object, in radii."""
    centre, radius = sketch.centre[chosen], sketch.radius[chosen]
    corner = patch_corners(centre, width).astype(np.float32)
    pixels = np.arange(width, dtype=np.float32) + np.float32(0.5)
    down = ((corner[:, :1] + pixels - centre[:, :1]) / radius[:, None])[:, :, None]
    across = ((corner[:, 1:] + pixels - centre[:, 1:]) / radius[:, None])[:, None, :]
    sine = np.sin(sketch.angle[chosen])[:, None, None]
    cosine = np.cos(sketch.angle[chosen])[:, None, None]
    return down * cosine - across * sine, down * sine + across * cosine


def _circle(down: Floats, across: Floats) -> Flags:
    return np.asarray(down**2 + across**2 <= 0.95)


def _square(down: Floats, across: Floats) -> Flags:
    return (np.abs(down) <= 0.85) & (np.abs(across) <= 0.85)


def _triangle(down: Floats, across: Floats) -> Flags:
    return (down <= 0.85) & (np.abs(across) * 1.7 <= (down + 1) * 1.05)


def _cross(down: Floats, across: Floats) -> Flags:
    near = np.minimum(np.abs(down), np.abs(across))
    far = np.maximum(np.abs(down), np.abs(across))
    return (near <= 0.32) & (far <= 1)


def _ring(down: Floats, across: Floats) -> Flags:
    distance = down**2 + across**2
    return (distance <= 1.1) & (distance >= 0.3)


def _striped(down: Flags, across: Flags, stand: Flags) -> Flags:
    return np.where(stand, across, down)


def _dotted(down: Flags, across: Flags, _: Flags) -> Flags:
    return down & across


def _checkered(down: Flags, across: Flags, _: Flags) -> Flags:
    return down ^ across


_SHAPES: dict[str, Callable[[Floats, Floats], Flags]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "cross": _cross,
    "ring": _ring,
}
_TEXTURES: dict[str, Callable[[Flags, Flags, Flags], Flags]] = {
    "striped": _striped,
    "dotted": _dotted,
    "checkered": _checkered,
}
