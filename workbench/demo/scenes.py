"""Rendered scenes with known truth: shape x colour x texture x position x relation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workbench.demo.scene_drawing import (
    PALETTE,
    Sketch,
    brightness,
    footprints,
    patch_corners,
    patch_width,
)
from workbench.demo.scene_layout import Choices, Layout, lay_out
from workbench.demo.scene_words import (
    COLOURS,
    DIGIT,
    DIGITS,
    NOUNS,
    POSITIONS,
    RELATIONS,
    SHAPES,
    TEXTURES,
)
from workbench.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

SMALLEST, LARGEST = 16, 128
_CHUNK_PIXELS = 2**22
_STROKE = 0.35


@dataclass(frozen=True, eq=False)
class Scenes:
    """Images and the truth about every pixel.

    Attributes
    ----------
    images : uint8 array (scenes, size, size, 3)
    objects : int8 array (scenes, size, size)
        Number of the object that a pixel shows, -1 for the ground.
    layout : Layout
        What the objects are.
    seed : int
    """

    images: NDArray[np.uint8]
    objects: NDArray[np.int8]
    layout: Layout
    seed: int

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, chosen: slice | Iterable[int] | NDArray) -> Scenes:
        """Some scenes, by slice, numbers or flags."""
        part = chosen if isinstance(chosen, slice) else np.asarray(chosen)
        layout = Layout(**{name: each[part] for name, each in vars(self.layout).items()})
        return Scenes(self.images[part], self.objects[part], layout, self.seed)

    @property
    def size(self) -> int:
        """Pixels across an image."""
        return int(self.images.shape[1])

    def having(self, word: str) -> NDArray[np.bool_]:
        """Which objects a word is true of.

        Parameters
        ----------
        word : str
            Of a shape, digit, colour, texture, position or relation; ``digit`` for any digit.

        Returns
        -------
        bool array (scenes, objects)

        Raises
        ------
        UsageError
            If it is no such word.
        """
        layout = self.layout
        if word in NOUNS:
            found = layout.shape == NOUNS.index(word)
        elif word == DIGIT:
            found = layout.shape >= len(SHAPES)
        elif word in COLOURS:
            found = layout.colour == COLOURS.index(word)
        elif word in TEXTURES:
            found = layout.texture == TEXTURES.index(word)
        elif word in POSITIONS:
            found = _at(layout.centre, word)
        elif word in RELATIONS:
            found = self.related(word).any(axis=2)
        else:
            raise UsageError(f"Found the word '{word}'; expected one that scenes can show.")
        return np.asarray(found & layout.exists)

    def related(self, relation: str) -> NDArray[np.bool_]:
        """Which objects stand above, below or beside which.

        Of two objects, one is above the other where they differ more in height than sideways;
        else they are beside each other.

        Parameters
        ----------
        relation : str

        Returns
        -------
        bool array (scenes, objects, objects)
            ``[s, i, j]``: object i stands so to object j.
        """
        layout = self.layout
        gap = layout.centre[:, :, None] - layout.centre[:, None]
        down, across = gap[..., 0], gap[..., 1]
        beside = np.abs(down) <= np.abs(across)
        both = layout.exists[:, :, None] & layout.exists[:, None]
        both = both & ~np.eye(both.shape[1], dtype=bool)
        if relation == "beside":
            return np.asarray(beside & both)
        side = down < 0 if relation == "above" else down > 0
        return np.asarray(~beside & side & both)

    def paint(self, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Pixels of some objects.

        Parameters
        ----------
        chosen : bool array (scenes, objects)

        Returns
        -------
        bool array (scenes, size, size)
        """
        return self._spread(chosen)

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Words that have label maps: those of digits only where there are digits."""
        digits = (*DIGITS, DIGIT) if self.having(DIGIT).any() else ()
        return (*SHAPES, *digits, *COLOURS, *TEXTURES, *POSITIONS, *RELATIONS)

    @cached_property
    def label_maps(self) -> dict[str, NDArray[np.bool_]]:
        """Where every word is true, by word: bool arrays (scenes, size, size)."""
        # One look-up for all words: each is a bit of what is known about an object.
        known = np.zeros(self.layout.exists.shape, dtype=np.uint64)
        bits = {word: np.uint64(1 << number) for number, word in enumerate(self.words)}
        for word, bit in bits.items():
            known[self.having(word)] |= bit
        spread = self._spread(known)
        return {word: (spread & bit) != 0 for word, bit in bits.items()}

    @cached_property
    def pixels(self) -> NDArray[np.int64]:
        """Pixels that show each object: (scenes, objects); none where it does not exist."""
        numbers = range(self.layout.exists.shape[1])
        shown = [(self.objects == number).sum(axis=(1, 2)) for number in numbers]
        return np.stack(shown, axis=1)

    def _spread(self, values: NDArray) -> NDArray:
        """Values of objects (scenes, objects) at their pixels (scenes, size, size), else 0."""
        n, most = values.shape
        padded = np.zeros((n, most + 1), values.dtype)
        padded[:, 1:] = values
        first = np.arange(1, n * (most + 1), most + 1, dtype=np.int32)
        return np.take(padded, self.objects + first[:, None, None])

    @cached_property
    def captions(self) -> list[list[str]]:
        """Of every scene, one description of each object that is seen."""
        from workbench.demo.scene_captions import captions

        return captions(self)

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row an object.

        Columns scene, object, shape, colour, texture, position, row, column, radius (both in
        pixels) and pixels, the number of those that show it.
        """
        from workbench.demo.scene_captions import object_table

        return object_table(self)


