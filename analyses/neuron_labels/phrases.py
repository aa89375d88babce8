"""All simple descriptions of the scenes' grammar, as choices of one word or none for each slot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from workbench.demo.scene_language import Phrase, parse
from workbench.demo.scene_words import COLOURS, POSITIONS, RELATIONS, SHAPES, TEXTURES
from workbench.errors import UsageError

SLOTS: dict[str, tuple[str | None, ...]] = {
    "texture": (None, *TEXTURES),
    "colour": (None, *COLOURS),
    "noun": (None, *SHAPES),
    "position": (None, *POSITIONS),
    "relation": (None, *RELATIONS),
}


@dataclass(frozen=True, eq=False)
class Descriptions:
    """Descriptions and their words.

    Attributes
    ----------
    texts : list of str
    choices : ndarray (descriptions, slots) of int
        Number of the word in each slot of `SLOTS`; 0 for none.
    """

    texts: list[str]
    choices: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.texts)


def all_descriptions() -> Descriptions:
    """Every description that says at least one word: 5039.

    What a relation relates to is left open.

    Returns
    -------
    Descriptions

    Examples
    --------
    >>> found = all_descriptions()
    >>> len(found), found.texts[-1]
    (5039, 'checkered cyan ring at the centre beside object')
    """
    ranges = [range(len(words)) for words in SLOTS.values()]
    choices = np.array([each for each in product(*ranges) if any(each)], dtype=np.int64)
    return Descriptions([_text(each) for each in choices], choices)


def _text(choice: Sequence[int] | NDArray[np.int64]) -> str:
    words = {slot: SLOTS[slot][number] for slot, number in zip(SLOTS, choice, strict=True)}
    return Phrase(**words).text


def choices_of(text: str) -> tuple[int, ...] | None:
    """Words of a description by slot.

    Parameters
    ----------
    text : str

    Returns
    -------
    tuple of int or None
        None where it is no simple description: alternatives, exceptions, digits, other words.

    Examples
    --------
    >>> choices_of("red circle at the top")
    (0, 1, 1, 1, 0)
    """
    try:
        concept = parse(text)
    except UsageError:
        return None
    if not isinstance(concept, Phrase):
        return None
    words = [getattr(concept, slot) for slot in SLOTS]
    if any(word not in known for word, known in zip(words, SLOTS.values(), strict=True)):
        return None
    found = tuple(known.index(word) for word, known in zip(words, SLOTS.values(), strict=True))
    return found if any(found) else None


def alone(word: str) -> str:
    """A single label as a description.

    Parameters
    ----------
    word : str

    Returns
    -------
    str
        In the form that the scenes' language gives it, if it is of that language.

    Examples
    --------
    >>> alone("top"), alone("ring"), alone("dog")
    ('object at the top', 'ring', 'dog')
    """
    choices = choices_of(word)
    return word if choices is None else _text(choices)


def both(one: str, other: str) -> str | None:
    """A description of what two descriptions are true of.

    Parameters
    ----------
    one, other : str

    Returns
    -------
    str or None
        None where there is no simple one.

    Examples
    --------
    >>> both("ring", "red"), both("red", "blue")
    ('red ring', None)
    """
    first, second = choices_of(one), choices_of(other)
    if first is None or second is None:
        return None
    pairs = list(zip(first, second, strict=True))
    if any(a and b for a, b in pairs):
        return None
    return _text([a or b for a, b in pairs])


def log_prior(
    said: Iterable[Sequence[int]], descriptions: Descriptions, pseudo: float = 50.0
) -> NDArray[np.float64]:
    """log p(d): how often each description was said.

    Parameters
    ----------
    said : iterable of sequence of int
        Choices by slot of every caption.
    descriptions : Descriptions
    pseudo : float
        Captions' worth of trust in words being chosen apart from each other, for descriptions
        that were never said.

    Returns
    -------
    ndarray (descriptions,)

    Raises
    ------
    UsageError
        If nothing was said.
    """
    spoken = np.array(list(said), dtype=np.int64)
    if spoken.size == 0:
        raise UsageError("Found no caption; expected some, to know what is often said.")
    apart = np.zeros(len(descriptions))
    for slot, words in enumerate(SLOTS.values()):
        counts = np.bincount(spoken[:, slot], minlength=len(words)) + 0.5
        apart += np.log(counts / counts.sum())[descriptions.choices[:, slot]]
    sizes = tuple(len(words) for words in SLOTS.values())
    times = np.bincount(np.ravel_multi_index(spoken.T, sizes), minlength=int(np.prod(sizes)))
    here = times[np.ravel_multi_index(descriptions.choices.T, sizes)]
    # Of the product, saying nothing at all is left out.
    together = np.exp(apart - np.logaddexp.reduce(apart))
    return np.asarray(np.log((here + pseudo * together) / (len(spoken) + pseudo)))
