"""Which units keep their label: those that beat their null, corrected over units."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import UsageError
from workbench.statistics.correction import benjamini_hochberg


def rank_p(own: ArrayLike, draws: ArrayLike) -> NDArray[np.float64]:
    """Share of draws, the own score counted in, that are at least as large.

    Parameters
    ----------
    own : array (units,)
    draws : array (draws, units)
        NaN where a draw does not count for a unit.

    Returns
    -------
    ndarray (units,)
        1 where a score is not defined (Phipson and Smyth 2010, equation 2).

    Examples
    --------
    >>> rank_p([0.9, 0.1], [[0.2, 0.3], [0.4, np.nan]]).tolist()
    [0.3333333333333333, 1.0]
    """
    values, given = np.asarray(own, np.float64), np.asarray(draws, np.float64)
    counted = np.isfinite(given)
    # Equal arrangements differ by rounding; they count as ties.
    reached = counted & (given >= values - 1e-9 * np.maximum(1.0, np.abs(values)))
    p: NDArray[np.float64] = (1 + reached.sum(axis=0)) / (1 + counted.sum(axis=0))
    p[~np.isfinite(values)] = 1.0
    return p


def prediction_p(
    own: ArrayLike, draws: ArrayLike, least_sd: ArrayLike = 0.0
) -> NDArray[np.float64]:
    """How unlikely each unit's correlation is, were it one more draw.

    A rank among few other labels cannot be small; the prediction interval of one more normal draw
    can (Student's t, after Fisher's transform of correlations). Middle and spread are the median
    and the median deviation from it: labels that say nearly the same as the unit's own, such as
    `ring` of `red ring`, would otherwise hide it.

    Parameters
    ----------
    own : array (units,)
        Correlations.
    draws : array (draws, units)
        Of other labels with the same unit; NaN where a draw does not count.
    least_sd : array (units,)
        Standard deviation of each unit's own correlation on shuffled stimuli. Labels that resemble
        each other spread less than independent ones would, so no smaller one is believed.

    Returns
    -------
    ndarray (units,)
        One-sided; the rank where fewer than three draws count; 1 where a score is not defined.

    Examples
    --------
    >>> p = prediction_p([0.9, 0.0], np.tile([[-0.1], [0.0], [0.1]], (4, 2)))
    >>> bool(p[0] < 1e-4), round(float(p[1]), 6)
    (True, 0.5)
    """
    from scipy.stats import t

    limit = 0.9999
    value = np.arctanh(np.clip(np.asarray(own, np.float64), -limit, limit))
    others = np.arctanh(np.clip(np.asarray(draws, np.float64), -limit, limit))
    n = np.isfinite(others).sum(axis=0)
    middle, sd = _middle_and_spread(others)
    sd = np.maximum(np.maximum(sd, least_sd), 1e-12)
    safe = np.maximum(n, 2)
    p: NDArray[np.float64] = t.sf((value - middle) / (sd * np.sqrt(1 + 1 / safe)), safe - 1)
    p = np.where(n < 3, rank_p(own, draws), np.maximum(p, np.finfo(np.float64).tiny))
    p[~np.isfinite(value)] = 1.0
    return p


def median_of(draws: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median (units,) of the draws that count; 0 where none does.

    Parameters
    ----------
    draws : ndarray (draws, units)

    Returns
    -------
    ndarray (units,)
    """
    return np.asarray(np.nanmedian(np.where(np.isfinite(draws).any(axis=0), draws, 0.0), axis=0))


def _middle_and_spread(
    draws: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Median and scaled median deviation (units,) of the draws that count; 0 where none does."""
    known = np.where(np.isfinite(draws).any(axis=0), draws, 0.0)
    middle = median_of(draws)
    # Of normal draws, 1.4826 median deviations are one standard deviation.
    return middle, 1.4826 * np.nanmedian(np.abs(known - middle), axis=0)


def spread_p(value: ArrayLike, sd: ArrayLike, n_groups: int) -> NDArray[np.float64]:
    """One-sided p-value of a value that is 0 but for how it differs between groups of rows.

    Parameters
    ----------
    value : array (units,)
    sd : array (units,)
        Standard deviation over bootstrap draws of the groups.
    n_groups : int

    Returns
    -------
    ndarray (units,)
        Student's t with ``n_groups - 1`` degrees of freedom; 1 where a value is not defined.

    Examples
    --------
    >>> spread_p([0.4, 0.4, 0.0], [0.1, 0.4, 0.1], 9).round(3).tolist()
    [0.002, 0.173, 0.5]
    """
    from scipy.stats import t

    values, spread = np.asarray(value, np.float64), np.asarray(sd, np.float64)
    p: NDArray[np.float64] = t.sf(values / np.maximum(spread, 1e-12), max(1, n_groups - 1))
    p[~np.isfinite(values)] = 1.0
    return p


def abstentions(p_values: ArrayLike, level: float = 0.05) -> NDArray[np.bool_]:
    """Units whose label does not beat its null.

    Parameters
    ----------
    p_values : array (units,)
    level : float
        Share of false labels that is accepted among those that are kept
        (Benjamini and Hochberg 1995).

    Returns
    -------
    ndarray (units,) of bool

    Raises
    ------
    UsageError
        If the level is not between 0 and 1.

    Examples
    --------
    >>> abstentions([0.001, 0.2, 0.9]).tolist()
    [False, True, True]
    """
    if not 0 < level < 1:
        raise UsageError(f"Found level={level}; expected a share between 0 and 1.")
    return benjamini_hochberg(p_values) > level


def false_label_rate(p_values: ArrayLike, chosen: ArrayLike) -> float:
    """Share of the chosen units that are expected to be there by chance.

    Parameters
    ----------
    p_values : array (units,)
        Of all units that could have been chosen.
    chosen : array (units,) of bool

    Returns
    -------
    float
        ``units * largest chosen p / chosen units``, at most 1; NaN where none is chosen (Storey
        2002 with a share of 1 of true nulls).

    Examples
    --------
    >>> round(false_label_rate([0.001, 0.002, 0.4, 0.9], [True, True, False, False]), 4)
    0.004
    """
    p, kept = np.asarray(p_values, np.float64), np.asarray(chosen, bool)
    if not kept.any():
        return float("nan")
    return float(min(1.0, len(p) * p[kept].max() / kept.sum()))
