"""Permutation nulls: how often chance alone is as extreme as what was observed.

The observed value counts as one of the draws (Phipson and Smyth 2010, *Permutation p-values should
never be zero*, equation 2), so the p-value is never zero and the test never too liberal.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.analysis.measure import Null
from workbench.errors import UsageError, nearest

Alternative = Literal["less", "greater", "two-sided"]
ALTERNATIVES = ("less", "greater", "two-sided")
# Draws that repeat the observed arrangement differ from it by rounding; they count as equal to it.
_TIE = 1e-9


def permutation_p(
    observed: float, draws: ArrayLike, alternative: Alternative = "two-sided"
) -> float:
    """Exact p-value of an observed value among draws under the null.

    Parameters
    ----------
    observed : float
        Value that was observed.
    draws : array (draws,)
        Values under the null, in the same unit.
    alternative : {"less", "greater", "two-sided"}
        Which values count as extreme; two-sided is twice the smaller of the one-sided p-values.

    Returns
    -------
    float
        ``(1 + number of draws at least as extreme) / (1 + number of draws)``.

    Raises
    ------
    UsageError
        If there is no draw, a value is not finite, or there is no such alternative.

    Examples
    --------
    >>> permutation_p(5.0, [1.0, 2.0, 3.0], "greater")
    0.25
    >>> permutation_p(5.0, [1.0, 2.0, 3.0], "less")
    1.0
    """
    values = _checked(observed, draws)
    slack = _TIE * max(abs(observed), float(np.max(np.abs(values))))
    less = (1 + np.count_nonzero(values <= observed + slack)) / (1 + len(values))
    greater = (1 + np.count_nonzero(values >= observed - slack)) / (1 + len(values))
    if alternative == "two-sided":
        return float(min(1.0, 2 * min(less, greater)))
    if alternative not in ALTERNATIVES:
        raise UsageError(
            f"Found no alternative '{alternative}'; {nearest(alternative, ALTERNATIVES)}"
        )
    return float(less if alternative == "less" else greater)


def permutation_null(
    observed: float,
    draws: ArrayLike,
    method: str,
    alternative: Alternative = "two-sided",
) -> Null:
    """Describe a null distribution and where the observed value falls in it.

    Parameters
    ----------
    observed : float
        Value that was observed.
    draws : array (draws,)
        Values under the null, in the same unit.
    method : str
        How the draws were made, for readers.
    alternative : {"less", "greater", "two-sided"}
        Which values count as extreme.

    Returns
    -------
    Null

    Raises
    ------
    UsageError
        As `permutation_p`.

    Examples
    --------
    >>> permutation_null(-0.4, [0.1, -0.1, 0.0], "labels shuffled over rows", "less").p_value
    0.25
    """
    values = _checked(observed, draws)
    p_value = permutation_p(observed, values, alternative)
    return Null(method, float(values.mean()), float(values.std()), len(values), p_value)


def group_permutation(groups: NDArray, generator: np.random.Generator) -> NDArray[np.int64]:
    """Draw a row for every row, so that the rows of one group all look into one other group.

    For labels that are constant within groups (one label a text, many tokens), shuffling them row
    by row would break their dependence and make the null too narrow.

    Parameters
    ----------
    groups : ndarray (rows,)
        Group of each row.
    generator : numpy.random.Generator

    Returns
    -------
    ndarray (rows,) of int
        ``labels[group_permutation(groups, generator)]`` are labels shuffled over groups.

    Examples
    --------
    >>> order = group_permutation(np.array([0, 0, 1, 1]), np.random.default_rng(0))
    >>> bool(order[0] == order[1] and order[2] == order[3])
    True
    """
    _, first, group = np.unique(groups, return_index=True, return_inverse=True)
    return first[generator.permutation(len(first))][group].astype(np.int64)


def circular_shifts(groups: NDArray, generator: np.random.Generator) -> NDArray[np.int64]:
    """Draw a row for every row: each group's rows in their order, turned round by a random number.

    Neighbours in time resemble each other, and so do their labels. Shuffling them one by one would
    break the second resemblance but not the first, and make the null too narrow; turning the whole
    series keeps both.

    Parameters
    ----------
    groups : ndarray (rows,)
        Series of each row, such as a session or trial; rows of a series are in order of time.
    generator : numpy.random.Generator

    Returns
    -------
    ndarray (rows,) of int
        ``labels[circular_shifts(groups, generator)]`` are labels shifted in time, by at least a
        twentieth of each series.

    Examples
    --------
    >>> circular_shifts(np.zeros(3, dtype=int), np.random.default_rng(0)).tolist()
    [2, 0, 1]
    """
    order = np.arange(len(groups))
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        if len(rows) > 1:
            least = max(1, len(rows) // 20)
            offset = int(generator.integers(least, max(least, len(rows) - least) + 1))
            order[rows] = np.roll(rows, -offset)
    return order


def _checked(observed: float, draws: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(draws, dtype=np.float64).reshape(-1)
    if not len(values):
        raise UsageError("Found no draw under the null; expected at least one: raise their number.")
    if not (np.isfinite(observed) and np.isfinite(values).all()):
        raise UsageError(
            "Found NaN or infinite values among the draws or as the observed value; expected "
            "finite numbers: leave out draws that are not defined."
        )
    return values
