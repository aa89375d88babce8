"""Agreement of clusters with classes as labelled arrays: intervals, nulls, corrected p-values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analyses.word_classes.arrays import CELL, interval_of, null_of, over_cells, texts
from analyses.word_classes.site import SiteFindings
from analyses.word_classes.site_clusters import ClusterJob
from workbench.statistics.correction import ALPHA, benjamini_hochberg
from workbench.statistics.permutation import permutation_p

if TYPE_CHECKING:
    import xarray as xr

_DIMS = ("cluster_method", *CELL)


def with_clusters(
    data: xr.Dataset, findings: Sequence[SiteFindings], job: ClusterJob
) -> xr.Dataset:
    """The same result with the agreement of clusters and classes.

    Parameters
    ----------
    data : xarray.Dataset
        As `arrays.assemble` gives it.
    findings : sequence of SiteFindings
        In the order of its sites.
    job : ClusterJob

    Returns
    -------
    xarray.Dataset
        Variables ``agreement`` and its interval, null and p-values, ``n_clusters``,
        ``unclustered`` (cluster method, state, site, label kind), and ``clustered_stimuli``.
    """
    parts = [_of_method(findings, number) for number in range(len(job.methods))]
    variables: dict[str, Any] = {
        name: (_DIMS, np.stack([part[name] for part in parts])) for name in parts[0]
    }
    variables["clustered_stimuli"] = (
        "label_kind",
        [len(np.unique(sample.groups)) for sample in job.samples],
    )
    found = data.assign(variables).assign_coords(cluster_method=texts(job.methods))
    return found.assign_attrs(n_clustered=len(job.samples[0].rows))


def _of_method(findings: Sequence[SiteFindings], number: int) -> dict[str, NDArray]:
    def stacked(name: str) -> NDArray:
        return np.stack([getattr(each, name)[:, :, number] for each in findings], axis=1)

    values, shuffled = stacked("agreement"), stacked("agreement_shuffled")
    low, high = np.moveaxis(over_cells(interval_of, stacked("agreement_redrawn")), -1, 0)
    mean, sd, null_low, null_high, draws = np.moveaxis(over_cells(null_of, shuffled), -1, 0)
    p_values = over_cells(_p_greater, values, shuffled)
    corrected = np.apply_along_axis(benjamini_hochberg, 1, p_values)
    return {
        "agreement": values,
        "agreement_low": low,
        "agreement_high": high,
        "agreement_null_mean": mean,
        "agreement_null_sd": sd,
        "agreement_null_low": null_low,
        "agreement_null_high": null_high,
        "agreement_null_draws": draws,
        "agreement_p_value": p_values,
        "agreement_p_corrected": corrected,
        "agreement_beats_null": corrected <= ALPHA,
        "n_clusters": stacked("n_clusters"),
        "unclustered": stacked("unclustered"),
    }


def _p_greater(value: float, draws: NDArray) -> float:
    return permutation_p(float(value), draws, "greater")
