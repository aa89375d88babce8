"""Decoding over time at one site, its arrays and its measures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from probes.moments import Moments
from probes.temporal import TemporalDecoding, decode_over_time
from workbench.analysis.measure import Measure, Null
from workbench.analysis.site_rows import SiteRows
from workbench.statistics.bootstrap import bootstrap_weights, percentile_interval
from workbench.statistics.correction import ALPHA, benjamini_hochberg
from workbench.statistics.permutation import permutation_null

if TYPE_CHECKING:
    import xarray as xr

SAME, OTHER = "time of training", "other times"
_SHUFFLED = "probes that learn labels of other trials"


@dataclass(frozen=True)
class TimeJob:
    """Everything that the work at one site needs.

    Attributes
    ----------
    source : SiteRows
        The rows of all trials and times, each once, in rising order.
    moments : Moments
    n_folds, n_permutations, n_bootstrap, seed : int
    """

    source: SiteRows
    moments: Moments
    n_folds: int
    n_permutations: int
    n_bootstrap: int
    seed: int


@dataclass(frozen=True)
class TimeScore:
    """Mean accuracy over the cells of a map: those on the diagonal, or all others."""

    value: float
    interval: tuple[float, float]
    null: Null


@dataclass(frozen=True)
class TimeFindings:
    """What the work at one site gives.

    Attributes
    ----------
    decoding : TemporalDecoding
    scores : dict of str to TimeScore
        ``time of training`` and ``other times``.
    """

    decoding: TemporalDecoding
    scores: dict[str, TimeScore]


def work_over_time(job: TimeJob) -> TimeFindings:
    """Decode one site over time.

    Raises
    ------
    UsageError
        If there are fewer groups than two folds need.
    WorkbenchError
        If activity is not finite.
    """
    moments, values = job.moments, job.source.read()
    places = np.searchsorted(job.source.rows, moments.rows)
    activity = np.moveaxis(values.reshape(len(values), -1)[places], 1, 2)
    decoding = decode_over_time(
        activity,
        moments.labels,
        moments.groups,
        times=moments.times,
        n_folds=job.n_folds,
        n_permutations=job.n_permutations,
        seed=job.seed,
    )
    generator = np.random.default_rng([job.seed, 29])
    weights = bootstrap_weights(decoding.groups, job.n_bootstrap, generator)
    same = np.eye(len(moments.times), dtype=bool)
    cells = {SAME: same, OTHER: ~same}
    return TimeFindings(
        decoding, {name: _score(decoding, which, weights) for name, which in cells.items()}
    )


def _score(
    decoding: TemporalDecoding, cells: NDArray[np.bool_], weights: NDArray[np.float64]
) -> TimeScore:
    hits = decoding.right[:, cells].mean(axis=1)
    value = float(hits.mean())
    drawn = weights @ hits / weights.sum(axis=1)
    null = permutation_null(value, decoding.null[:, cells].mean(axis=1), _SHUFFLED, "greater")
    return TimeScore(value, percentile_interval(drawn), null)


def time_arrays(found: Mapping[str, TimeFindings], moments: Moments) -> xr.Dataset:
    """Arrays of all sites.

    Parameters
    ----------
    found : mapping of str to TimeFindings
        By site.
    moments : Moments

    Returns
    -------
    xarray.Dataset
        ``time_accuracy``, ``time_null`` (its mean) and ``time_p_corrected`` (site, train_time,
        test_time); ``over_time``, its interval, null and p (site, tested_at).
    """
    import xarray as xr

    maps = [each.decoding for each in found.values()]
    scores = [[each.scores[name] for name in (SAME, OTHER)] for each in found.values()]
    axes, cells = ("site", "train_time", "test_time"), ("site", "tested_at")
    variables: dict[str, Any] = {
        "time_accuracy": (axes, np.stack([each.accuracy for each in maps])),
        "time_null": (axes, np.stack([each.null.mean(axis=0) for each in maps])),
        "time_p_corrected": (axes, np.stack([each.p_corrected for each in maps])),
    }
    for name, value in _VALUES.items():
        variables[name] = (cells, np.array([[value(each) for each in row] for row in scores]))
    corrected = [benjamini_hochberg(column) for column in variables["over_time_p"][1].T]
    variables["over_time_p_corrected"] = (cells, np.stack(corrected, axis=1))
    coordinates = {
        "site": list(found),
        "train_time": moments.times,
        "test_time": moments.times,
        "tested_at": [SAME, OTHER],
    }
    about = {"time_kind": moments.kind, "n_trials": len(moments.labels)}
    sizes = {"n_trial_groups": len(np.unique(moments.groups))}
    return xr.Dataset(variables, coordinates, {**about, **sizes})


_VALUES = {
    "over_time": lambda s: s.value,
    "over_time_low": lambda s: s.interval[0],
    "over_time_high": lambda s: s.interval[1],
    "over_time_null_mean": lambda s: s.null.mean,
    "over_time_null_sd": lambda s: s.null.sd,
    "over_time_null_draws": lambda s: s.null.n,
    "over_time_p": lambda s: s.null.p_value,
}


def time_measures(data: xr.Dataset) -> tuple[Measure, ...]:
    """Measures of decoding over time by site; none where a result has no times.

    Parameters
    ----------
    data : xarray.Dataset

    Returns
    -------
    tuple of Measure
    """
    if "time_accuracy" not in data:
        return ()
    return tuple(
        _measure(data.sel(site=site, tested_at=name), str(site), str(name))
        for site in data["site"].values
        for name in data["tested_at"].values
    )


def _measure(at: xr.Dataset, site: str, tested: str) -> Measure:
    null = Null(
        _SHUFFLED,
        float(at["over_time_null_mean"]),
        float(at["over_time_null_sd"]),
        int(at["over_time_null_draws"]),
        float(at["over_time_p"]),
    )
    return Measure(
        f"accuracy over time, tested at {'the ' if tested == SAME else ''}{tested}",
        float(at["over_time"]),
        "1",
        int(at.attrs["n_trial_groups"]),
        (float(at["over_time_low"]), float(at["over_time_high"])),
        null,
        bool(at["over_time_p_corrected"] <= ALPHA),
        where={"site": site},
        note=f"mean over {at.sizes['train_time']} times of {at.attrs['n_trials']} trials",
    )
