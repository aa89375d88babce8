"""Halves of the trials of two sessions, as they are or with sessions exchanged at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from analyses.learning_regime.sessions import Session

Table = NDArray[np.float64]
Rows = list[NDArray[np.intp]]
Pieces = tuple[tuple[int, int], ...]
# Pieces 0 and 1 are halves of the first session, 2 and 3 of the second.
WITHIN: Pieces = ((0, 1), (2, 3))
LEAST_CONDITIONS = 4


class Pair(Protocol):
    """Two sessions over the conditions that they share.

    Attributes
    ----------
    between : tuple of pair of int
        Which pieces of different sessions are compared.
    """

    between: ClassVar[Pieces]

    @property
    def means(self) -> tuple[Table, Table]:
        """Means over all trials (conditions, units) of each."""

    @property
    def has_repeats(self) -> bool:
        """Whether enough conditions were repeated in both."""

    def exchanged(self, generator: np.random.Generator) -> Self:
        """The pair with sessions exchanged at random."""

    def pieces(self, generator: np.random.Generator) -> list[Table]:
        """Four random halves (conditions, units)."""


def matched_pair(
    first: Session, second: Session, conditions: Sequence[str], units: Sequence[str]
) -> Pair:
    """Two sessions of which the units in common are kept.

    Parameters
    ----------
    first, second : Session
    conditions : sequence of str
        In both.
    units : sequence of str
        In both.

    Returns
    -------
    Pair
        Whose trials are exchanged.
    """
    values = []
    for session in (first, second):
        place = {name: number for number, name in enumerate(session.units.tolist())}
        values.append(session.values[:, [place[name] for name in units]])
    rows = [each + len(values[0]) for each in second.rows_of(conditions)]
    return MatchedPair(np.concatenate(values), first.rows_of(conditions), rows)


def unmatched_pair(first: Session, second: Session, conditions: Sequence[str]) -> Pair:
    """Two sessions without units in common.

    Parameters
    ----------
    first, second : Session
    conditions : sequence of str
        In both.

    Returns
    -------
    Pair
        Whose units are exchanged.
    """
    counts = len(first.units), len(second.units)
    columns = np.arange(counts[0]), counts[0] + np.arange(counts[1])
    values = first.values, second.values
    return UnmatchedPair(values, first.rows_of(conditions), second.rows_of(conditions), columns)


def _repeated(first: Rows, second: Rows) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Rows of the conditions that were shown twice or more in both."""
    return [(a, b) for a, b in zip(first, second, strict=True) if min(len(a), len(b)) >= 2]


def _means(values: Table, rows: Rows) -> Table:
    return np.stack([values[each].mean(axis=0) for each in rows])


@dataclass(frozen=True, eq=False)
class MatchedPair:
    """The same units in both sessions: trials can be exchanged.

    Attributes
    ----------
    values : ndarray (trials of both, units)
    first, second : list of ndarray of int
        Rows of every condition.
    """

    values: Table
    first: Rows
    second: Rows
    between: ClassVar[Pieces] = ((0, 2), (0, 3), (1, 2), (1, 3))

    @property
    def means(self) -> tuple[Table, Table]:
        """See `Pair`."""
        return _means(self.values, self.first), _means(self.values, self.second)

    @property
    def has_repeats(self) -> bool:
        """See `Pair`."""
        return len(_repeated(self.first, self.second)) >= LEAST_CONDITIONS

    def exchanged(self, generator: np.random.Generator) -> MatchedPair:
        """Trials of each condition dealt out anew."""
        dealt = [
            np.split(generator.permutation(np.concatenate([a, b])), [len(a)])
            for a, b in zip(self.first, self.second, strict=True)
        ]
        return replace(self, first=[a for a, _ in dealt], second=[b for _, b in dealt])

    def pieces(self, generator: np.random.Generator) -> list[Table]:
        """Halves with equally many trials in each."""
        found: list[Rows] = [[], [], [], []]
        for rows in _repeated(self.first, self.second):
            size = min(map(len, rows)) // 2
            for number, own in enumerate(rows):
                drawn = generator.permutation(own)
                found[2 * number].append(drawn[:size])
                found[2 * number + 1].append(drawn[size : 2 * size])
        return [_means(self.values, each) for each in found]


@dataclass(frozen=True, eq=False)
class UnmatchedPair:
    """Other units in each session: units can be exchanged.

    Attributes
    ----------
    values : pair of ndarray (trials, units)
    first, second : list of ndarray of int
        Rows of every condition, in the session's own values.
    columns : pair of ndarray of int
        Units that count as those of each session, numbered over both.
    """

    values: tuple[Table, Table]
    first: Rows
    second: Rows
    columns: tuple[NDArray[np.intp], NDArray[np.intp]]
    # Pieces of the same half of the trials would share their noise once units are exchanged.
    between: ClassVar[Pieces] = ((0, 3), (1, 2))

    @property
    def means(self) -> tuple[Table, Table]:
        """See `Pair`."""
        return _means(self.values[0], self.first), _means(self.values[1], self.second)

    @property
    def has_repeats(self) -> bool:
        """See `Pair`; halves need two units each."""
        enough = len(_repeated(self.first, self.second)) >= LEAST_CONDITIONS
        return enough and min(map(len, self.columns)) >= 4

    def exchanged(self, generator: np.random.Generator) -> UnmatchedPair:
        """Units dealt out anew."""
        drawn = generator.permutation(np.concatenate(self.columns))
        one, two = np.split(drawn, [len(self.columns[0])])
        return replace(self, columns=(one, two))

    def pieces(self, generator: np.random.Generator) -> list[Table]:
        """Halves of the trials, each of other units and equally many."""
        halves = self._half_means(generator)
        size = min(map(len, self.columns)) // 2
        drawn = [generator.permutation(own) for own in self.columns]
        return [
            halves[half][:, own[half * size : (half + 1) * size]]
            for own in drawn
            for half in (0, 1)
        ]

    def _half_means(self, generator: np.random.Generator) -> list[Table]:
        """Means over each half of the trials, (conditions, units of both)."""
        parts: list[list[Table]] = [[], []]
        repeated = _repeated(self.first, self.second)
        for number, values in enumerate(self.values):
            found: list[Rows] = [[], []]
            for rows in repeated:
                size, drawn = min(map(len, rows)) // 2, generator.permutation(rows[number])
                found[0].append(drawn[:size])
                found[1].append(drawn[size : 2 * size])
            for half in (0, 1):
                parts[half].append(_means(values, found[half]))
        return [np.concatenate(half, axis=1) for half in parts]
