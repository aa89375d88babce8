"""The plugin: labels for the units of every site of a recording, tested, and able to abstain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from workbench.analysis.base import Analysis, Example, Findings, MapSites, chosen_sites
from workbench.analysis.parameters import check_whole
from workbench.analysis.spec import Spec
from workbench.errors import UsageError
from workbench.recording.recording import Recording

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import xarray as xr

    from analyses.neuron_labels.labelling import Settings, SiteJob
    from analyses.neuron_labels.types import Stimuli
    from workbench.analysis.measure import Measure

METHOD = (
    "Stimuli are divided in three by content. Exemplars, the strongest stimuli of a unit with "
    "masks of where it is active (MILAN), come from the first part; a describer proposes "
    "descriptions d of the set E with log p(d | E) and log p(d). They are sorted by log p(d | E) - "
    "weight log p(d), then by how well the activity that a simulator predicts from d correlates "
    "with the real one on the second part. What is reported is scored on the third, on rows drawn "
    "uniformly: Pearson's correlation, average precision, F1 and IoU of activity above its 95 % "
    "quantile, with cuts chosen on the second part. A unit must beat the labels of other units "
    "(and their runner-up descriptions) on itself, by rank or by a prediction interval (Student's "
    "t; corrected for the two tests), and its own label on shuffled stimuli (turned round in time "
    "where rows follow each other); beside few other labels, it must exceed their median by more "
    "than on shuffled stimuli (and, in time, by more than segments differ). One that does not, "
    "corrected over units (Benjamini-Hochberg), abstains. Means over units stand beside reassigned "
    "labels and the best constant label. CoSy's AUC and MAD do not fall when a label "
    "misses what a unit responds to, so they are secondary. Units of a dictionary, such as a "
    "sparse autoencoder's atoms, are labelled alike: give a recording whose sites are their codes, "
    "workbench.from_arrays({'atoms': codes}, recording.rows, stimuli=recording.stimuli, "
    "kind=recording.kind)."
)


class NeuronLabels(Analysis):
    """What units respond to, in words that predict their activity on held-out stimuli.

    Parameters
    ----------
    sites : str or list of str, optional
        Globs; all sites by default.
    backend : str
        Who proposes descriptions: ``grammar`` (images, in the language of rendered scenes),
        ``segments`` (label maps), ``tokens`` (texts), ``labels`` (of rows or steps in time),
        ``captioner:FOLDER``, ``clip:FOLDER``, ``huggingface:FOLDER``; ``auto`` is ``tokens`` for
        texts, ``grammar`` for images, else ``labels``.
    simulator : str
        Who predicts activity: ``scenes``, ``maps``, ``tokens``, ``labels`` or ``clip:FOLDER``;
        ``auto`` is what goes with the backend.
    images : str, optional
        Folder, ``.parquet`` or ``.npz`` file of the pictures that were recorded.
    words : list of str, optional
        What units can be called by ``clip``.
    k : int
        Exemplars a unit.
    quantile : float
        Of all activity of a unit; it is active where it exceeds that.
    weight : float
        Of the prior.
    simulate : bool
        Whether to re-rank by simulation; MILAN does not.
    compose : bool
        Whether to try ``A or B`` and ``A but not B``.
    n_candidates : int
        Descriptions a unit.
    n_units : int
        Units of a site, drawn at random if it has more.
    null : str
        What a label must beat: labels of other units (``permute-units``), itself on shuffled
        stimuli (``permute-stimuli``), or ``both``.
    n_permutations : int
    n_bootstrap : int
    level : float
        Share of false labels that is accepted.
    max_rows : int
        Rows of the second and third part, about; whole stimuli are drawn at random.
    seed : int

    Examples
    --------
    >>> NeuronLabels(sites="blocks.1.*", backend="tokens").get_params()["weight"]
    0.2
    """

    spec = Spec(
        name="neuron_labels",
        title="Neuron labels",
        question="What does each unit respond to, and does the description predict new activity?",
        reference=(
            "after Hernandez et al. 2022, MILAN (arXiv 2201.11114); simulation on uniform samples "
            "after Oikarinen et al. 2025 (arXiv 2506.05774); nulls and abstention are this "
            "project's"
        ),
        method=METHOD,
        companions={
            "stimuli": "images of the stimuli at a site 'images', label maps at others by concept"
        },
        invariances=("scale", "unit scale", "row permutation"),
    )

    def __init__(
        self,
        sites: str | Iterable[str] | None = None,
        backend: str = "auto",
        simulator: str = "auto",
        images: str | None = None,
        words: Iterable[str] | None = None,
        k: int = 15,
        quantile: float = 0.99,
        weight: float = 0.2,
        simulate: bool = True,
        compose: bool = False,
        n_candidates: int = 30,
        n_units: int = 64,
        null: str = "both",
        n_permutations: int = 499,
        n_bootstrap: int = 200,
        level: float = 0.05,
        max_rows: int = 10_000,
        seed: int = 0,
    ) -> None:
        self.sites = sites
        self.backend = backend
        self.simulator = simulator
        self.images = images
        self.words = words
        self.k = k
        self.quantile = quantile
        self.weight = weight
        self.simulate = simulate
        self.compose = compose
        self.n_candidates = n_candidates
        self.n_units = n_units
        self.null = null
        self.n_permutations = n_permutations
        self.n_bootstrap = n_bootstrap
        self.level = level
        self.max_rows = max_rows
        self.seed = seed

    def compute(
        self, recording: Recording, companions: Mapping[str, Recording], map_sites: MapSites
    ) -> Findings:
        """Label the units of every site; see `Analysis.compute`.

        Raises
        ------
        UsageError
            If sites or parameters are not what the analysis needs, or nothing varies.
        WorkbenchError
            If activity is not finite.
        """
        from analyses.neuron_labels.arrays import assemble
        from analyses.neuron_labels.labelling import label_site
        from analyses.neuron_labels.measures import measures_of
        from analyses.neuron_labels.shown import stimuli_for

        self._check_parameters()
        sites = self._usable_sites(recording)
        stimuli = stimuli_for(recording, companions.get("stimuli"), self.images)
        settings = self._settings()
        jobs = [self._job(recording, site, stimuli, settings) for site in sites]
        found = map_sites(label_site, jobs)
        attributes = {
            "kind": recording.kind,
            "level": float(self.level),
            "n_permutations": int(self.n_permutations),
        }
        data = assemble(found, recording, attributes)
        return Findings(data, measures_of(data))

    @staticmethod
    def figures(data: xr.Dataset) -> dict[str, go.Figure]:
        """Figures of a result, by title; see `figures.figures`."""
        from analyses.neuron_labels.figures import figures

        return figures(data)

    @staticmethod
    def summarize(data: xr.Dataset, measures: tuple[Measure, ...]) -> str:
        """A few sentences on a result; see `summary.summarize`."""
        from analyses.neuron_labels.summary import summarize

        return summarize(data, measures)

    @classmethod
    def example(cls, kind: Literal["planted", "noise"], seed: int) -> Example:
        """A small recording; see `example.make_example`."""
        from analyses.neuron_labels.example import make_example

        return make_example(kind, seed)

    @staticmethod
    def pages(data: xr.Dataset) -> dict[str, list[str]]:
        """What has a page of its own: units by site, labelled ones first, those abstained marked.

        Parameters
        ----------
        data : xarray.Dataset

        Returns
        -------
        dict of str to list of str
        """
        from analyses.neuron_labels.gallery import item_names

        return {str(site): item_names(data.sel(site=site)) for site in data["site"].values}

    @staticmethod
    def page(data: xr.Dataset, group: str, item: str) -> dict[str, go.Figure]:
        """The page of one unit: figures by title.

        Parameters
        ----------
        data : xarray.Dataset
        group : str
            Site.
        item : str
            Name of the unit, as `pages` gives it.

        Returns
        -------
        dict of str to plotly Figure
        """
        from analyses.neuron_labels.gallery import unit_page

        return unit_page(data, group, int(item.partition(":")[0].removeprefix("unit ")))

    def _check_parameters(self) -> None:
        least = {"k": 1, "n_candidates": 1, "n_units": 2, "n_permutations": 19, "n_bootstrap": 19}
        check_whole(self, {**least, "max_rows": 8})
        for name in ("quantile", "level"):
            if not 0 < getattr(self, name) < 1:
                raise UsageError(
                    f"Found {name}={getattr(self, name)}; expected a share between 0 and 1."
                )

    def _usable_sites(self, recording: Recording) -> list[str]:
        sites = chosen_sites(recording, self.sites)
        for site in sites:
            if recording[site].shape[1] < 2:
                raise UsageError(
                    f"Found one unit only at site '{site}'; expected at least two, as labels are "
                    "tested against those of other units: choose others with sites=."
                )
        return sites

    def _settings(self) -> Settings:
        from analyses.neuron_labels.labelling import Settings

        values: dict[str, Any] = {
            name: getattr(self, name) for name in Settings.__dataclass_fields__ if name != "words"
        }
        return Settings(**values, words=tuple(self.words or ()))

    @staticmethod
    def _job(
        recording: Recording, site: str, stimuli: Stimuli | None, settings: Settings
    ) -> SiteJob:
        from analyses.neuron_labels.labelling import SiteJob

        in_memory = recording.select(sites=site) if recording.path is None else None
        return SiteJob(site, recording.path, in_memory, stimuli, settings)
