"""What planted units are made to mean: descriptions drawn at random, of each kind."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from workbench.demo.scene_language import Either, Phrase, Without, parse
from workbench.demo.scene_words import COLOURS, POSITIONS, RELATIONS, SHAPES, TEXTURES
from workbench.demo.scenes import Scenes
from workbench.errors import WorkbenchError

RARE = 0.001
_LEAST = 0.01
_TRIES = 400


def draw_truths(
    scenes: Scenes,
    kind: str,
    count: int,
    random: np.random.Generator,
    *,
    taken: set[str],
    said: bool = False,
) -> list[str]:
    """Draw different descriptions of a kind that are true of some scenes.

    Parameters
    ----------
    scenes : Scenes
    kind : str
        ``single``, ``and``, ``or``, ``and_not`` or ``rare``.
    count : int
    random : Generator
    taken : set of str
        Descriptions that must not come again; those drawn are added.
    said : bool
        Whether to use words only that every caption says: texture, colour and shape.

    Returns
    -------
    list of str

    Raises
    ------
    WorkbenchError
        If there are not so many.
    """
    draw = _KINDS[kind]
    candidates: dict[str, float] = {}
    for _ in range(_TRIES):
        text = parse(draw(random, said)).text
        if text not in taken and text not in candidates:
            candidates[text] = float(parse(text).present(scenes).mean())
        if kind != "rare" and sum(share >= _LEAST for share in candidates.values()) >= count:
            break
    if kind == "rare":
        seen = [text for text, share in candidates.items() if share > 0]
        fitting = sorted(seen, key=lambda text: abs(np.log(candidates[text] / RARE)))
    else:
        fitting = [text for text, share in candidates.items() if share >= _LEAST]
    if len(fitting) < count:
        raise WorkbenchError(
            f"Found {len(fitting)} descriptions of kind '{kind}' that are true of these "
            f"{len(scenes)} scenes; expected {count}: render more scenes, or ask for fewer units."
        )
    taken.update(fitting[:count])
    return fitting[:count]


def _word(random: np.random.Generator, words: tuple[str, ...]) -> str:
    return str(random.choice(words))


def _single(random: np.random.Generator, said: bool) -> str:
    words = (*SHAPES, *COLOURS, *TEXTURES)
    return _word(random, words if said else (*words, *POSITIONS))


def _and(random: np.random.Generator, said: bool) -> str:
    # Two or three of what an object can be said to be; words of different kinds always fit.
    parts = [TEXTURES, COLOURS, SHAPES] + ([] if said else [POSITIONS])
    chosen = random.choice(len(parts), size=2 if random.random() < 0.75 else 3, replace=False)
    return " ".join(_word(random, parts[each]) for each in sorted(chosen))


def _or(random: np.random.Generator, _: bool) -> str:
    one, other = _part(random), _part(random)
    while set(one.words) & set(other.words):
        other = _part(random)
    first, second = sorted((one, other), key=lambda part: part.text)
    return Either((first, second)).text


def _and_not(random: np.random.Generator, _: bool) -> str:
    kinds = [TEXTURES, COLOURS, SHAPES]
    kept, left_out = random.choice(3, size=2, replace=False)
    parts = [parse(_word(random, kinds[each])) for each in (kept, left_out)]
    return Without(parts[0], parts[1]).text


def _rare(random: np.random.Generator, said: bool) -> str:
    full = Phrase(_word(random, TEXTURES), _word(random, COLOURS), _word(random, SHAPES))
    if said:
        return full.text
    position = _word(random, POSITIONS)
    target = Phrase(colour=_word(random, COLOURS))
    relation = _word(random, RELATIONS)
    return Phrase(full.texture, full.colour, full.noun, position, relation, target).text


def _part(random: np.random.Generator) -> Phrase:
    """One side of an alternative: a word, or a coloured shape."""
    if random.random() < 0.5:
        return Phrase(colour=_word(random, COLOURS), noun=_word(random, SHAPES))
    if random.random() < 0.5:
        return Phrase(noun=_word(random, SHAPES))
    return Phrase(colour=_word(random, COLOURS))


_KINDS: dict[str, Callable[[np.random.Generator, bool], str]] = {
    "single": _single,
    "and": _and,
    "or": _or,
    "and_not": _and_not,
    "rare": _rare,
}
