"""Which rows are the same moment of different trials, for decoding over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from probes.rows import AUTO, groups_of, labels_of, table_of

if TYPE_CHECKING:
    import pandas as pd

    from workbench.recording.recording import Recording

IN_TRIAL, AROUND_ROW = "time in the trial", "lag behind the labelled moment"
LEAST_TRIALS = 10
# Lags reach as far as this many stretches of one label last.
_STRETCHES = 4
_SERIES = ("stimulus", "trial", "checkpoint")


@dataclass(frozen=True)
class Moments:
    """Trials, each with a row for every time.

    Attributes
    ----------
    rows : ndarray (trials, times) of int
        Row numbers in the recording.
    labels : ndarray (trials,)
    groups : ndarray (trials,) of int
    times : ndarray (times,)
        In the unit of the recording's times.
    kind : str
        What times are: since the trial's first row, where a trial has one label; else since the
        row whose label is read, each such row being a trial.
    """

    rows: NDArray[np.int64]
    labels: NDArray[Any]
    groups: NDArray[np.int64]
    times: NDArray[np.float64]
    kind: str


def draw_moments(
    recording: Recording,
    labels: str,
    groups: str = AUTO,
    n_rows: int = 5000,
    n_times: int = 13,
    seed: int = 0,
) -> Moments | None:
    """Draw trials for decoding over time.

    Parameters
    ----------
    recording : Recording
    labels : str
        Column of the row table.
    groups : str
        As of `rows.draw_sample`.
    n_rows : int
        Rows to take, about, over all times.
    n_times : int
        Evenly spread.
    seed : int

    Returns
    -------
    Moments, optional
        None where rows are no steps in time, labels are numbers, or there are fewer than two
        classes of ten trials.

    Raises
    ------
    UsageError
        If there is no such column.
    """
    table = _steps(recording, labels)
    if n_times < 2 or table is None:
        return None
    said, continuous = labels_of(table[labels].to_numpy())
    each, _ = groups_of(recording, table, groups)
    series = _runs(*(table[name].to_numpy() for name in _SERIES if name in table))
    if continuous or np.bincount(series).max() < 2:
        return None
    one_label = len(np.unique(_runs(series, said))) == series[-1] + 1
    places, anchor = (
        _in_trials(series, n_times) if one_label else _around_rows(series, each, said, n_times)
    )
    kept = _drawn(said[places[:, anchor]], n_rows // places.shape[1], seed)
    if not len(kept):
        return None
    places, times = places[kept], table["time"].to_numpy(dtype=np.float64)
    anchors = places[:, anchor]
    since = np.median(times[places] - times[anchors][:, None], axis=0)
    kind = IN_TRIAL if one_label else AROUND_ROW
    return Moments(table["row"].to_numpy()[places], said[anchors], each[anchors], since, kind)


def _steps(recording: Recording, labels: str) -> pd.DataFrame | None:
    """Labelled rows that are steps in time, in order."""
    if recording.kind == "language" or not {"time", "stimulus"} <= set(recording.rows):
        return None
    table = table_of(recording, labels)
    known = table[labels].notna()
    if "trial" in table:
        known &= table["trial"] >= 0
    return table[known] if known.any() else None


def _runs(*columns: NDArray[Any]) -> NDArray[np.int64]:
    """Number of the run of equal values that each row (rows,) lies in.

    Examples
    --------
    >>> _runs(np.array([1, 1, 2, 1]), np.array(["a", "b", "b", "b"])).tolist()
    [0, 1, 2, 3]
    """
    changed = np.any([each[1:] != each[:-1] for each in columns], axis=0)
    return np.concatenate([[0], np.cumsum(changed)])


def _spread(first: int, last: int, n: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(first, last, n).round().astype(np.int64))


def _in_trials(series: NDArray[np.int64], n_times: int) -> tuple[NDArray[np.int64], int]:
    """Places (trials, times) since the start of each series; short ones are left out."""
    sizes = np.bincount(series)
    n_steps = int(np.quantile(sizes, 0.2))
    starts = (np.cumsum(sizes) - sizes)[sizes >= n_steps]
    return starts[:, None] + _spread(0, n_steps - 1, n_times), 0


def _around_rows(
    series: NDArray[np.int64], groups: NDArray[np.int64], labels: NDArray[Any], n_times: int
) -> tuple[NDArray[np.int64], int]:
    """Places (rows, lags) around rows; a window stays in its series and group."""
    cell = _runs(series, groups)
    sizes = np.bincount(cell)
    stretch = len(labels) / (_runs(cell, labels)[-1] + 1)
    span = int(min(_STRETCHES * stretch, np.median(sizes) // 4))
    lags = _spread(-span, span, n_times | 1)
    step = np.arange(len(cell)) - (np.cumsum(sizes) - sizes)[cell]
    inside = np.flatnonzero((step >= span) & (step < sizes[cell] - span))
    return inside[:, None] + lags, len(lags) // 2


def _drawn(labels: NDArray[Any], n_trials: int, seed: int) -> NDArray[np.int64]:
    """Trials to take, of classes that have enough; none if fewer than two have."""
    generator = np.random.default_rng([seed, 23])
    kept = np.sort(generator.permutation(len(labels))[: max(n_trials, 1)])
    _, codes, counts = np.unique(labels[kept], return_inverse=True, return_counts=True)
    enough = counts >= LEAST_TRIALS
    return kept[enough[codes]] if enough.sum() > 1 else kept[:0]
