"""Spike times, and counts of them in bins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from workbench.errors import WorkbenchError
from workbench.subjects.brains.clock import SteadyClock

_SAME_MOMENT = 1e-6


@dataclass(frozen=True)
class SpikeTrains:
    """Spike times of the units of one session.

    Attributes
    ----------
    n_units : int
    train : callable
        From the number of a unit to its spike times in seconds, ``(spikes,)``.
    observed : callable, optional
        From the number of a unit to the spans in which it was observed, ``(spans, 2)`` seconds.
    """

    n_units: int
    train: Callable[[int], NDArray[np.float64]]
    observed: Callable[[int], NDArray[np.float64]] | None = None

    @cached_property
    def trains(self) -> list[NDArray[np.float64]]:
        """All spike times in order; 8 bytes a spike stay in memory."""
        return [self._checked(unit) for unit in range(self.n_units)]

    @cached_property
    def spans(self) -> list[NDArray[np.float64]] | None:
        """Observed spans of every unit; None where the file does not say."""
        if self.observed is None:
            return None
        given = [np.asarray(self.observed(n), dtype=np.float64) for n in range(self.n_units)]
        return [join_spans(each.reshape(-1, 2)) for each in given]

    @property
    def count_dtype(self) -> np.dtype:
        """int32; float32 where some bins are not observed."""
        return np.dtype(np.int32 if self.observed is None else np.float32)

    def _checked(self, unit: int) -> NDArray[np.float64]:
        times = np.sort(np.asarray(self.train(unit), dtype=np.float64).reshape(-1))
        if len(times) and not np.isfinite(times[[0, -1]]).all():
            raise WorkbenchError(
                f"Unit {unit} has spike times that are missing or infinite; expected seconds: mend "
                "the file."
            )
        return times

    @property
    def moments(self) -> NDArray[np.float64]:
        """First and last spike of each unit."""
        ends = [times[[0, -1]] for times in self.trains if len(times)]
        return np.concatenate([np.empty(0), *ends])

    @property
    def bounds(self) -> NDArray[np.float64]:
        """Bounds of observation of all units."""
        return np.concatenate([np.empty(0), *(span.reshape(-1) for span in self.spans or [])])


def join_spans(spans: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spans in order, those that touch or overlap as one.

    Parameters
    ----------
    spans : ndarray (spans, 2)
        Begin and end in seconds.

    Returns
    -------
    ndarray (joined, 2)

    Examples
    --------
    >>> join_spans(np.array([[5.0, 6.0], [0.0, 1.0], [1.0, 2.0]])).tolist()
    [[0.0, 2.0], [5.0, 6.0]]
    """
    joined: list[list[float]] = []
    for begin, end in spans[np.argsort(spans[:, 0])].tolist():
        if joined and begin <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], end)
        else:
            joined.append([begin, end])
    return np.array(joined, dtype=np.float64).reshape(-1, 2)


@dataclass(frozen=True)
class Bins:
    """Bins of equal width.

    Attributes
    ----------
    start : float
        Seconds at which the first begins.
    width : float
        Seconds.
    n : int

    Examples
    --------
    >>> bins = Bins(0.0, 0.5, 4)
    >>> bins.edges(1, 3).tolist(), bins.clock.seconds(1, 3).tolist()
    ([0.5, 1.0, 1.5], [0.75, 1.25])
    """

    start: float
    width: float
    n: int

    @property
    def clock(self) -> SteadyClock:
        """The middles of the bins, which are the times of their rows."""
        half = self.width / 2
        return SteadyClock(self.n, 1 / self.width, self.start + half, half)

    def edges(self, first: int, last: int) -> NDArray[np.float64]:
        """Edges of the bins ``first`` to ``last``, ``(last - first + 1,)`` seconds."""
        return np.float64(self.start) + np.arange(first, last + 1, dtype=np.float64) * self.width


class SpikeCounts:
    """Counts of spikes at or after the beginning of a bin and before its end.

    Parameters
    ----------
    spikes : SpikeTrains
    bins : Bins

    Examples
    --------
    >>> spikes = SpikeTrains(2, lambda unit: np.array([[0.1, 0.2, 0.5], [0.9]][unit]))
    >>> SpikeCounts(spikes, Bins(0.0, 0.5, 2)).read(0, 2).tolist()
    [[2, 0], [1, 1]]
    """

    def __init__(self, spikes: SpikeTrains, bins: Bins) -> None:
        self._spikes, self._bins = spikes, bins
        self.shape = (bins.n, spikes.n_units)
        self.dtype = spikes.count_dtype

    def read(self, start: int, stop: int) -> NDArray:
        """See `Values.read`; NaN where a unit was not observed during the whole bin."""
        edges = self._bins.edges(start, stop)
        counts = np.empty((stop - start, self.shape[1]), dtype=self.dtype)
        for unit, times in enumerate(self._spikes.trains):
            counts[:, unit] = np.diff(np.searchsorted(times, edges))
        if self._spikes.spans is not None:
            for unit, spans in enumerate(self._spikes.spans):
                counts[~self._covered(edges, spans), unit] = np.nan
        return counts

    def _covered(self, edges: NDArray[np.float64], spans: NDArray[np.float64]) -> NDArray[np.bool_]:
        margin = _SAME_MOMENT * self._bins.width
        covered = np.zeros(len(edges) - 1, dtype=bool)
        for begin, end in spans:
            covered |= (edges[:-1] >= begin - margin) & (edges[1:] <= end + margin)
        return covered
