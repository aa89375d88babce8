"""The plugin: word-class clustering at every site of a recording."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from analyses.word_classes.rows import (
    Pool,
    Sample,
    classed_pool,
    draw_samples,
)
from workbench.analysis.base import Analysis, Example, Findings, MapSites, chosen_sites
from workbench.analysis.companions import check_untrained
from workbench.analysis.parameters import check_choices, check_whole
from workbench.analysis.spec import Spec
from workbench.errors import UsageError, WorkbenchError, nearest
from workbench.recording.recording import Recording

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import xarray as xr

    from analyses.word_classes.arrays import Layout
    from analyses.word_classes.site import SiteFindings, SiteJob
    from analyses.word_classes.site_clusters import ClusterJob
    from workbench.analysis.measure import Measure

METHOD = (
    "Every unit is scaled to mean 0 and standard deviation 1/2 over the sampled rows. GDV is the "
    "mean Euclidean distance within classes minus the mean distance between classes, over the "
    "square root of the number of units: 0 if labels say nothing, -sqrt(L / (2 (L - 1))) if L "
    "classes collapse to equidistant points. Classes are balanced by sub-sampling, with the same "
    "rows at every site. The null shuffles labels over rows, or over stimuli where all rows of a "
    "stimulus share a label, with the same shuffles at every site; where rows are steps in time, "
    "it turns each session's or trial's labels round by a random time instead, because neighbours "
    "in time resemble each other whatever their labels. p-values are corrected over "
    "sites (Benjamini-Hochberg). Intervals are 2.5 to 97.5 percentiles over stimuli (or blocks of "
    "time) drawn with replacement; units stay scaled as in the sample. In language, each row has "
    "two labels, the class of its own word (the last one read) and that of the next word, "
    "compared on one pool of rows; a network that merely keeps its input clusters by the first. "
    "GDV depends on the basis of the units, so sites are compared in their own bases. Clusters are "
    "found in the same scaled rows without labels, by k-means (as many as there are classes) and "
    "HDBSCAN (rows that it leaves out count as one cluster), and compared with classes by adjusted "
    "mutual information: 0 for clusters that say nothing of classes, 1 for the same partition. "
    "Their null and intervals keep the clusters and draw labels, or stimuli, anew."
)
# Smallest values that parameters can have.
_LEAST = {
    "n_per_class": 2,
    "min_per_class": 2,
    "n_permutations": 19,
    "n_bootstrap": 19,
    "n_picture_rows": 4,
    "n_cluster_rows": 4,
    "min_cluster_size": 2,
}


class WordClasses(Analysis):
    """How strongly activity clusters by word class, or by any other label of rows.

    Parameters
    ----------
    labels : str
        Column of the row table that holds the classes, such as ``upos``.
    sites : str or list of str, optional
        Globs; all sites by default.
    n_per_class : int
        Rows a class; fewer where the smallest class is smaller.
    min_per_class : int
        Classes with fewer rows are left out, and named.
    dead_units : {"drop", "zero"}
        Whether units that never vary are left out, or count as dimensions without spread.
    n_permutations : int
        Shufflings of the labels for the null.
    n_bootstrap : int
        Draws of stimuli for intervals.
    embeddings : tuple of str
        Pictures to make, out of ``mds``, ``tsne``, ``umap``.
    n_picture_rows : int
        Rows in each picture, at most.
    clusters : tuple of str
        Ways to cluster rows without labels, out of ``kmeans``, ``hdbscan``; none: no clusters.
    n_cluster_rows : int
        Rows to cluster, at most; equally many of every class.
    min_cluster_size : int
        Rows of the smallest cluster that HDBSCAN finds; fewer where there are few rows.
    seed : int

    Examples
    --------
    >>> activity = np.repeat([[0.0, 0.0], [1.0, 2.0]], 30, axis=0)
    >>> activity += 0.1 * np.random.default_rng(0).standard_normal(activity.shape)
    >>> model = WordClasses(embeddings=()).fit(activity, np.repeat(["noun", "verb"], 30))
    >>> [measure.beats_null for measure in model.result_.measures]
    [True, True, True]
    """

    spec = Spec(
        name="word_classes",
        title="Word classes",
        question="How strongly does activity cluster by word class, beyond chance and input?",
        reference=(
            "Schilling et al. 2021, Quantifying the separability of data classes in neural "
            "networks (arXiv 1811.01753), GDV; Surendra et al. 2023, Word class representations "
            "spontaneously emerge in a deep neural network trained on next word prediction "
            "(arXiv 2302.07588), its use on word classes"
        ),
        method=METHOD,
        needs=("labels",),
        companions={
            "untrained": "the same stimuli recorded from the subject before training",
        },
        invariances=("translation", "scale", "unit scale", "unit permutation", "row permutation"),
    )

    def __init__(
        self,
        labels: str = "label",
        sites: str | Iterable[str] | None = None,
        n_per_class: int = 200,
        min_per_class: int = 20,
        dead_units: str = "drop",
        n_permutations: int = 200,
        n_bootstrap: int = 200,
        embeddings: Iterable[str] = ("mds", "tsne", "umap"),
        n_picture_rows: int = 400,
        clusters: Iterable[str] = ("kmeans", "hdbscan"),
        n_cluster_rows: int = 600,
        min_cluster_size: int = 15,
        seed: int = 0,
    ) -> None:
        self.labels = labels
        self.sites = sites
        self.n_per_class = n_per_class
        self.min_per_class = min_per_class
        self.dead_units = dead_units
        self.n_permutations = n_permutations
        self.n_bootstrap = n_bootstrap
        self.embeddings = embeddings
        self.n_picture_rows = n_picture_rows
        self.clusters = clusters
        self.n_cluster_rows = n_cluster_rows
        self.min_cluster_size = min_cluster_size
        self.seed = seed

    def compute(
        self, recording: Recording, companions: Mapping[str, Recording], map_sites: MapSites
    ) -> Findings:
        """Measure every site; see `Analysis.compute`.

        Raises
        ------
        UsageError
            If labels, classes, sites or parameters are not what the analysis needs.
        WorkbenchError
            If activity is not finite, or no unit varies at any site.
        """
        from analyses.word_classes.measures import measures_of

        self._check_parameters()
        sites = _usable_sites(recording, self.sites)
        untrained = companions.get("untrained")
        if untrained is not None:
            check_untrained(recording, untrained, sites, self.labels)
        pool, classes, left_out = classed_pool(recording, self.labels, self.min_per_class)
        samples = draw_samples(pool, classes, self.n_per_class, self.seed)
        pictured = self._pictured(pool, samples[-1])
        recordings = [recording] if untrained is None else [recording, untrained]
        clustering = self._clustering(samples)
        jobs = [self._job(recordings, site, samples, pictured, clustering) for site in sites]
        found = dict(zip(sites, _worked_on(map_sites, jobs), strict=True))
        layout = _layout(recording, found, classes, samples, self._methods(), pictured)
        attributes = {
            **self._attributes(pool, samples, left_out),
            **_origin(recording, self.labels),
            "kind": recording.kind,
            "sites_left_out": [site for site in sites if found[site].fault],
            "flattened": _flattened(recording, sites),
        }
        data = _assembled(layout, found, attributes, clustering)
        return Findings(data, measures_of(data, {s.kind: _null_method(s) for s in samples}))

    @staticmethod
    def figures(data: xr.Dataset) -> dict[str, go.Figure]:
        """Figures of a result, by title; see `figures.figures` and `figures_clusters`."""
        from analyses.word_classes.figures import figures
        from analyses.word_classes.figures_clusters import clusters_by_site

        drawn = figures(data)
        if "agreement" in data:
            drawn["Clusters against classes"] = clusters_by_site(data)
        return drawn

    @staticmethod
    def summarize(
        data: xr.Dataset,
        measures: tuple[Measure, ...],  # noqa: ARG004 - part of the contract
    ) -> str:
        """A few sentences on a result; see `summary.summarize`."""
        from analyses.word_classes.summary import summarize

        return summarize(data)

    @classmethod
    def example(cls, kind: Literal["planted", "noise"], seed: int) -> Example:
        """A small recording; see `example.make_example`."""
        from analyses.word_classes.example import make_example

        return make_example(kind, seed)

    def _methods(self) -> tuple[str, ...]:
        return _listed(self.embeddings)

    def _check_parameters(self) -> None:
        from analyses.word_classes.clusters import METHODS as CLUSTER_METHODS
        from analyses.word_classes.embeddings import METHODS
        from analyses.word_classes.standardize import DEAD_UNITS

        check_whole(self, _LEAST)
        check_choices(self, {"dead_units": DEAD_UNITS})
        for method in self._methods():
            if method not in METHODS:
                raise UsageError(f"Found embedding '{method}'; {nearest(method, METHODS)}")
        for method in _listed(self.clusters):
            if method not in CLUSTER_METHODS:
                raise UsageError(f"Found clusters='{method}'; {nearest(method, CLUSTER_METHODS)}")

    def _pictured(self, pool: Pool, sample: Sample) -> Pool:
        from workbench.statistics.balance import balanced_rows

        n_each = max(1, int(self.n_picture_rows) // len(np.unique(sample.codes)))
        rows = sample.rows[balanced_rows(sample.codes, n_each, self.seed)]
        place = {row: number for number, row in enumerate(pool.rows.tolist())}
        return pool.take(np.array([place[row] for row in rows.tolist()]))

    def _job(
        self,
        recordings: list[Recording],
        site: str,
        samples: list[Sample],
        pictured: Pool,
        clustering: ClusterJob,
    ) -> SiteJob:
        from analyses.word_classes.site import SiteJob
        from workbench.analysis.site_rows import SiteRows

        # Reading in rising order keeps the access to a disk sequential.
        rows = np.unique(np.concatenate([sample.rows for sample in samples]))
        return SiteJob(
            sources=tuple(SiteRows.of(each, site, rows) for each in recordings),
            samples=tuple(samples),
            picture_rows=pictured.rows,
            methods=self._methods(),
            dead_units=self.dead_units,
            n_permutations=int(self.n_permutations),
            n_bootstrap=int(self.n_bootstrap),
            seed=int(self.seed),
            clustering=clustering,
        )

    def _clustering(self, samples: list[Sample]) -> ClusterJob:
        from analyses.word_classes.site import LEAST_STIMULI
        from analyses.word_classes.site_clusters import ClusterJob
        from workbench.statistics.balance import balanced_rows

        n_each = max(2, int(self.n_cluster_rows) // len(np.unique(samples[0].codes)))
        return ClusterJob(
            methods=_listed(self.clusters),
            samples=tuple(s.take(balanced_rows(s.codes, n_each, int(self.seed))) for s in samples),
            min_cluster_size=int(self.min_cluster_size),
            n_permutations=int(self.n_permutations),
            n_bootstrap=int(self.n_bootstrap),
            least_groups=LEAST_STIMULI,
            seed=int(self.seed),
        )

    def _attributes(
        self, pool: Pool, samples: list[Sample], left_out: dict[str, int]
    ) -> dict[str, Any]:
        return {
            "labels": self.labels,
            "n_pool": len(pool),
            "n_per_class": int(np.bincount(samples[0].codes)[0]),
            "min_per_class": int(self.min_per_class),
            "classes_left_out": [f"{name} ({count} rows)" for name, count in left_out.items()],
            "n_unlabelled": pool.n_unlabelled,
            "n_without_next": pool.n_without_next,
            "n_bootstrap": int(self.n_bootstrap),
            "min_cluster_size": int(self.min_cluster_size),
            "null_labels": "shifted labels" if samples[0].timeline else "shuffled labels",
        }


def _listed(given: str | Iterable[str]) -> tuple[str, ...]:
    """Names as a command line or a recipe gives them; an empty text names none."""
    return tuple(filter(None, given.split(","))) if isinstance(given, str) else tuple(given)


def _usable_sites(recording: Recording, patterns: str | Iterable[str] | None) -> list[str]:
    sites = chosen_sites(recording, patterns)
    for site in sites:
        if np.prod(recording[site].shape[1:]) < 2:
            raise UsageError(
                f"Found one unit only at site '{site}'; expected at least two, for classes to form "
                "clusters in: choose others with sites=."
            )
    return sites


def _worked_on(map_sites: MapSites, jobs: list[SiteJob]) -> list[SiteFindings]:
    from analyses.word_classes.site import work_on_site

    return map_sites(work_on_site, jobs)


def _layout(
    recording: Recording,
    found: dict[str, SiteFindings],
    classes: list[str],
    samples: list[Sample],
    methods: tuple[str, ...],
    pictured: Pool,
) -> Layout:
    from analyses.word_classes.arrays import Layout

    sites = [site for site, each in found.items() if not each.fault]
    if not sites:
        raise WorkbenchError(
            f"Found no unit that varies over the sampled rows at any of {len(found)} sites; "
            "expected activity that depends on the stimuli: check how it was recorded."
        )
    return Layout(sites, classes, samples, methods, pictured, recording.rows)


def _assembled(
    layout: Layout,
    found: dict[str, SiteFindings],
    attributes: dict[str, Any],
    clustering: ClusterJob,
) -> xr.Dataset:
    from analyses.word_classes.arrays import assemble
    from analyses.word_classes.cluster_arrays import with_clusters

    findings = [found[site] for site in layout.sites]
    data = assemble(layout, findings, attributes)
    return with_clusters(data, findings, clustering) if clustering.methods else data


def _flattened(recording: Recording, sites: list[str]) -> list[str]:
    shapes = {site: recording[site].shape[1:] for site in sites}
    return [
        f"{site}: {' x '.join(str(size) for size in shape)} = {int(np.prod(shape))} units"
        for site, shape in shapes.items()
        if len(shape) > 1
    ]


def _origin(recording: Recording, column: str) -> dict[str, Any]:
    """What the recording says of its labels, for readers and for the measures."""
    from workbench.recording.label_origin import label_origin

    origin = label_origin(recording, column)
    if origin is None:
        return {}
    told: dict[str, Any] = {"labels_origin": origin.sentence(column)}
    if origin.accuracy is not None:
        told |= {"labels_accuracy": origin.accuracy, "labels_measured": origin.n}
    return told


def _null_method(sample: Sample) -> str:
    if sample.timeline is not None:
        return "labels shifted in time within each session or trial"
    return f"labels shuffled over {'stimuli' if sample.by_group else 'rows'}"
