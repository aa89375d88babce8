"""The plugin: probes at every site of a recording, each beside its control."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from workbench.analysis.base import Analysis, Example, Findings, MapSites, chosen_sites
from workbench.analysis.companions import check_untrained
from workbench.analysis.parameters import check_whole
from workbench.analysis.spec import Spec
from workbench.errors import UsageError, nearest
from workbench.recording.recording import Recording

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import xarray as xr

    from probes.base import Probe
    from probes.rows import Sample
    from probes.site import SiteJob
    from workbench.analysis.measure import Measure

PROBES = ("linear", "mlp", "nearest neighbours", "mean difference", "sparse")
METHOD = (
    "A probe is fitted on some groups of rows (documents, texts, sessions or blocks of time) and "
    "scored on the others; no group is on both sides. Units are scaled and the penalty is chosen "
    "within the training rows. Beside every score stand always guessing the most frequent class "
    "(or the mean), the same predictions beside labels of other groups (the null), and the same "
    "probe on a control task: one fixed random label for every word type, which only memory of "
    "words can read, or labels of other groups where there are no words. Selectivity is the score "
    "less the control's. p-values are corrected over sites (Benjamini-Hochberg); intervals are "
    "2.5 to 97.5 percentiles over groups drawn with replacement, of fixed predictions. The "
    "untrained companion is probed with the same rows and split. Where rows are steps in time, a "
    "linear discriminant is trained at every time and tested at every other, trials held out, "
    "beside discriminants that learn labels of other trials; a trial is a stimulus with one label, "
    "else the time around a labelled row."
)


class Probing(Analysis):
    """What can be read from each site, beside what memory and chance read.

    Parameters
    ----------
    labels : str
        Column of the row table: classes, or numbers.
    probe : str
        ``linear``, ``mlp``, ``nearest neighbours``, ``mean difference`` or ``sparse`` (5 units).
    sites : str or list of str, optional
        Globs; all sites by default.
    groups : str
        Column whose rows stay on one side of a split; ``auto`` as `rows.draw_sample` says.
    control : str
        Column with the identity of the input; ``auto`` takes the token of a language, ``none``
        shuffles labels over groups.
    C : tuple of float
        Inverse penalties of the linear and sparse probe.
    n_rows : int
        Rows to take, about.
    min_per_class : int
        Classes with fewer rows are left out, and named.
    n_times : int
        Moments of a trial at which probes are trained, and tested at every other, where rows are
        steps in time (`moments.draw_moments`); 0 for none.
    n_folds : int
    n_permutations, n_bootstrap : int
    seed : int

    Examples
    --------
    >>> activity = np.repeat([[0.0, 0.0], [1.0, 2.0]], 30, axis=0)
    >>> activity += 0.1 * np.random.default_rng(0).standard_normal(activity.shape)
    >>> model = Probing().fit(activity, np.repeat(["noun", "verb"], 30))
    >>> model.result_.measures[0].beats_null
    True
    """

    spec = Spec(
        name="probes",
        title="Probes",
        question="What can be read from each site, beyond what memory and chance read?",
        reference=(
            "Alain and Bengio 2016, Understanding intermediate layers using linear classifier "
            "probes (arXiv 1610.01644); Hewitt and Liang 2019, Designing and interpreting probes "
            "with control tasks (arXiv 1909.03368), selectivity"
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
        probe: str = "linear",
        sites: str | Iterable[str] | None = None,
        groups: str = "auto",
        control: str = "auto",
        C: float | Iterable[float] = (1e-4, 1e-3, 1e-2, 1e-1, 1.0),
        n_rows: int = 5000,
        min_per_class: int = 20,
        n_times: int = 13,
        n_folds: int = 5,
        n_permutations: int = 200,
        n_bootstrap: int = 200,
        seed: int = 0,
    ) -> None:
        self.labels = labels
        self.probe = probe
        self.sites = sites
        self.groups = groups
        self.control = control
        self.C = C
        self.n_rows = n_rows
        self.min_per_class = min_per_class
        self.n_times = n_times
        self.n_folds = n_folds
        self.n_permutations = n_permutations
        self.n_bootstrap = n_bootstrap
        self.seed = seed

    def compute(
        self, recording: Recording, companions: Mapping[str, Recording], map_sites: MapSites
    ) -> Findings:
        """Probe every site; see `Analysis.compute`.

        Raises
        ------
        UsageError
            If labels, classes, groups, sites or parameters are not what the analysis needs.
        WorkbenchError
            If activity is not finite.
        """
        from probes.arrays import assemble
        from probes.measures import measures_of
        from probes.over_time import time_measures
        from probes.rows import draw_sample
        from probes.site import work_on_site

        self._check_parameters()
        sample = draw_sample(
            recording,
            self.labels,
            self.groups,
            self.control,
            self.n_rows,
            self.min_per_class,
            self.seed,
        )
        sites = chosen_sites(recording, self.sites)
        untrained = companions.get("untrained")
        if untrained is not None:
            check_untrained(recording, untrained, sites, self.labels)
        recordings = [recording] if untrained is None else [recording, untrained]
        jobs = [self._job(recordings, site, sample) for site in sites]
        found = dict(zip(sites, map_sites(work_on_site, jobs), strict=True))
        data = assemble(found, self._attributes(recording, sample))
        data = self._over_time(data, recording, sites, map_sites)
        return Findings(data, (*measures_of(data), *time_measures(data)))

    def _over_time(
        self, data: xr.Dataset, recording: Recording, sites: list[str], map_sites: MapSites
    ) -> xr.Dataset:
        """Add what can be read at each moment of a trial, where there are trials in time."""
        from probes.moments import draw_moments
        from probes.over_time import TimeJob, time_arrays, work_over_time
        from workbench.analysis.site_rows import SiteRows

        moments = draw_moments(
            recording, self.labels, self.groups, self.n_rows, self.n_times, self.seed
        )
        if moments is None:
            return data
        rows = np.unique(moments.rows)
        settings = (int(self.n_folds), int(self.n_permutations), int(self.n_bootstrap))
        jobs = [
            TimeJob(SiteRows.of(recording, site, rows), moments, *settings, int(self.seed))
            for site in sites
        ]
        found = dict(zip(sites, map_sites(work_over_time, jobs), strict=True))
        added = time_arrays(found, moments)
        return data.merge(added, combine_attrs="no_conflicts")

    @staticmethod
    def figures(data: xr.Dataset) -> dict[str, go.Figure]:
        """Figures of a result, by title; see `figures.figures`."""
        from probes.figures import figures

        return figures(data)

    @staticmethod
    def summarize(
        data: xr.Dataset,
        measures: tuple[Measure, ...],  # noqa: ARG004 - part of the contract
    ) -> str:
        """A few sentences on a result; see `summary.summarize`."""
        from probes.summary import summarize

        return summarize(data)

    @classmethod
    def example(cls, kind: Literal["planted", "noise"], seed: int) -> Example:
        """A small recording; see `example.make_example`."""
        from probes.example import make_example

        return make_example(kind, seed)

    def _check_parameters(self) -> None:
        if self.probe not in PROBES:
            raise UsageError(f"Found probe '{self.probe}'; {nearest(str(self.probe), PROBES)}")
        least = {"n_rows": 10, "min_per_class": 2, "n_times": 0, "n_folds": 2}
        check_whole(self, {**least, "n_permutations": 19, "n_bootstrap": 19})

    def _made(self) -> Probe:
        from probes.linear import LinearProbe
        from probes.means import MeanDifferenceProbe
        from probes.mlp import MLPProbe
        from probes.neighbours import NearestNeighbourProbe
        from probes.sparse import SparseProbe

        # The command line gives texts.
        given = (self.C,) if isinstance(self.C, int | float) else self.C
        strengths = tuple(float(each) for each in given)
        seed = int(self.seed)
        if self.probe == "linear":
            return LinearProbe(strengths, seed=seed)
        if self.probe == "sparse":
            return SparseProbe(5, C=strengths, seed=seed)
        others = {
            "mlp": MLPProbe(seed=seed),
            "nearest neighbours": NearestNeighbourProbe(),
            "mean difference": MeanDifferenceProbe("within"),
        }
        return others[self.probe]

    def _job(self, recordings: list[Recording], site: str, sample: Sample) -> SiteJob:
        from probes.site import SiteJob
        from workbench.analysis.site_rows import SiteRows

        return SiteJob(
            tuple(SiteRows.of(each, site, np.sort(sample.rows)) for each in recordings),
            sample,
            self._made(),
            int(self.n_folds),
            int(self.n_permutations),
            int(self.n_bootstrap),
            int(self.seed),
        )

    def _attributes(self, recording: Recording, sample: Sample) -> dict[str, Any]:
        control = (
            f"one random label for every {sample.word_kind}"
            if sample.words is not None and not sample.continuous
            else "labels of other groups"
        )
        return {
            "probe": self.probe,
            "label_column": self.labels,
            "kind": recording.kind,
            "group_kind": sample.group_kind,
            "control": control,
            "continuous": int(sample.continuous),
            "left_out": [f"{name} ({count} rows)" for name, count in sample.left_out.items()],
            "n_unlabelled": sample.n_unlabelled,
            "min_per_class": int(self.min_per_class),
            "n_folds": int(self.n_folds),
            "n_bootstrap": int(self.n_bootstrap),
        }
