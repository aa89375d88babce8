"""Where a fit starts: spans of time whose scores point the same way.

In the fit of one state, the score of a coupling averages, within a state, to the state's departure
times the information. Scores of short spans of time, reduced to their principal axes, are
therefore clustered.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from analyses.states.maximization import Problem
from analyses.states.regression import Couplings

Array = NDArray[np.float64]
WINDOWS = (25, 50, 12, 100)
_MOST_SPANS = 2000
_MOST_AXES = 12
_OWN = 0.9
_LEAST_SPAN = 4


def clustered_share(
    problem: Problem, one: Couplings, n_states: int, window: int, generator: np.random.Generator
) -> Array:
    """A first guess of the posterior, from clusters of spans of time.

    Parameters
    ----------
    problem : Problem
    one : Couplings
        The fit of one state.
    n_states : int
    window : int
        Bins a span.
    generator : numpy.random.Generator

    Returns
    -------
    ndarray (bins, states)
    """
    trials = problem.trials
    # A span as long as a trial mixes its states; fewer spans than states leave none to cluster.
    window = min(window, max(_LEAST_SPAN, int(trials.lengths.max()) // 3))
    window = min(window, max(1, trials.n_bins // (4 * n_states)))
    spans = trials.in_blocks(max(window, trials.n_bins // _MOST_SPANS))
    axes = _axes(_span_scores(problem, one, spans.padded))
    labels = cluster(axes, n_states, generator)
    share = np.full((trials.n_bins, n_states), (1 - _OWN) / n_states)
    share[np.arange(trials.n_bins), np.repeat(labels, spans.lengths)] += _OWN
    return share


def _span_scores(problem: Problem, one: Couplings, padded: Callable[[Array], Array]) -> Array:
    design = problem.design
    drive = design.past @ one.table[0].T
    _, score, _ = design.emission.expanded(design.values, drive)
    products = np.swapaxes(padded(score), 1, 2) @ padded(design.past)
    flat = products.reshape(len(products), -1)
    spread = flat.std(axis=0)
    return (flat - flat.mean(axis=0)) / np.where(spread > 0, spread, 1.0)


def _axes(features: Array) -> Array:
    """Principal coordinates (spans, axes)."""
    left, size, _ = np.linalg.svd(features, full_matrices=False)
    return (left * size)[:, :_MOST_AXES]


def cluster(points: Array, n_clusters: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """K-means with careful seeding (Arthur and Vassilvitskii 2007).

    Parameters
    ----------
    points : ndarray (points, axes)
    n_clusters : int
    generator : numpy.random.Generator

    Returns
    -------
    ndarray (points,) of int

    Examples
    --------
    >>> points = np.array([[0.0], [0.1], [9.0], [9.1]])
    >>> labels = cluster(points, 2, np.random.default_rng(0))
    >>> bool(labels[0] == labels[1] != labels[2] == labels[3])
    True
    """
    centres = points[[int(generator.integers(len(points)))]]
    while len(centres) < n_clusters:
        far = _squares(points, centres).min(axis=1)
        total = far.sum()
        chance = far / total if total > 0 else None
        centres = np.concatenate([centres, points[[generator.choice(len(points), p=chance)]]])
    labels = np.full(len(points), -1)
    for _ in range(50):
        new = _squares(points, centres).argmin(axis=1)
        if np.array_equal(new, labels):
            break
        labels = new
        for number in np.unique(labels):
            centres[number] = points[labels == number].mean(axis=0)
    return labels.astype(np.int64)


def _squares(points: Array, centres: Array) -> Array:
    squares = np.square(points).sum(axis=1)[:, None] - 2 * points @ centres.T
    return np.maximum(squares + np.square(centres).sum(axis=1), 0)
