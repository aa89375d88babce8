"""From arrays to measures: every reported number beside its null."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from workbench.analysis.measure import Measure, Null
from workbench.statistics.correction import ALPHA

if TYPE_CHECKING:
    import xarray as xr

_NAMES = {"recorded": "gdv", "untrained": "gdv untrained"}
DIFFERENCE = "gdv minus untrained"


def measures_of(data: xr.Dataset, null_methods: dict[str, str]) -> tuple[Measure, ...]:
    """Measures of a result.

    Parameters
    ----------
    data : xarray.Dataset
        As `arrays.assemble` gives it.
    null_methods : dict of str to str
        By kind of label: how labels were shuffled.

    Returns
    -------
    tuple of Measure
    """
    measures = []
    for kind in data["label_kind"].values:
        for site in data["site"].values:
            at = data.sel(site=site, label_kind=kind)
            where = {"site": str(site), "label": str(kind)}
            measures += [
                _gdv(data, at.sel(state=state), where, null_methods[str(kind)])
                for state in data["state"].values
            ]
            if "difference" in data:
                measures.append(_difference(at, where, int(data.attrs["n_bootstrap"])))
    return tuple(measures)


def _gdv(data: xr.Dataset, at: xr.Dataset, where: dict[str, str], method: str) -> Measure:
    null = Null(
        method,
        float(at["null_mean"]),
        float(at["null_sd"]),
        int(at["null_draws"]),
        float(at["p_value"]),
    )
    interval = _interval(at["gdv_low"], at["gdv_high"])
    return Measure(
        _NAMES[str(at["state"].values)],
        float(at["gdv"]),
        "1",
        int(at["stimuli"]),
        interval,
        null,
        bool(at["beats_null"]),
        where=where,
        note="; ".join(_notes(data, at, interval is None)),
    )


def _notes(data: xr.Dataset, at: xr.Dataset, no_interval: bool) -> list[str]:
    share, bound = float(at["gdv_over_bound"]), float(data.attrs["bound"])
    notes = [f"{100 * share:.1f} % of the bound {bound:.3f}"]
    if int(at["dead_units"]):
        notes.append(f"{int(at['dead_units'])} units never vary")
    if no_interval:
        notes.append("too few stimuli for an interval")
    if data.sizes["site"] > ALPHA * (int(at["null_draws"]) + 1):
        notes.append(
            f"with {data.sizes['site']} sites a single one cannot pass the correction: raise "
            "n_permutations"
        )
    return notes


def _difference(at: xr.Dataset, where: dict[str, str], n_draws: int) -> Measure:
    value, n = float(at["difference"]), int(at["stimuli"])
    interval = _interval(at["difference_low"], at["difference_high"])
    if interval is None:
        reason = "too few stimuli to draw them anew"
        return Measure(DIFFERENCE, value, "1", n, why_no_null=reason, where=where)
    null = Null(
        "no difference: stimuli drawn anew, centred on zero",
        0.0,
        float(at["difference_sd"]),
        n_draws,
        float(at["difference_p_value"]),
    )
    beats = bool(at["difference_p_corrected"] <= ALPHA)
    return Measure(DIFFERENCE, value, "1", n, interval, null, beats, where=where)


def _interval(low: Any, high: Any) -> tuple[float, float] | None:
    pair = float(low), float(high)
    return pair if all(math.isfinite(end) for end in pair) else None
