"""A recording's paths along time, one at each site, beside the same moments in random order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analyses.ndna.arrays import assemble
from analyses.ndna.comparisons import Compared, Comparison, difference, judge
from analyses.ndna.options import Options
from analyses.ndna.paths import N_BLOCKS, series_rows
from analyses.ndna.timelines import TimeFindings, TimeJob, work_on_time
from workbench.analysis.base import MapSites
from workbench.analysis.companions import check_untrained
from workbench.analysis.site_rows import SiteRows
from workbench.recording.recording import Recording

if TYPE_CHECKING:
    import xarray as xr

MOMENTS = "moments in random order within each series"


def time_arrays(
    options: Options,
    recording: Recording,
    untrained: Recording | None,
    chosen_sites: tuple[list[str], list[str]],
    map_sites: MapSites,
) -> xr.Dataset:
    """Labelled arrays of the paths along time.

    Parameters
    ----------
    options : Options
    recording : Recording
    untrained : Recording, optional
    chosen_sites : pair of list of str
        Those that are walked at, and those left out.
    map_sites : callable
        As of `Analysis.compute`.

    Returns
    -------
    xarray.Dataset
        As `arrays.assemble` gives it; nodes are blocks of relative time.

    Raises
    ------
    UsageError
        If there is no series of three moments.
    WorkbenchError
        If activity is not finite.
    """
    sites, left_out = chosen_sites
    chosen = series_rows(recording, options.max_rows)
    recordings = [recording] if untrained is None else [recording, untrained]
    for other in recordings[1:]:
        check_untrained(recording, other, sites)
    jobs = [
        TimeJob(
            tuple(SiteRows.of(each, site, chosen.rows) for each in recordings),
            chosen.groups,
            int(options.n_permutations),
            int(options.seed),
        )
        for site in sites
    ]
    found: list[TimeFindings] = map_sites(work_on_time, jobs)
    pairs = [_compared(site, each) for site, each in zip(sites, found, strict=True)]
    judged, _ = judge(pairs, options.n_bootstrap, options.seed)
    extra = [
        made[0]
        for site, each in zip(sites, found, strict=True)
        if len(recordings) > 1 and (made := _difference(site, each, options)) is not None
    ]
    channels = {
        name: np.stack([each.channels[name] for each in found], axis=1)
        for name in found[0].channels
    }
    attributes = {
        "axis": "time",
        "kind": recording.kind,
        "subject": recording.name,
        "lens": "none",
        "why_no_lens": "paths along time are of activity, not of probabilities",
        "vocabulary": "",
        "sites_left_out": left_out,
        "n_orders": 10**6,
        "n_rows": len(chosen.rows),
        "n_stimuli": len(np.unique(chosen.groups)),
        "n_masked": sum(each.n_masked for each in found),
    }
    blocks = [f"{100 * (n + 0.5) / N_BLOCKS:.0f} % of time" for n in range(N_BLOCKS)]
    return assemble(channels, sites, blocks, [*judged, *extra], attributes)


def _compared(site: str, found: TimeFindings) -> Comparison:
    turning = found.channels["residual_turning"][0]
    # Neighbouring moments depend on each other: blocks of time are drawn, not moments.
    return Comparison(
        "turning",
        site,
        "rad",
        float(found.turning[0]),
        turning.ravel(),
        np.arange(turning.size),
        found.null_turning,
        MOMENTS,
        "less",
    )


def _difference(
    site: str, found: TimeFindings, options: Options
) -> tuple[Compared, NDArray[np.float64]] | None:
    recorded, untrained = (each.ravel() for each in found.channels["residual_turning"][:2])
    pair, groups = (recorded, untrained), np.arange(recorded.size)
    name = "turning minus untrained"
    return difference(name, site, "rad", pair, groups, options.n_bootstrap, options.seed)
