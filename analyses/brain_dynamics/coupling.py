"""Phase-amplitude coupling: Tort's modulation index."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.brain_dynamics.inputs import last_axis, real_array
from analyses.brain_dynamics.phases import analytic_signal
from workbench.analysis.parameters import whole
from workbench.errors import UsageError


def modulation_index(
    phase: ArrayLike, amplitude: ArrayLike, n_bins: int = 18, axis: int = -1
) -> NDArray[np.float64]:
    """Tort's modulation index (MI): how unevenly amplitude is spread over phase.

    ``MI = 1 - H(p) / ln N`` (Tort et al. 2010, *Measuring phase-amplitude coupling*, equations
    3-9), where p is the mean amplitude in each of N phase bins, scaled to sum to 1.

    Parameters
    ----------
    phase : array (..., time)
        Phase of the slow oscillation in radians, wrapped or not.
    amplitude : array (..., time)
        Amplitude of the fast one, not negative. Broadcast with `phase`.
    n_bins : int
        Phase bins.
    axis : int
        Axis of time.

    Returns
    -------
    ndarray (...)
        0 if amplitude is the same at all phases, 1 if it is in one bin only. It is biased upwards
        in short signals: compare it with amplitudes shifted in time.

    Raises
    ------
    UsageError
        If shapes do not match, an amplitude is negative or all are zero, or a phase bin is empty.

    Examples
    --------
    >>> centres = -np.pi + (np.arange(18) + 0.5) * 2 * np.pi / 18
    >>> round(float(modulation_index(centres, 1 + 0.5 * np.cos(centres))), 6)
    0.022363
    """
    n_bins = whole(n_bins, "n_bins", 2)
    phases, sizes = real_array(phase, "phase"), real_array(amplitude, "amplitude")
    try:
        phases, sizes = np.broadcast_arrays(phases, sizes)
    except ValueError as error:
        raise UsageError(
            f"Found phase of shape {phases.shape} and amplitude of shape {sizes.shape}; expected "
            "equal shapes."
        ) from error
    if (sizes < 0).any():
        raise UsageError(
            f"Found a negative amplitude ({sizes.min():g}); expected none: pass the modulus of the "
            "analytic signal."
        )
    bins = phase_bins(last_axis(phases, axis, "phase"), n_bins)
    return index_of_bins(mean_by_bin(bins, last_axis(sizes, axis, "amplitude"), n_bins))


def phase_bins(phase: NDArray[np.float64], n_bins: int) -> NDArray[np.int64]:
    """Number of the bin that each phase falls in, counted from -pi.

    Examples
    --------
    >>> phase_bins(np.array([-3.1, 0.1, 3.1, 2 * np.pi + 0.1]), 2).tolist()
    [0, 1, 1, 1]
    """
    turns = np.mod(phase + np.pi, 2 * np.pi) / (2 * np.pi)
    return np.minimum((turns * n_bins).astype(np.int64), n_bins - 1)


def mean_by_bin(
    bins: NDArray[np.int64], amplitude: NDArray[np.float64], n_bins: int
) -> NDArray[np.float64]:
    """Mean amplitude (..., bins) in every phase bin.

    Raises
    ------
    UsageError
        If a bin is empty.

    Examples
    --------
    >>> mean_by_bin(np.array([0, 0, 1]), np.array([1.0, 3.0, 5.0]), 2).tolist()
    [2.0, 5.0]
    """
    shape = (*bins.shape[:-1], n_bins)
    owner = np.arange(int(np.prod(bins.shape[:-1]))).reshape(*bins.shape[:-1], 1) * n_bins
    places, size = (owner + bins).ravel(), int(np.prod(shape))
    counts = np.bincount(places, minlength=size).reshape(shape)
    if not counts.all():
        empty = int(np.count_nonzero(counts == 0, axis=-1).max())
        raise UsageError(
            f"Found {empty} of {n_bins} phase bins empty in {bins.shape[-1]} samples; expected "
            "samples in all: use a longer signal or fewer bins (n_bins)."
        )
    sums = np.bincount(places, weights=amplitude.ravel(), minlength=size).reshape(shape)
    return sums / counts


def index_of_bins(means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Modulation index (...) of mean amplitudes (..., bins).

    Raises
    ------
    UsageError
        If all amplitudes are zero.

    Examples
    --------
    >>> index_of_bins(np.array([[1.0, 1.0], [1.0, 0.0]])).tolist()
    [0.0, 1.0]
    """
    from scipy.special import xlogy

    total = means.sum(axis=-1, keepdims=True)
    if (total <= 0).any():
        raise UsageError("Found an amplitude of zero throughout; expected a signal that varies.")
    shares = means / total
    entropy = -xlogy(shares, shares).sum(axis=-1)
    return np.clip(1 - entropy / np.log(means.shape[-1]), 0.0, 1.0)


def comodulogram(
    signal: ArrayLike,
    sampling_rate: float,
    phase_bands: Sequence[tuple[float, float]],
    amplitude_bands: Sequence[tuple[float, float]],
    n_bins: int = 18,
    axis: int = -1,
) -> NDArray[np.float64]:
    """Modulation index of every amplitude band by every phase band.

    Parameters
    ----------
    signal : array (..., time)
    sampling_rate : float
        Samples per second.
    phase_bands, amplitude_bands : sequence of pair of float
        In the unit of the sampling rate. A band of amplitude must be wide enough to hold the
        side bands, at least twice the frequency of the phase.
    n_bins : int
        Phase bins.
    axis : int
        Axis of time.

    Returns
    -------
    ndarray (phase bands, amplitude bands, ...)

    Raises
    ------
    UsageError
        As `analytic_signal` and `modulation_index`.

    Examples
    --------
    >>> time = np.arange(2000) / 200
    >>> slow = np.sin(2 * np.pi * 4 * time)
    >>> coupled = slow + (1 + slow) * np.sin(2 * np.pi * 50 * time)
    >>> found = comodulogram(coupled, 200.0, [(3, 5), (7, 9)], [(40, 60)])
    >>> bool(found[0, 0] > 10 * found[1, 0])
    True
    """
    values = last_axis(real_array(signal, "signal"), axis, "signal")
    phases = [np.angle(analytic_signal(values, sampling_rate, band)) for band in phase_bands]
    sizes = [np.abs(analytic_signal(values, sampling_rate, band)) for band in amplitude_bands]
    return np.array([[modulation_index(phase, size, n_bins) for size in sizes] for phase in phases])
