"""The work at one site, as a function that any executor can run."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analyses.word_classes.distances import pair_distances
from analyses.word_classes.embeddings import embed
from analyses.word_classes.gdv import contrast
from analyses.word_classes.resampling import class_means, redrawn_gdv, shuffled_gdv
from analyses.word_classes.rows import Sample
from analyses.word_classes.shuffling import shuffled_codes
from analyses.word_classes.site_clusters import ClusterJob, agreements
from analyses.word_classes.standardize import (
    NoVaryingUnitError,
    Standardized,
    check_finite,
    standardize,
)
from workbench.analysis.site_rows import SiteRows
from workbench.statistics.bootstrap import bootstrap_weights

# An interval from fewer stimuli than these would promise more than it can hold.
LEAST_STIMULI = 5


@dataclass(frozen=True)
class SiteJob:
    """Everything that the work at one site needs.

    Attributes
    ----------
    sources : tuple of SiteRows
        The recording's and, if given, the companion's.
    samples : tuple of Sample
        One for each kind of label.
    picture_rows : ndarray (pictured,) of int
        Row numbers in the recording.
    methods : tuple of str
        Of `embeddings.METHODS`.
    dead_units : str
    n_permutations, n_bootstrap, seed : int
    clustering : ClusterJob
    """

    sources: tuple[SiteRows, ...]
    samples: tuple[Sample, ...]
    picture_rows: NDArray[np.int64]
    methods: tuple[str, ...]
    dead_units: str
    n_permutations: int
    n_bootstrap: int
    seed: int
    clustering: ClusterJob


@dataclass(frozen=True)
class SiteFindings:
    """What the work at one site gives.

    Attributes
    ----------
    means : ndarray (states, kinds, classes, classes)
        Mean distances between classes.
    gdv : ndarray (states, kinds)
    shuffled : ndarray (states, kinds, permutations)
    redrawn : ndarray (states, kinds, bootstraps)
        Without columns if there are too few stimuli.
    dead : ndarray (states, kinds) of int
        Units that never vary.
    agreement, n_clusters, unclustered : ndarray (states, kinds, cluster methods)
    agreement_shuffled : ndarray (states, kinds, cluster methods, permutations)
    agreement_redrawn : ndarray (states, kinds, cluster methods, bootstraps)
    pictures : ndarray (methods, pictured, 2)
    fault : str
        Why there is nothing; empty otherwise.
    """

    means: NDArray = field(default_factory=lambda: np.empty(0))
    gdv: NDArray = field(default_factory=lambda: np.empty(0))
    shuffled: NDArray = field(default_factory=lambda: np.empty(0))
    redrawn: NDArray = field(default_factory=lambda: np.empty(0))
    dead: NDArray = field(default_factory=lambda: np.empty(0))
    agreement: NDArray = field(default_factory=lambda: np.empty(0))
    n_clusters: NDArray = field(default_factory=lambda: np.empty(0))
    unclustered: NDArray = field(default_factory=lambda: np.empty(0))
    agreement_shuffled: NDArray = field(default_factory=lambda: np.empty(0))
    agreement_redrawn: NDArray = field(default_factory=lambda: np.empty(0))
    pictures: NDArray = field(default_factory=lambda: np.empty(0))
    fault: str = ""


def work_on_site(job: SiteJob) -> SiteFindings:
    """Measure one site: its GDV, nulls, bootstrap draws and pictures.

    Raises
    ------
    WorkbenchError
        If activity is not finite.
    """
    try:
        activity = [_Activity.read(source) for source in job.sources]
        cells = [
            [
                {**_cell(job, each, sample), **_clusters(job, each, part)}
                for sample, part in zip(job.samples, job.clustering.samples, strict=True)
            ]
            for each in activity
        ]
        pictures = _pictures(job, activity[0])
    except NoVaryingUnitError:
        return SiteFindings(fault="no unit varies")
    stacked: dict[str, Any] = {
        name: np.array([[cell[name] for cell in row] for row in cells]) for name in cells[0][0]
    }
    return SiteFindings(**stacked, pictures=pictures)


@dataclass(frozen=True)
class _Activity:
    """Rows of one source in memory, found by their number in the recording."""

    values: NDArray
    rows: NDArray[np.int64]

    @classmethod
    def read(cls, source: SiteRows) -> _Activity:
        read = source.read()
        values = read.reshape(len(read), -1)
        check_finite(values, f"site '{source.site}'", source.rows)
        return cls(values, source.rows)

    def scaled(self, rows: NDArray[np.int64], dead_units: str) -> Standardized:
        """Rows with units of one spread."""
        return standardize(self.values[np.searchsorted(self.rows, rows)], dead_units)

    def distances(
        self, rows: NDArray[np.int64], dead_units: str
    ) -> tuple[NDArray[np.float64], int]:
        """Distances in the units that GDV uses, and the number of dead units."""
        scaled = self.scaled(rows, dead_units)
        return pair_distances(scaled.values) / math.sqrt(scaled.n_units), scaled.n_dead


def _cell(job: SiteJob, activity: _Activity, sample: Sample) -> dict[str, NDArray | float | int]:
    distances, n_dead = activity.distances(sample.rows, job.dead_units)
    means = class_means(distances, sample.codes[None])[0]
    shuffled = shuffled_gdv(distances, shuffled_codes(sample, job.n_permutations, job.seed))
    return {
        "means": means,
        "gdv": float(contrast(means)),
        "shuffled": shuffled,
        "redrawn": _redrawn(job, distances, sample),
        "dead": n_dead,
    }


def _clusters(job: SiteJob, activity: _Activity, sample: Sample) -> dict[str, NDArray]:
    if not job.clustering.methods:
        return {}
    return agreements(job.clustering, activity.scaled(sample.rows, job.dead_units).values, sample)


def _redrawn(job: SiteJob, distances: NDArray[np.float64], sample: Sample) -> NDArray[np.float64]:
    if len(np.unique(sample.groups)) < LEAST_STIMULI:
        return np.empty(0)
    generator = np.random.default_rng([job.seed, 2])
    weights = bootstrap_weights(sample.groups, job.n_bootstrap, generator)
    return redrawn_gdv(distances, sample.codes, sample.groups, weights)


def _pictures(job: SiteJob, activity: _Activity) -> NDArray[np.float64]:
    if not job.methods:
        return np.empty((0, len(job.picture_rows), 2))
    distances, _ = activity.distances(job.picture_rows, job.dead_units)
    return np.stack([embed(distances, method, job.seed) for method in job.methods])
