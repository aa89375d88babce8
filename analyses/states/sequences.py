"""Which rows of a recording are steps of which trial, in order of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError, nearest

if TYPE_CHECKING:
    import pandas as pd

    from workbench.recording.recording import Recording

# A few long series are cut into blocks, so that some can be held out.
_LEAST_TRIALS = 20
_LEAST_BLOCK = 10
_LEAST_LENGTH = 3


@dataclass(frozen=True, eq=False)
class Sequences:
    """Rows of trials, one trial after the other.

    Attributes
    ----------
    rows : ndarray (bins,) of int
        Row numbers in the recording.
    lengths : ndarray (trials,) of int
    steps : ndarray (bins,) of int
        Number of each bin within its trial or series, before that was cut into blocks.
    cut : bool
        Whether trials are blocks of longer series.
    n_left_out : int
        Rows of trials that are too short or beyond the largest number of bins.
    """

    rows: NDArray[np.int64]
    lengths: NDArray[np.int64]
    steps: NDArray[np.int64]
    cut: bool
    n_left_out: int


def sequences_of(recording: Recording, column: str | None, max_bins: int, seed: int) -> Sequences:
    """Order rows by trial and time, and draw trials where there are too many bins.

    Parameters
    ----------
    recording : Recording
    column : str, optional
        Column that says which trial a row belongs to; ``trial`` or ``stimulus`` by default.
    max_bins : int
    seed : int

    Returns
    -------
    Sequences

    Raises
    ------
    UsageError
        If there is no such column, or fewer than two trials or blocks of at least three steps.

    Examples
    --------
    >>> import workbench as wb
    >>> recording = wb.from_arrays({"a": np.zeros((200, 2))})
    >>> sequences_of(recording, None, 1000, 0).lengths.tolist()[:3]
    [10, 10, 10]
    """
    order, codes = _in_order(recording.rows, column)
    counts = np.bincount(codes)
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    steps = np.arange(len(order)) - starts
    cut = int(np.count_nonzero(counts >= _LEAST_LENGTH)) < _LEAST_TRIALS
    if cut:
        size = max(_LEAST_BLOCK, len(order) // _LEAST_TRIALS)
        blocks = np.minimum(steps // size, np.maximum(counts[codes] // size, 1) - 1)
        codes = np.unique(np.stack([codes, blocks]), axis=1, return_inverse=True)[1].ravel()
        counts = np.bincount(codes)
    kept = _drawn(counts, max_bins, seed)
    if len(kept) < 2:
        raise UsageError(
            f"Found {len(kept)} trials or blocks of time of at least {_LEAST_LENGTH} steps among "
            f"{len(order)} rows; expected at least two, to hold some out: record longer."
        )
    inside = np.isin(codes, kept)
    return Sequences(
        order[inside], counts[kept], steps[inside], cut, int(np.count_nonzero(~inside))
    )


def _in_order(rows: pd.DataFrame, column: str | None) -> tuple[NDArray, NDArray]:
    """Row numbers by trial and time, and the trial's number of each."""
    name = column or ("trial" if "trial" in rows else "stimulus")
    if name not in rows:
        raise UsageError(
            f"Found no column '{name}' for trials; {nearest(name, map(str, rows.columns))}: name "
            "a column of the row table with trials=."
        )
    trial = rows[name]
    # Without any trial that has two rows, rows are one series.
    given = trial.notna() if trial.duplicated().any() else np.ones(len(rows), dtype=bool)
    codes = trial.factorize()[0] if trial.duplicated().any() else np.zeros(len(rows), dtype=int)
    keys = [rows[each].to_numpy() for each in ("time", "position") if each in rows][:1]
    sessions = [rows["stimulus"].to_numpy()] if "stimulus" in rows and name != "stimulus" else []
    order = np.lexsort((np.arange(len(rows)), *keys, codes, *(sessions if not keys else [])))
    order = order[np.asarray(given)[order]]
    return order.astype(np.int64), np.unique(codes[order], return_inverse=True)[1]


def _drawn(counts: NDArray, max_bins: int, seed: int) -> NDArray[np.int64]:
    """Trials that are long enough, drawn at random up to so many bins, in their order."""
    numbers = np.flatnonzero(counts >= _LEAST_LENGTH)
    drawn = np.random.default_rng([seed, 3]).permutation(numbers)
    fits = np.cumsum(counts[drawn]) <= max_bins
    fits[:2] = True
    return np.sort(drawn[fits])
