"""Branching: how many spikes one spike leads to (1 is critical).

Three estimators that fail differently. `branching_factor` counts neighbours around each spike; in a
stationary run it reads 1 whatever the truth, because as many spikes come as go, and where all units
project to all it reads the ratio squared, because its two windows lie two steps apart.
`branching_slope` regresses the activity of all units on itself; with part of the units recorded it
falls far below the truth. `multistep_branching` reads the decay of slopes over lags instead, which
part of the units share with all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.brain_dynamics.inputs import last_axis, real_array
from workbench.analysis.parameters import positive, whole
from workbench.errors import UsageError


@dataclass(frozen=True)
class MultistepBranching:
    """Branching ratio from many lags.

    Attributes
    ----------
    ratio : float
        Branching ratio m, per step.
    share : float
        Amplitude b of the slopes: 1 if all units are recorded, less for part of them.
    lags : ndarray (lags,) of int
    slopes : ndarray (lags,)
        Slope of A(t + lag) on A(t); ``b m^lag`` is fitted to them.
    """

    ratio: float
    share: float
    lags: NDArray[np.int64]
    slopes: NDArray[np.float64]


def branching_factor(
    spikes: ArrayLike,
    adjacency: ArrayLike,
    window: float = 4.0,
    cut: float = 25.0,
    step: float = 1.0,
) -> float:
    """Mean over spikes of post-neighbours' spikes after it over pre-neighbours' spikes before it.

    For each spike of unit n at t: spikes of the units that n projects to in [t + 1, t + 1 + window)
    over spikes of the units that project to n in [t - window, t), at least 1 (NALSM, arXiv
    2111.01760, and its `compute_branching_factor.py`).

    Parameters
    ----------
    spikes : array (time, units)
        Spikes per step.
    adjacency : array (units, units)
        Whether the unit of the column projects to the unit of the row (to, from); any non-zero
        number counts.
    window : float
        Length of both windows, in the unit of `step`.
    cut : float
        Left out at both ends, in the unit of `step`; windows stay within the rest.
    step : float
        Length of one step: 1 to count in steps, or its milliseconds to count in those.

    Returns
    -------
    float

    Raises
    ------
    UsageError
        If shapes do not match, values are not counts, or no spike is left to average over.

    Notes
    -----
    Reads the planted ratio in transients of sparse networks; 1.0 in any stationary run; its square
    where all units project to all and the window is one step.

    Examples
    --------
    >>> spikes = np.zeros((8, 3))
    >>> spikes[[2, 3, 4, 4], [0, 1, 0, 2]] = 1
    >>> branching_factor(spikes, np.ones((3, 3)) - np.eye(3), window=1, cut=0)
    0.75
    """
    counts = spike_counts(spikes)
    links = real_array(adjacency, "adjacency", 2) != 0
    n_steps, n_units = counts.shape
    if links.shape != (n_units, n_units):
        raise UsageError(
            f"Found adjacency of shape {links.shape} for {n_units} units; expected "
            f"({n_units}, {n_units}), as (to, from)."
        )
    span, edge = _steps(window, step, "window", 1), _steps(cut, step, "cut", 0)
    kept = counts[edge : n_steps - edge]
    if len(kept) < 2 * span + 1:
        raise UsageError(
            f"Found {n_steps} steps, {len(kept)} of them within the cut of {edge} at both ends; "
            f"expected at least {2 * span + 1} there for windows of {span}: lower cut or window."
        )
    centre = slice(span, len(kept) - span)
    totals = np.concatenate([np.zeros((1, n_units)), np.cumsum(kept, axis=0)])
    places = np.arange(span, len(kept) - span)
    after = (totals[places + 1 + span] - totals[places + 1]) @ links.astype(np.float64)
    before = (totals[places] - totals[places - span]) @ links.T.astype(np.float64)
    weights = kept[centre]
    if not weights.sum():
        raise UsageError(
            f"Found no spike between the cuts and windows of {n_steps} steps; expected at least "
            "one: lower cut or window, or record longer."
        )
    return float((weights * after / np.maximum(before, 1.0)).sum() / weights.sum())


def branching_slope(activity: ArrayLike, lag: int = 1, axis: int = -1) -> NDArray[np.float64]:
    """Slope of the activity of a population on that `lag` steps before, with an intercept.

    Parameters
    ----------
    activity : array (..., time)
        Spikes of all units together in every step.
    lag : int
        Steps between the two; the slope is the branching ratio to this power.
    axis : int
        Axis of time.

    Returns
    -------
    ndarray (...)
        Ordinary least squares; 0 where activity never varies.

    Raises
    ------
    UsageError
        If the activity is not finite or too short for the lag.

    Notes
    -----
    Of part of the units it falls far below the truth: see `multistep_branching`. Drive that itself
    is slow raises it.

    Examples
    --------
    >>> float(branching_slope([8.0, 4.0, 2.0, 1.0]))
    0.5
    """
    lag = whole(lag, "lag", 1)
    values = last_axis(real_array(activity, "activity"), axis, "activity")
    if values.shape[-1] < lag + 2:
        raise UsageError(
            f"Found {values.shape[-1]} steps of activity; expected at least {lag + 2} for a lag "
            f"of {lag}: record longer."
        )
    before, after = values[..., :-lag], values[..., lag:]
    before = before - before.mean(axis=-1, keepdims=True)
    spread = (before**2).sum(axis=-1)
    moved = (before * (after - after.mean(axis=-1, keepdims=True))).sum(axis=-1)
    return np.divide(moved, spread, out=np.zeros_like(spread), where=spread > 0)


def multistep_branching(activity: ArrayLike, max_lag: int = 20) -> MultistepBranching:
    """Branching ratio from the decay of slopes over lags, for part of the units too.

    ``slope(lag) = b m^lag`` (Wilting and Priesemann 2018, *Inferring collective dynamical states
    from widely unobserved systems*): part of the units lowers b, not m.

    Parameters
    ----------
    activity : array (time,), or (trials, time)
        Spikes of the recorded units together in every step. Slopes are pooled over trials, with
        each trial's own mean.
    max_lag : int
        Lags from 1 on that are fitted.

    Returns
    -------
    MultistepBranching
        Unreliable where m is small and few units are recorded: slopes then vanish after a lag or
        two.

    Raises
    ------
    UsageError
        If activity never varies, is too short, or its slopes are not positive anywhere.

    Examples
    --------
    >>> round(multistep_branching(0.5 ** np.arange(12.0), max_lag=3).ratio, 2)
    0.5
    """
    from scipy.optimize import least_squares

    values = np.atleast_2d(real_array(activity, "activity"))
    lags = np.arange(1, whole(max_lag, "max_lag", 2) + 1)
    if values.ndim > 2 or values.shape[-1] < max_lag + 2:
        raise UsageError(
            f"Found activity of shape {values.shape}; expected (trials, time) with at least "
            f"{max_lag + 2} steps for {max_lag} lags."
        )
    slopes = np.array([_pooled_slope(values, int(lag)) for lag in lags])
    if not (slopes > 0).any():
        raise UsageError(
            "Found no lag at which activity follows from earlier activity; expected at least one: "
            "record longer or more units."
        )

    def misfit(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        return parameters[0] * parameters[1] ** lags - slopes

    starts = [(max(slopes[0], 1e-3) / m, m) for m in (0.5, 0.9, 0.99)]
    fits = [least_squares(misfit, start, bounds=([0, 0], [np.inf, 1.5])) for start in starts]
    share, ratio = min(fits, key=lambda fit: fit.cost).x
    return MultistepBranching(float(ratio), float(share), lags, slopes)


def spike_counts(spikes: ArrayLike) -> NDArray[np.float64]:
    """Counts (time, units).

    Raises
    ------
    UsageError
        If there is another number of axes, or values are not counts.

    Examples
    --------
    >>> spike_counts([[True, False]]).tolist()
    [[1.0, 0.0]]
    """
    counts = real_array(spikes, "spikes", 2)
    if counts.ndim != 2:
        raise UsageError(f"Found spikes of shape {counts.shape}; expected (time, units).")
    if not is_counts(counts):
        raise UsageError(
            "Found spikes that are negative or not whole; expected numbers of spikes per step: "
            "bin spike times first."
        )
    return counts


def is_counts(values: NDArray) -> bool:
    """Whether values are whole and not negative.

    Examples
    --------
    >>> is_counts(np.array([0.0, 2.0])), is_counts(np.array([0.5]))
    (True, False)
    """
    return bool((values >= 0).all() and (values == np.round(values)).all())


def _steps(length: float, step: float, name: str, least: int) -> int:
    if isinstance(length, bool) or not np.isfinite(length) or length < 0:
        raise UsageError(f"Found {name}={length!r}; expected a length that is not negative.")
    steps = round(length / positive(step, "step"))
    if steps < least:
        raise UsageError(
            f"Found {name}={length:g} and step={step:g}; expected {name} to be at least {least} "
            "steps long."
        )
    return steps


def _pooled_slope(values: NDArray[np.float64], lag: int) -> float:
    before = values[:, :-lag] - values[:, :-lag].mean(axis=1, keepdims=True)
    after = values[:, lag:] - values[:, lag:].mean(axis=1, keepdims=True)
    spread = float((before**2).sum())
    if not spread:
        raise UsageError("Found activity that never varies; expected one that does: record longer.")
    return float((before * after).sum() / spread)
