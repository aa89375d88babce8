"""What steering towards a class needs: its direction, and the tokens that are its words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from probes.steering import numbers_of
from workbench.errors import UsageError, nearest

if TYPE_CHECKING:
    from workbench.editing.language import LanguageTarget

WAYS = ("difference of means", "linear probe")


def class_direction(
    X: ArrayLike, y: ArrayLike, name: str, way: str = "difference of means"
) -> NDArray[Any]:
    """Direction from all other rows to those of a class.

    Parameters
    ----------
    X : array (rows, units)
    y : array (rows,)
    name : str
        The class.
    way : {"difference of means", "linear probe"}
        The linear probe's weights read best; the difference of means is where activity really
        differs, and often steers better.

    Returns
    -------
    ndarray (units,)

    Raises
    ------
    UsageError
        If there is no such class or way.

    Examples
    --------
    >>> class_direction([[0.0, 1.0], [2.0, 1.0]], ["a", "b"], "b").tolist()
    [2.0, 0.0]
    """
    from probes.linear import LinearProbe
    from probes.means import MeanDifferenceProbe

    x, labels = np.asarray(X), np.asarray(y).astype(str)
    if way not in WAYS:
        raise UsageError(f"Found way '{way}'; {nearest(way, WAYS)}")
    if name not in labels:
        raise UsageError(f"Found no class '{name}'; {nearest(name, np.unique(labels).tolist())}")
    if way == WAYS[0]:
        return MeanDifferenceProbe().fit(x, labels == name).direction_
    found: NDArray[Any] = LinearProbe(C=0.01).fit(x, labels == name).coef_[-1]
    return found


def next_labels(labels: ArrayLike, stimuli: ArrayLike, words: ArrayLike) -> NDArray[np.str_]:
    """Label of the word that follows each row's word; empty at the end of a text.

    A direction read from these labels says what comes next, and may steer it; the class of the
    word itself need not matter to what follows.

    Parameters
    ----------
    labels : array (rows,)
    stimuli : array (rows,)
        Text of every row.
    words : array (rows,) of int
        Number of the word within its text.

    Returns
    -------
    ndarray (rows,) of str

    Examples
    --------
    >>> next_labels(["DET", "NOUN", "VERB"], [0, 0, 1], [0, 1, 0]).tolist()
    ['NOUN', '', '']
    """
    said = np.asarray(labels).astype(str)
    texts = np.asarray(stimuli).tolist()
    places = list(zip(texts, np.asarray(words).tolist(), strict=True))
    # Of a word of several tokens the label is the same at each.
    at = dict(zip(places, said.tolist(), strict=True))
    return np.array([at.get((text, word + 1), "") for text, word in places], dtype=str)


def class_tokens(
    target: LanguageTarget, words: ArrayLike, labels: ArrayLike, name: str, n: int = 50
) -> list[int]:
    """Tokens that are words of a class: most of their occurrences have its label.

    Parameters
    ----------
    target : LanguageTarget
    words : array (rows,) of str
    labels : array (rows,) of str
    name : str
        The class.
    n : int
        About as many at most; the most frequent ones.

    Returns
    -------
    list of int
        A word counts with and without a space before it.

    Raises
    ------
    UsageError
        If the class has no word of one token.
    """
    said, of_class = np.asarray(words).astype(str), np.asarray(labels).astype(str) == name
    types, codes = np.unique(np.char.strip(said), return_inverse=True)
    inside = np.bincount(codes, of_class, len(types))
    mostly = inside > np.bincount(codes, minlength=len(types)) / 2
    found: list[int] = []
    for place in np.argsort(-inside, kind="stable"):
        if mostly[place] and len(found) < n:
            spellings = (f" {types[place]}", str(types[place]))
            found += [token for each in spellings for token in _token_if_one(target, each)]
    if not found:
        raise UsageError(
            f"Found no word of class '{name}' that is one token of the model; expected at least "
            "one: choose another class or model."
        )
    return list(dict.fromkeys(found))


def _token_if_one(target: LanguageTarget, text: str) -> list[int]:
    try:
        return list(numbers_of(target, [text]))
    except UsageError:
        return []
