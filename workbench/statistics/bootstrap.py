"""Bootstrap intervals over stimuli: rows of one stimulus are drawn together or not at all.

Tokens of one text, or time bins of one trial, depend on each other; drawing them one by one would
make intervals too narrow (Efron and Tibshirani 1993, chapter 8; cluster bootstrap).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import UsageError


def percentile_interval(draws: ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """Interval that holds the middle share of bootstrap draws.

    Parameters
    ----------
    draws : array (draws,)
        Bootstrap values of a statistic.
    level : float
        Share that the interval holds, between 0 and 1.

    Returns
    -------
    pair of float
        In the unit of the draws.

    Raises
    ------
    UsageError
        If there are fewer than two finite draws, or the level is not between 0 and 1.

    Examples
    --------
    >>> percentile_interval(np.arange(5.0), level=0.5)
    (1.0, 3.0)
    """
    values = np.asarray(draws, dtype=np.float64).reshape(-1)
    if len(values) < 2 or not np.isfinite(values).all():
        raise UsageError(
            f"Found {np.count_nonzero(np.isfinite(values))} finite of {len(values)} bootstrap "
            "draws; expected at least two, all finite: leave out draws that are not defined."
        )
    if not 0 < level < 1:
        raise UsageError(f"Found interval level {level}; expected a share between 0 and 1.")
    tail = (1 - level) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def bootstrap_weights(
    groups: ArrayLike, n_draws: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    """How often each row counts in each draw of a bootstrap over groups.

    Parameters
    ----------
    groups : array (rows,)
        Group, such as the stimulus, of each row.
    n_draws : int
        Number of draws.
    generator : numpy.random.Generator

    Returns
    -------
    ndarray (draws, rows)
        Whole numbers; equal within a group.

    Raises
    ------
    UsageError
        If there are fewer than two groups.

    Examples
    --------
    >>> weights = bootstrap_weights(["a", "a", "b"], 2, np.random.default_rng(0))
    >>> bool((weights[:, 0] == weights[:, 1]).all())
    True
    """
    _, group = np.unique(np.asarray(groups), return_inverse=True)
    n_groups = int(group.max()) + 1 if len(group) else 0
    if n_groups < 2:
        raise UsageError(
            f"Found {n_groups} group to draw from; expected at least two independent groups, such "
            "as stimuli, for a bootstrap interval."
        )
    counts = generator.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=n_draws)
    return counts.astype(np.float64)[:, group]


def zero_difference_p(observed: float, draws: ArrayLike) -> float:
    """Two-sided bootstrap p-value of a difference, from its draws shifted to a mean of zero.

    Parameters
    ----------
    observed : float
        Difference that was observed.
    draws : array (draws,)
        Bootstrap values of the difference.

    Returns
    -------
    float
        ``(1 + number of shifted draws at least as far from zero) / (1 + number of draws)``
        (Efron and Tibshirani 1993, section 16.4).

    Examples
    --------
    >>> zero_difference_p(10.0, [9.0, 10.0, 11.0])
    0.25
    """
    values = np.asarray(draws, dtype=np.float64)
    far = np.count_nonzero(np.abs(values - values.mean()) >= abs(observed))
    return float((1 + far) / (1 + len(values)))
