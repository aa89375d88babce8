"""Whether a number beats its nulls: every one of them, so the strongest decides."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from analyses.atoms.columns import Statistic


@dataclass(frozen=True)
class Observed:
    """A statistic of one dictionary at one site.

    Attributes
    ----------
    draws : ndarray (draws,)
        Over seeds, random dictionaries or normal data sets; one where nothing is random.
    redrawn : ndarray (bootstraps,)
        With held-out stimuli drawn anew; empty where it does not depend on them.
    """

    draws: NDArray[np.float64]
    redrawn: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    @property
    def value(self) -> float:
        """Mean over draws; NaN without any."""
        return float(np.mean(self.draws)) if len(self.draws) else math.nan

    @property
    def sd(self) -> float:
        """Standard deviation over draws."""
        return float(np.std(self.draws, ddof=1)) if len(self.draws) > 1 else 0.0


@dataclass(frozen=True)
class Comparison:
    """A statistic beside its strongest null.

    Attributes
    ----------
    name : str
        Of the strongest null.
    mean, sd : float
        Of its draws.
    n : int
    p_value : float
        The largest of all nulls.
    """

    name: str
    mean: float
    sd: float
    n: int
    p_value: float


def compare(found: Observed, nulls: dict[str, Observed], better: int) -> Comparison | None:
    """Compare a statistic with all its nulls.

    It must beat every one of them, so its p-value is the largest (an intersection-union test,
    Berger 1982, needs no correction over the nulls).

    Parameters
    ----------
    found : Observed
    nulls : dict of str to Observed
    better : int
        1 if more is better, -1 if less is.

    Returns
    -------
    Comparison or None
        None where there is no null.

    Examples
    --------
    >>> found = Observed(np.array([0.9]))
    >>> nulls = {"noise": Observed(np.array([0.5, 0.51, 0.49])), "all": Observed(np.array([1.0]))}
    >>> compare(found, nulls, 1).name, compare(found, nulls, 1).p_value
    ('all', 1.0)
    """
    known = {name: null for name, null in nulls.items() if math.isfinite(null.value)}
    if not known:
        return None
    name = max(known, key=lambda each: better * known[each].value)
    p_value = max(_p_value(found, null, better) for null in known.values())
    return Comparison(name, known[name].value, known[name].sd, len(known[name].draws), p_value)


def _p_value(found: Observed, null: Observed, better: int) -> float:
    difference = better * (found.value - null.value)
    if difference <= 0:
        return 1.0
    if len(null.draws) > 1:
        return _beyond_draws(difference, found, null)
    if len(found.redrawn) and len(found.redrawn) == len(null.redrawn):
        lost = np.count_nonzero(better * (found.redrawn - null.redrawn) <= 0)
        return float((1 + lost) / (1 + len(found.redrawn)))
    # Nothing is random in either, so nothing says how far chance would reach.
    return 1.0


def _beyond_draws(difference: float, found: Observed, null: Observed) -> float:
    """p-value of one more draw from where the null's draws come from, taken as normal.

    The held-out stimuli that happened to be drawn add their own variance.
    """
    from scipy.stats import t

    n = len(null.draws)
    sampling = float(np.var(found.redrawn)) if len(found.redrawn) else 0.0
    spread = math.sqrt(null.sd**2 * (1 + 1 / n) + sampling)
    if spread == 0:
        return 1 / (n + 1)
    return float(t.sf(difference / spread, n - 1))


def strongest(values: dict[str, float], better: int) -> str:
    """Name of the best of some values; NaN never is.

    Examples
    --------
    >>> strongest({"a": 0.2, "b": float("nan"), "c": 0.5}, 1)
    'c'
    """
    finite = {name: value for name, value in values.items() if math.isfinite(value)}
    return max(finite, key=lambda name: better * finite[name], default="")


def nulls_of(statistic: Statistic, table: dict[str, dict[str, Observed]]) -> dict[str, Observed]:
    """The nulls of a statistic that there are, by dictionary.

    Parameters
    ----------
    statistic : Statistic
    table : dict of str to dict of str to Observed
        By dictionary and name of the statistic.

    Returns
    -------
    dict of str to Observed
    """
    return {
        name: table[name][statistic.name]
        for name in statistic.nulls
        if statistic.name in table.get(name, {})
    }
