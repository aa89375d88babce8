"""Halves of the trials of two sessions, as they are or with sessions exchanged at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from analyses.learning_regime.sessions import Session

Table = NDArray[np.float64]
# Pieces 0 and 1 are halves of the first session, 2 and 3 of the second.
_WITHIN = ((0, 1), (2, 3))


class Pair(Protocol):
    """Two sessions over the conditions that they share."""

    @property
    def means(self) -> tuple[Table, Table]:
        """Means over all trials (conditions, units) of each."""

    @property
    def has_repeats(self) -> bool:
        """Whether four conditions or more were repeated in both."""

    @property
    def compared(self) -> tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]:
        """Pairs of pieces within, and between, sessions."""

    def pieces(self, generator: np.random.Generator, exchanged: bool) -> list[Table]:
        """Four halves (conditions, units)."""


def matched_pair(
    first: Session, second: Session, conditions: Sequence[str], units: Sequence[str]
) -> Pair:
    """Sessions with units in common, which alone are kept."""
    values = []
    for session in (first, second):
        place = {name: number for number, name in enumerate(session.units.tolist())}
        values.append(session.values[:, [place[name] for name in units]])
    trials = [session.rows_of(conditions) for session in (first, second)]
    return _Matched(values[0], values[1], _Trials(trials[0], trials[1]))


def unmatched_pair(first: Session, second: Session, conditions: Sequence[str]) -> Pair:
    """Sessions without units in common."""
    trials = [session.rows_of(conditions) for session in (first, second)]
    return _Unmatched(first.values, second.values, _Trials(trials[0], trials[1]))


@dataclass(frozen=True, eq=False)
class _Trials:
    """Rows of every condition in either session."""

    first: list[NDArray[np.intp]]
    second: list[NDArray[np.intp]]

    @property
    def repeated(self) -> list[int]:
        """Conditions that were shown twice or more in both."""
        pairs = zip(self.first, self.second, strict=True)
        return [place for place, (a, b) in enumerate(pairs) if min(len(a), len(b)) >= 2]


def _means(values: Table, rows: Sequence[NDArray[np.intp]]) -> Table:
    return np.stack([values[each].mean(axis=0) for each in rows])


@dataclass(frozen=True, eq=False)
class _Matched:
    """The same units in both: trials can be exchanged."""

    first: Table
    second: Table
    trials: _Trials
    compared = (_WITHIN, ((0, 2), (0, 3), (1, 2), (1, 3)))

    @property
    def means(self) -> tuple[Table, Table]:
        return _means(self.first, self.trials.first), _means(self.second, self.trials.second)

    @property
    def has_repeats(self) -> bool:
        return len(self.trials.repeated) >= 4

    def pieces(self, generator: np.random.Generator, exchanged: bool) -> list[Table]:
        values = np.concatenate([self.first, self.second])
        chosen: list[list[NDArray[np.intp]]] = [[], [], [], []]
        for place in self.trials.repeated:
            one, two = self.trials.first[place], self.trials.second[place] + len(self.first)
            size = min(len(one), len(two)) // 2
            # Equally many of both sessions, so that who changes place is all that differs.
            kept = [generator.permutation(rows)[: 2 * size] for rows in (one, two)]
            pool = np.concatenate(kept)
            pool = generator.permutation(pool) if exchanged else pool
            for piece, rows in zip(chosen, np.split(pool, 4), strict=True):
                piece.append(rows)
        return [_means(values, rows) for rows in chosen]


@dataclass(frozen=True, eq=False)
class _Unmatched:
    """Other units in each: units can be exchanged, and halves of trials are kept apart."""

    first: Table
    second: Table
    trials: _Trials
    # Pieces of the same half of the trials would share their noise once units are exchanged.
    compared = (_WITHIN, ((0, 3), (1, 2)))

    @property
    def means(self) -> tuple[Table, Table]:
        return _means(self.first, self.trials.first), _means(self.second, self.trials.second)

    @property
    def has_repeats(self) -> bool:
        n_units = min(self.first.shape[1], self.second.shape[1])
        return len(self.trials.repeated) >= 4 and n_units >= 4

    def pieces(self, generator: np.random.Generator, exchanged: bool) -> list[Table]:
        halves = self._half_means(generator)
        n_first, n_second = self.first.shape[1], self.second.shape[1]
        size = min(n_first, n_second) // 2
        own = [generator.permutation(n_first)[: 2 * size]]
        own.append(generator.permutation(n_second)[: 2 * size] + n_first)
        pool = np.concatenate(own)
        pool = generator.permutation(pool) if exchanged else pool
        return [
            halves[number % 2][:, units] for number, units in enumerate(np.split(pool, 4))
        ]

    def _half_means(self, generator: np.random.Generator) -> list[Table]:
        """Means over each half of the trials, (conditions, units of both)."""
        parts: list[list[Table]] = [[], []]
        for values, rows in ((self.first, self.trials.first), (self.second, self.trials.second)):
            found: list[list[NDArray[np.intp]]] = [[], []]
            for place in self.trials.repeated:
                size = min(len(self.trials.first[place]), len(self.trials.second[place])) // 2
                drawn = generator.permutation(rows[place])
                found[0].append(drawn[:size])
                found[1].append(drawn[size : 2 * size])
            for half in (0, 1):
                parts[half].append(_means(values, found[half]))
        return [np.concatenate(half, axis=1) for half in parts]
