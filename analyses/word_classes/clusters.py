"""Clusters found without labels, beside classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from analyses.word_classes.agreement import adjusted_mutual_information, counts_of
from analyses.word_classes.distances import pair_distances
from analyses.word_classes.standardize import check_finite, standardize
from workbench.analysis.measure import Null
from workbench.errors import UsageError, nearest
from workbench.statistics.permutation import circular_shifts, group_permutation, permutation_null

METHODS = ("kmeans", "hdbscan")
NOISE = -1
_STARTS = 5
# Pairs of more rows than these would fill the memory of a small machine.
_MOST_PAIRED = 4000


@dataclass(frozen=True)
class ClusterAgreement:
    """How well clusters agree with classes.

    Attributes
    ----------
    value : float
        Adjusted mutual information: 0 for clusters that say nothing of classes, 1 for the same.
    null : Null
        The same clusters beside shuffled classes.
    n_clusters : int
    unclustered : float
        Share of rows that belong to no cluster (HDBSCAN); they count as one cluster.
    clusters : ndarray (rows,) of int
        -1 for rows that belong to none.
    """

    value: float
    null: Null
    n_clusters: int
    unclustered: float
    clusters: NDArray[np.int64]


def cluster_agreement(
    activations: ArrayLike,
    labels: ArrayLike,
    method: str = "kmeans",
    *,
    n_clusters: int | None = None,
    min_cluster_size: int = 15,
    groups: ArrayLike | None = None,
    in_time: bool = False,
    n_permutations: int = 200,
    seed: int = 0,
) -> ClusterAgreement:
    """Cluster activity without labels, and compare the clusters with classes.

    Parameters
    ----------
    activations : array (rows, units)
        Units are scaled to one spread.
    labels : array (rows,)
    method : {"kmeans", "hdbscan"}
    n_clusters : int, optional
        Of k-means; as many as there are classes by default.
    min_cluster_size : int
        Of HDBSCAN.
    groups : array (rows,), optional
        Rows of one group depend on each other: classes are shuffled over groups, or shifted in
        time within them.
    in_time : bool
        Whether rows of a group are steps in time, in order.
    n_permutations : int
    seed : int

    Returns
    -------
    ClusterAgreement

    Raises
    ------
    UsageError
        If there is no such method, numbers of rows differ, or there is one class only.
    WorkbenchError
        If activity is not finite, or no unit varies.

    Examples
    --------
    >>> x = np.repeat([[0.0, 0.0], [9.0, 9.0]], 20, axis=0) + np.arange(40)[:, None] % 5 / 10
    >>> found = cluster_agreement(x, np.repeat(["a", "b"], 20))
    >>> round(found.value, 3), found.n_clusters
    (1.0, 2)
    """
    values, classes = np.asarray(activations), np.asarray(labels)
    if values.ndim != 2 or classes.shape != values.shape[:1]:
        raise UsageError(
            f"Found activations of shape {values.shape} and labels of shape {classes.shape}; "
            "expected (rows, units) and one label a row."
        )
    names, codes = np.unique(classes, return_inverse=True)
    if len(names) < 2:
        raise UsageError("Found one class only; expected at least two to compare clusters with.")
    check_finite(values, "the activations")
    scaled = standardize(values, "drop").values
    found = find_clusters(scaled, method, n_clusters or len(names), min_cluster_size, seed)
    each = np.arange(len(codes)) if groups is None else np.asarray(groups)
    generator = np.random.default_rng(seed)
    draw = circular_shifts if in_time else group_permutation
    drawn = np.stack([codes, *(codes[draw(each, generator)] for _ in range(n_permutations))])
    agreed = adjusted_mutual_information(counts_of(drawn, found - NOISE))
    how = "classes shifted in time" if in_time else "classes shuffled over groups"
    return ClusterAgreement(
        float(agreed[0]),
        permutation_null(float(agreed[0]), agreed[1:], how, "greater"),
        len(np.unique(found[found != NOISE])),
        float(np.mean(found == NOISE)),
        found,
    )


def find_clusters(
    scaled: NDArray[Any],
    method: str,
    n_clusters: int,
    min_cluster_size: int = 15,
    seed: int = 0,
) -> NDArray[np.int64]:
    """Cluster rows, whatever their classes.

    Parameters
    ----------
    scaled : ndarray (rows, units)
        Units of one spread.
    method : {"kmeans", "hdbscan"}
        The best of some starts of k-means, or HDBSCAN of Euclidean distances.
    n_clusters : int
        Of k-means.
    min_cluster_size : int
        Of HDBSCAN.
    seed : int

    Returns
    -------
    ndarray (rows,) of int
        Counted from 0; -1 for rows that HDBSCAN leaves out.

    Raises
    ------
    UsageError
        If there is no such method, or there are fewer rows than clusters or than one cluster needs.

    Examples
    --------
    >>> x = np.repeat([[0.0], [9.0]], 20, axis=0)
    >>> sorted(set(find_clusters(x, "kmeans", 2).tolist()))
    [0, 1]
    """
    from sklearn.cluster import HDBSCAN, KMeans

    if method not in METHODS:
        raise UsageError(f"Found method '{method}'; {nearest(method, METHODS)}")
    least = n_clusters if method == "kmeans" else min_cluster_size
    if len(scaled) < least:
        raise UsageError(
            f"Found {len(scaled)} rows; expected at least {least} for {method}: take more rows or "
            f"lower {'n_clusters' if method == 'kmeans' else 'min_cluster_size'}."
        )
    # Threads add up in whatever order they end.
    with threadpool_limits(1):
        if method == "kmeans":
            model: Any = KMeans(n_clusters, n_init=_STARTS, random_state=seed)
            found = model.fit_predict(scaled.astype(np.float64))
        elif len(scaled) <= _MOST_PAIRED:
            model = HDBSCAN(min_cluster_size=min_cluster_size, metric="precomputed", copy=True)
            found = model.fit_predict(pair_distances(scaled))
        else:
            found = HDBSCAN(min_cluster_size=min_cluster_size, copy=True).fit_predict(scaled)
    return np.asarray(found, dtype=np.int64)
