"""How well values of pairs predict which neurons are wired: ROC, intervals, rewired nulls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analyses.connectome.pairs import n_neurons_of, n_pairs
from workbench.errors import UsageError
from workbench.statistics.bootstrap import percentile_interval, zero_difference_p
from workbench.statistics.permutation import permutation_p

_SWAPS_AN_EDGE = 10
_LEAST_EDGES = 5


@dataclass(frozen=True, eq=False)
class Prediction:
    """How well one value predicts the wiring.

    Attributes
    ----------
    auc : float
        Area under the ROC curve; 0.5 is chance.
    interval : pair of float
        95 % interval over neurons drawn with replacement.
    null_mean, null_sd : float
        Of the area for wirings rewired with every neuron's number of edges kept.
    p_value : float
        Share of the rewired ones, the true one counted in, with at least so large an area.
    false_alarms, hits : ndarray (thresholds,)
        The curve.
    draws : ndarray (draws,)
        Areas over the drawn neurons, the same draws for every value compared.
    """

    auc: float
    interval: tuple[float, float]
    null_mean: float
    null_sd: float
    p_value: float
    false_alarms: NDArray[np.float64]
    hits: NDArray[np.float64]
    draws: NDArray[np.float64]


def predict_wiring(
    values: Mapping[str, NDArray],
    wired: NDArray[np.bool_],
    measured: NDArray[np.bool_] | None = None,
    n_draws: int = 1000,
    n_null: int = 200,
    seed: int = 0,
) -> dict[str, Prediction]:
    """Predict which pairs are wired from values of pairs.

    Parameters
    ----------
    values : mapping of str to ndarray (pairs,)
        What to predict from; larger means wired.
    wired : ndarray (pairs,) of bool
    measured : ndarray (pairs,) of bool, optional
        Pairs of which the wiring is known; all by default. The others are left out, also of nulls.
    n_draws : int
        Draws of neurons for intervals. A pair counts as often as both its neurons were drawn.
    n_null : int
        Rewired wirings.
    seed : int

    Returns
    -------
    dict of str to Prediction

    Raises
    ------
    UsageError
        If shapes differ, or there are fewer than five wired or five unwired pairs.

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> wired = generator.random(190) < 0.3
    >>> noisy = wired + generator.normal(size=190)
    >>> found = predict_wiring({"noisy": noisy, "none": generator.random(190)}, wired)
    >>> found["noisy"].auc > 0.7, found["none"].auc < 0.65
    (True, True)
    """
    known = np.ones(len(wired), bool) if measured is None else np.asarray(measured, bool)
    for name, each in values.items():
        if each.shape != wired.shape or not np.isfinite(each[known]).all():
            raise UsageError(
                f"Found '{name}' of shape {each.shape} for {len(wired)} pairs, or with NaN; "
                "expected a finite value for every measured pair."
            )
    _check_wiring(wired, known)
    generator = np.random.default_rng(seed)
    drawn = _pair_weights(len(wired), n_draws, generator)[:, known]
    nulls = [each[known] for each in rewirings(wired, known, n_null, generator)]
    return {
        name: _prediction(each[known], wired[known], drawn, nulls) for name, each in values.items()
    }


def area_difference(one: Prediction, other: Prediction) -> tuple[float, tuple[float, float], float]:
    """Difference of two areas, its 95 % interval over neurons, and its p-value against zero.

    Parameters
    ----------
    one, other : Prediction
        From one call of `predict_wiring`, which draws the same neurons for both.

    Returns
    -------
    difference : float
    interval : pair of float
    p_value : float
    """
    draws = one.draws - other.draws
    difference = one.auc - other.auc
    return difference, percentile_interval(draws), zero_difference_p(difference, draws)


def weighted_auc(
    values: NDArray, truth: NDArray[np.bool_], weights: NDArray | None = None
) -> float:
    """Area under the ROC curve; ties count half.

    Parameters
    ----------
    values : ndarray (pairs,)
    truth : ndarray (pairs,) of bool
    weights : ndarray (pairs,), optional
        How often each counts; once by default.

    Returns
    -------
    float
        NaN where one of the classes is empty.

    Examples
    --------
    >>> weighted_auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True]))
    0.75
    """
    false_alarms, hits = _curve(values, truth, np.ones(len(truth)) if weights is None else weights)
    return float(np.trapezoid(hits, false_alarms))


def rewirings(
    wired: NDArray[np.bool_],
    measured: NDArray[np.bool_],
    n_draws: int,
    generator: np.random.Generator,
) -> list[NDArray[np.bool_]]:
    """Random wirings in which every neuron keeps its number of edges, within the measured pairs.

    Two edges a-b and c-d become a-d and c-b, ten times for every edge, if both are measured and
    not yet there (Maslov and Sneppen 2002).

    Parameters
    ----------
    wired, measured : ndarray (pairs,) of bool
    n_draws : int
    generator : numpy.random.Generator

    Returns
    -------
    list of ndarray (pairs,) of bool
    """
    n = n_neurons_of(len(wired))
    upper = np.triu_indices(n, 1)
    open_pairs = np.zeros((n, n), bool)
    open_pairs[upper] = measured
    open_pairs |= open_pairs.T
    here = np.flatnonzero(wired & measured)
    edges = np.stack([upper[0][here], upper[1][here]], axis=1)
    return [_rewired(edges.copy(), open_pairs.copy(), generator)[upper] for _ in range(n_draws)]


def _rewired(
    edges: NDArray, free: NDArray[np.bool_], generator: np.random.Generator
) -> NDArray[np.bool_]:
    free[edges[:, 0], edges[:, 1]] = free[edges[:, 1], edges[:, 0]] = False
    n_tries = _SWAPS_AN_EDGE * len(edges)
    picks = generator.integers(len(edges), size=(n_tries, 2)).tolist()
    turns = generator.integers(2, size=n_tries).tolist()
    listed = edges.tolist()
    for (one, other), turn in zip(picks, turns, strict=True):
        (a, b), (c, d) = listed[one], listed[other][:: 1 if turn else -1]
        if len({a, b, c, d}) == 4 and free[a, d] and free[c, b]:
            for x, y, state in ((a, b, True), (c, d, True), (a, d, False), (c, b, False)):
                free[x, y] = free[y, x] = state
            listed[one], listed[other] = [a, d], [c, b]
    made = np.zeros_like(free)
    ends = np.array(listed)
    made[ends[:, 0], ends[:, 1]] = made[ends[:, 1], ends[:, 0]] = True
    return made


def _prediction(
    values: NDArray,
    truth: NDArray[np.bool_],
    drawn: NDArray[np.float64],
    nulls: list[NDArray[np.bool_]],
) -> Prediction:
    auc = weighted_auc(values, truth)
    draws = np.array([weighted_auc(values, truth, weights) for weights in drawn])
    # A draw of neurons may leave no wired pair.
    draws = np.where(np.isfinite(draws), draws, auc)
    null = np.array([weighted_auc(values, each) for each in nulls])
    curve = _curve(values, truth, np.ones(len(truth)))
    p_value = permutation_p(auc, null, "greater")
    interval = percentile_interval(draws)
    return Prediction(auc, interval, float(null.mean()), float(null.std()), p_value, *curve, draws)


def _curve(
    values: NDArray, truth: NDArray[np.bool_], weights: NDArray
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    order = np.argsort(-values.astype(np.float64), kind="stable")
    ordered, hit = values[order], np.where(truth[order], weights[order], 0.0)
    miss = weights[order] - hit
    last = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
    hits, misses = np.cumsum(hit)[last], np.cumsum(miss)[last]
    with np.errstate(invalid="ignore"):
        return np.insert(misses / misses[-1], 0, 0), np.insert(hits / hits[-1], 0, 0)


def _pair_weights(pairs: int, n_draws: int, generator: np.random.Generator) -> NDArray[np.float64]:
    n = n_neurons_of(pairs)
    counts = generator.multinomial(n, np.full(n, 1 / n), size=n_draws).astype(np.float64)
    first, second = np.triu_indices(n, 1)
    return counts[:, first] * counts[:, second]


def _check_wiring(wired: NDArray[np.bool_], known: NDArray[np.bool_]) -> None:
    if known.shape != wired.shape or n_pairs(n_neurons_of(len(wired))) != len(wired):
        raise UsageError(
            f"Found {len(wired)} pairs of which {known.shape} are said to be measured; expected "
            "one entry a pair."
        )
    n_wired, n_open = int(wired[known].sum()), int((~wired[known]).sum())
    if min(n_wired, n_open) < _LEAST_EDGES:
        raise UsageError(
            f"Found {n_wired} wired and {n_open} unwired pairs; expected at least {_LEAST_EDGES} "
            "of each for a ROC curve."
        )
