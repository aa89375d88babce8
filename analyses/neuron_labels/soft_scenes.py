"""Descriptions composed from maps that say how likely each single word is true."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from workbench.demo.scene_language import Concept, Either, Phrase, Without, parse
from workbench.demo.scene_words import COLOURS, DIGIT
from workbench.errors import UsageError

_OR, _BUT_NOT, _AND = " or ", " but not ", " and "
# Of the image: what is smaller counts in part only. The thinnest objects of scenes are larger.
_FULL_AREA = 0.012
# Doubtful pixels do not add up to an object.
_LEAST = 0.25


@lru_cache(maxsize=4096)
def understood(description: str) -> Concept | None:
    """What a description means; None if it is not one of the scenes' language.

    Examples
    --------
    >>> understood("a red thing"), understood("red squares").text
    (None, 'red square')
    """
    try:
        return parse(description)
    except UsageError:
        return None


def soft_mask(concept: Concept, maps: Mapping[str, NDArray]) -> NDArray[np.float32]:
    """How likely a description is true of each pixel.

    Of single words, probabilities multiply; alternatives take the larger; what is left out takes
    its part away. Of maps of 0 and 1, this is what `Concept.on_maps` says.

    Parameters
    ----------
    concept : Concept
    maps : mapping of str to array (n, height, width)
        By word, from 0 to 1.

    Returns
    -------
    ndarray (n, height, width)

    Raises
    ------
    UsageError
        If a word has no map.

    Examples
    --------
    >>> maps = {"red": np.full((1, 2, 2), 0.5), "square": np.full((1, 2, 2), 0.8)}
    >>> float(soft_mask(parse("red square"), maps)[0, 0, 0])
    0.4000000059604645
    """
    if isinstance(concept, Either):
        return np.maximum.reduce([soft_mask(part, maps) for part in concept.parts])
    if isinstance(concept, Without):
        if exclusive(concept.kept, concept.left_out):
            return soft_mask(concept.kept, maps)
        return soft_mask(concept.kept, maps) * (1 - soft_mask(concept.left_out, maps))
    if not isinstance(concept, Phrase):
        raise UsageError(f"Found '{concept}'; expected a phrase, alternatives or an exception.")
    return _phrase(concept, maps)


def exclusive(one: Concept, other: Concept) -> bool:
    """Whether no object can be both, as it has one texture, one colour and one shape.

    What is left out in vain then changes no prediction, instead of winning by a hair.

    Examples
    --------
    >>> exclusive(parse("ring"), parse("red square")), exclusive(parse("ring"), parse("red"))
    (True, False)
    """
    if not isinstance(one, Phrase) or not isinstance(other, Phrase):
        return False
    pairs = [(getattr(one, slot), getattr(other, slot)) for slot in ("texture", "colour", "noun")]
    return any(a and b and a != b and DIGIT not in (a, b) for a, b in pairs)


def _phrase(phrase: Phrase, maps: Mapping[str, NDArray]) -> NDArray[np.float32]:
    slots = (phrase.texture, phrase.colour, phrase.noun, phrase.position, phrase.relation)
    words = [word for word in slots if word is not None]
    if words:
        found = np.array(_map(maps, words[0]), dtype=np.float32)
        for word in words[1:]:
            found *= _map(maps, word)
    else:
        found = np.maximum.reduce([_map(maps, word) for word in COLOURS]).astype(np.float32)
    if phrase.target is not None and phrase.target.words:
        found = found * _phrase(phrase.target, maps).max(axis=(1, 2), keepdims=True)
    return found


def _map(maps: Mapping[str, NDArray], word: str) -> NDArray:
    if word not in maps:
        raise UsageError(
            f"Found no map of '{word}'; expected one of each word of the description, and there "
            f"are {', '.join(sorted(maps))}."
        )
    return maps[word]


def compose(description: str, atom: Callable[[str], NDArray | None]) -> NDArray[np.float32] | None:
    """A description of any names, joined by *or*, *but not* and *and*, the last binding most.

    Parameters
    ----------
    description : str
    atom : callable
        From a name to an array from 0 to 1, or None of an unknown one.

    Returns
    -------
    ndarray or None
        None if a name is unknown.

    Examples
    --------
    >>> values = {"cat": np.array([1.0, 0.0]), "dog": np.array([0.0, 1.0])}
    >>> compose("cat or dog", values.get).tolist(), compose("cat but not cow", values.get)
    ([1.0, 1.0], None)
    """
    whole = atom(description.strip())
    if whole is not None:
        return np.asarray(whole, dtype=np.float32)
    for word, join in JOINS.items():
        if word in description:
            parts = [compose(part, atom) for part in description.split(word)]
            known = [part for part in parts if part is not None]
            return join(known) if len(known) == len(parts) else None
    return None


def _without(parts: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    return parts[0] * np.prod([1 - part for part in parts[1:]], axis=0)


JOINS: dict[str, Callable[[list[NDArray[np.float32]]], NDArray[np.float32]]] = {
    _OR: np.maximum.reduce,
    _BUT_NOT: _without,
    _AND: np.multiply.reduce,
}


def presence(mask: NDArray) -> NDArray[np.float32]:
    """How surely something is seen somewhere: the likely area, up to that of a small object.

    Parameters
    ----------
    mask : array (n, height, width)
        From 0 to 1.

    Returns
    -------
    ndarray (n,)
        From 0 to 1.

    Examples
    --------
    >>> presence(np.stack([np.zeros((32, 32)), np.eye(32)])).tolist()
    [0.0, 1.0]
    """
    flat = np.asarray(mask, dtype=np.float32).reshape(len(mask), -1)
    area = np.where(flat >= _LEAST, flat, 0).mean(axis=1)
    return np.minimum(area / np.float32(_FULL_AREA), 1)
