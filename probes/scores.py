"""Scores of held-out predictions beside chance, with intervals over groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.analysis.measure import Null
from workbench.statistics.bootstrap import bootstrap_weights, percentile_interval
from workbench.statistics.permutation import group_permutation, permutation_null

ACCURACY, EXPLAINED = "accuracy", "R2"
SHUFFLED = "held-out predictions beside labels of other rows, shuffled by group"


@dataclass(frozen=True)
class ProbeScore:
    """How well held-out labels were predicted, beside what guessing reaches.

    Attributes
    ----------
    value : float
        Accuracy, or R² of numbers.
    metric : str
    interval : pair of float
        95 %, over groups drawn with replacement.
    chance : float
        The most frequent class of the training rows, or their mean, on the same held-out rows.
    null : Null
        Predictions beside shuffled labels.
    n : int
        Rows.
    n_groups : int
    n_units : int
    predictions : ndarray (rows,)
    labels : ndarray (rows,)
    folds : ndarray (rows,) of int
    groups : ndarray (rows,)
    """

    value: float
    metric: str
    interval: tuple[float, float]
    chance: float
    null: Null
    n: int
    n_groups: int
    n_units: int
    predictions: NDArray[Any]
    labels: NDArray[Any]
    folds: NDArray[np.int64]
    groups: NDArray[Any]

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        low, high = self.interval
        return (
            f"{self.metric} {self.value:.3f} [{low:.3f}, {high:.3f}], chance {self.chance:.3f}, "
            f"n {self.n} rows in {self.n_groups} groups, {self.n_units} units"
        )


def score_of(
    labels: NDArray[Any],
    predictions: NDArray[Any],
    continuous: bool,
    weights: NDArray[np.float64] | None = None,
) -> float:
    """Accuracy, or the share of variance explained, with weights of rows.

    Parameters
    ----------
    labels, predictions : ndarray (rows,)
    continuous : bool
    weights : ndarray (rows,), optional

    Returns
    -------
    float

    Examples
    --------
    >>> score_of(np.array(["a", "b"]), np.array(["a", "a"]), False)
    0.5
    """
    if not continuous:
        return float(np.average(labels == predictions, weights=weights))
    residual = np.average((labels - predictions) ** 2, weights=weights)
    mean = np.average(labels, weights=weights)
    spread = np.average((labels - mean) ** 2, weights=weights)
    return float(1 - residual / spread) if spread > 0 else 0.0


def guesses(labels: NDArray[Any], folds: NDArray[np.int64], continuous: bool) -> NDArray[Any]:
    """What a probe says that knows the labels of the other folds only.

    Parameters
    ----------
    labels : ndarray (rows,)
    folds : ndarray (rows,) of int
    continuous : bool

    Returns
    -------
    ndarray (rows,)
        Most frequent class, or mean, of the other folds.
    """
    said = np.empty(len(labels), dtype=np.float64 if continuous else labels.dtype)
    for number in np.unique(folds):
        known = labels[folds != number]
        if continuous:
            said[folds == number] = known.mean()
        else:
            classes, counts = np.unique(known, return_counts=True)
            said[folds == number] = classes[counts.argmax()]
    return said


def summed_up(
    labels: NDArray[Any],
    predictions: NDArray[Any],
    folds: NDArray[np.int64],
    groups: NDArray[Any],
    n_units: int,
    *,
    continuous: bool,
    n_permutations: int = 200,
    n_bootstrap: int = 200,
    seed: int = 0,
) -> ProbeScore:
    """Score held-out predictions.

    Parameters
    ----------
    labels, predictions : ndarray (rows,)
    folds : ndarray (rows,) of int
    groups : ndarray (rows,)
    n_units : int
    continuous : bool
        Whether labels are numbers.
    n_permutations, n_bootstrap : int
    seed : int

    Returns
    -------
    ProbeScore
    """
    generator = np.random.default_rng(seed)
    value = score_of(labels, predictions, continuous)
    draws = (labels[other_rows(labels, groups, generator)] for _ in range(n_permutations))
    shuffled = [score_of(each, predictions, continuous) for each in draws]
    weights = bootstrap_weights(groups, n_bootstrap, generator)
    resampled = [score_of(labels, predictions, continuous, each) for each in weights]
    chance = score_of(labels, guesses(labels, folds, continuous), continuous)
    return ProbeScore(
        value,
        EXPLAINED if continuous else ACCURACY,
        percentile_interval(resampled),
        chance,
        permutation_null(value, shuffled, SHUFFLED, "greater"),
        len(labels),
        len(np.unique(groups)),
        n_units,
        predictions,
        labels,
        folds,
        groups,
    )


def other_rows(
    labels: NDArray[Any], groups: NDArray[Any], generator: np.random.Generator
) -> NDArray[np.int64]:
    """A row for every row, under which labels say nothing but depend on each other as before.

    Parameters
    ----------
    labels, groups : ndarray (rows,)
    generator : numpy.random.Generator

    Returns
    -------
    ndarray (rows,) of int
        Shuffled over rows where every row is a group of its own; over groups where a group has
        one label; otherwise turned round by a random number of rows, group after group.
    """
    n_groups = len(np.unique(groups))
    if n_groups == len(labels):
        return generator.permutation(len(labels))
    pairs = set(zip(groups.tolist(), labels.tolist(), strict=True))
    if len(pairs) == n_groups:
        return group_permutation(groups, generator)
    # Labels and predictions of a group resemble each other: turned round, they still do.
    in_groups = np.argsort(groups, kind="stable")
    order = np.empty(len(labels), dtype=np.int64)
    order[in_groups] = np.roll(in_groups, int(generator.integers(1, len(labels))))
    return order
