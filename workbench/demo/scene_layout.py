"""What stands where in scenes: objects, drawn at random from independent streams."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.demo.scene_words import COLOURS, NOUNS, SHAPES, TEXTURES, indices_of

_PLACES_TRIED = 24
_FREE_SPACE = 1.15
# Digits have thin strokes and are drawn larger.
_DIGIT_SCALE = 1.25
_STREAMS = ("count", "shape", "colour", "texture", "radius", "place", "angle", "phase", "tint")


@dataclass(frozen=True)
class Choices:
    """From what scenes are drawn.

    Attributes
    ----------
    shapes, colours, textures : tuple of str
        All equally likely.
    objects : tuple of int
        Fewest and most objects in a scene.
    radius : tuple of float
        Smallest and largest radius, as a share of the image's side.
    """

    shapes: tuple[str, ...] = SHAPES
    colours: tuple[str, ...] = COLOURS
    textures: tuple[str, ...] = TEXTURES
    objects: tuple[int, int] = (1, 3)
    radius: tuple[float, float] = (0.14, 0.21)


@dataclass(frozen=True)
class Layout:
    """Objects of scenes, before they are drawn.

    Attributes
    ----------
    exists : bool array (scenes, objects)
    shape, colour, texture : int array (scenes, objects)
        Into ``NOUNS``, ``COLOURS`` and ``TEXTURES``.
    centre : float array (scenes, objects, 2)
        Row and column as shares of the image's side.
    radius : float array (scenes, objects)
        As a share of the image's side.
    angle : float array (scenes, objects)
        In radians.
    phase : int array (scenes, objects, 3)
    tint : float array (scenes, objects, 3)
        Added to the colour, in levels of 255.
    """

    exists: NDArray[np.bool_]
    shape: NDArray[np.int64]
    colour: NDArray[np.int64]
    texture: NDArray[np.int64]
    centre: NDArray[np.float32]
    radius: NDArray[np.float32]
    angle: NDArray[np.float32]
    phase: NDArray[np.int64]
    tint: NDArray[np.float32]


def streams(seed: int) -> dict[str, np.random.Generator]:
    """One generator for each attribute, so that scene 5 is the same among 10 and among 1,000.

    Parameters
    ----------
    seed : int

    Returns
    -------
    dict of str to Generator
    """
    spawned = np.random.SeedSequence(seed).spawn(len(_STREAMS))
    return {
        name: np.random.Generator(np.random.PCG64(each))
        for name, each in zip(_STREAMS, spawned, strict=True)
    }


def lay_out(n: int, seed: int, choices: Choices, digits: NDArray[np.int64] | None = None) -> Layout:
    """Draw what the objects of scenes are and where they stand.

    Parameters
    ----------
    n : int
    seed : int
    choices : Choices
    digits : int array (n,), optional
        The first object of every scene is this digit, in plain colour.

    Returns
    -------
    Layout
    """
    draws = streams(seed)
    fewest, most = choices.objects
    grid = (n, most)
    count = draws["count"].integers(fewest, most + 1, n)
    exists = np.arange(most) < count[:, None]
    shape = _chosen(draws["shape"], choices.shapes, NOUNS, "shape", grid)
    texture = _chosen(draws["texture"], choices.textures, TEXTURES, "texture", grid)
    radius = draws["radius"].uniform(*choices.radius, grid)
    if digits is not None:
        shape[:, 0] = len(SHAPES) + digits
        texture[:, 0] = TEXTURES.index("plain")
        radius[:, 0] *= _DIGIT_SCALE
    return Layout(
        exists=exists,
        shape=shape,
        colour=_chosen(draws["colour"], choices.colours, COLOURS, "colour", grid),
        texture=texture,
        centre=_places(draws["place"], exists, radius),
        radius=radius.astype(np.float32),
        angle=draws["angle"].uniform(-0.2, 0.2, grid).astype(np.float32),
        phase=draws["phase"].integers(0, 2**16, (*grid, 3)) % np.array([128, 128, 2]),
        tint=draws["tint"].uniform(-25, 25, (*grid, 3)).astype(np.float32),
    )


def _chosen(
    random: np.random.Generator,
    words: tuple[str, ...],
    known: tuple[str, ...],
    kind: str,
    grid: tuple[int, int],
) -> NDArray[np.int64]:
    allowed = np.array(indices_of(words, known, kind))
    return allowed[random.integers(0, len(allowed), grid)]


def _places(
    random: np.random.Generator, exists: NDArray[np.bool_], radius: NDArray[np.float64]
) -> NDArray[np.float32]:
    """The first of several tries in which no two objects touch, or the least crowded one."""
    n, most = exists.shape
    unit = random.random((n, _PLACES_TRIED, most, 2))
    reach = radius[:, None, :, None]
    centre = reach + unit * (1 - 2 * reach)
    space = np.full((n, _PLACES_TRIED), 1.0)
    for one in range(most):
        for other in range(one):
            apart = np.hypot(*np.moveaxis(centre[:, :, one] - centre[:, :, other], -1, 0))
            free = apart - _FREE_SPACE * (radius[:, one] + radius[:, other])[:, None]
            both = (exists[:, one] & exists[:, other])[:, None]
            space = np.minimum(space, np.where(both, free, np.inf))
    fits = space > 0
    best = np.where(fits.any(axis=1), fits.argmax(axis=1), space.argmax(axis=1))
    return centre[np.arange(n), best].astype(np.float32)
