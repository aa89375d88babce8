"""Does a distance find families? Same-root AUC and parents found, each beside its null.

Every function takes any matrix of distances, so that curves can be held against final layers,
activity, outputs and weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.ndna.distances import DistanceMatrix, check_distances
from analyses.ndna.pedigrees import check_parents
from workbench.analysis.measure import Null
from workbench.errors import UsageError
from workbench.statistics.bootstrap import bootstrap_weights, percentile_interval
from workbench.statistics.permutation import permutation_null


class Score(NamedTuple):
    """A number that says how well distances find descent.

    Attributes
    ----------
    value : float
    interval : pair of float
        95 % bootstrap interval over models; NaN for a single child.
    null : Null
        The same number with models shuffled against their distances; one-sided, greater.
    n : int
        Models that the number is about.
    """

    value: float
    interval: tuple[float, float]
    null: Null
    n: int


class ParentSearch(NamedTuple):
    """How well parents are found as nearest models.

    Attributes
    ----------
    top1 : Score
        Share of children whose nearest candidate is a parent.
    mrr : Score
        Mean of one over the rank of the nearest parent among candidates.
    children : tuple of str
        Models with a parent.
    ranks : ndarray (children,)
        Rank of the nearest parent: 1 is found; candidates at the same distance count as nearer.
    """

    top1: Score
    mrr: Score
    children: tuple[str, ...]
    ranks: NDArray[np.int64]


def same_root_auc(
    distances: Any,
    roots: Sequence[Any],
    n_permutations: int = 999,
    n_bootstrap: int = 999,
    seed: int = 0,
) -> Score:
    """Probability that two models of one root are nearer than two of different roots.

    Parameters
    ----------
    distances : DistanceMatrix, or array (models, models)
    roots : sequence (models,)
        Root of each model.
    n_permutations, n_bootstrap, seed : int

    Returns
    -------
    Score
        Area under the curve, 0.5 by chance; ties count half.

    Raises
    ------
    UsageError
        If no two models share a root, or all do, or shapes do not fit.

    Examples
    --------
    >>> place = np.array([0.0, 0.1, 5.0, 5.1, 9.0, 9.1])
    >>> found = same_root_auc(abs(place[:, None] - place), ["a", "a", "b", "b", "c", "c"])
    >>> found.value, found.null.p_value < 0.1
    (1.0, True)
    """
    matrix = values_of(distances)
    _, family = np.unique(one_a_model(roots, len(matrix), "roots"), return_inverse=True)
    rows, columns = np.triu_indices(len(matrix), 1)
    pairs = matrix[rows, columns]
    same = family[rows] == family[columns]
    if same.all() or not same.any():
        raise UsageError(
            f"Found {np.count_nonzero(same)} of {len(same)} pairs of one root; expected pairs of "
            "one and of different roots: give at least two families, one of them with two models."
        )
    generator = np.random.default_rng(seed)
    # Places of pairs in order of distance, ties together.
    _, place = np.unique(pairs, return_inverse=True)
    once = np.ones(len(pairs))
    shuffled = [generator.permutation(family) for _ in range(n_permutations)]
    null = [_auc(place, each[rows] == each[columns], once) for each in shuffled]
    counts = bootstrap_weights(np.arange(len(matrix)), n_bootstrap, generator)
    drawn = [_auc(place, same, each[rows] * each[columns]) for each in counts]
    value = _auc(place, same, once)
    return _score(value, drawn, null, len(matrix))


def parent_search(
    distances: Any,
    parents: Mapping[str, Sequence[str]],
    names: Sequence[str] | None = None,
    n_permutations: int = 999,
    n_bootstrap: int = 999,
    seed: int = 0,
) -> ParentSearch:
    """Whether the nearest model is a parent.

    Candidates are all models but the child itself and its descendants: distances have no direction
    and could not tell a child from a parent.

    Parameters
    ----------
    distances : DistanceMatrix, or array (models, models)
    parents : mapping of str to sequence of str
        Parents of every model, none for a root; either of two counts.
    names : sequence of str, optional
        Of the rows of an array; the order of ``parents`` by default.
    n_permutations, n_bootstrap, seed : int
        The null shuffles which row belongs to which model; the bootstrap draws children.

    Returns
    -------
    ParentSearch

    Raises
    ------
    UsageError
        If names do not fit, no model has a parent, or a model descends from itself.

    Examples
    --------
    >>> place = np.array([0.0, 0.1, 5.0, 5.2])
    >>> family = {"a": (), "a2": ("a",), "b": (), "b2": ("b",)}
    >>> parent_search(abs(place[:, None] - place), family).ranks.tolist()
    [1, 1]
    """
    matrix = values_of(distances)
    check_parents(parents)
    own = getattr(distances, "names", None) or names or tuple(parents)
    if set(own) != set(parents) or len(own) != len(matrix):
        raise UsageError(
            f"Found {len(matrix)} rows of distances, {len(own)} names and {len(parents)} models "
            "with parents known; expected the same models in all three."
        )
    children = tuple(name for name in own if parents[name])
    if not children:
        raise UsageError("Found no model with a parent; expected at least one child to search for.")
    is_child = [own.index(name) for name in children]
    is_parent = np.array([[other in parents[name] for other in own] for name in children])
    excluded = _excluded(own, parents, children)
    ranks = _ranks(matrix[is_child], is_parent, excluded)
    generator = np.random.default_rng(seed)
    orders = [generator.permutation(len(matrix)) for _ in range(n_permutations)]
    null = [_ranks(matrix[order][:, order][is_child], is_parent, excluded) for order in orders]
    alone = len(ranks) < 2
    weights = (
        np.zeros((0, 1))
        if alone
        else bootstrap_weights(np.arange(len(ranks)), n_bootstrap, generator)
    )

    def found(score: Callable[[NDArray], NDArray]) -> Score:
        drawn = weights @ score(ranks) / len(ranks)
        nulls = [score(each).mean() for each in null]
        return _score(float(score(ranks).mean()), drawn, nulls, len(ranks))

    return ParentSearch(
        found(lambda rank: (rank == 1).astype(float)), found(lambda rank: 1 / rank), children, ranks
    )


def values_of(distances: Any) -> NDArray[np.float64]:
    """Values of a `DistanceMatrix`, or of an array after a check that it is one of distances."""
    if isinstance(distances, DistanceMatrix):
        return distances.values
    values = np.asarray(distances, dtype=np.float64)
    return check_distances(values, [str(row) for row in range(len(values))])


def one_a_model(labels: Sequence[Any], n: int, what: str) -> NDArray:
    """Labels as an array, after a check that there is one for each of the models."""
    found = np.asarray(labels)
    if found.shape != (n,):
        raise UsageError(f"Found {what} of shape {found.shape} for {n} models; expected one each.")
    return found


def pair_auc(distances: ArrayLike, same: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Probability that a pair of one kind is nearer than one of the other kind; ties count half.

    Parameters
    ----------
    distances : array (pairs,)
    same : array (pairs,) of bool
        Which pairs should be near.
    weights : array (pairs,), optional
        How often each pair counts; once by default.

    Returns
    -------
    float
        NaN where the weights leave pairs of one kind only.

    Examples
    --------
    >>> pair_auc([1.0, 2.0, 3.0], [True, False, False]), pair_auc([1.0, 1.0], [True, False])
    (1.0, 0.5)
    """
    _, place = np.unique(np.asarray(distances), return_inverse=True)
    once = np.ones(len(place)) if weights is None else np.asarray(weights, dtype=np.float64)
    return _auc(place, np.asarray(same, dtype=bool), once)


