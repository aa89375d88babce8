"""The plugin: rhythms, coupling and complexity at every site of a recording over time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from workbench.analysis.base import Analysis, Example, Findings, MapSites, chosen_sites
from workbench.analysis.spec import Spec
from workbench.errors import UsageError, WorkbenchError
from workbench.recording.recording import Recording

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import xarray as xr

    from analyses.brain_dynamics.site import SiteFindings, SiteJob
    from analyses.brain_dynamics.timing import Blocks, Pace
    from workbench.analysis.measure import Measure

METHOD = (
    "Rows are cut into blocks of time of equal length, none across two sessions, trials or texts; "
    "every number is a mean over blocks (and units or pairs of units). Power: the share of each "
    "band in the Welch spectrum, against samples shuffled in time, two-sided. Coupling between "
    "units: phase-locking value and weighted phase-lag index of analytic signals in each band "
    "(Butterworth, order 4, forth and back), against every unit shifted in time by its own random "
    "number of steps. Coupling within units: Tort's modulation index of each faster band's "
    "amplitude by each slower band's phase, against amplitudes shifted in time. Complexity: "
    "Lempel-Ziv (1976) of the signal split at its median (or of counts as they are), and "
    "permutation entropy, both normalised, against signals with randomised phases (counts: with "
    "the same values too), two-sided. Counts: slope of the activity of all units on that one step "
    "before, against shifted units. p-values are corrected over sites and bands within each kind "
    "of measure (Benjamini-Hochberg). Intervals are 2.5 to 97.5 percentiles over sessions (or "
    "blocks, where there are fewer than eight sessions) drawn with replacement; those of the "
    "modulation index are moved to its value, which fewer different blocks would raise. Phases of "
    "tokens or ticks are those of sequences without seconds: frequencies are cycles per step. "
    "Phase-randomised signals meet at their ends, recorded ones need not, so slow drifts may pass "
    "for structure; transients that stimuli evoke in all units at once count as coupling."
)


class BrainDynamics(Analysis):
    """Rhythms, phase coupling, cross-frequency coupling, complexity and branching over time.

    Parameters
    ----------
    sites : str or list of str, optional
        Globs; all sites by default.
    sampling_rate : float, optional
        Samples per second, where the recording does not say.
    bands : str or mapping, optional
        ``"alpha:8-13,beta:13-30"`` or ``{"alpha": (8, 13)}``, in the unit of the sampling rate. By
        default those of EEG where seconds are known and the rate is 60 Hz or more, octaves
        otherwise, with at least three cycles a block.
    block : int, optional
        Rows a block of time; by default as long as sessions allow, 32 to 1024.
    least_blocks, most_blocks : int
        Fewer long sessions are cut into parts; of more blocks some are taken, evenly spread.
    n_units : int
        Units a site, evenly spread over those that vary.
    n_bins : int
        Phase bins of the modulation index.
    order : int
        Samples a pattern of the permutation entropy.
    n_surrogates : int
        Surrogates for each null.
    n_bootstrap : int
        Draws of sessions or blocks for intervals.
    seed : int

    Examples
    --------
    >>> example = BrainDynamics.example("planted", 0)
    >>> model = BrainDynamics(**example.parameters).fit(example.recording)
    >>> found = {measure.name for measure in model.result_.measures if measure.beats_null}
    >>> "phase-locking value" in found and "modulation index" in found
    True
    """

    spec = Spec(
        name="brain_dynamics",
        title="Brain dynamics",
        question="Which rhythms, couplings and complexity over time exceed those of surrogates?",
        reference=(
            "The four families of DeeperBrain (arXiv 2601.06134), by standard estimators: Welch "
            "1967; Lachaux et al. 1999, equation 1 (PLV); Vinck et al. 2011, equation 8 (wPLI); "
            "Tort et al. 2010, equations 3-9 (MI); Lempel and Ziv 1976; Bandt and Pompe 2002; "
            "surrogates of Theiler et al. 1992"
        ),
        method=METHOD,
        kinds=("brain", "network", "language"),
        needs=("order",),
        invariances=("translation", "scale", "unit scale", "unit permutation", "row permutation"),
    )

    def __init__(
        self,
        sites: str | Iterable[str] | None = None,
        sampling_rate: float | None = None,
        bands: str | Mapping[str, tuple[float, float]] | None = None,
        block: int | None = None,
        least_blocks: int = 4,
        most_blocks: int = 24,
        n_units: int = 24,
        n_bins: int = 18,
        order: int = 3,
        n_surrogates: int = 99,
        n_bootstrap: int = 199,
        seed: int = 0,
    ) -> None:
        self.sites = sites
        self.sampling_rate = sampling_rate
        self.bands = bands
        self.block = block
        self.least_blocks = least_blocks
        self.most_blocks = most_blocks
        self.n_units = n_units
        self.n_bins = n_bins
        self.order = order
        self.n_surrogates = n_surrogates
        self.n_bootstrap = n_bootstrap
        self.seed = seed

    def compute(
        self, recording: Recording, companions: Mapping[str, Recording], map_sites: MapSites
    ) -> Findings:
        """Measure every site; see `Analysis.compute`.

        Raises
        ------
        UsageError
            If rows are no steps in time, sessions are too short, or parameters, sites or activity
            are not what the analysis needs.
        WorkbenchError
            If no two units vary at any site.
        """
        from analyses.brain_dynamics.arrays import assemble
        from analyses.brain_dynamics.bands import choose_bands
        from analyses.brain_dynamics.measures import measures_of
        from analyses.brain_dynamics.site import work_on_site
        from analyses.brain_dynamics.timing import cut_blocks, pace_of, sessions_of

        self._check_parameters()
        sites, single = _usable_sites(recording, self.sites)
        pace = pace_of(recording, self.sampling_rate)
        sessions = sessions_of(recording)
        blocks = cut_blocks(sessions, self.least_blocks, self.most_blocks, self.block)
        bands = choose_bands(self.bands, pace, blocks.rows.shape[1])
        jobs = [self._job(recording, site, blocks, pace, bands) for site in sites]
        every = dict(zip(sites, map_sites(work_on_site, jobs), strict=True))
        found = {site: each for site, each in every.items() if each.statistics}
        if not found:
            raise WorkbenchError(
                f"Found no two units that vary in time at any of {len(sites)} sites; expected at "
                "least two: check how activity was recorded."
            )
        names = {site: _unit_names(recording, site, each) for site, each in found.items()}
        attributes = {
            **self._attributes(pace, blocks),
            "kind": recording.kind,
            "n_sessions": len(sessions),
            "sites_left_out": single + [site for site in sites if site not in found],
        }
        data = assemble(found, bands, names, attributes)
        return Findings(data, measures_of(data))

    @staticmethod
    def figures(data: xr.Dataset) -> dict[str, go.Figure]:
        """Figures of a result, by title; see `figures.figures`."""
        from analyses.brain_dynamics.figures import figures

        return figures(data)

    @staticmethod
    def summarize(
        data: xr.Dataset,
        measures: tuple[Measure, ...],  # noqa: ARG004 - part of the contract
    ) -> str:
        """A few sentences on a result; see `summary.summarize`."""
        from analyses.brain_dynamics.summary import summarize

        return summarize(data)

    @classmethod
    def example(cls, kind: Literal["planted", "noise"], seed: int) -> Example:
        """A small recording; see `example.make_example`."""
        from analyses.brain_dynamics.example import make_example

        return make_example(kind, seed)

    def _check_parameters(self) -> None:
        from analyses.brain_dynamics.timing import LEAST_ROWS
        from workbench.analysis.parameters import whole

        least = {"least_blocks": 1, "most_blocks": 1, "n_units": 2, "n_bins": 2, "order": 2}
        for name, smallest in {**least, "n_surrogates": 19, "n_bootstrap": 19}.items():
            whole(getattr(self, name), name, smallest)
        if self.block is not None:
            whole(self.block, "block", LEAST_ROWS)

    def _job(
        self,
        recording: Recording,
        site: str,
        blocks: Blocks,
        pace: Pace,
        bands: dict[str, tuple[float, float]],
    ) -> SiteJob:
        from analyses.brain_dynamics.site import SiteJob
        from workbench.analysis.site_rows import SiteRows

        # Reading in rising order keeps the access to a disk sequential.
        rows = np.unique(blocks.rows)
        return SiteJob(
            source=SiteRows.of(recording, site, rows),
            blocks=np.searchsorted(rows, blocks.rows),
            session=blocks.session,
            rate=pace.rate,
            bands=bands,
            n_units=int(self.n_units),
            n_bins=int(self.n_bins),
            order=int(self.order),
            n_surrogates=int(self.n_surrogates),
            n_bootstrap=int(self.n_bootstrap),
            seed=int(self.seed),
        )

    def _attributes(self, pace: Pace, blocks: Blocks) -> dict[str, Any]:
        from analyses.brain_dynamics.site import ALTERNATIVES

        return {
            "sampling_rate": pace.rate,
            "frequency_unit": pace.unit,
            "step": pace.step,
            "n_blocks": len(blocks.rows),
            "block_rows": blocks.rows.shape[1],
            "rows_left_out": blocks.n_rows_left_out,
            "n_surrogates": int(self.n_surrogates),
            "order": int(self.order),
            "one_sided": sorted(ALTERNATIVES),
        }


def _usable_sites(
    recording: Recording, patterns: str | Iterable[str] | None
) -> tuple[list[str], list[str]]:
    """Sites of several units, and those of one, which has nobody to couple with."""
    sites = chosen_sites(recording, patterns)
    single = [site for site in sites if np.prod(recording[site].shape[1:]) < 2]
    usable = [site for site in sites if site not in single]
    if not usable:
        raise UsageError(
            f"Found one unit only at {len(single)} sites ('{single[0]}'); expected at least two, "
            "to couple with each other: choose others with sites=."
        )
    return usable, single


def _unit_names(recording: Recording, site: str, found: SiteFindings) -> list[str]:
    table = recording.units(site)
    if "name" in table and len(table) == found.n_all:
        return [str(table["name"].iloc[unit]) for unit in found.units]
    return [f"unit {unit}" for unit in found.units]
