"""Smoothed derivatives of traces, scaled to at most 1 in absolute value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError, nearest

SCALES = ("max", "quantile")
SECONDS = 0.75
FRAMES = 3.0
_QUANTILE = 0.99
_LEAST_WIDTH = 0.25
# Spread below this share of the largest value is what rounding leaves of a constant.
_CONSTANT = {np.dtype(np.float32): 1e-6, np.dtype(np.float64): 1e-12}


def checked_traces(traces: Any) -> NDArray:
    """Traces as an array (animals, time, neurons) of float32 or float64, after checks.

    Parameters
    ----------
    traces : array (time, neurons) or (animals, time, neurons), or sequence of (time, neurons)

    Returns
    -------
    ndarray (animals, time, neurons)

    Raises
    ------
    UsageError
        If there are not at least two frames and two neurons, animals differ in shape, a value is
        infinite, a neuron lacks some frames only, is constant, or an animal has no neuron.
    """
    values = _stacked(traces)
    if min(values.shape) < 1 or values.shape[1] < 2 or values.shape[2] < 2:
        raise UsageError(
            f"Found traces of shape {np.shape(traces)}; expected (time, neurons) or (animals, "
            "time, neurons) with at least two frames and two neurons: check the order of the axes."
        )
    if np.isinf(values).any():
        raise UsageError(
            "Found infinite values in the traces; expected finite ones, or NaN throughout for a "
            "missing neuron: leave those frames out."
        )
    missing = np.isnan(values)
    _check_missing(missing)
    _check_constant(values, missing.all(axis=1))
    return values


def present_neurons(traces: NDArray) -> NDArray[np.bool_]:
    """Which neurons (animals, neurons) are there at all.

    Parameters
    ----------
    traces : ndarray (animals, time, neurons)

    Returns
    -------
    ndarray (animals, neurons) of bool
    """
    return ~np.isnan(traces).all(axis=1)


def smoothing_frames(sampling_rate: float | None, smoothing: float | None) -> float:
    """Width of the Gaussian in frames.

    Parameters
    ----------
    sampling_rate : float, optional
        Frames a second.
    smoothing : float, optional
        Standard deviation in seconds, or in frames without a rate; 0.75 s or 3 frames by default.

    Returns
    -------
    float

    Raises
    ------
    UsageError
        If a value is not positive, or the width is below a quarter of a frame.

    Examples
    --------
    >>> smoothing_frames(4.0, None), smoothing_frames(None, None), smoothing_frames(10.0, 0.2)
    (3.0, 3.0, 2.0)
    """
    for name, value in {"sampling_rate": sampling_rate, "smoothing": smoothing}.items():
        if value is not None and not (np.isfinite(value) and value > 0):
            raise UsageError(f"Found {name}={value}; expected a positive number, or None.")
    if sampling_rate is None:
        width = FRAMES if smoothing is None else float(smoothing)
    else:
        width = float(sampling_rate) * (SECONDS if smoothing is None else float(smoothing))
    if width < _LEAST_WIDTH:
        raise UsageError(
            f"Found a smoothing of {width:.3g} frames; expected at least {_LEAST_WIDTH}: raise "
            "smoothing=, which is in seconds where sampling_rate= is given and in frames elsewhere."
        )
    return width


def scaled_derivatives(
    traces: NDArray, width: float, scale: str = "max", floor: float = 0.0
) -> NDArray:
    """Smoothed derivatives, each neuron's over its largest absolute one.

    Parameters
    ----------
    traces : ndarray (animals, time, neurons)
        As `checked_traces` gives them.
    width : float
        Standard deviation of the Gaussian in frames.
    scale : {"max", "quantile"}
        Largest absolute derivative, or its 99th percentile with larger ones clipped.
    floor : float
        Least scale of a neuron, as a share of the median scale of the animal's neurons.

    Returns
    -------
    ndarray (animals, time, neurons)
        Between -1 and 1, in the dtype of the traces; NaN where a neuron is missing.

    Raises
    ------
    UsageError
        If there is no such scale, or the floor is not a share of at least 0.
    """
    from scipy.ndimage import gaussian_filter1d

    if scale not in SCALES:
        raise UsageError(f"Found scale='{scale}'; {nearest(str(scale), SCALES)}")
    if not (np.isfinite(floor) and floor >= 0):
        raise UsageError(f"Found floor={floor}; expected a share of the median scale, 0 or more.")
    derivatives = np.empty_like(traces)
    for animal, values in enumerate(traces):
        slope = gaussian_filter1d(values.astype(np.float64), width, axis=0, order=1, mode="nearest")
        derivatives[animal] = slope / _scales(slope, scale, floor)
    return np.clip(derivatives, -1, 1, out=derivatives)


def _scales(slope: NDArray[np.float64], scale: str, floor: float) -> NDArray[np.float64]:
    size = np.abs(slope)
    largest = size.max(axis=0) if scale == "max" else np.quantile(size, _QUANTILE, axis=0)
    least = floor * np.nanmedian(largest)
    # A trace may be still for more than 99 % of the time, or too short to move once smoothed.
    return np.where(np.maximum(largest, least) > 0, np.maximum(largest, least), 1.0)


def _stacked(traces: Any) -> NDArray:
    if isinstance(traces, Sequence):
        shapes = [np.shape(each) for each in traces]
        if len(set(shapes)) > 1:
            raise UsageError(
                f"Found animals with traces of shapes {', '.join(str(s) for s in shapes)}; "
                "expected one time axis and one order of neurons for all: align them first, as "
                "DynamicConnectome does."
            )
    values = np.asarray(traces)
    if values.dtype.kind not in "fiub":
        raise UsageError(f"Found traces of dtype {values.dtype}; expected real numbers.")
    if values.dtype not in (np.float32, np.float64):
        values = values.astype(np.float32 if values.dtype == np.float16 else np.float64)
    if values.ndim not in (2, 3):
        raise UsageError(
            f"Found traces of shape {values.shape}; expected (time, neurons) or (animals, time, "
            "neurons): check the order of the axes."
        )
    return values if values.ndim == 3 else values[None]


def _check_missing(missing: NDArray[np.bool_]) -> None:
    share = missing.mean(axis=1)
    partly = np.argwhere((share > 0) & (share < 1))
    if len(partly):
        animal, neuron = partly[0]
        raise UsageError(
            f"Found {len(partly)} neurons with NaN in some frames only (first: animal {animal}, "
            f"neuron {neuron}); expected traces without gaps, or NaN throughout for a missing "
            "neuron: interpolate them, or set the whole neuron to NaN."
        )
    empty = np.flatnonzero((share == 1).all(axis=1))
    if len(empty):
        raise UsageError(
            f"Found animal {empty[0]} with all its neurons missing; expected at least one that is "
            "there: leave the animal out."
        )


def _check_constant(values: NDArray, gone: NDArray[np.bool_]) -> None:
    spread = values.max(axis=1) - values.min(axis=1)
    largest = np.abs(values).max(axis=1)
    constant = np.argwhere((spread <= _CONSTANT[values.dtype] * largest) & ~gone)
    if len(constant):
        animal, neuron = constant[0]
        raise UsageError(
            f"Found {len(constant)} constant traces (first: animal {animal}, neuron {neuron}); "
            "expected traces that vary: leave these neurons out, or set them to NaN as missing."
        )
