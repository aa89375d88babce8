"""Recorded sessions of a brain as trials by units, whatever they are given as."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analyses.learning_regime.given import given_array
from workbench.errors import UsageError, nearest
from workbench.recording.recording import Recording

# Of columns that name a unit, the first that a table of units has.
_UNIT_NAMES = ("name", "id", "unit")


@dataclass(frozen=True, eq=False)
class Session:
    """Trials of one session.

    Attributes
    ----------
    name : str
    values : ndarray (trials, units)
    labels : ndarray (trials,) of str
        Condition of each trial.
    units : ndarray (units,) of str
    """

    name: str
    values: NDArray[np.float64]
    labels: NDArray[np.str_]
    units: NDArray[np.str_]

    def rows_of(self, conditions: Sequence[str]) -> list[NDArray[np.intp]]:
        """Trials of each condition."""
        return [np.flatnonzero(self.labels == each) for each in conditions]


def read_sessions(
    sessions: Sequence[Any], labels: Any, units: Any, site: str | None, names: Any
) -> list[Session]:
    """Sessions from arrays or recordings; see `representational_drift.drift`.

    Raises
    ------
    UsageError
        If there are fewer than two, or labels and units do not fit them.
    """
    if isinstance(sessions, Recording) or len(sessions) < 2:
        raise UsageError(
            "Found fewer than two sessions; expected a list of two or more recordings or arrays."
        )
    by_session = _given_names(names, len(sessions))
    return [
        _of_recording(each, labels, units, site, by_session[number])
        if isinstance(each, Recording)
        else _of_array(each, _one_of(labels, number), _one_of(units, number), by_session[number])
        for number, each in enumerate(sessions)
    ]


def shared_conditions(first: Session, second: Session) -> list[str]:
    """Conditions that two sessions share, in the order of the first.

    Raises
    ------
    UsageError
        If they are fewer than four.
    """
    theirs = set(second.labels.tolist())
    found = [each for each in dict.fromkeys(first.labels.tolist()) if each in theirs]
    if len(found) < 4:
        raise UsageError(
            f"Sessions '{first.name}' and '{second.name}' share {len(found)} conditions; expected "
            "at least four, for the similarities between them: check the labels."
        )
    return found


def _given_names(names: Any, count: int) -> list[str]:
    if names is None:
        return [f"session {number + 1}" for number in range(count)]
    if len(names) != count or len(set(names)) != count:
        raise UsageError(f"Found names {list(names)} for {count} sessions; expected one for each.")
    return [str(name) for name in names]


def _one_of(given: Any, number: int) -> Any:
    if given is None or isinstance(given, str):
        return None
    return given[number]


def _of_array(values: Any, labels: Any, units: Any, name: str) -> Session:
    array = given_array(values, name)
    if array.ndim == 3:
        array, repeats = array.reshape(-1, array.shape[2]), len(array)
        labels = np.tile(np.arange(len(array) // repeats), repeats) if labels is None else labels
    if array.ndim != 2:
        raise UsageError(
            f"Found '{name}' of shape {array.shape}; expected (trials, units), or (repeats, "
            "conditions, units)."
        )
    return Session(
        name,
        array,
        _column(np.arange(len(array)) if labels is None else labels, len(array), name, "labels"),
        _column(
            np.arange(array.shape[1]) if units is None else units, array.shape[1], name, "units"
        ),
    )


def _of_recording(
    recording: Recording, labels: Any, units: Any, site: str | None, name: str
) -> Session:
    if site is None and len(recording.sites) != 1:
        raise UsageError(
            f"Found {len(recording.sites)} sites in '{recording.name}'; expected site= with one of "
            f"{', '.join(recording.sites[:4])}."
        )
    chosen = recording.sites[0] if site is None else site
    column = _existing(recording.rows.columns, labels if isinstance(labels, str) else "stimulus")
    table = recording.units(chosen)
    known = [each for each in _UNIT_NAMES if each in table and _tells_apart(table[each])]
    by = _existing(table.columns, units) if isinstance(units, str) else known[0]
    values = given_array(recording[chosen].to_numpy(), f"'{chosen}' of '{recording.name}'")
    return Session(
        name,
        values.reshape(len(values), -1),
        recording.rows[column].astype(str).to_numpy(dtype=str),
        table[by].astype(str).to_numpy(dtype=str),
    )


def _tells_apart(column: Any) -> bool:
    return bool(column.is_unique and not (column.astype(str) == "").any())


def _existing(columns: Any, name: str) -> str:
    if name not in columns:
        raise UsageError(f"Found no column '{name}'; {nearest(name, [*map(str, columns)])}")
    return name


def _column(values: Any, size: int, name: str, what: str) -> NDArray[np.str_]:
    found = np.asarray(values)
    if found.shape != (size,):
        raise UsageError(
            f"Found {what} of shape {found.shape} for '{name}'; expected ({size},): one each."
        )
    return found.astype(str)
