"""Logical forms over concepts: words, what two have in common, alternatives, exceptions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analyses.neuron_labels.phrases import alone, both

Flags = NDArray[np.bool_]
Score = Callable[[Flags], float]


@dataclass(frozen=True, eq=False)
class Formula:
    """A description and where it is true.

    Attributes
    ----------
    text : str
    where : ndarray (stimuli, places) of bool
    steps : tuple of (str, str)
        How it is made: ``and``, ``or`` or ``not``, and a word; the first step is ``and``.

    Examples
    --------
    >>> red, top = (Formula.of(word, np.ones((1, 1), bool)) for word in ("red", "top"))
    >>> [each.text for each in red.joined(top)]
    ['red or object at the top', 'red at the top', 'red but not object at the top']
    """

    text: str
    where: Flags
    steps: tuple[tuple[str, str], ...]

    @staticmethod
    def of(word: str, where: Flags) -> Formula:
        """A single word and where it is true."""
        return Formula(alone(word), where, (("and", word),))

    def joined(self, other: Formula) -> list[Formula]:
        """Every way to join it with one word that can be read in one way only.

        Parameters
        ----------
        other : Formula
            A single word.

        Returns
        -------
        list of Formula
        """
        before, word = {step for step, _ in self.steps}, other.steps[0][1]
        if word in {each for _, each in self.steps} or "not" in before:
            return []
        common = both(self.text, other.text) or f"{self.text} and {other.text}"
        texts = {
            "or": f"{self.text} or {other.text}",
            "and": common,
            "not": f"{self.text} but not {other.text}",
        }
        steps = ["or"] if "or" in before else list(texts)
        return [
            Formula(texts[step], joined(self.where, step, other.where), (*self.steps, (step, word)))
            for step in steps
        ]

    def among(self, words: Mapping[str, Flags]) -> Flags:
        """Where it is true among other stimuli.

        Parameters
        ----------
        words : mapping of str to ndarray (stimuli, places) of bool

        Returns
        -------
        ndarray (stimuli, places) of bool
        """
        found = words[self.steps[0][1]]
        for step, word in self.steps[1:]:
            found = joined(found, step, words[word])
        return found


def joined(where: Flags, step: str, other: Flags) -> Flags:
    """Where two are true together: ``and``, ``or``, or the first but ``not`` the second."""
    if step == "or":
        return where | other
    return where & (other if step == "and" else ~other)


def search(
    words: Sequence[Formula], score: Score, length: int = 3, beam: int = 5, gain: float = 0.05
) -> list[tuple[Formula, float]]:
    """Beam search for the formulas that score best.

    Parameters
    ----------
    words : sequence of Formula
    score : callable
        Of where a formula is true; larger is better, minus infinity refuses it.
    length : int
        Most words of a formula.
    beam : int
        Formulas that are made longer in every round.
    gain : float
        Share by which a further word must raise the score; 0 in CompExp, where almost every
        formula grows as long as it may.

    Returns
    -------
    list of (Formula, float)
        All that were scored and not refused, best first; of equal ones the shortest.

    References
    ----------
    Mu and Andreas, Compositional Explanations of Neurons, arXiv 2006.14032.

    Examples
    --------
    >>> red, ring = np.array([[1, 1, 0, 0]], bool), np.array([[0, 1, 1, 0]], bool)
    >>> known = [Formula.of("red", red), Formula.of("ring", ring)]
    >>> target = red & ring
    >>> found = search(known, lambda where: intersection_over_union(target, where))
    >>> found[0][0].text, found[0][1]
    ('red ring', 1.0)
    """
    scored = {each.text: (each, score(each.where)) for each in words}
    best = _ranked(list(scored.values()))[:beam]
    for _ in range(length - 1):
        tried = [(new, value) for one, value in best for word in words for new in one.joined(word)]
        longer = []
        for new, least in tried:
            value = -np.inf if new.text in scored else score(new.where)
            if value > least + gain * abs(least):
                scored[new.text] = new, value
                longer.append(scored[new.text])
        best = _ranked([*best, *longer])[:beam]
    return [pair for pair in _ranked(list(scored.values())) if np.isfinite(pair[1])]


def _ranked(pairs: list[tuple[Formula, float]]) -> list[tuple[Formula, float]]:
    return sorted(pairs, key=lambda pair: (-pair[1], len(pair[0].steps), pair[0].text))


def intersection_over_union(mask: Flags, where: Flags) -> float:
    """NetDissect's score of a concept for a unit, over all stimuli together.

    Parameters
    ----------
    mask : ndarray of bool
        Where the unit is active.
    where : ndarray of bool, of the same shape
        Where the concept is.

    Returns
    -------
    float
        0 where both are empty.

    References
    ----------
    Bau et al., Network Dissection, arXiv 1704.05796, equation 2.

    Examples
    --------
    >>> intersection_over_union(np.array([1, 1, 0], bool), np.array([0, 1, 1], bool))
    0.3333333333333333
    """
    shared = int(np.count_nonzero(mask & where))
    either = int(np.count_nonzero(mask)) + int(np.count_nonzero(where)) - shared
    return shared / either if either else 0.0


def area_under_curve(ranks: NDArray[np.float64], shown: Flags) -> float:
    """Chance that the unit is more active where a concept is than where it is not.

    Parameters
    ----------
    ranks : ndarray (stimuli,)
        Of the unit's activity, from 1, mean ranks where equal.
    shown : ndarray (stimuli,) of bool

    Returns
    -------
    float
        NaN where all or none show it.

    References
    ----------
    Bykov et al., Labeling Neural Representations with Inverse Recognition, arXiv 2311.13594.

    Examples
    --------
    >>> area_under_curve(np.array([1.0, 2, 3, 4]), np.array([0, 0, 1, 1], bool))
    1.0
    """
    n_shown = int(np.count_nonzero(shown))
    pairs = n_shown * (len(shown) - n_shown)
    if not pairs:
        return float("nan")
    return float((ranks[shown].sum() - n_shown * (n_shown + 1) / 2) / pairs)
