"""Sparse distributed representations: how probably a pattern matches by chance."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import comb

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.brain_dynamics.inputs import plain_array, real_array
from workbench.analysis.parameters import whole
from workbench.errors import UsageError


@dataclass(frozen=True)
class MatchRate:
    """How often codes match by sampled synapses, beside chance.

    Attributes
    ----------
    rate : float
        Share of pairs of rows where synapses on one row's active units see at least `theta` of the
        other's.
    n_pairs : int
    chance : float
        Mean over the same pairs of `match_probability` with the other row's number of active
        units: what rows of independent, equally frequent units would give.
    """

    rate: float
    n_pairs: int
    chance: float


def match_probability(
    n: ArrayLike, a: ArrayLike, s: ArrayLike, theta: ArrayLike
) -> float | NDArray[np.float64]:
    """Probability that a random pattern activates at least theta of s sampled synapses.

    ``P = sum_{b = theta}^{s} C(s, b) C(n - s, a - b) / C(n, a)`` (Ahmad and Hawkins 2016, arXiv
    1601.00720, equation 3), in whole numbers of any size, rounded once at the end. Floating-point
    sums lose the smallest values altogether.

    Parameters
    ----------
    n : int, or array of int
        Units.
    a : int, or array of int
        Active units of the random pattern.
    s : int, or array of int
        Synapses, on different units.
    theta : int, or array of int
        Active synapses that make a match.

    Returns
    -------
    float, or ndarray of the shape that the four broadcast to

    Raises
    ------
    UsageError
        If numbers are not whole, or not 0 <= a, s <= n and theta >= 0.

    Examples
    --------
    >>> match_probability(10000, 300, 24, 12)
    8.375...e-13
    >>> match_probability(2000, [40, 80], 20, 10).shape
    (2,)
    """
    named = {"n": n, "a": a, "s": s, "theta": theta}
    given = [_whole_numbers(each, name) for name, each in named.items()]
    try:
        numbers = np.broadcast_arrays(*given)
    except ValueError as error:
        raise UsageError(
            f"Found n, a, s and theta of shapes {[each.shape for each in given]}; expected shapes "
            "that broadcast."
        ) from error
    units, active, synapses = numbers[:3]
    if ((active > units) | (synapses > units) | (units < 1)).any() or min(
        each.min(initial=0) for each in numbers
    ) < 0:
        raise UsageError(
            "Found more active units or synapses than units, or a negative number; expected "
            "0 <= a <= n, 0 <= s <= n and theta >= 0."
        )
    flat = zip(*(each.ravel().tolist() for each in numbers), strict=True)
    values = np.array([_probability(*each) for each in flat]).reshape(units.shape)
    return values if values.ndim else float(values)


def simulated_match_probability(
    n: int, a: int, s: int, theta: int, n_draws: int = 10_000, seed: int = 0
) -> tuple[float, tuple[float, float]]:
    """The same by drawing patterns and synapses at random, with its 95 % interval.

    Parameters
    ----------
    n, a, s, theta : int
        As in `match_probability`.
    n_draws : int
    seed : int

    Returns
    -------
    estimate : float
    interval : pair of float
        Clopper and Pearson's.

    Raises
    ------
    UsageError
        As `match_probability`.

    Examples
    --------
    >>> estimate, (low, high) = simulated_match_probability(50, 10, 8, 3)
    >>> low < match_probability(50, 10, 8, 3) < high
    True
    """
    from scipy.stats import binomtest

    match_probability(n, a, s, theta)
    generator = np.random.default_rng(seed)
    hits = 0
    for _ in range(whole(n_draws, "n_draws", 1)):
        pattern = np.zeros(n, dtype=bool)
        pattern[generator.choice(n, a, replace=False)] = True
        hits += int(pattern[generator.choice(n, s, replace=False)].sum() >= theta)
    interval = binomtest(hits, n_draws).proportion_ci()
    return hits / n_draws, (float(interval.low), float(interval.high))


def match_rate(
    codes: ArrayLike, n_synapses: int, theta: int, n_pairs: int = 10_000, seed: int = 0
) -> MatchRate:
    """How often recorded sparse codes match each other, beside chance.

    For codes of a sparse autoencoder or a spiking network: synapses are drawn among the active
    units of one row and tried on another row.

    Parameters
    ----------
    codes : array (rows, units)
        A unit is active where its code is above zero.
    n_synapses : int
        Synapses; rows with fewer active units are not sampled from.
    theta : int
        Active synapses that make a match.
    n_pairs : int
        Pairs of different rows to draw.
    seed : int

    Returns
    -------
    MatchRate

    Raises
    ------
    UsageError
        If fewer than two rows, or none with enough active units, are there.

    Examples
    --------
    >>> found = match_rate(np.eye(4), n_synapses=1, theta=1, n_pairs=100)
    >>> found.rate, found.chance
    (0.0, 0.25)
    """
    active = real_array(codes, "codes", 2) > 0
    whole(n_synapses, "n_synapses", 1)
    whole(theta, "theta", 0)
    sizes = active.sum(axis=1)
    sources = np.flatnonzero(sizes >= n_synapses)
    if active.ndim != 2 or len(active) < 2 or not len(sources):
        raise UsageError(
            f"Found {len(sources)} of {len(active)} rows with at least {n_synapses} active units; "
            "expected two rows and one such: lower n_synapses."
        )
    generator = np.random.default_rng(seed)
    first = generator.choice(sources, whole(n_pairs, "n_pairs", 1))
    second = (first + generator.integers(1, len(active), n_pairs)) % len(active)
    hits = 0
    for one, other in zip(first, second, strict=True):
        synapses = generator.choice(np.flatnonzero(active[one]), n_synapses, replace=False)
        hits += int(active[other, synapses].sum() >= theta)
    chance = match_probability(active.shape[1], sizes[second], n_synapses, theta)
    return MatchRate(hits / n_pairs, n_pairs, float(np.mean(chance)))


@cache
def _probability(n: int, a: int, s: int, theta: int) -> float:
    overlaps = range(max(theta, a + s - n, 0), min(s, a) + 1)
    # Division of whole numbers is rounded correctly whatever their size.
    return sum(comb(s, b) * comb(n - s, a - b) for b in overlaps) / comb(n, a)


def _whole_numbers(values: ArrayLike, name: str) -> NDArray[np.int64]:
    array = plain_array(values)
    if array.dtype.kind == "f" and np.isfinite(array).all() and (array == np.round(array)).all():
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise UsageError(f"Found {name}={values!r}; expected whole numbers.")
    return array.astype(np.int64)
