"""Analytic signals: the phase and amplitude of oscillations (Gabor 1946)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.brain_dynamics.inputs import (
    complex_array,
    frequency_band,
    last_axis,
    plain_array,
    real_array,
)
from workbench.analysis.parameters import positive
from workbench.errors import UsageError, nearest

KINDS = ("signal", "phase")
# Second-order sections of this order, forth and back: no shift of phase, eighth order in all.
_ORDER = 4


def analytic_signal(
    signal: ArrayLike,
    sampling_rate: float | None = None,
    band: tuple[float, float] | None = None,
    axis: int = -1,
) -> NDArray[np.complex128]:
    """Analytic signal by the Hilbert transform, of the whole signal or of a band.

    Parameters
    ----------
    signal : array (..., time)
        Real numbers; the mean is removed.
    sampling_rate : float, optional
        Samples per second; needed with `band`.
    band : pair of float, optional
        Pass band in the unit of the sampling rate: Butterworth, order 4, forth and back.
    axis : int
        Axis of time.

    Returns
    -------
    ndarray (..., time) of complex128
        Its angle is the phase in radians, its modulus the amplitude.

    Raises
    ------
    UsageError
        If there is a band but no sampling rate, the band does not fit, or the signal is too short
        to filter.

    Examples
    --------
    >>> wave = np.cos(2 * np.pi * np.arange(100) / 20)
    >>> np.round(np.abs(analytic_signal(wave)), 6).min()
    np.float64(1.0)
    """
    from scipy.signal import hilbert

    values = last_axis(real_array(signal, "signal"), axis, "signal")
    values = values - values.mean(axis=-1, keepdims=True)
    if band is not None:
        values = _filtered(values, sampling_rate, band)
    return np.moveaxis(hilbert(values, axis=-1), -1, axis)


def unit_phasors(
    values: ArrayLike,
    kind: str,
    sampling_rate: float | None,
    band: tuple[float, float] | None,
    axis: int,
) -> NDArray[np.complex128]:
    """Points on the unit circle at the phase of signals, of analytic signals, or of phases.

    Parameters
    ----------
    values : array (..., time)
        Real signals, whose analytic signal is taken; complex analytic signals or spectra, used as
        they are; or phases in radians, with ``kind="phase"``.
    kind : {"signal", "phase"}
    sampling_rate, band, axis
        See `analytic_signal`.

    Returns
    -------
    ndarray of complex128
        Zero where a signal is zero and has no phase.
    """
    if kind == "phase":
        return np.exp(1j * real_array(values, "phases"))
    analytic = as_analytic(values, kind, sampling_rate, band, axis)
    size = np.abs(analytic)
    # Below this the angle is rounding.
    floor = np.finfo(np.float64).tiny + 1e-14 * size.max(initial=0.0)
    return np.where(size > floor, analytic / np.where(size > floor, size, 1.0), 0.0)


def as_analytic(
    values: ArrayLike,
    kind: str,
    sampling_rate: float | None,
    band: tuple[float, float] | None,
    axis: int,
) -> NDArray[np.complex128]:
    """Analytic signals of what was given; see `unit_phasors`.

    Raises
    ------
    UsageError
        If there is no such kind, or a band is asked of what is already complex.
    """
    if kind not in KINDS:
        raise UsageError(f"Found kind='{kind}'; {nearest(str(kind), KINDS)}")
    if kind == "phase":
        return np.exp(1j * real_array(values, "phases"))
    array = plain_array(values)
    if array.dtype.kind != "c":
        return analytic_signal(array, sampling_rate, band, axis)
    if band is not None:
        raise UsageError(
            f"Found complex values and band={band!r}; expected real signals to filter: leave out "
            "band, or pass the signals themselves."
        )
    return complex_array(array, "analytic signals")


def _filtered(
    values: NDArray[np.float64], sampling_rate: float | None, band: tuple[float, float]
) -> NDArray[np.float64]:
    from scipy.signal import butter, sosfiltfilt

    if sampling_rate is None:
        raise UsageError(
            f"Found band={band!r} without a sampling rate; expected both: pass sampling_rate in "
            "samples per second."
        )
    rate = positive(sampling_rate, "sampling_rate", " of samples per unit of time")
    low, high = frequency_band(band, rate)
    if low > 0 and high < rate / 2:
        sections = butter(_ORDER, (low, high), "bandpass", fs=rate, output="sos")
    elif low > 0:
        sections = butter(_ORDER, low, "highpass", fs=rate, output="sos")
    elif high < rate / 2:
        sections = butter(_ORDER, high, "lowpass", fs=rate, output="sos")
    else:
        return values
    n_samples = values.shape[-1]
    if n_samples < 8:
        raise UsageError(f"Found {n_samples} samples to filter; expected at least 8.")
    # scipy's own padding, but never longer than the signal.
    padding = min(3 * (2 * len(sections) + 1), n_samples - 1)
    return sosfiltfilt(sections, values, axis=-1, padlen=padding)
