"""The plugin: hidden states at every site of a recording."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from workbench.analysis.base import Analysis, Example, Findings, MapSites, chosen_sites
from workbench.analysis.parameters import check_choices, check_whole
from workbench.analysis.spec import Spec
from workbench.errors import UsageError, WorkbenchError
from workbench.recording.recording import Recording

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import xarray as xr

    from analyses.states.sequences import Sequences
    from analyses.states.site import SiteFindings, SiteJob
    from workbench.analysis.measure import Measure

METHOD = (
    "A hidden Markov model over time; in every state each unit is driven by the filtered past of "
    "all units through that state's own signed couplings (Poisson regression for counts, normal "
    "for other activity, which is scaled to mean 0 and standard deviation 1). Fitted by "
    "expectation-maximisation over all trials at once. Whether a coupling is inhibitory, absent "
    "or excitatory is a draw from a template that all states share (spike and slab). The number "
    "of states is the smallest whose held-out likelihood is within one standard error of the "
    "best, over folds of whole trials. The gain over one state is held out too; its null turns "
    "every unit round in time within every trial by a random time of its own: single units keep "
    "their rhythms, what they share is gone. p-values are corrected over sites "
    "(Benjamini-Hochberg). Signs shared between states are compared with couplings shuffled over "
    "pairs. Trials are stimuli or the column `trial`; a few long series are cut into blocks. Only "
    "the most variable units are analysed."
)
EMISSIONS = ("auto", "poisson", "gaussian")
_MODELS = ("onehot", "gaussian", "free")
_LINKS = ("auto", "softplus", "exp", "sigmoid")


class HiddenStates(Analysis):
    """Does a population switch between hidden states, each with its own signed network?

    Parameters
    ----------
    sites : str or list of str, optional
        Globs; all sites by default.
    candidates : tuple of int
        Numbers of states to try; one is always among them.
    model : {"onehot", "gaussian", "free"}
        Prior on couplings: one signed template for all states, a common mean, or none.
    emission : {"auto", "poisson", "gaussian"}
        ``auto`` takes counts for counts, anything else for normal.
    link : {"softplus", "exp", "sigmoid", "auto"}
        Of counts.
    bias : {"state", "shared"}
        Whether each state has its own bias.
    trials : str, optional
        Column of the row table that says which trial a row belongs to; ``trial`` or ``stimulus``
        by default.
    n_units : int
        Most variable units that are analysed.
    max_bins : int
        Steps in time, at most; whole trials or blocks are drawn.
    lags : int
        How many steps the past reaches.
    decay : float
        Of the kernel, per step.
    n_folds : int
    n_surrogates : int
        Draws of the null.
    restarts : int
        Of every fit.
    max_iterations : int
        Of every fit.
    n_shown : int
        Steps in time that figures show.
    seed : int

    Examples
    --------
    >>> spikes = np.random.default_rng(0).poisson(0.5, (400, 3))
    >>> model = HiddenStates(candidates=(1, 2), n_folds=2, n_surrogates=19, restarts=1,
    ...                      max_iterations=5).fit(spikes)
    >>> [measure.name for measure in model.result_.measures][1]
    'number of states'
    """

    spec = Spec(
        name="states",
        title="Hidden states",
        question="Does activity switch between hidden states, each with its own signed network?",
        reference=(
            "Li, Kim, Rodgers, Choi and Wu 2024, One-hot Generalized Linear Model for Switching "
            "Brain State Discovery (arXiv 2310.15263), section 3, with another prior and inference"
        ),
        method=METHOD,
        kinds=("language", "network", "brain"),
        needs=("order",),
        invariances=("unit permutation",),
    )

    def __init__(
        self,
        sites: str | Iterable[str] | None = None,
        candidates: Iterable[int] = (1, 2, 3, 4),
        model: str = "onehot",
        emission: str = "auto",
        link: str = "softplus",
        bias: str = "state",
        trials: str | None = None,
        n_units: int = 16,
        max_bins: int = 4000,
        lags: int = 5,
        decay: float = 1.0,
        n_folds: int = 3,
        n_surrogates: int = 19,
        restarts: int = 2,
        max_iterations: int = 40,
        n_shown: int = 600,
        seed: int = 0,
    ) -> None:
        self.sites = sites
        self.candidates = candidates
        self.model = model
        self.emission = emission
        self.link = link
        self.bias = bias
        self.trials = trials
        self.n_units = n_units
        self.max_bins = max_bins
        self.lags = lags
        self.decay = decay
        self.n_folds = n_folds
        self.n_surrogates = n_surrogates
        self.restarts = restarts
        self.max_iterations = max_iterations
        self.n_shown = n_shown
        self.seed = seed

    def compute(
        self,
        recording: Recording,
        companions: Mapping[str, Recording],
        map_sites: MapSites,
    ) -> Findings:
        """Fit and test states at every site; see `Analysis.compute`.

        Raises
        ------
        UsageError
            If sites, trials or parameters are not what the analysis needs.
        WorkbenchError
            If activity is not finite, or fewer than two units vary at every site.
        """
        from analyses.states.arrays import assemble
        from analyses.states.measures import measures_of
        from analyses.states.sequences import sequences_of
        from analyses.states.site import work_on_site

        candidates = self._checked()
        sites = _usable_sites(recording, self.sites)
        found_rows = sequences_of(recording, self.trials, self.max_bins, int(self.seed))
        jobs = [self._job(recording, site, found_rows, candidates) for site in sites]
        found = dict(zip(sites, map_sites(work_on_site, jobs), strict=True))
        good = {site: each for site, each in found.items() if not each.fault}
        if not good:
            raise WorkbenchError(
                f"Found fewer than two units that vary at all of {len(found)} sites; expected "
                "activity that varies in time: check how it was recorded."
            )
        units = {site: _unit_names(recording, site, each) for site, each in good.items()}
        data = assemble(good, units, _attributes(recording, found, found_rows), int(self.seed))
        return Findings(data, measures_of(data))

    @staticmethod
    def figures(data: xr.Dataset) -> dict[str, go.Figure]:
        """Figures of a result, by title; see `figures.figures`."""
        from analyses.states.figures import figures

        return figures(data)

    @staticmethod
    def summarize(
        data: xr.Dataset,
        measures: tuple[Measure, ...],  # noqa: ARG004 - part of the contract
    ) -> str:
        """A few sentences on a result; see `summary.summarize`."""
        from analyses.states.summary import summarize

        return summarize(data)

    @staticmethod
    def pages(data: xr.Dataset) -> dict[str, list[str]]:
        """A page a state, by site; see `figures_states.pages`."""
        from analyses.states.figures_states import pages

        return pages(data)

    @staticmethod
    def page(data: xr.Dataset, group: str, item: str) -> dict[str, go.Figure]:
        """The page of one state; see `figures_states.page`."""
        from analyses.states.figures_states import page

        return page(data, group, item)

    @classmethod
    def example(cls, kind: Literal["planted", "noise"], seed: int) -> Example:
        """A small recording; see `example.make_example`."""
        from analyses.states.example import make_example

        return make_example(kind, seed)

    def _checked(self) -> tuple[int, ...]:
        least = {"n_units": 2, "max_bins": 20, "lags": 1, "n_folds": 2, "n_surrogates": 19}
        check_whole(self, {**least, "restarts": 1, "max_iterations": 1, "n_shown": 1})
        known = {"emission": EMISSIONS, "model": _MODELS, "link": _LINKS, "bias": _BIASES}
        check_choices(self, known)
        return _numbers(self.candidates)

    def _job(
        self,
        recording: Recording,
        site: str,
        found_rows: Sequences,
        candidates: tuple[int, ...],
    ) -> SiteJob:
        from analyses.states.site import SiteJob
        from workbench.analysis.site_rows import SiteRows

        return SiteJob(
            source=SiteRows.of(recording, site, found_rows.rows),
            lengths=found_rows.lengths,
            steps=found_rows.steps,
            model=self.model,
            emission=self.emission,
            candidates=candidates,
            n_units=int(self.n_units),
            n_folds=int(self.n_folds),
            n_surrogates=int(self.n_surrogates),
            n_shown=int(self.n_shown),
            seed=int(self.seed),
            parameters={
                "link": self.link,
                "bias": self.bias,
                "lags": int(self.lags),
                "decay": float(self.decay),
                "restarts": int(self.restarts),
                "screening": max(3, int(self.max_iterations) // 4),
                "max_iterations": int(self.max_iterations),
                "tolerance": _TOLERANCE,
            },
        )


_BIASES = ("shared", "state")
_TOLERANCE = 1e-5


def _numbers(candidates: Any) -> tuple[int, ...]:
    given = candidates.split(",") if isinstance(candidates, str) else candidates
    try:
        numbers = sorted({1, *(int(each) for each in given)})
    except (TypeError, ValueError):
        numbers = []
    if len(numbers) < 2 or numbers[0] < 1:
        raise UsageError(
            f"Found candidates={candidates!r}; expected numbers of states, one of them at least 2."
        )
    # Two states are always tried: they are what is tested if one suffices.
    return tuple(sorted({1, 2, *numbers}))


def _usable_sites(recording: Recording, patterns: str | Iterable[str] | None) -> list[str]:
    sites = chosen_sites(recording, patterns)
    for site in sites:
        if np.prod(recording[site].shape[1:]) < 2:
            raise UsageError(
                f"Found one unit only at site '{site}'; expected at least two, for a network to "
                "exist between them: choose others with sites=."
            )
    return sites


def _unit_names(recording: Recording, site: str, found: SiteFindings) -> list[str]:
    table = recording.units(site)
    n_units = int(np.prod(recording[site].shape[1:]))
    names = [f"unit {unit}" for unit in range(n_units)]
    if "name" in table and len(table) == n_units:
        given = [str(name) for name in table["name"].fillna("")]
        names = [name or plain for name, plain in zip(given, names, strict=True)]
    return [names[unit] for unit in found.units]


def _attributes(
    recording: Recording, found: dict[str, SiteFindings], found_rows: Sequences
) -> dict[str, Any]:
    from analyses.states.site import N_PERMUTATIONS

    left = [
        f"{len(each.units)} of {n_units} at {site}"
        for site, each in found.items()
        if not each.fault and len(each.units) < (n_units := int(np.prod(recording[site].shape[1:])))
    ]
    more = f" and at {len(left) - 3} more sites" if len(left) > 3 else ""
    return {
        "kind": recording.kind,
        "cut": int(found_rows.cut),
        "n_rows_left_out": found_rows.n_left_out,
        "n_units_left_out": ", ".join(left[:3]) + more,
        "sites_left_out": ", ".join(site for site, each in found.items() if each.fault),
        "n_permutations": N_PERMUTATIONS,
    }
