"""Clusters at one site beside classes: part of the work that any executor can run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analyses.word_classes.agreement import (
    adjusted_mutual_information,
    counts_of,
    redrawn_agreement,
)
from analyses.word_classes.clusters import NOISE, find_clusters
from analyses.word_classes.rows import Sample
from analyses.word_classes.shuffling import shuffled_codes
from workbench.statistics.bootstrap import bootstrap_weights


@dataclass(frozen=True)
class ClusterJob:
    """How rows are clustered.

    Attributes
    ----------
    methods : tuple of str
        Of `clusters.METHODS`.
    samples : tuple of Sample
        One for each kind of label.
    min_cluster_size : int
        Of HDBSCAN.
    n_permutations, n_bootstrap, least_groups, seed : int
        There are no bootstrap draws of fewer groups than `least_groups`.
    """

    methods: tuple[str, ...]
    samples: tuple[Sample, ...]
    min_cluster_size: int
    n_permutations: int
    n_bootstrap: int
    least_groups: int
    seed: int


def agreements(job: ClusterJob, scaled: NDArray[Any], sample: Sample) -> dict[str, NDArray]:
    """Cluster rows by every method, and compare with their classes.

    Parameters
    ----------
    job : ClusterJob
    scaled : ndarray (sample, units)
        Units of one spread.
    sample : Sample

    Returns
    -------
    dict of str to ndarray
        ``agreement``, ``n_clusters`` and ``unclustered`` (methods,), ``agreement_shuffled``
        (methods, permutations), ``agreement_redrawn`` (methods, bootstraps).
    """
    drawn = np.stack([sample.codes, *shuffled_codes(sample, job.n_permutations, job.seed)])
    weights = _weights(job, sample)
    found = [_agreement(job, method, scaled, drawn, weights) for method in job.methods]
    return {
        "agreement": np.array([each["all"][0] for each in found]),
        "agreement_shuffled": np.array([each["all"][1:] for each in found]),
        "agreement_redrawn": np.array([each["redrawn"] for each in found]),
        "n_clusters": np.array([each["n"] for each in found], dtype=np.int64),
        "unclustered": np.array([each["unclustered"] for each in found]),
    }


def _agreement(
    job: ClusterJob, method: str, scaled: NDArray[Any], drawn: NDArray, weights: NDArray
) -> dict[str, Any]:
    n_classes, n_rows = int(drawn[0].max()) + 1, len(scaled)
    smallest = max(2, min(job.min_cluster_size, n_rows // 2))
    clusters = find_clusters(scaled, method, n_classes, smallest, job.seed)
    codes = np.broadcast_to(drawn[0], weights.shape)
    counts = counts_of(drawn, clusters - NOISE)
    redrawn = counts_of(codes, clusters - NOISE, weights) if len(weights) else weights
    return {
        "all": adjusted_mutual_information(counts),
        "redrawn": redrawn_agreement(counts[0], redrawn) if len(weights) else np.empty(0),
        "n": len(np.unique(clusters[clusters != NOISE])),
        "unclustered": float(np.mean(clusters == NOISE)),
    }


def _weights(job: ClusterJob, sample: Sample) -> NDArray[np.float64]:
    if len(np.unique(sample.groups)) < job.least_groups:
        return np.empty((0, len(sample.rows)))
    generator = np.random.default_rng([job.seed, 2])
    return bootstrap_weights(sample.groups, job.n_bootstrap, generator)
