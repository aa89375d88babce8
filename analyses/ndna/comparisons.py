"""Numbers beside their nulls: means over rows, intervals over stimuli, corrected p-values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.statistics.bootstrap import bootstrap_weights, percentile_interval, zero_difference_p
from workbench.statistics.correction import benjamini_hochberg
from workbench.statistics.permutation import Alternative, permutation_null

LEAST_GROUPS = 5


@dataclass(frozen=True)
class Comparison:
    """One number and what it must beat.

    Attributes
    ----------
    name, family, unit : str
        What it is, of which path, and in which unit.
    value : float
    values, groups : ndarray (rows,)
        What it is the mean of, and the stimulus of each; empty where there is no interval.
    null : ndarray (draws,)
    method : str
        How the null was made.
    alternative : {"less", "greater", "two-sided"}
    """

    name: str
    family: str
    unit: str
    value: float
    values: NDArray[np.float64]
    groups: NDArray[np.int64]
    null: NDArray[np.float64]
    method: str
    alternative: Alternative


@dataclass(frozen=True)
class Compared:
    """A comparison, judged.

    Attributes
    ----------
    name, family, unit, method : str
    value, low, high : float
        With a 95 % interval over stimuli; NaN where there are too few.
    null_mean, null_sd, p_value, p_corrected : float
    n, n_null : int
    """

    name: str
    family: str
    unit: str
    method: str
    value: float
    low: float
    high: float
    null_mean: float
    null_sd: float
    p_value: float
    p_corrected: float
    n: int
    n_null: int


def judge(
    comparisons: Sequence[Comparison], n_bootstrap: int, seed: int
) -> tuple[list[Compared], list[NDArray[np.float64]]]:
    """Judge comparisons; p-values are corrected over all paths of one name.

    Parameters
    ----------
    comparisons : sequence of Comparison
    n_bootstrap, seed : int

    Returns
    -------
    list of Compared
    list of ndarray (draws,)
        Bootstrap draws of each; empty where there are too few stimuli.
    """
    nulls = [permutation_null(c.value, c.null, c.method, c.alternative) for c in comparisons]
    corrected = np.ones(len(comparisons))
    for name in {each.name for each in comparisons}:
        which = [number for number, each in enumerate(comparisons) if each.name == name]
        corrected[which] = benjamini_hochberg([nulls[number].p_value for number in which])
    judged, draws = [], []
    for each, null, p in zip(comparisons, nulls, corrected, strict=True):
        drawn = bootstrap_means(each.values, each.groups, n_bootstrap, seed)
        low, high = percentile_interval(drawn) if len(drawn) else (np.nan, np.nan)
        judged.append(
            Compared(
                each.name,
                each.family,
                each.unit,
                each.method,
                each.value,
                low,
                high,
                null.mean,
                null.sd,
                null.p_value,
                float(p),
                max(1, len(np.unique(each.groups))),
                null.n,
            )
        )
        draws.append(drawn)
    return judged, draws


def bootstrap_means(
    values: NDArray[np.float64], groups: NDArray[np.int64], n_draws: int, seed: int
) -> NDArray[np.float64]:
    """Bootstrap draws of a mean, with groups drawn whole.

    Parameters
    ----------
    values, groups : ndarray (rows,)
    n_draws, seed : int

    Returns
    -------
    ndarray (draws,)
        Empty with fewer than five groups.
    """
    defined = np.isfinite(values)
    values, groups = values[defined], groups[defined]
    if len(np.unique(groups)) < LEAST_GROUPS:
        return np.empty(0)
    weights = bootstrap_weights(groups, n_draws, np.random.default_rng([seed, 17]))
    return (weights @ values) / weights.sum(axis=1)


def difference(
    name: str,
    family: str,
    unit: str,
    pair: tuple[NDArray[np.float64], NDArray[np.float64]],
    groups: NDArray[np.int64],
    n_bootstrap: int,
    seed: int,
) -> tuple[Compared, NDArray[np.float64]] | None:
    """Compare the same rows of a recording and of its untrained companion.

    Parameters
    ----------
    name, family, unit : str
    pair : pair of ndarray (rows,)
        Of the recording, and of the untrained subject.
    groups : ndarray (rows,)
    n_bootstrap, seed : int

    Returns
    -------
    Compared and its draws, or None
        None where there are too few stimuli to draw from.
    """
    gap = pair[0] - pair[1]
    draws = bootstrap_means(gap, groups, n_bootstrap, seed)
    if not len(draws):
        return None
    value = float(gap[np.isfinite(gap)].mean())
    low, high = percentile_interval(draws)
    p_value = zero_difference_p(value, draws)
    method = "no difference: bootstrap over stimuli, shifted to zero"
    spread = float(draws.std())
    n = len(np.unique(groups))
    found = Compared(
        name, family, unit, method, value, low, high, 0.0, spread, p_value, p_value, n, len(draws)
    )
    return found, draws
