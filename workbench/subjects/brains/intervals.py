"""Trials, epochs and events: spans of time with labels, and which rows lie in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from workbench.subjects.brains.clock import Clock

_OWN = ("trial", "onset", "offset")
# What the row table uses itself.
_TAKEN = ("stimulus", "time", "position", "trial", "trial_time", "onset", "offset", "n_bins")


@dataclass(frozen=True)
class Intervals:
    """Spans of time of one session.

    Attributes
    ----------
    name : str
        Such as ``trials``; equal in all sessions.
    table : DataFrame
        One row an interval, in the order of their onsets, with ``onset`` and ``offset`` in seconds
        (an offset of NaN, or none after the onset, is an instant), ``trial``, its number in the
        file, and its labels.
    """

    name: str
    table: pd.DataFrame

    @property
    def labels(self) -> list[str]:
        """Names of the labels."""
        return [str(name) for name in self.table.columns if name not in _OWN]


def make_intervals(name: str, onset: Any, offset: Any, labels: pd.DataFrame) -> Intervals:
    """Intervals from columns of a file.

    Parameters
    ----------
    name : str
    onset, offset : array-like (intervals,)
        Seconds. Intervals without an onset are left out.
    labels : DataFrame
        One row an interval.

    Returns
    -------
    Intervals

    Raises
    ------
    UsageError
        If onsets and offsets are not equally many numbers.

    Examples
    --------
    >>> import pandas as pd
    >>> given = make_intervals("trials", [2.0, 0.0], [3.0, 1.0], pd.DataFrame({"side": ["l", "r"]}))
    >>> given.table[["trial", "onset", "side"]].to_numpy().tolist()
    [[1, 0.0, 'r'], [0, 2.0, 'l']]
    """
    try:
        starts = np.asarray(onset, dtype=np.float64).reshape(-1)
        stops = np.asarray(offset, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError):
        raise UsageError(
            f"Found onsets or offsets in '{name}' that are not numbers; expected seconds."
        ) from None
    if not len(starts) == len(stops) == len(labels):
        raise UsageError(
            f"Found {len(starts)} onsets, {len(stops)} offsets and {len(labels)} labels in "
            f"'{name}'; expected equally many: mend the table."
        )
    table = labels.rename(columns={each: f"{name}_{each}" for each in _TAKEN}).reset_index(
        drop=True
    )
    table.insert(0, "trial", np.arange(len(table)))
    table.insert(1, "onset", starts)
    table.insert(2, "offset", stops)
    table = table[np.isfinite(starts)].sort_values("onset", kind="stable")
    return Intervals(name, table.reset_index(drop=True))


def scalar_columns(table: pd.DataFrame) -> pd.DataFrame:
    """Columns that hold a number, a word or a truth value in each row.

    Lists of words are joined by commas; what else is no scalar is left out.

    Examples
    --------
    >>> import pandas as pd
    >>> given = pd.DataFrame({"a": [1, 2], "tags": [["x", "y"], []], "mask": [[1.0], [2.0]]})
    >>> scalar_columns(given).to_dict("list")
    {'a': [1, 2], 'tags': ['x, y', '']}
    """
    import pandas as pd

    kept = {}
    for name in table.columns:
        column = table[name]
        if column.dtype.kind in "biuf":
            kept[str(name)] = column.to_numpy()
            continue
        plain = [_plain(value) for value in column]
        if all(_is_scalar(value) for value in plain):
            kept[str(name)] = _one_kind(plain)
    return pd.DataFrame(kept, index=range(len(table)))


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, np.generic):
        return value.item()
    words = value.tolist() if isinstance(value, np.ndarray) else value
    if isinstance(words, (list, tuple)) and all(isinstance(word, str) for word in words):
        return ", ".join(words)
    return value


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, (str, bool, int, float))


def _one_kind(values: list[Any]) -> Any:
    """One kind of value in a column, so that it has a type on disk."""
    import pandas as pd

    kinds = {type(value) for value in values if not _is_missing(value)}
    if kinds and kinds <= {int, float}:
        return pd.array([np.nan if value is None else float(value) for value in values])
    if len(kinds) > 1:
        values = [None if _is_missing(value) else str(value) for value in values]
    return pd.Series(values, dtype=object)


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value))


@dataclass(frozen=True)
class Spans:
    """Intervals as spans of a session's samples.

    Attributes
    ----------
    intervals : Intervals
    first, last : ndarray (intervals,) of int
        Half-open spans of sample numbers.
    """

    intervals: Intervals
    first: NDArray[np.int64]
    last: NDArray[np.int64]

    def holding(self, start: int, stop: int) -> NDArray[np.int64]:
        """Number of the interval that each sample lies in, ``(stop - start,)``; -1 for none.

        Of several, the one that began last.
        """
        found = np.full(stop - start, -1, dtype=np.int64)
        for each in np.flatnonzero((self.first < stop) & (self.last > start)):
            found[max(self.first[each] - start, 0) : max(self.last[each] - start, 0)] = each
        return found

    def columns(self, start: int, stop: int, times: NDArray, is_main: bool) -> dict[str, Any]:
        """Labels of samples: missing outside of all intervals.

        Parameters
        ----------
        start, stop : int
        times : ndarray (stop - start,)
        is_main : bool
            Whether these are the trials; others carry their name in front.

        Returns
        -------
        dict of str to array
        """
        held = self.holding(start, stop)
        table, inside = self.intervals.table, held >= 0
        name = self.intervals.name
        numbers = np.full(len(held), -1, dtype=np.int64)
        numbers[inside] = table["trial"].to_numpy()[held[inside]]
        columns: dict[str, Any] = {"trial" if is_main else name: numbers}
        if is_main:
            since = np.full(len(held), np.nan)
            since[inside] = times[inside] - table["onset"].to_numpy()[held[inside]]
            columns["trial_time"] = since
        for label in self.intervals.labels:
            key = label if is_main or label.startswith(f"{name}_") else f"{name}_{label}"
            columns[key] = _at(table[label], held, inside)
        return columns


def _at(labels: pd.Series, held: NDArray[np.int64], inside: NDArray[np.bool_]) -> Any:
    import pandas as pd

    if labels.dtype.kind in "iuf":
        found = np.full(len(held), np.nan)
        found[inside] = labels.to_numpy(dtype=np.float64)[held[inside]]
        return found
    values = np.full(len(held), None, dtype=object)
    values[inside] = labels.to_numpy(dtype=object)[held[inside]]
    return pd.Series(values, dtype=object)


def find_spans(
    intervals: Intervals, clock: Clock, window: tuple[float, float] | None = None
) -> Spans:
    """Samples at or after the onset and before the offset of each interval.

    Parameters
    ----------
    intervals : Intervals
    clock : Clock
    window : (float, float), optional
        Seconds around the onset, instead of the interval itself.

    Returns
    -------
    Spans
        An instant without a window is the sample at it, or the last one before; or the bin that
        holds it.
    """
    onset = intervals.table["onset"].to_numpy(dtype=np.float64)
    offset = intervals.table["offset"].to_numpy(dtype=np.float64)
    if window is not None:
        return Spans(intervals, clock.index(onset + window[0]), clock.index(onset + window[1]))
    instants = ~(offset > onset)
    first, last = clock.index(onset), clock.index(np.where(instants, onset, offset))
    if instants.any():
        step = clock.spacing.mean if clock.spacing else 0.0
        moment = onset + clock.lead
        inside = (moment >= clock.first) & (moment < clock.last + step) & instants
        at = clock.index(moment + step * 1e-3) - 1
        first = np.where(instants, np.where(inside, np.maximum(at, 0), 0), first)
        last = np.where(instants, np.where(inside, first + 1, 0), last)
    return Spans(intervals, first, np.maximum(first, last))


def has_instants_only(sessions: Sequence[Intervals]) -> bool:
    """Whether no interval lasts."""
    return not any((each.table["offset"] > each.table["onset"]).any() for each in sessions)
