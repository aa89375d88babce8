"""Descriptions of scenes' objects, and a table of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workbench.demo.scene_concepts import Phrase
from workbench.demo.scene_words import COLOURS, NOUNS, POSITIONS, RELATIONS, TEXTURES

if TYPE_CHECKING:
    import pandas as pd

    from workbench.demo.scenes import Scenes


def phrase_of(scenes: Scenes, scene: int, number: int) -> Phrase:
    """Texture, colour and shape of one object.

    Parameters
    ----------
    scenes : Scenes
    scene, number : int

    Returns
    -------
    Phrase
    """
    layout = scenes.layout
    return Phrase(
        TEXTURES[layout.texture[scene, number]],
        COLOURS[layout.colour[scene, number]],
        NOUNS[layout.shape[scene, number]],
    )


def captions(scenes: Scenes) -> list[list[str]]:
    """Of every scene, one description of each object that is seen.

    Each says texture, colour and shape; about half say a position that is true, and where there
    are others, about half say what the object is above, below or beside of.

    Parameters
    ----------
    scenes : Scenes

    Returns
    -------
    list of list of str
        In the order of `Scenes.table`.
    """
    seen = scenes.pixels > 0
    positions = np.stack([scenes.having(word) for word in POSITIONS], axis=2)
    relations = np.stack([scenes.related(word) for word in RELATIONS], axis=3)
    # Drawn from what was drawn for tints, so that a scene keeps its captions in any selection.
    chance = np.abs(scenes.layout.tint) % 1
    found = []
    for scene in range(len(scenes)):
        numbers = np.flatnonzero(seen[scene])
        said = []
        for number in numbers:
            others = [each for each in numbers if each != number]
            where, beside, which = chance[scene, number]
            phrase = phrase_of(scenes, scene, int(number))
            position = _pick(POSITIONS, positions[scene, number], which) if where < 0.5 else None
            relation, target = None, None
            if others and beside < 0.5:
                other = int(others[int(which * len(others))])
                (kind,) = np.flatnonzero(relations[scene, number, other])
                relation, target = RELATIONS[kind], phrase_of(scenes, scene, other)
            full = Phrase(phrase.texture, phrase.colour, phrase.noun, position, relation, target)
            said.append(full.text)
        found.append(said)
    return found


def object_table(scenes: Scenes) -> pd.DataFrame:
    """One row an object that is seen; see `Scenes.table`.

    Parameters
    ----------
    scenes : Scenes

    Returns
    -------
    DataFrame
    """
    import pandas as pd

    scene, number = np.nonzero(scenes.pixels > 0)
    layout = scenes.layout
    flags = {word: scenes.having(word)[scene, number] for word in POSITIONS}
    centre = layout.centre[scene, number] * scenes.size
    return pd.DataFrame(
        {
            "scene": scene,
            "object": number,
            "shape": np.array(NOUNS)[layout.shape[scene, number]],
            "colour": np.array(COLOURS)[layout.colour[scene, number]],
            "texture": np.array(TEXTURES)[layout.texture[scene, number]],
            **flags,
            "row": centre[:, 0],
            "column": centre[:, 1],
            "radius": layout.radius[scene, number] * scenes.size,
            "pixels": scenes.pixels[scene, number],
        }
    )


def _pick(words: tuple[str, ...], true: NDArray[np.bool_], chance: float) -> str | None:
    fitting = [word for word, fits in zip(words, true, strict=True) if fits]
    return fitting[int(chance * len(fitting))] if fitting else None
