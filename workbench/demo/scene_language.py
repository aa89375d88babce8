"""A small language for scenes: ``striped red circle at the top above blue square``.

    description = part, {"or", part}
    part        = phrase, {"but not", phrase}
    phrase      = [texture], [colour], [noun], ["at the", position], [relation, target]
    target      = [texture], [colour], [noun], ["at the", position]

Every part may be left out, but not all; a noun left out is any object. A single word of a position
or a relation stands for the objects it is true of.
"""

from __future__ import annotations

from dataclasses import replace

from workbench.demo.scene_concepts import Concept, Either, Phrase, Without
from workbench.demo.scene_words import (
    COLOURS,
    DIGIT,
    KINDS,
    NOUNS,
    OBJECT,
    POSITIONS,
    RELATIONS,
    TEXTURES,
)
from workbench.errors import UsageError, nearest

__all__ = ["Concept", "Either", "Phrase", "Without", "parse", "same_meaning"]

_PLURALS = {f"{noun}s": noun for noun in (*NOUNS, DIGIT, OBJECT) if noun != "cross"}
_OTHER_FORMS = {
    **_PLURALS,
    "crosses": "cross",
    "center": "centre",
    "color": "colour",
    "shape": OBJECT,
    "shapes": OBJECT,
    "checked": "checkered",
    "solid": "plain",
}
_SILENT = frozenset({"a", "an", "the", "of", "to", "in", "with"})


def parse(text: str) -> Concept:
    """Understand a description.

    Parameters
    ----------
    text : str
        See the top of this module; articles and plurals are understood.

    Returns
    -------
    Concept

    Raises
    ------
    UsageError
        If a word is unknown, out of place, or nothing is said.

    Examples
    --------
    >>> parse("a striped red circle above the blue squares").text
    'striped red circle above blue square'
    >>> parse("red or blue but not square").text
    'red or blue but not square'
    >>> from workbench.demo.scenes import render
    >>> parse("red circle").mask(render(5, seed=0)).shape
    (5, 32, 32)
    """
    words = [_OTHER_FORMS.get(word, word) for word in text.lower().replace(",", " ").split()]
    parts = [_without(part, text) for part in _split(words, ["or"])]
    return parts[0] if len(parts) == 1 else Either(tuple(parts))


def same_meaning(one: str, other: str) -> bool:
    """Whether two descriptions say the same, whatever the order of alternatives.

    Parameters
    ----------
    one, other : str

    Returns
    -------
    bool

    Raises
    ------
    UsageError
        If one cannot be understood.

    Examples
    --------
    >>> same_meaning("red or blue", "blue objects or red objects")
    True
    """
    return parse(one).meaning == parse(other).meaning


def _without(words: list[str], text: str) -> Concept:
    concept: Concept
    concept, *left_out = [_phrase(part, text) for part in _split(words, ["but", "not"])]
    for each in left_out:
        concept = Without(concept, each)
    return concept


def _split(words: list[str], separator: list[str]) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    at = 0
    while at < len(words):
        if words[at : at + len(separator)] == separator:
            parts.append([])
            at += len(separator)
        else:
            parts[-1].append(words[at])
            at += 1
    return parts


def _phrase(words: list[str], text: str) -> Phrase:
    said = [word for word in words if word not in _SILENT and word != "at"]
    if not said:
        raise UsageError(f"Found nothing where a description should be, in '{text}'.")
    own, target = said, None
    relation = next((word for word in said if word in RELATIONS), None)
    if relation:
        at = said.index(relation)
        own = said[:at]
        target = _thing(said[at + 1 :], text)
        target = None if target == Phrase() else target
    return replace(_thing(own, text), relation=relation, target=target)


# In the order in which they may be said.
_SLOTS = (
    ("texture", TEXTURES),
    ("colour", COLOURS),
    ("noun", (*NOUNS, DIGIT, OBJECT)),
    ("position", POSITIONS),
)


def _thing(words: list[str], text: str) -> Phrase:
    """What is said of an object itself."""
    found: dict[str, str] = {}
    last = -1
    for word in words:
        at = next((i for i, (_, known) in enumerate(_SLOTS) if word in known), None)
        if at is None and word not in RELATIONS:
            known = (*KINDS, OBJECT)
            raise UsageError(f"Found the word '{word}' in '{text}'; {nearest(word, known)}")
        if at is None or at <= last:
            raise UsageError(
                f"Found '{word}' out of place in '{text}'; expected texture, colour, shape, "
                "'at the' position and one relation, in this order."
            )
        last = at
        if word != OBJECT:
            found[_SLOTS[at][0]] = word
    texture, colour, noun, position = (found.get(slot) for slot, _ in _SLOTS)
    return Phrase(texture, colour, noun, position)
