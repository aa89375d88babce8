"""Clusters found without labels, beside classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.word_classes.standardize import check_finite, standardize
from workbench.analysis.measure import Null
from workbench.errors import UsageError, nearest
from workbench.statistics.permutation import circular_shifts, group_permutation, permutation_null

METHODS = ("kmeans", "hdbscan")
_NOISE = -1


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
    from sklearn.metrics import adjusted_mutual_info_score

    values, classes = np.asarray(activations), np.asarray(labels)
    if method not in METHODS:
        raise UsageError(f"Found method '{method}'; {nearest(method, METHODS)}")
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
    found = _clusters(scaled, method, n_clusters or len(names), min_cluster_size, seed)
    value = float(adjusted_mutual_info_score(codes, found))
    each = np.arange(len(codes)) if groups is None else np.asarray(groups)
    generator = np.random.default_rng(seed)
    draw = circular_shifts if in_time else group_permutation
    draws = [
        float(adjusted_mutual_info_score(codes[draw(each, generator)], found))
        for _ in range(n_permutations)
    ]
    how = "classes shifted in time" if in_time else "classes shuffled over groups"
    return ClusterAgreement(
        value,
        permutation_null(value, draws, how, "greater"),
        len(np.unique(found[found != _NOISE])),
        float(np.mean(found == _NOISE)),
        found,
    )


def _clusters(
    x: NDArray[Any], method: str, n_clusters: int, min_cluster_size: int, seed: int
) -> NDArray[np.int64]:
    from sklearn.cluster import HDBSCAN, KMeans

    if method == "kmeans":
        model: Any = KMeans(n_clusters, n_init=10, random_state=seed)
    else:
        model = HDBSCAN(min_cluster_size=min_cluster_size, copy=True)
    return np.asarray(model.fit_predict(x), dtype=np.int64)
