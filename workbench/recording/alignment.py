"""Two recordings of the same observations, brought into the same order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError
from workbench.recording.recording import Recording
from workbench.recording.selection import select

_CONTENT = ("sha256", "text", "id", "path")


def align(
    recording: Recording, other: Recording, on: str | Sequence[str] = "stimulus"
) -> tuple[Recording, Recording]:
    """Views of two recordings whose rows are the same observations in the same order.

    Parameters
    ----------
    recording, other : Recording
    on : str or sequence of str
        Columns of both row tables that say what an observation is. Stimuli are compared by what
        they are (their hash, text or id, whichever both stimulus tables have), by number only
        where the two tables say the same of every stimulus. Rows that share a value are paired
        in order if both recordings have equally many of them.

    Returns
    -------
    tuple of Recording
        In the order of the first; observations that only one of the two has are left out.

    Raises
    ------
    UsageError
        If a column is missing, nothing is shared, or rows cannot be paired.

    Examples
    --------
    >>> import workbench as wb
    >>> one = wb.from_arrays({"a": np.eye(3)}, rows={"image": ["x", "y", "z"]})
    >>> two = wb.from_arrays({"b": np.eye(2)}, rows={"image": ["z", "x"]})
    >>> ours, theirs = align(one, two, on="image")
    >>> ours.rows["image"].tolist(), theirs.rows["image"].tolist()
    (['x', 'z'], ['x', 'z'])
    """
    columns = [on] if isinstance(on, str) else list(on)
    keys = _keys(recording, other, columns)
    places: dict[Any, list[int]] = {}
    for row, key in enumerate(keys[1]):
        places.setdefault(key, []).append(row)
    counts: dict[Any, list[int]] = {}
    for row, key in enumerate(keys[0]):
        if key in places:
            counts.setdefault(key, []).append(row)
    for key, rows in counts.items():
        if len(rows) != len(places[key]):
            raise UsageError(
                f"Found {len(rows)} rows with {columns} = {_short(key)} in one recording and "
                f"{len(places[key])} in the other; expected as many: name further columns, or "
                "capture both with --positions word, mean or last."
            )
    if not counts:
        raise UsageError(
            f"The recordings share no {' and '.join(columns)}; nothing can be aligned."
        )
    pairs = sorted(
        (mine, theirs)
        for key, rows in counts.items()
        for mine, theirs in zip(rows, places[key], strict=True)
    )
    ours, theirs = np.array(pairs, dtype=np.int64).T
    return select(recording, rows=ours), select(other, rows=theirs)


def _short(key: Any) -> str:
    text = str(key[0] if isinstance(key, tuple) and len(key) == 1 else key)
    return text if len(text) <= 40 else text[:37] + "..."


def _keys(one: Recording, two: Recording, columns: Sequence[str]) -> list[list[tuple]]:
    for recording in (one, two):
        for column in columns:
            if column not in recording.rows:
                raise UsageError(
                    f"Found no column '{column}' in the rows of '{recording.name}'; there are "
                    f"{list(recording.rows.columns)}."
                )
    values: list[list[NDArray]] = [[], []]
    for column in columns:
        if column == "stimulus":
            found = _stimulus_keys(one, two)
        else:
            found = [recording.rows[column].to_numpy() for recording in (one, two)]
        for each, key in zip(values, found, strict=True):
            each.append(key)
    return [list(zip(*(v.tolist() for v in each), strict=True)) for each in values]


def _stimulus_keys(one: Recording, two: Recording) -> list[NDArray]:
    tables = [one.stimuli, two.stimuli]
    shared = [c for c in tables[0].columns if c in tables[1].columns]
    for column in _CONTENT:
        if column in shared and all(table[column].is_unique for table in tables):
            pairs = zip(tables, (one, two), strict=True)
            return [t[column].to_numpy()[r.rows["stimulus"].to_numpy()] for t, r in pairs]
    same = len(tables[0]) == len(tables[1]) and (
        all(tables[0][c].astype(str).equals(tables[1][c].astype(str)) for c in shared)
    )
    if not same:
        raise UsageError(
            f"Found {len(tables[0])} and {len(tables[1])} stimuli that no column "
            f"({', '.join(_CONTENT)}) of both stimulus tables tells apart; expected the same "
            "stimuli: name other columns of the rows with on=."
        )
    return [recording.rows["stimulus"].to_numpy() for recording in (one, two)]
