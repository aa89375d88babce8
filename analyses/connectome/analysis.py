"""The plugin: motifs of co-activity at every site of a recording."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from workbench.analysis.base import Analysis, Example, Findings, MapSites, chosen_sites
from workbench.analysis.parameters import check_choices, check_whole
from workbench.analysis.spec import Spec
from workbench.errors import UsageError, nearest
from workbench.recording.recording import Recording

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import xarray as xr

    from analyses.connectome.series import Series
    from analyses.connectome.site import SiteJob
    from workbench.analysis.measure import Measure

METHOD = (
    "Traces are smoothed and differentiated; every neuron's derivative is divided by its largest "
    "absolute value. The affinity of two neurons in a frame is, on the interval in which both "
    "signs stay the same, the overlap of their derivatives (sum of the smaller over sum of the "
    "larger) times the geometric mean of their sizes; three simpler kinds can be chosen. Affinity "
    "makes a tensor of time, animals (texts, trials) and pairs; non-negative factorisation gives "
    "motifs, each a network with a time course and a profile over animals. A missing neuron's "
    "pairs are masked, not filled in. The excess of a motif is the share of the tensor's norm "
    "along it, beyond what traces have there that were turned round in time, each by a random "
    "number of frames. The null repeats everything on such traces and takes the largest excess of "
    "any motif, "
    "so p-values are corrected over motifs; over sites they are corrected by Benjamini and "
    "Hochberg. Held-out error is that of affinities left out of the factorisation, in whole fibres "
    "through time (or, with one animal, in blocks of time). Groups of neurons are communities of "
    "the motif's graph. Where stimuli are known, the expression of a motif (mean affinity of its "
    "pairs) under each is compared with that under stimuli shifted in time."
)


class Connectome(Analysis):
    """Dynamic functional connectomes: when, where and among which units activity changes together.

    Parameters
    ----------
    sites : str or list of str, optional
        Globs; all sites by default.
    rank : int, optional
        Number of motifs; chosen by held-out error and agreement of restarts by default.
    kind : str
        Affinity: ``interval``, ``minabs``, ``minabs_same`` or ``geom``.
    signed : bool
        Whether changes in the same and in opposite directions make separate pairs.
    smoothing : float, optional
        Standard deviation of the Gaussian: seconds in recorded brains (0.75), steps elsewhere (3).
    floor : float
        Least scale of a unit, as a share of the median; see `affinity.affinity`.
    animal : str, optional
        Row column with the animal, session, text or trial; ``animal`` or ``stimulus`` by default.
    time : str, optional
        Row column with the time; ``time`` or, in language, ``position`` by default.
    stimuli : str, optional
        Row column with what was on at each step.
    n_steps : int, optional
        Steps of every series; by default those that keep most rows. Longer series are cut, shorter
        ones left out.
    epoch_steps : int, optional
        Cut every series into pieces of so many steps, which then count as animals.
    pool : str, optional
        Column of the unit table, such as ``head``: units that share it become one neuron, their
        root mean square.
    max_units : int
        Most variable units that are analysed at a site.
    method : str
        How groups are found: ``sbm``, ``leiden``, ``louvain`` or ``graph-tool``.
    n_null : int
        Sets of shifted traces.
    n_restarts : int
    seed : int

    Examples
    --------
    >>> from analyses.connectome.planted import planted
    >>> traces = planted(0, n_animals=1, n_frames=120, n_neurons=20, missing=0).traces[0]
    >>> model = Connectome(rank=2, n_null=1, n_restarts=1, method="louvain").fit(traces)
    >>> model.result_.data.sizes["motif"]
    2
    """

    spec = Spec(
        name="connectome",
        title="Dynamic connectome",
        question="Which units change together, when and in which animals, beyond chance?",
        reference=(
            "Dyballa, Lang, Haslund-Gourley, Yemini and Zucker 2024, Learning dynamic "
            "representations of the functional connectome in neurobiological networks (ICLR, "
            "arXiv 2402.14102); affinity, nulls and choice of rank are this project's"
        ),
        method=METHOD,
        needs=("order",),
        invariances=("translation", "scale", "row permutation"),
    )

    def __init__(
        self,
        sites: str | Iterable[str] | None = None,
        rank: int | None = None,
        kind: str = "interval",
        signed: bool = False,
        smoothing: float | None = None,
        floor: float = 0.05,
        animal: str | None = None,
        time: str | None = None,
        stimuli: str | None = None,
        n_steps: int | None = None,
        epoch_steps: int | None = None,
        pool: str | None = None,
        max_units: int = 40,
        method: str = "sbm",
        n_null: int = 19,
        n_restarts: int = 2,
        seed: int = 0,
    ) -> None:
        self.sites = sites
        self.rank = rank
        self.kind = kind
        self.signed = signed
        self.smoothing = smoothing
        self.floor = floor
        self.animal = animal
        self.time = time
        self.stimuli = stimuli
        self.n_steps = n_steps
        self.epoch_steps = epoch_steps
        self.pool = pool
        self.max_units = max_units
        self.method = method
        self.n_null = n_null
        self.n_restarts = n_restarts
        self.seed = seed

    def compute(
        self, recording: Recording, companions: Mapping[str, Recording], map_sites: MapSites
    ) -> Findings:
        """Find motifs at every site; see `Analysis.compute`.

        Raises
        ------
        UsageError
            If rows are not in time, or parameters or activity are not what the analysis needs.
        """
        from analyses.connectome.arrays import assemble
        from analyses.connectome.measures import measures_of
        from analyses.connectome.series import Columns, read_series
        from analyses.connectome.site import work_on_site

        self._check_parameters()
        sites = chosen_sites(recording, self.sites)
        columns = Columns(self.animal, self.time, self.stimuli, self.n_steps, self.epoch_steps)
        series = read_series(recording, columns)
        jobs = [self._job(recording, site, series) for site in sites]
        found = map_sites(work_on_site, jobs)
        tables = [recording.units(site) for site in sites]
        data = assemble(sites, found, series, tables, self._attributes(recording, series))
        return Findings(data, measures_of(data))

    @staticmethod
    def figures(data: xr.Dataset) -> dict[str, go.Figure]:
        """Figures of a result, by title; see `figures.figures`."""
        from analyses.connectome.figures import figures

        return figures(data)

    @staticmethod
    def pages(data: xr.Dataset) -> dict[str, list[str]]:
        """Motifs by site, those that beat their null first; see `figures_pages.pages`."""
        from analyses.connectome.figures_pages import pages

        return pages(data)

    @staticmethod
    def page(data: xr.Dataset, group: str, item: str) -> dict[str, go.Figure]:
        """The page of one motif; see `figures_pages.page`."""
        from analyses.connectome.figures_pages import page

        return page(data, group, item)

    @staticmethod
    def summarize(
        data: xr.Dataset,
        measures: tuple[Measure, ...],  # noqa: ARG004 - part of the contract
    ) -> str:
        """A few sentences on a result; see `summary.summarize`."""
        from analyses.connectome.summary import summarize

        return summarize(data)

    @classmethod
    def example(cls, kind: Literal["planted", "noise"], seed: int) -> Example:
        """A small recording; see `example.make_example`."""
        from analyses.connectome.example import make_example

        return make_example(kind, seed)

    def _check_parameters(self) -> None:
        from analyses.connectome.communities import METHODS
        from analyses.connectome.motifs import check_search

        check_search(self._search())
        check_whole(self, {"max_units": 3})
        check_choices(self, {"method": METHODS})

    def _search(self) -> Any:
        from analyses.connectome.motifs import Search

        return Search(
            self.kind,
            self.signed,
            self.rank,
            n_restarts=self.n_restarts,
            n_null=self.n_null,
            seed=self.seed,
        )

    def _job(self, recording: Recording, site: str, series: Series) -> SiteJob:
        from analyses.connectome.cohort import Preparation
        from analyses.connectome.site import SiteJob
        from workbench.analysis.site_rows import SiteRows

        names, pools = _neurons(recording, site, self.pool)
        # Time is in seconds in recorded brains only; elsewhere its unit is a step.
        rate = series.rate if recording.kind == "brain" else None
        return SiteJob(
            SiteRows.of(recording, site, series.rows.ravel()),
            (series.rows.shape[0], series.rows.shape[1]),
            tuple(series.animals),
            names,
            pools,
            series.labels,
            Preparation(rate, self.smoothing, self.floor),
            self._search(),
            int(self.max_units),
            self.method,
        )

    def _attributes(self, recording: Recording, series: Series) -> dict[str, Any]:
        return {
            "kind": recording.kind,
            "affinity": self.kind,
            "series_name": _series_name(recording, self.animal, self.epoch_steps),
            "time_unit": "s" if recording.kind == "brain" else "steps",
            "stimuli": self.stimuli or "",
            "series_notes": series.notes,
            "signed": bool(self.signed),
            "n_null": int(self.n_null),
        }


def _neurons(
    recording: Recording, site: str, pool: str | None
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Names of neurons, and the neuron of every unit."""
    units = recording.units(site)
    if pool is None:
        return unit_names(units), tuple(range(len(units)))
    if pool not in units:
        raise UsageError(
            f"Found no column '{pool}' in the unit table of site '{site}'; "
            f"{nearest(pool, units.columns)}"
        )
    kinds, codes = np.unique(units[pool].astype(str).to_numpy(dtype=str), return_inverse=True)
    order = np.argsort([int(kind) if kind.isdigit() else 0 for kind in kinds], kind="stable")
    place = np.argsort(order)
    names = tuple(f"{pool} {kinds[number]}" for number in order)
    return names, tuple(int(place[code]) for code in codes)


def unit_names(units: Any) -> tuple[str, ...]:
    """Names of units: the table's, where they are all there and differ, else ids or numbers."""
    for column in ("name", "id"):
        if column in units:
            names = ["" if value is None else str(value) for value in units[column].tolist()]
            given = all(name.strip() and name != "nan" for name in names)
            if given and len(set(names)) == len(names):
                return tuple(names)
    return tuple(str(number) for number in range(len(units)))


def _series_name(recording: Recording, animal: str | None, epoch_steps: int | None) -> str:
    if epoch_steps is not None:
        return "epoch"
    if animal is not None:
        return animal
    if "animal" in recording.rows:
        return "animal"
    return {"language": "text", "brain": "session"}.get(recording.kind, "trial")
