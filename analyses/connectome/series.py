"""Rows of a recording as series: which row is which animal, text or trial at which step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.analysis.parameters import check_whole
from workbench.errors import UsageError, nearest

if TYPE_CHECKING:
    import pandas as pd

    from workbench.recording.recording import Recording

_LEAST_STEPS = 8


@dataclass(frozen=True)
class Columns:
    """Where the row table says what a row is.

    Attributes
    ----------
    animal : str, optional
        Column with the animal, session, text or trial; ``animal`` or ``stimulus`` by default.
    time : str, optional
        Column with the time; ``time`` or, in language, ``position`` by default.
    stimuli : str, optional
        Column with what was on at each step.
    n_steps : int, optional
        Steps of every series: longer ones are cut, shorter ones left out.
    epoch_steps : int, optional
        Cut every series into pieces of so many steps, which count as animals.
    """

    animal: str | None = None
    time: str | None = None
    stimuli: str | None = None
    n_steps: int | None = None
    epoch_steps: int | None = None


@dataclass(frozen=True, eq=False)
class Series:
    """Rows of equally long series.

    Attributes
    ----------
    animals : list of str
    rows : ndarray (animals, steps) of int
        Row numbers in the recording.
    times : ndarray (steps,)
        Of the first series.
    labels : ndarray (animals, steps) of str
    notes : list of str
        What was cut or left out.
    """

    animals: list[str]
    rows: NDArray[np.int64]
    times: NDArray[np.float64]
    labels: NDArray[np.str_]
    notes: list[str]

    @property
    def rate(self) -> float:
        """Steps in a unit of time."""
        return float(1 / np.median(np.diff(self.times)))


def read_series(recording: Recording, columns: Columns) -> Series:
    """Arrange the rows of a recording by animal and time.

    Parameters
    ----------
    recording : Recording
    columns : Columns

    Returns
    -------
    Series

    Raises
    ------
    UsageError
        If there is no such column, rows are not in time, a time occurs twice in a series, or
        series are too short.

    Examples
    --------
    >>> import workbench as wb
    >>> rows = {"animal": list("aaaabbbb") * 4, "time": np.arange(32) // 8 * 4 + np.arange(32) % 4}
    >>> recording = wb.from_arrays({"area": np.zeros((32, 3))}, rows)
    >>> series = read_series(recording, Columns())
    >>> series.animals, series.rows.shape
    (['a', 'b'], (2, 16))
    """
    table, notes = _table(recording, columns)
    groups = [(str(name), part) for name, part in table.groupby("animal", sort=False)]
    for name, part in groups:
        _check_times(part["time"].to_numpy(), name)
    n_steps = _n_steps([len(part) for _, part in groups], columns)
    kept = [(name, part) for name, part in groups if len(part) >= n_steps]
    if len(kept) < len(groups):
        notes.append(
            f"{len(groups) - len(kept)} of {len(groups)} series are shorter than "
            f"{n_steps} steps and left out"
        )
    cut = sum(len(part) > n_steps for _, part in kept)
    if columns.epoch_steps is not None:
        kept = _pieces(kept, n_steps)
    elif cut:
        notes.append(f"{cut} series are cut to their first {n_steps} steps")
    stacked = {
        name: np.stack([part[name].to_numpy()[:n_steps] for _, part in kept])
        for name in ("row", "time", "label")
    }
    times = stacked["time"][0].astype(np.float64)
    return Series(
        [name for name, _ in kept], stacked["row"], times, stacked["label"].astype(str), notes
    )


def _table(recording: Recording, columns: Columns) -> tuple[pd.DataFrame, list[str]]:
    """Rows in order of animal and time."""
    import pandas as pd

    rows, notes = recording.rows, []
    time = _time_column(recording, columns)
    animal = _column(rows, columns.animal, ("animal", "stimulus"), "animal=")
    plain = time is None
    table = pd.DataFrame({"row": np.arange(len(rows), dtype=np.int64)})
    table["animal"] = "0" if plain else rows[animal].to_numpy()
    table["time"] = np.arange(len(rows)) if plain else rows[time].to_numpy(dtype=np.float64)
    table["label"] = "" if columns.stimuli is None else _labels(rows, columns.stimuli)
    outside = _outside(table["animal"])
    if outside.any():
        notes.append(f"{int(outside.sum())} rows belong to no {animal} and are left out")
        table = table[~outside]
    if not len(table):
        raise UsageError(
            f"Found no row with a value in column '{animal}'; expected the animal, session, text "
            "or trial of each: choose another column with animal=."
        )
    return table.sort_values(["animal", "time"], kind="stable"), notes


def _time_column(recording: Recording, columns: Columns) -> str | None:
    rows = recording.rows
    if columns.time is not None:
        return _column(rows, columns.time, (), "time=")
    usual = ("trial_time",) if columns.animal == "trial" else ()
    for name in (*usual, "time", "position"):
        if name in rows:
            return name
    plain = list(rows.columns) == ["stimulus"] and bool(rows["stimulus"].is_unique)
    if plain and columns.animal is None:
        return None
    raise UsageError(
        f"Found no column 'time' or 'position' among {list(rows.columns)}; expected rows that are "
        "steps in time: name the column with time=."
    )


def _column(rows: pd.DataFrame, given: str | None, usual: tuple[str, ...], how: str) -> str:
    names = [str(name) for name in rows.columns]
    if given is None:
        return next(name for name in usual if name in names)
    if given not in names:
        raise UsageError(
            f"Found no column '{given}' in the row table; {nearest(given, names)}: choose one with "
            f"{how}."
        )
    return given


def _labels(rows: pd.DataFrame, column: str) -> NDArray:
    values = rows[_column(rows, column, (), "stimuli=")]
    return np.array(
        [
            "" if missing else str(value)
            for value, missing in zip(values.tolist(), values.isna().tolist(), strict=True)
        ],
        dtype=object,
    )


def _outside(animals: pd.Series) -> NDArray[np.bool_]:
    missing = animals.isna().to_numpy()
    if animals.dtype.kind in "if":
        missing = missing | (animals < 0).to_numpy()
    return missing


def _check_times(times: NDArray, animal: str) -> None:
    if not np.isfinite(times).all() or (np.diff(times) <= 0).any():
        raise UsageError(
            f"Found a time twice, or none, in series '{animal}'; expected one row a step: choose "
            "the columns with animal= and time=."
        )


def _n_steps(lengths: list[int], columns: Columns) -> int:
    """Steps that keep most rows, unless they are given."""
    names = ("n_steps", "epoch_steps")
    check_whole(columns, dict.fromkeys(names, _LEAST_STEPS), optional=names)
    longest = max(lengths)
    given: Any = columns.epoch_steps or columns.n_steps
    if given is None:
        kept = [(length * sum(each >= length for each in lengths), length) for length in lengths]
        given = max(kept)[1]
    if given < _LEAST_STEPS or given > longest:
        raise UsageError(
            f"Found series of at most {longest} steps for {given} steps each; expected at least "
            f"{_LEAST_STEPS} steps and no more than there are: lower n_steps= or epoch_steps=, or "
            "choose the columns with animal= and time=."
        )
    return int(given)


def _pieces(kept: list[tuple[str, pd.DataFrame]], n_steps: int) -> list[tuple[str, pd.DataFrame]]:
    pieces = []
    for name, part in kept:
        for number in range(len(part) // n_steps):
            piece = part.iloc[number * n_steps : (number + 1) * n_steps]
            pieces.append((f"{name}/{number}", piece))
    return pieces
