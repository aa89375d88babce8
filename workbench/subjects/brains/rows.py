"""Which rows a recording has: every sample, means over trials or sessions, or samples of trials."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError
from workbench.subjects.brains.base import Base
from workbench.subjects.brains.intervals import Intervals, Spans, find_spans, has_instants_only
from workbench.subjects.brains.values import mean_dtype, span_mean

if TYPE_CHECKING:
    import pandas as pd

    from workbench.capturing.request import CaptureRequest


class RowPlan(ABC):
    """The rows of a recording, any span of which can be had alone.

    Attributes
    ----------
    n : int
        Number of rows.
    """

    n: int

    @abstractmethod
    def table(self, start: int, stop: int) -> pd.DataFrame:
        """Row table of a span of rows."""

    @abstractmethod
    def read(self, site: str, start: int, stop: int) -> NDArray:
        """Activity of a span of rows, ``(stop - start, unit)``."""

    @abstractmethod
    def stimuli(self) -> pd.DataFrame:
        """Table that the column ``stimulus`` counts."""

    @abstractmethod
    def dtype(self, native: np.dtype) -> np.dtype:
        """Dtype of what `read` gives."""


class EveryRow(RowPlan):
    """Every sample of every session.

    Parameters
    ----------
    bases : sequence of Base
    spans : sequence of tuple of Spans
        Of every session: those of its trials first.
    """

    def __init__(self, bases: Sequence[Base], spans: Sequence[tuple[Spans, ...]]) -> None:
        self._bases, self._spans = bases, spans
        self._starts = np.cumsum([0, *(base.n for base in bases)])
        self.n = int(self._starts[-1])

    def dtype(self, native: np.dtype) -> np.dtype:
        """See `RowPlan.dtype`."""
        return native

    def stimuli(self) -> pd.DataFrame:
        """The sessions."""
        return session_table(self._bases)

    def _pieces(self, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """Session, first and last sample of every part of a span of rows."""
        for number, base in enumerate(self._bases):
            first = max(start - int(self._starts[number]), 0)
            last = min(stop - int(self._starts[number]), base.n)
            if first < last:
                yield number, first, last

    def read(self, site: str, start: int, stop: int) -> NDArray:
        """See `RowPlan.read`."""
        pieces = self._pieces(start, stop)
        return np.concatenate([self._bases[n].values[site].read(a, b) for n, a, b in pieces])

    def table(self, start: int, stop: int) -> pd.DataFrame:
        """See `RowPlan.table`."""
        import pandas as pd

        tables = [
            sample_table(self._bases[n], self._spans[n], n, first, last)
            for n, first, last in self._pieces(start, stop)
        ]
        return tables[0] if len(tables) == 1 else pd.concat(tables, ignore_index=True)


def sample_table(
    base: Base, spans: tuple[Spans, ...], stimulus: int, first: int, last: int
) -> pd.DataFrame:
    """Row table of a span of samples: stimulus, time, labels, and those of trials and epochs."""
    import pandas as pd

    columns: dict[str, Any] = {"stimulus": np.full(last - first, stimulus, dtype=np.int64)}
    if base.clock is not None:
        times = base.clock.seconds(first, last)
        columns["time"] = times
        for number, each in enumerate(spans):
            found = each.columns(first, last, times, is_main=number == 0)
            columns.update({name: found[name] for name in found if name not in columns})
    if base.labels is not None:
        for name in base.labels.columns:
            key = f"{name}_label" if name in columns else str(name)
            columns[key] = base.labels[name].iloc[first:last].reset_index(drop=True)
    return pd.DataFrame(columns)


def session_table(bases: Sequence[Base]) -> pd.DataFrame:
    """Table of sessions."""
    import pandas as pd

    return pd.DataFrame([base.session.about for base in bases])


@dataclass(frozen=True)
class Trial:
    """One trial: its session, its samples and its row in the table of its intervals."""

    session: int
    first: int
    last: int
    row: int


def all_trials(spans: Sequence[tuple[Spans, ...]]) -> list[Trial]:
    """Trials of all sessions, in order."""
    return [
        Trial(session, int(first), int(last), row)
        for session, each in enumerate(spans)
        for row, (first, last) in enumerate(zip(each[0].first, each[0].last, strict=True))
    ]


def trial_table(bases: Sequence[Base], spans: Sequence[tuple[Spans, ...]]) -> pd.DataFrame:
    """Table of the trials of all sessions, with what their session is."""
    import pandas as pd

    tables = []
    for session, (base, each) in enumerate(zip(bases, spans, strict=True)):
        table = each[0].intervals.table.copy()
        table.insert(0, "session", session)
        known = {name: value for name, value in base.session.about.items() if name not in table}
        tables.append(table.assign(**known))
    return pd.concat(tables, ignore_index=True)


class TrialMeans(RowPlan):
    """One row a trial: the mean over its samples; trials are the stimuli."""

    def __init__(self, bases: Sequence[Base], spans: Sequence[tuple[Spans, ...]]) -> None:
        self._bases, self._trials = bases, all_trials(spans)
        self._table = trial_table(bases, spans)
        self.n = len(self._trials)

    def dtype(self, native: np.dtype) -> np.dtype:
        """See `RowPlan.dtype`."""
        return mean_dtype(native)

    def stimuli(self) -> pd.DataFrame:
        """The trials."""
        return self._table

    def read(self, site: str, start: int, stop: int) -> NDArray:
        """See `RowPlan.read`; NaN where a trial has no sample."""
        chosen = self._trials[start:stop]
        values = [self._bases[each.session].values[site] for each in chosen]
        means = [
            span_mean(v, each.first, each.last) for v, each in zip(values, chosen, strict=True)
        ]
        return np.stack(means).astype(self.dtype(values[0].dtype))

    def table(self, start: int, stop: int) -> pd.DataFrame:
        """See `RowPlan.table`."""
        table = self._table.iloc[start:stop].reset_index(drop=True)
        table.insert(0, "stimulus", np.arange(start, stop))
        table["n_bins"] = [each.last - each.first for each in self._trials[start:stop]]
        return table


class SessionMeans(RowPlan):
    """One row a session: the mean over all of it."""

    def __init__(self, bases: Sequence[Base]) -> None:
        self._bases, self.n = bases, len(bases)

    def dtype(self, native: np.dtype) -> np.dtype:
        """See `RowPlan.dtype`."""
        return mean_dtype(native)

    def stimuli(self) -> pd.DataFrame:
        """The sessions."""
        return session_table(self._bases)

    def read(self, site: str, start: int, stop: int) -> NDArray:
        """See `RowPlan.read`."""
        values = [base.values[site] for base in self._bases[start:stop]]
        means = [span_mean(each, 0, each.shape[0]) for each in values]
        return np.stack(means).astype(self.dtype(values[0].dtype))

    def table(self, start: int, stop: int) -> pd.DataFrame:
        """See `RowPlan.table`."""
        table = self.stimuli().iloc[start:stop].reset_index(drop=True)
        table.insert(0, "stimulus", np.arange(start, stop))
        table["n_bins"] = [base.n for base in self._bases[start:stop]]
        return table


class TrialSamples(RowPlan):
    """Chosen samples of every trial, counted from its beginning or, negative ones, from its end.

    Parameters
    ----------
    bases : sequence of Base
    spans : sequence of tuple of Spans
    indices : tuple of int

    Raises
    ------
    UsageError
        If a trial is too short.
    """

    def __init__(
        self, bases: Sequence[Base], spans: Sequence[tuple[Spans, ...]], indices: tuple[int, ...]
    ) -> None:
        self._bases, self._trials, self._indices = bases, all_trials(spans), indices
        self._table = trial_table(bases, spans)
        self.n = len(self._trials) * len(indices)
        longest = max(max(indices) + 1, -min(indices))
        for number, each in enumerate(self._trials):
            if each.last - each.first < longest:
                raise UsageError(
                    f"Found {each.last - each.first} samples in trial {number}, and positions "
                    f"{','.join(map(str, indices))}; expected every trial to have at least "
                    f"{longest}: choose other positions, or a --window."
                )

    def dtype(self, native: np.dtype) -> np.dtype:
        """See `RowPlan.dtype`."""
        return native

    def stimuli(self) -> pd.DataFrame:
        """The trials."""
        return self._table

    def _places(self, start: int, stop: int) -> Iterator[tuple[int, Trial, int, int]]:
        """Number of the trial, the trial, position in it and sample of every row."""
        for row in range(start, stop):
            number, which = divmod(row, len(self._indices))
            trial = self._trials[number]
            index = self._indices[which]
            position = index if index >= 0 else trial.last - trial.first + index
            yield number, trial, position, trial.first + position

    def read(self, site: str, start: int, stop: int) -> NDArray:
        """See `RowPlan.read`."""
        return np.concatenate(
            [
                self._bases[trial.session].values[site].read(sample, sample + 1)
                for _, trial, _, sample in self._places(start, stop)
            ]
        )

    def table(self, start: int, stop: int) -> pd.DataFrame:
        """See `RowPlan.table`."""
        places = list(self._places(start, stop))
        numbers = np.array([number for number, *_ in places], dtype=np.int64)
        times = [self._time(trial, sample) for _, trial, _, sample in places]
        table = self._table.iloc[numbers].reset_index(drop=True)
        table.insert(0, "stimulus", numbers)
        table.insert(1, "position", [position for _, _, position, _ in places])
        table.insert(2, "time", times)
        return table

    def _time(self, trial: Trial, sample: int) -> float:
        clock = self._bases[trial.session].clock
        return np.nan if clock is None else float(clock.seconds(sample, sample + 1)[0])


def plan_rows(
    request: CaptureRequest, bases: Sequence[Base], window: tuple[float, float] | None
) -> RowPlan:
    """Rows as the positions of a request say.

    Parameters
    ----------
    request : CaptureRequest
    bases : sequence of Base
    window : (float, float), optional
        Seconds around the onsets of trials.

    Returns
    -------
    RowPlan

    Raises
    ------
    UsageError
        If there are no trials where they are needed, or the choice of intervals does not exist.
    """
    request.allow_positions("all", "trial", "mean", "indices")
    if request.positions == "mean":
        return SessionMeans(bases)
    spans = [
        tuple(
            find_spans(each, base.clock, window if number == 0 else None)
            for number, each in enumerate(base.session.intervals)
        )
        if base.clock is not None
        else ()
        for base in bases
    ]
    if request.positions == "all":
        return EveryRow(bases, spans)
    tables = [each[0].intervals for each in spans if each]
    _check_trials(request, tables, len(bases), window)
    if isinstance(request.positions, tuple):
        return TrialSamples(bases, spans, request.positions)
    return TrialMeans(bases, spans)


def _check_trials(
    request: CaptureRequest,
    tables: Sequence[Intervals],
    n_sessions: int,
    window: tuple[float, float] | None,
) -> None:
    shown = request.positions if isinstance(request.positions, str) else "by index"
    if len(tables) < n_sessions or not any(len(each.table) for each in tables):
        raise UsageError(
            f"Found positions '{shown}', and no trials or events in '{request.subject}'; expected "
            "some: record --positions all or mean."
        )
    if window is None and has_instants_only(tables):
        raise UsageError(
            f"Found only instants in '{tables[0].name}', which last no time; expected seconds "
            "around them: add --window -0.1,0.5."
        )