def _auc(place: NDArray, same: NDArray, weights: NDArray) -> float:
    """The same for places of pairs in order of distance, ties together."""
    own, other = (np.bincount(place, weights * each) for each in (same, ~same))
    further = other.sum() - np.cumsum(other) + other / 2
    total = own.sum() * other.sum()
    return float(own @ further / total) if total else float("nan")


def _excluded(
    own: Sequence[str], parents: Mapping[str, Sequence[str]], children: Sequence[str]
) -> NDArray[np.bool_]:
    """Whether a model (columns) is a child (rows) itself or one of its descendants."""
    import networkx as nx

    descent = nx.DiGraph([(p, name) for name, above in parents.items() for p in above])
    below = [{name} | nx.descendants(descent, name) for name in children]
    return np.array([[other in each for other in own] for each in below])


def _ranks(
    distances: NDArray, is_parent: NDArray[np.bool_], excluded: NDArray[np.bool_]
) -> NDArray[np.int64]:
    nearest_parent = np.where(is_parent, distances, np.inf).min(axis=1, keepdims=True)
    nearer = (distances <= nearest_parent) & ~is_parent & ~excluded
    return 1 + nearer.sum(axis=1)


def _score(value: float, drawn: ArrayLike, null: ArrayLike, n: int) -> Score:
    draws = np.asarray(drawn, dtype=np.float64)
    draws = draws[np.isfinite(draws)]
    interval = percentile_interval(draws) if len(draws) > 1 else (math.nan, math.nan)
    return Score(value, interval, permutation_null(value, null, "models shuffled", "greater"), n)