@dataclass(frozen=True, eq=False)
class Glyphs:
    """Handwritten digits to put into scenes.

    Attributes
    ----------
    images : float array (scenes, side, side)
        Ink from 0 to 1.
    digits : int array (scenes,)
    """

    images: NDArray[np.float32]
    digits: NDArray[np.int64]


def render(
    n: int,
    seed: int,
    size: int = 32,
    *,
    glyphs: Glyphs | None = None,
    choices: Choices | None = None,
) -> Scenes:
    """Render scenes: coloured, textured shapes on a noisy ground.

    The same seed gives the same scenes, and scene ``i`` does not depend on ``n``. Sizes share
    the layout: what stands in scene ``i`` is the same at 32 and at 64 pixels.

    Parameters
    ----------
    n : int
    seed : int
    size : int
        Pixels across, 16 to 128; at 16 textures are barely visible.
    glyphs : Glyphs, optional
        Handwritten digits, one a scene: its first object.
    choices : Choices, optional
        From what scenes are drawn; by default from all words, one to three objects.

    Returns
    -------
    Scenes

    Raises
    ------
    UsageError
        If there would be no scene, the size does not lie in 16 to 128, or the number of digits
        is another than that of scenes.

    Examples
    --------
    >>> scenes = render(10, seed=0, size=32)
    >>> scenes.images.shape, scenes.label_maps["red"].shape
    ((10, 32, 32, 3), (10, 32, 32))
    >>> scenes.captions[0][0]
    'checkered yellow cross'
    """
    choices = choices or Choices()
    _check(n, size, glyphs, choices)
    layout = lay_out(n, seed, choices, None if glyphs is None else glyphs.digits)
    canvas = _ground(n, seed, size)
    objects = np.full((n, size, size), -1, dtype=np.int8)
    width = patch_width(float(layout.radius.max()) * size)
    step = max(1, _CHUNK_PIXELS // (width * width * layout.exists.shape[1]))
    for start in range(0, n, step):
        part = slice(start, min(start + step, n))
        for number in range(layout.exists.shape[1]):
            _draw(canvas[part], objects[part], layout, part, number, width, glyphs)
    return Scenes(canvas, objects, layout, seed)


def _check(n: int, size: int, glyphs: Glyphs | None, choices: Choices) -> None:
    if n < 1:
        raise UsageError(f"Found {n} scenes to render; expected 1 or more.")
    if not SMALLEST <= size <= LARGEST:
        raise UsageError(f"Found size {size}; expected {SMALLEST} to {LARGEST} pixels.")
    fewest, most = choices.objects
    if not 1 <= fewest <= most <= 9:
        raise UsageError(f"Found {fewest} to {most} objects a scene; expected 1 to 9.")
    if glyphs is not None and not len(glyphs.images) == len(glyphs.digits) == n:
        raise UsageError(
            f"Found {len(glyphs.images)} digits and {len(glyphs.digits)} names for {n} scenes; "
            "expected one of each a scene."
        )


def _ground(n: int, seed: int, size: int) -> NDArray[np.uint8]:
    """Grey of several depths with fine noise: (scenes, size, size, 3)."""
    level, noise = np.random.SeedSequence([seed, size]).spawn(2)
    grey = np.random.default_rng(level).integers(30, 100, (n, 1, 1, 1), dtype=np.uint8)
    # Bytes come fastest of all; their lowest five bits are as good as any.
    fine = np.frombuffer(np.random.default_rng(noise).bytes(n * size * size * 3), np.uint8)
    return grey + (fine & 31).reshape(n, size, size, 3)


def _draw(
    canvas: NDArray[np.uint8],
    objects: NDArray[np.int8],
    layout: Layout,
    part: slice,
    number: int,
    width: int,
    glyphs: Glyphs | None,
) -> None:
    """Draw one object of each scene of a chunk into canvas and objects."""
    scenes = np.flatnonzero(layout.exists[part, number])
    if not len(scenes):
        return
    size = canvas.shape[1]
    sketch = _sketch(layout, part.start + scenes, number, size)
    shown = brightness(sketch, width, max(1, round(size / 18)))
    if glyphs is not None and number == 0:
        ink = _ink(glyphs.images[part.start + scenes], sketch, width)
    else:
        ink = footprints(sketch, width).astype(np.float32)
    corner = patch_corners(sketch.centre, width)
    steps = np.arange(width)
    rows = (corner[:, :1] + steps)[:, :, None]
    columns = (corner[:, 1:] + steps)[:, None, :]
    within = (rows >= 0) & (rows < size) & (columns >= 0) & (columns < size) & (ink > 0)
    who, down, across = np.nonzero(within)
    at = (scenes[who], rows[who, down, 0], columns[who, 0, across])
    share = ink[who, down, across]
    wanted = shown[who, down, across, None] * sketch.colour[who]
    mixed = canvas[at] * (1 - share[:, None]) + wanted * share[:, None]
    canvas[at] = mixed.astype(np.uint8)
    solid = share >= _STROKE
    objects[tuple(each[solid] for each in at)] = number


def _sketch(layout: Layout, scenes: NDArray[np.int64], number: int, size: int) -> Sketch:
    chosen = {name: each[scenes, number] for name, each in vars(layout).items()}
    colour = np.clip(PALETTE[chosen["colour"]] + chosen["tint"], 0, 255)
    return Sketch(
        shape=chosen["shape"],
        texture=chosen["texture"],
        centre=chosen["centre"] * np.float32(size),
        radius=chosen["radius"] * np.float32(size),
        angle=chosen["angle"],
        colour=colour,
        phase=chosen["phase"],
    )


def _ink(glyphs: NDArray[np.float32], sketch: Sketch, width: int) -> NDArray[np.float32]:
    """Handwriting on its patch, interpolated: (objects, width, width), from 0 to 1."""
    side = glyphs.shape[1]
    padded = np.pad(glyphs, ((0, 0), (1, 2), (1, 2)))
    corner = patch_corners(sketch.centre, width)[:, :, None]
    pixels = corner + np.arange(width) + 0.5 - sketch.centre[:, :, None]
    place = np.clip((pixels / sketch.radius[:, None, None] + 1) / 2 * side + 0.5, 0, side + 1)
    first = place.astype(np.int64)
    share = (place - first).astype(np.float32)
    who = np.arange(len(glyphs))[:, None, None]
    row, column = first[:, 0, :, None], first[:, 1, None, :]
    low, right = share[:, 0, :, None], share[:, 1, None, :]
    upper = padded[who, row, column] * (1 - right) + padded[who, row, column + 1] * right
    lower = padded[who, row + 1, column] * (1 - right) + padded[who, row + 1, column + 1] * right
    return np.asarray(upper * (1 - low) + lower * low)


def _at(centre: NDArray[np.float32], position: str) -> NDArray[np.bool_]:
    """Where centres lie by thirds of the image; in the middle of both is the centre."""
    down, across = centre[..., 0], centre[..., 1]
    lowest, highest = 1 / 3, 2 / 3
    if position == "top":
        found = down < lowest
    elif position == "bottom":
        found = down > highest
    elif position == "left":
        found = across < lowest
    elif position == "right":
        found = across > highest
    else:
        found = (np.abs(down - 0.5) <= 1 / 6) & (np.abs(across - 0.5) <= 1 / 6)
    return np.asarray(found)
