"""Phase coupling of signals: phase-locking value and weighted phase-lag index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.brain_dynamics.inputs import plain_array
from analyses.brain_dynamics.phases import as_analytic, unit_phasors
from workbench.errors import UsageError, nearest

OVER = ("time", "trials")
# Products of this many values stay in the cache.
_CHUNK = 2**18

Bands = Mapping[str, tuple[float, float]] | Sequence[tuple[float, float]]


def phase_locking_value(
    x: ArrayLike,
    y: ArrayLike,
    axis: int = -1,
    *,
    kind: str = "signal",
    sampling_rate: float | None = None,
    band: tuple[float, float] | None = None,
    time_axis: int = -1,
) -> NDArray[np.float64]:
    """Phase-locking value (PLV): how constant the phase difference of two signals is.

    ``PLV = |mean exp(i (phase_x - phase_y))|`` (Lachaux et al. 1999, equation 1): 1 if the
    difference never changes, whatever it is. Mixing of one source into two sensors counts as
    locking; `weighted_phase_lag_index` does not count it. Gaussian jitter of the difference with
    standard deviation s gives ``exp(-s^2 / 2)``.

    Parameters
    ----------
    x, y : array (..., time)
        Real signals (their analytic signal is taken), complex analytic signals or Fourier
        coefficients (used as they are), or phases in radians with ``kind="phase"``. Broadcast.
    axis : int
        Axis over which phase differences are averaged: that of time, or of trials.
    kind : {"signal", "phase"}
    sampling_rate : float, optional
        Samples per second; needed with `band`.
    band : pair of float, optional
        Pass band for real signals.
    time_axis : int
        Axis of time, along which real signals are transformed.

    Returns
    -------
    ndarray (...)
        Between 0 and 1. Of n independent samples without any locking it is about
        ``sqrt(pi / (4 n))``, not 0: compare it with `surrogates.surrogate_null`.

    Raises
    ------
    UsageError
        If shapes do not match, or values or parameters are not what they should be.

    Examples
    --------
    >>> time = np.arange(200) / 100
    >>> x, y = np.sin(2 * np.pi * 5 * time), np.sin(2 * np.pi * 5 * time + 1)
    >>> round(float(phase_locking_value(x, y)), 6)
    1.0
    """
    first, second = (
        unit_phasors(each, kind, sampling_rate, band, time_axis) for each in _matched(x, y)
    )
    return np.abs(np.mean(first * second.conj(), axis=_axis(axis, first.ndim)))


def weighted_phase_lag_index(
    x: ArrayLike,
    y: ArrayLike,
    axis: int = -1,
    *,
    kind: str = "signal",
    sampling_rate: float | None = None,
    band: tuple[float, float] | None = None,
    time_axis: int = -1,
) -> NDArray[np.float64]:
    """Weighted phase-lag index (wPLI): how constantly one of two signals leads.

    ``wPLI = |mean Im S| / mean |Im S|`` with the cross-spectrum ``S = X Y*`` (Vinck et al. 2011,
    equation 8). Coupling without delay, such as one source in two sensors, has no imaginary part
    and does not count.

    Parameters
    ----------
    x, y, axis, kind, sampling_rate, band, time_axis
        As in `phase_locking_value`. With ``kind="phase"`` amplitudes are 1.

    Returns
    -------
    ndarray (...)
        Between 0 and 1; 0 where the imaginary part vanishes throughout.

    Raises
    ------
    UsageError
        As `phase_locking_value`.

    Examples
    --------
    >>> time = np.arange(200) / 100
    >>> x, y = np.sin(2 * np.pi * 5 * time), np.sin(2 * np.pi * 5 * time + 1)
    >>> round(float(weighted_phase_lag_index(x, y)), 6)
    1.0
    >>> float(weighted_phase_lag_index(x, 3 * x))
    0.0
    """
    first, second = (
        as_analytic(each, kind, sampling_rate, band, time_axis) for each in _matched(x, y)
    )
    imaginary = (first * second.conj()).imag
    along = _axis(axis, first.ndim)
    scale = np.mean(np.abs(first) * np.abs(second), axis=along)
    return _lag_ratio(imaginary.mean(axis=along), np.abs(imaginary).mean(axis=along), scale)


def phase_locking_matrix(
    signals: ArrayLike,
    *,
    sampling_rate: float | None = None,
    bands: Bands | None = None,
    over: str = "time",
    kind: str = "signal",
) -> NDArray[np.float64]:
    """Phase-locking value of every pair of units.

    Parameters
    ----------
    signals : array (..., units, time), or (..., trials, units, time) with ``over="trials"``
        As in `phase_locking_value`.
    sampling_rate : float, optional
        Samples per second; needed with `bands`.
    bands : mapping of str to pair of float, or sequence of pairs, optional
        Frequency bands.
    over : {"time", "trials"}
        What phase differences are averaged over.
    kind : {"signal", "phase"}

    Returns
    -------
    ndarray ([bands,] ..., units, units), or ([bands,] ..., time, units, units) over trials
        Symmetric, with ones on the diagonal.

    Raises
    ------
    UsageError
        As `phase_locking_value`, or if there are fewer axes than needed.

    Examples
    --------
    >>> time = np.arange(200) / 100
    >>> waves = np.sin(2 * np.pi * 5 * time + np.array([[0.0], [1.0], [2.0]]))
    >>> np.round(phase_locking_matrix(waves), 6).tolist()
    [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """

    def one(band: tuple[float, float] | None) -> NDArray[np.float64]:
        phasors = _observations(unit_phasors(signals, kind, sampling_rate, band, -1), over)
        return locking_of(phasors)

    return _per_band(one, signals, bands, over)


def weighted_phase_lag_matrix(
    signals: ArrayLike,
    *,
    sampling_rate: float | None = None,
    bands: Bands | None = None,
    over: str = "time",
    kind: str = "signal",
) -> NDArray[np.float64]:
    """Weighted phase-lag index of every pair of units.

    Parameters
    ----------
    signals, sampling_rate, bands, over, kind
        As in `phase_locking_matrix`.

    Returns
    -------
    ndarray ([bands,] ..., units, units), or ([bands,] ..., time, units, units) over trials
        Symmetric, with zeros on the diagonal.

    Raises
    ------
    UsageError
        As `phase_locking_matrix`.

    Examples
    --------
    >>> time = np.arange(200) / 100
    >>> waves = np.sin(2 * np.pi * 5 * time + np.array([[0.0], [1.0]]))
    >>> np.round(weighted_phase_lag_matrix(waves), 6).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """

    def one(band: tuple[float, float] | None) -> NDArray[np.float64]:
        analytic = as_analytic(signals, kind, sampling_rate, band, -1)
        return lag_index_of(_observations(analytic, over))

    return _per_band(one, signals, bands, over)


def locking_of(phasors: NDArray[np.complex128]) -> NDArray[np.float64]:
    """Phase-locking values (..., units, units) of unit phasors (..., units, observations).

    Examples
    --------
    >>> locking_of(np.exp(1j * np.array([[0.0, 1.0], [0.5, 1.5]]))).round(6).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    found = np.abs(phasors @ phasors.conj().swapaxes(-1, -2)) / phasors.shape[-1]
    return np.minimum(found, 1.0)


def lag_index_of(analytic: NDArray[np.complex128]) -> NDArray[np.float64]:
    """Weighted phase-lag indices (..., units, units) of signals (..., units, observations).

    The mean of the imaginary part is one matrix product; that of its modulus is not, and is taken
    unit by unit in pieces that stay in the cache.

    Examples
    --------
    >>> lag_index_of(np.exp(1j * np.array([[0.0, 1.0], [0.5, 1.5]]))).round(6).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    n_units, n_observations = analytic.shape[-2:]
    mean = (analytic @ analytic.conj().swapaxes(-1, -2)).imag / n_observations
    size = np.abs(analytic)
    scale = size @ size.swapaxes(-1, -2) / n_observations
    modulus = np.zeros_like(scale)
    real, imaginary = np.ascontiguousarray(analytic.real), np.ascontiguousarray(analytic.imag)
    step = max(1, _CHUNK // max(1, n_units * int(np.prod(analytic.shape[:-2]))))
    for start in range(0, n_observations, step):
        here = slice(start, start + step)
        for unit in range(n_units - 1):
            later = slice(unit + 1, None)
            cross = imaginary[..., unit : unit + 1, here] * real[..., later, here]
            cross -= real[..., unit : unit + 1, here] * imaginary[..., later, here]
            modulus[..., unit, later] += np.abs(cross, out=cross).sum(axis=-1)
    modulus += modulus.swapaxes(-1, -2).copy()
    found = _lag_ratio(mean, modulus / n_observations, scale)
    found[..., range(n_units), range(n_units)] = 0.0
    return found


def _lag_ratio(
    mean: NDArray[np.float64], modulus: NDArray[np.float64], scale: NDArray[np.float64]
) -> NDArray[np.float64]:
    # An imaginary part that is rounding of a real product would give a ratio of noise.
    defined = modulus > 1e-12 * scale
    ratio = np.abs(mean) / np.where(defined, modulus, 1.0)
    return np.where(defined, np.minimum(ratio, 1.0), 0.0)


def _matched(x: ArrayLike, y: ArrayLike) -> tuple[NDArray, NDArray]:
    first, second = plain_array(x), plain_array(y)
    try:
        return np.broadcast_arrays(first, second)  # type: ignore[return-value]
    except ValueError as error:
        raise UsageError(
            f"Found signals of shapes {first.shape} and {second.shape}; expected equal shapes, or "
            "ones that broadcast."
        ) from error


def _axis(axis: int, n_dims: int) -> int:
    if not -n_dims <= axis < n_dims:
        raise UsageError(f"Found axis={axis!r}; expected one of the {n_dims} axes of the signals.")
    return axis


def _observations(values: NDArray[np.complex128], over: str) -> NDArray[np.complex128]:
    # (..., trials, units, time) becomes (..., time, units, trials).
    return np.swapaxes(values, -3, -1) if over == "trials" else values


def _per_band(one: Any, signals: ArrayLike, bands: Bands | None, over: str) -> NDArray[np.float64]:
    if over not in OVER:
        raise UsageError(f"Found over='{over}'; {nearest(str(over), OVER)}")
    shape, least = plain_array(signals).shape, 3 if over == "trials" else 2
    if len(shape) < least:
        wanted = "(trials, units, time)" if over == "trials" else "(units, time)"
        raise UsageError(f"Found signals of shape {shape}; expected {wanted}, with more in front.")
    if bands is None:
        return one(None)
    pairs = list(bands.values()) if isinstance(bands, Mapping) else list(bands)
    if not pairs:
        raise UsageError("Found no band in bands; expected at least one, such as (8, 13).")
    return np.stack([one(pair) for pair in pairs])
