"""Power spectra and band power (Welch 1967)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.brain_dynamics.inputs import frequency_band, last_axis, real_array
from workbench.analysis.parameters import positive, whole
from workbench.errors import UsageError


def power_spectrum(
    signal: ArrayLike, sampling_rate: float, segment: int | None = None, axis: int = -1
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Power spectral density by Welch's method: Hann windows that overlap by half.

    Parameters
    ----------
    signal : array (..., time)
    sampling_rate : float
        Samples per second (or per step, for steps without seconds).
    segment : int, optional
        Samples a window; 256 by default, fewer where the signal is shorter. The mean of each
        window is removed.
    axis : int
        Axis of time.

    Returns
    -------
    frequencies : ndarray (frequencies,)
        In the unit of the sampling rate.
    density : ndarray (..., frequencies)
        Squared unit of the signal per unit of frequency; its sum times the spacing of the
        frequencies is the variance.

    Raises
    ------
    UsageError
        If the signal is not finite or has fewer than four samples, or a parameter is out of range.

    Examples
    --------
    >>> wave = np.sin(2 * np.pi * 10 * np.arange(1000) / 100)
    >>> frequencies, density = power_spectrum(wave, 100.0, segment=200)
    >>> float(frequencies[density.argmax()])
    10.0
    """
    from scipy.signal import welch

    rate = positive(sampling_rate, "sampling_rate", " of samples per unit of time")
    values = last_axis(real_array(signal, "signal"), axis, "signal")
    n_samples = values.shape[-1]
    if n_samples < 4:
        raise UsageError(f"Found a signal of {n_samples} samples; expected at least 4.")
    length = min(256, n_samples) if segment is None else whole(segment, "segment", 4, n_samples)
    frequencies, density = welch(values, fs=rate, nperseg=length, axis=-1)
    return frequencies, density


def band_power(
    signal: ArrayLike,
    sampling_rate: float,
    band: tuple[float, float],
    axis: int = -1,
    *,
    log: bool = True,
    relative: bool = False,
    segment: int | None = None,
) -> NDArray[np.float64]:
    """Power of a signal within a frequency band, by default its decimal logarithm.

    Parameters
    ----------
    signal : array (..., time)
    sampling_rate : float
        Samples per second.
    band : pair of float
        Lower (included) and upper edge (left out, but for half the sampling rate) in the unit of
        the sampling rate; neighbouring bands add up.
    axis : int
        Axis of time.
    log : bool
        Decimal logarithm; times ten it is in decibels. A band without any power is minus infinity.
    relative : bool
        As a share of the power at all frequencies above zero.
    segment : int, optional
        Samples a Welch window. By default long enough for four frequencies in the band and for two
        cycles of its lower edge, and no longer than the signal.

    Returns
    -------
    ndarray (...)
        Integrated density, in the squared unit of the signal (a sine of amplitude A has A^2 / 2),
        or its logarithm.

    Raises
    ------
    UsageError
        If no frequency falls in the band, or as `power_spectrum`.

    Notes
    -----
    A shuffled signal has the spectrum of white noise, in which the share of a band is its width;
    phase-randomised surrogates keep the spectrum and are no null for power.

    Examples
    --------
    >>> wave = 2 * np.sin(2 * np.pi * 10 * np.arange(1000) / 100)
    >>> round(float(band_power(wave, 100.0, (8, 13), log=False)), 3)
    2.0
    """
    rate = positive(sampling_rate, "sampling_rate", " of samples per unit of time")
    low, high = frequency_band(band, rate)
    values = last_axis(real_array(signal, "signal"), axis, "signal")
    if segment is None:
        segment = _default_segment(values.shape[-1], rate, low, high)
    frequencies, density = power_spectrum(values, rate, segment)
    inside = band_mask(frequencies, (low, high), rate)
    power = density[..., inside].sum(axis=-1) * frequencies[1]
    if relative:
        power = share(power, density[..., 1:].sum(axis=-1) * frequencies[1])
    with np.errstate(divide="ignore"):
        return np.log10(power) if log else power


def band_mask(
    frequencies: NDArray[np.float64], band: tuple[float, float], sampling_rate: float
) -> NDArray[np.bool_]:
    """Which frequencies belong to a band.

    Raises
    ------
    UsageError
        If none does.

    Examples
    --------
    >>> band_mask(np.arange(6.0), (1, 3), 10.0).tolist()
    [False, True, True, False, False, False]
    """
    low, high = band
    # The last frequency would otherwise belong to no band.
    above = frequencies < high if high < sampling_rate / 2 else frequencies <= high
    # The mean is removed from every window, so frequency zero holds nothing.
    inside = (frequencies >= low) & above & (frequencies > 0)
    if not inside.any():
        raise UsageError(
            f"Found no frequency of the spectrum in the band {low:g} to {high:g} (they lie "
            f"{frequencies[1]:g} apart); expected at least one: use longer segments or "
            "a wider band."
        )
    return inside


def share(part: NDArray[np.float64], whole_: NDArray[np.float64]) -> NDArray[np.float64]:
    """Part of a whole, zero where there is nothing.

    Examples
    --------
    >>> share(np.array([1.0, 0.0]), np.array([2.0, 0.0])).tolist()
    [0.5, 0.0]
    """
    return np.divide(part, whole_, out=np.zeros_like(part), where=whole_ > 0)


def _default_segment(n_samples: int, rate: float, low: float, high: float) -> int:
    cycles = 2 / low if low > 0 else 0.0
    wanted = int(np.ceil(rate * max(4 / (high - low), cycles)))
    return max(min(n_samples, 4), min(n_samples, wanted))
