"""From arrays to measures: every reported number beside its null."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.arrays import CONTROL, TASK, UNTRAINED
from probes.scores import SHUFFLED
from workbench.analysis.measure import Measure, Null
from workbench.statistics.correction import ALPHA

if TYPE_CHECKING:
    import xarray as xr

_DRAWN = "no difference: groups drawn anew, centred on zero"


def measures_of(data: xr.Dataset) -> tuple[Measure, ...]:
    """Measures of a result: scores of the task, the control and the untrained subject by site.

    Parameters
    ----------
    data : xarray.Dataset
        As `arrays.assemble` gives it.

    Returns
    -------
    tuple of Measure
    """
    measures = []
    for site in data["site"].values:
        at = data.sel(site=site)
        for kind in data["labels"].values:
            measures.append(_score(data, at.sel(labels=kind), str(site), str(kind)))
        measures.append(_difference(data, at, "selectivity", "selectivity", str(site)))
        if "training" in data:
            measures.append(_difference(data, at, "training", "gain over untrained", str(site)))
    return tuple(measures)


def _score(data: xr.Dataset, at: xr.Dataset, site: str, kind: str) -> Measure:
    metric = str(data.attrs["metric"])
    names = {TASK: metric, CONTROL: f"{metric} of the control", UNTRAINED: f"{metric} untrained"}
    null = Null(
        SHUFFLED,
        float(at["null_mean"]),
        float(at["null_sd"]),
        int(at["null_draws"]),
        float(at["p"]),
    )
    note = f"{float(at['chance']):.3f} by always guessing the same; {int(at['n_units'])} units"
    if kind == CONTROL:
        note += f"; labels: {data.attrs['control']}"
    interval = float(at["low"]), float(at["high"])
    beats = bool(at["p_corrected"] <= ALPHA)
    where = {"site": site}
    n = int(data.attrs["n_groups"])
    return Measure(
        names[kind], float(at["score"]), "1", n, interval, null, beats, where=where, note=note
    )


def _difference(data: xr.Dataset, at: xr.Dataset, key: str, name: str, site: str) -> Measure:
    null = Null(
        _DRAWN,
        0.0,
        float(at[f"{key}_sd"]),
        int(data.attrs["n_bootstrap"]),
        float(at[f"{key}_p"]),
    )
    interval = float(at[f"{key}_low"]), float(at[f"{key}_high"])
    beats = bool(at[f"{key}_p_corrected"] <= ALPHA)
    value, n = float(at[key]), int(data.attrs["n_groups"])
    return Measure(name, value, "1", n, interval, null, beats, where={"site": site})
