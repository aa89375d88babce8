"""Exemplars while activity streams by: the strongest stimuli and a quantile of every unit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.neuron_labels.quantiles import QuantileSketch
from analyses.neuron_labels.strongest import Strongest
from workbench.errors import UsageError, WorkbenchError

# Maps of the strongest stimuli are kept up to this size, so that no second pass is needed.
MAP_BYTES = 2**29


class ExemplarAccumulator:
    """Takes blocks of activity during a forward pass, or from a recording.

    Memory does not grow with the number of stimuli: for every unit there are ``k`` stimuli, their
    maps and a quantile sketch.

    Parameters
    ----------
    k : int
    quantile : float
    keep_maps : bool
        Keep the maps of the strongest stimuli, where they have space and all fit in 512 MiB.
    size : int, optional
        Of the quantile sketch; see `QuantileSketch`.
    seed : int
        Of the sketch.

    Attributes
    ----------
    strongest : Strongest
    space : tuple of int
        Sizes of the axes of space.

    Raises
    ------
    UsageError
        If `k` is not positive or the quantile is no share.

    Examples
    --------
    >>> found = ExemplarAccumulator(k=2, quantile=0.5)
    >>> for start in (0, 3):
    ...     found.update(np.arange(6.0)[start : start + 3, None], np.arange(start, start + 3))
    >>> found.strongest.numbers.tolist(), found.thresholds.tolist()
    ([[5, 4]], [2.0])
    """

    def __init__(
        self,
        k: int = 15,
        quantile: float = 0.99,
        keep_maps: bool = True,
        size: int | None = None,
        seed: int = 0,
    ) -> None:
        if k < 1 or not 0 <= quantile <= 1:
            raise UsageError(
                f"Found k={k} and quantile={quantile}; expected at least one exemplar and a share "
                "between 0 and 1."
            )
        self.k, self.quantile = k, quantile
        self._keep_maps, self._size, self._seed = keep_maps, size, seed
        self._shape: tuple[int, ...] | None = None

    @property
    def space(self) -> tuple[int, ...]:
        """Sizes of the axes of space."""
        return self._check_seen()[1:]

    @property
    def thresholds(self) -> NDArray[np.float64]:
        """Quantile of all activity of each unit: ``(units,)``."""
        self._check_seen()
        return self.sketch.quantile(self.quantile)

    def _check_seen(self) -> tuple[int, ...]:
        if self._shape is None:
            raise UsageError("Found no activity; expected at least one block: call update first.")
        return self._shape

    def update(
        self,
        block: ArrayLike,
        stimulus_numbers: ArrayLike,
        groups: Sequence[int] | NDArray[np.int64] | None = None,
    ) -> None:
        """See the next rows.

        Parameters
        ----------
        block : array (rows, units, ...)
            Further axes are space.
        stimulus_numbers : array (rows,) of int
            What is remembered of the strongest rows.
        groups : array (rows,) of int, optional
            Rows of one group count as one, by the strongest of them: steps of one stimulus, or
            copies of it. By default the stimulus numbers.

        Raises
        ------
        UsageError
            If shapes do not fit.
        WorkbenchError
            If values are not finite.
        """
        values, numbers = np.asarray(block), np.asarray(stimulus_numbers, dtype=np.int64)
        same = numbers if groups is None else np.asarray(groups, dtype=np.int64)
        self._check(values, numbers, same)
        if not len(values):
            return
        flat = values.reshape(len(values), values.shape[1], -1)
        peaks = flat.max(axis=2).astype(np.float32, copy=False)
        if not np.isfinite(peaks).all():
            row, unit = (int(each) for each in np.argwhere(~np.isfinite(peaks))[0])
            raise WorkbenchError(
                f"Found NaN or infinite activity of unit {unit} at stimulus {numbers[row]}; "
                "expected finite numbers: leave those rows out or capture again."
            )
        self.sketch.update(flat)
        first = _firsts(same)
        if len(first) == len(same):
            self.strongest.take(peaks, numbers, same, flat)
            return
        winners = _winners(peaks, first)
        units = np.arange(peaks.shape[1])
        maps = None if self.strongest.maps is None else flat[winners, units]
        self.strongest.take(peaks[winners, units], numbers[winners], same[first], maps)

    def _check(self, values: NDArray, numbers: NDArray[np.int64], same: NDArray[np.int64]) -> None:
        if values.ndim < 2 or numbers.shape != (len(values),) or same.shape != numbers.shape:
            raise UsageError(
                f"Found a block of shape {values.shape} with {numbers.shape} stimulus numbers and "
                f"{same.shape} groups; expected (rows, units, ...) and one of each for every row."
            )
        if self._shape is None:
            self._shape = values.shape[1:]
            n_units, n_places = self._shape[0], int(np.prod(self._shape[1:]))
            fits = 4 * n_units * self.k * n_places <= MAP_BYTES
            kept = n_places if self._keep_maps and n_places > 1 and fits else 0
            self.sketch = QuantileSketch(n_units, self._size, self._seed)
            self.strongest = Strongest.empty(n_units, self.k, kept)
        if values.shape[1:] != self._shape:
            raise UsageError(
                f"Found a block of shape {values.shape} after blocks of (rows, "
                f"{', '.join(map(str, self._shape))}); expected blocks of one site."
            )

    def merge(self, other: ExemplarAccumulator) -> None:
        """Take what another one has seen of other stimuli.

        Parameters
        ----------
        other : ExemplarAccumulator
            With the same settings, of the same site.

        Raises
        ------
        UsageError
            If it is of another site or with another `k`.
        """
        if (other.k, other._check_seen()) != (self.k, self._check_seen()):
            raise UsageError(
                f"Found {other.k} exemplars of activity {other._shape} to be merged into "
                f"{self.k} of {self._shape}; expected equal ones."
            )
        self.sketch.merge(other.sketch)
        self.strongest.merge(other.strongest)


def _firsts(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places where a run of rows of one group begins."""
    return np.flatnonzero(np.diff(groups, prepend=groups[0] - 1) != 0)


def _winners(peaks: NDArray[np.float32], first: NDArray[np.int64]) -> NDArray[np.int64]:
    """First row of the largest value in every run: (runs, units)."""
    largest = np.maximum.reduceat(peaks, first, axis=0)
    lengths = np.diff(first, append=len(peaks))
    rows = np.arange(len(peaks))[:, None]
    at = np.where(peaks == np.repeat(largest, lengths, axis=0), rows, len(peaks))
    winners: NDArray[np.int64] = np.minimum.reduceat(at, first, axis=0)
    return winners
