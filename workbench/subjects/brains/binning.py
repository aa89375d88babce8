"""Spike times and samples on common bins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError
from workbench.subjects.brains.clock import Clock
from workbench.subjects.brains.spikes import Bins, SpikeTrains
from workbench.subjects.brains.values import Values, blocks, mean_dtype

if TYPE_CHECKING:
    import pandas as pd

    from workbench.subjects.brains.intervals import Intervals
    from workbench.subjects.brains.traces import Sampled

_ROUNDING = 1e-6
# Eleven days: clocks that start later count from another origin, such as 1970.
_FOREIGN_ORIGIN = 1e6
_MOST_BINS = 2**31


class BinnedMeans:
    """Means of the samples in each bin, without NaN; NaN where a bin has no sample.

    Parameters
    ----------
    values : Values
    clock : Clock
        When they were sampled.
    bins : Bins

    Examples
    --------
    >>> from workbench.subjects.brains.clock import SteadyClock
    >>> from workbench.subjects.brains.values import ArrayValues
    >>> samples = ArrayValues(np.array([1.0, 3.0, 5.0]))
    >>> BinnedMeans(samples, SteadyClock(3, 1.0), Bins(0.0, 2.0, 3)).read(0, 3).tolist()
    [[2.0], [5.0], [nan]]
    """

    def __init__(self, values: Values, clock: Clock, bins: Bins) -> None:
        self._values, self._clock, self._bins = values, clock, bins
        self.shape = (bins.n, values.shape[1])
        self.dtype = mean_dtype(values.dtype)

    def read(self, start: int, stop: int) -> NDArray:
        """See `Values.read`."""
        bounds = self._clock.index(self._bins.edges(start, stop))
        means = np.full((stop - start, self.shape[1]), np.nan, dtype=self.dtype)
        longest = max(1, int(np.diff(bounds).max()))
        for first, last in blocks(0, stop - start, longest * self.shape[1]):
            read = self._values.read(int(bounds[first]), int(bounds[last]))
            means[first:last] = bin_means(read, bounds[first : last + 1] - bounds[first])
        return means


def bin_means(samples: NDArray, bounds: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean of the samples between neighbouring bounds, NaN left out.

    Parameters
    ----------
    samples : ndarray (time, unit)
    bounds : ndarray (bins + 1,) of int
        From 0 to the number of samples, never falling.

    Returns
    -------
    ndarray (bins, unit)
    """
    means = np.full((len(bounds) - 1, samples.shape[1]), np.nan)
    filled = np.diff(bounds) > 0
    if not filled.any():
        return means
    numbers = samples.astype(np.float64)
    known = ~np.isnan(numbers)
    heads = bounds[:-1][filled]
    total = np.add.reduceat(np.where(known, numbers, 0.0), heads, axis=0)
    count = np.add.reduceat(known.astype(np.int64), heads, axis=0)
    means[filled] = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return means


def session_bins(
    parts: Sequence[Sampled | SpikeTrains], intervals: Sequence[Intervals], width: float
) -> Bins:
    """Bins from the start of a session to its end.

    Parameters
    ----------
    parts : sequence of Sampled or SpikeTrains
        What is to be recorded of the session.
    intervals : sequence of Intervals
        With spikes, bins reach to the end of the last: silence at the end counts as zeros.
    width : float
        Seconds.

    Returns
    -------
    Bins
        From the first sample on, or, with spikes, from second 0 on (earlier where there are
        earlier times; from the first time on where times count from another origin).

    Raises
    ------
    UsageError
        If the width is below the spacing of samples, or there would be too many bins.
    """
    clocks = [part.clock for part in parts if not isinstance(part, SpikeTrains)]
    trains = [part for part in parts if isinstance(part, SpikeTrains)]
    timed = [clock for clock in clocks if clock is not None]
    for clock in timed:
        _check_width(clock, width)
    moments = [np.array([clock.first, clock.last]) for clock in timed]
    moments += [each.moments for each in trains]
    ends = [_ends(each) for each in intervals] if trains else []
    ends += [each.bounds for each in trains]
    known = np.concatenate([np.empty(0), *moments, *ends])
    if not len(known):
        raise UsageError(
            "Found no spike and no trial in the session; expected some, to know when it ends: "
            "record another site."
        )
    start, stop = float(known.min()), float(known.max())
    if trains:
        start = 0.0 if 0 <= start < _FOREIGN_ORIGIN else np.floor(start / width) * width
    return Bins(float(start), width, _count(start, stop, np.concatenate(moments), width))


def _count(start: float, stop: float, moments: NDArray[np.float64], width: float) -> int:
    n = max(1, int(np.ceil((stop - start) / width - _ROUNDING)))
    if len(moments):
        # A spike or sample on the edge opens a bin of its own; the end of a trial does not.
        last = float(moments.max())
        n = max(n, int(np.floor((last - start) / width + _ROUNDING)) + 1)
        n += int(start + n * width <= last)
    if n > _MOST_BINS:
        raise UsageError(
            f"Found {stop - start:.6g} s in bins of {width:g} s, which makes {n} of them; expected "
            f"at most {_MOST_BINS}: pass a larger bin, or mend times in the file."
        )
    return n


def _ends(intervals: Intervals) -> NDArray[np.float64]:
    ends = intervals.table[["onset", "offset"]].to_numpy(dtype=np.float64).reshape(-1)
    return ends[np.isfinite(ends)]


def _check_width(clock: Clock, width: float) -> None:
    step = clock.spacing.mean if clock.spacing else 0.0
    if width < step * (1 - _ROUNDING):
        raise UsageError(
            f"Found bin {width:g} s, and samples {step:.4g} s apart; expected a bin of at least "
            "that: pass a larger bin, or leave it out."
        )


def bin_labels(labels: pd.DataFrame, bounds: NDArray[np.int64]) -> pd.DataFrame:
    """Labels of bins: that of their samples where these agree, otherwise missing.

    Parameters
    ----------
    labels : DataFrame (time)
    bounds : ndarray (bins + 1,) of int
        Samples ``bounds[k]`` up to ``bounds[k + 1]`` lie in bin ``k``.

    Returns
    -------
    DataFrame (bins)

    Examples
    --------
    >>> import pandas as pd
    >>> bin_labels(pd.DataFrame({"a": ["x", "x", "y"]}), np.array([0, 2, 3, 3]))["a"].tolist()
    ['x', 'y', None]
    """
    import pandas as pd

    found = {}
    filled = np.diff(bounds) > 0
    heads = bounds[:-1][filled]
    for name in labels.columns:
        codes, kinds = pd.factorize(labels[name])
        kept = np.full(len(filled), -1, dtype=np.int64)
        if len(heads):
            lowest, highest = (each.reduceat(codes, heads) for each in (np.minimum, np.maximum))
            kept[filled] = np.where(lowest == highest, lowest, -1)
        values = np.full(len(filled), None, dtype=object)
        values[kept >= 0] = np.asarray(kinds, dtype=object)[kept[kept >= 0]]
        found[str(name)] = pd.Series(values, dtype=object)
    return pd.DataFrame(found, index=range(len(filled)))
