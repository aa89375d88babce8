"""Trials of activity: checked, concatenated, and padded where steps in time are walked through."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import UsageError, WorkbenchError

LEAST_BINS = 10


@dataclass(frozen=True, eq=False)
class Trials:
    """Trials of one population, one after the other.

    Attributes
    ----------
    values : ndarray (bins, neurons)
        Counts, or activity, of all trials.
    lengths : ndarray (trials,) of int
        Bins of each trial.
    """

    values: NDArray[np.float64]
    lengths: NDArray[np.int64]

    @property
    def n_neurons(self) -> int:
        """Number of neurons."""
        return self.values.shape[1]

    @property
    def n_bins(self) -> int:
        """Number of bins of all trials together."""
        return len(self.values)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Which bins of the padded trials exist: (trials, longest)."""
        return np.arange(int(self.lengths.max())) < self.lengths[:, None]

    def padded(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Spread rows (bins, k) over trials of equal length: (trials, longest, k), zeros behind."""
        mask = self.mask
        spread = np.zeros((*mask.shape, rows.shape[1]))
        spread[mask] = rows
        return spread

    def take(self, which: ArrayLike) -> Trials:
        """Some of the trials, in the order given."""
        numbers = np.asarray(which, dtype=np.int64)
        parts = np.split(self.values, np.cumsum(self.lengths)[:-1])
        return Trials(np.concatenate([parts[each] for each in numbers]), self.lengths[numbers])

    def split(self, rows: NDArray) -> list[NDArray]:
        """Rows (bins, ...) of each trial."""
        return np.split(rows, np.cumsum(self.lengths)[:-1])

    def in_blocks(self, n_bins: int) -> Trials:
        """Trials cut into blocks of `n_bins` bins; what is left at the end joins the last block."""
        lengths = []
        for length in self.lengths.tolist():
            n_blocks = max(1, length // n_bins)
            lengths += [n_bins] * (n_blocks - 1) + [length - n_bins * (n_blocks - 1)]
        return Trials(self.values, np.array(lengths, dtype=np.int64))


def read_trials(spikes: Any, counts: bool = True, n_neurons: int | None = None) -> Trials:
    """Check activity and put its trials one after the other.

    Parameters
    ----------
    spikes : array (trials, time, neurons) or (time, neurons), or sequence of (time, neurons)
        Counts per bin, or any activity where `counts` is False; numpy or torch.
    counts : bool
        Whether values must be counts.
    n_neurons : int, optional
        How many neurons there must be.

    Returns
    -------
    Trials

    Raises
    ------
    UsageError
        If shape or number of neurons is wrong, there are fewer than ten bins, or values are
        not counts.
    WorkbenchError
        If values are NaN or infinite.

    Examples
    --------
    >>> read_trials(np.zeros((3, 20, 4))).lengths.tolist()
    [20, 20, 20]
    """
    parts = [_matrix(each) for each in _parts(spikes)]
    sizes = {part.shape[1] for part in parts}
    if len(sizes) != 1:
        raise UsageError(
            f"Found trials with {sorted(sizes)} neurons; expected the same neurons in every trial "
            "of a list of (time, neurons) arrays."
        )
    trials = Trials(np.concatenate(parts), np.array([len(part) for part in parts]))
    _check_size(trials, n_neurons)
    _check_values(trials.values, counts)
    return trials


def is_single(spikes: Any) -> bool:
    """Whether activity is one trial (time, neurons)."""
    return not isinstance(spikes, list | tuple) and _plain(spikes).ndim == 2


def shaped(rows: NDArray, trials: Trials, spikes: Any) -> Any:
    """Rows (bins, ...) in the form in which activity was given: array, one trial or list."""
    if is_single(spikes):
        return rows
    parts = trials.split(rows)
    return parts if isinstance(spikes, list | tuple) else np.stack(parts)


def _parts(spikes: Any) -> Iterable[Any]:
    if isinstance(spikes, list | tuple) and spikes and _plain(spikes[0]).ndim == 2:
        return spikes
    array = _plain(spikes)
    if array.ndim == 2:
        return [array]
    if array.ndim != 3 or 0 in array.shape:
        raise UsageError(
            f"Found spikes of shape {array.shape}; expected (trials, time, neurons), (time, "
            "neurons), or a list of (time, neurons), none of them empty."
        )
    return array


def _plain(values: Any) -> NDArray:
    detach = getattr(values, "detach", None)
    try:
        return np.asarray(values if detach is None else detach().cpu().numpy())
    except ValueError as error:
        raise UsageError(
            "Found spikes of uneven shape; expected (trials, time, neurons), or a list of (time, "
            "neurons) arrays for trials of unequal length."
        ) from error


def _matrix(values: Any) -> NDArray[np.float64]:
    array = _plain(values)
    if array.ndim != 2 or array.dtype.kind not in "fiub":
        raise UsageError(
            f"Found a trial of {array.dtype} values and shape {array.shape}; expected real numbers "
            "(time, neurons)."
        )
    return array.astype(np.float64)


def _check_size(trials: Trials, n_neurons: int | None) -> None:
    if n_neurons is not None and trials.n_neurons != n_neurons:
        raise UsageError(
            f"Found {trials.n_neurons} neurons; expected the {n_neurons} that the model was fitted "
            "to, in the same order."
        )
    least = LEAST_BINS if n_neurons is None else 1
    if trials.n_neurons < 1 or trials.n_bins < least or trials.lengths.min() < 1:
        raise UsageError(
            f"Found {trials.n_bins} time bins of {trials.n_neurons} neurons in "
            f"{len(trials.lengths)} trials; expected at least {least} bins, at least one in every "
            "trial, and one neuron: record longer."
        )


def _check_values(values: NDArray[np.float64], counts: bool) -> None:
    n_bad = int(np.count_nonzero(~np.isfinite(values)))
    if n_bad:
        raise WorkbenchError(
            f"Found {n_bad} NaN or infinite values in the activity; expected finite numbers: leave "
            "those bins or neurons out."
        )
    if not counts:
        return
    if values.min() < 0:
        raise UsageError(
            f"Found negative counts, down to {values.min():g}; expected spikes per bin: for "
            "activity that is not counts use emission='gaussian'."
        )
    if np.any(values != np.round(values)):
        raise UsageError(
            "Found counts that are not whole numbers; expected spikes per bin: for activity that "
            "is not counts use emission='gaussian'."
        )
