"""From arrays to measures: every reported number beside its null."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analyses.ndna.arrays import compared_in
from analyses.ndna.comparisons import Compared
from workbench.analysis.measure import Measure, Null
from workbench.statistics.correction import ALPHA

if TYPE_CHECKING:
    import xarray as xr


def measures_of(data: xr.Dataset) -> tuple[Measure, ...]:
    """Measures of a result.

    Parameters
    ----------
    data : xarray.Dataset
        As `arrays.assemble` gives it.

    Returns
    -------
    tuple of Measure
    """
    return tuple(_measure(each, int(data.attrs["n_orders"])) for each in compared_in(data))


def _measure(each: Compared, n_orders: int) -> Measure:
    note = ""
    if "order" in each.method and "depth" in each.family and n_orders * ALPHA < 1:
        note = f"only {n_orders} orders of these nodes differ, too few to beat the null"
    if not np.isfinite(each.low):
        note = f"{note}; " * bool(note) + "no interval: fewer than five independent stimuli"
    return Measure(
        name=each.name,
        value=each.value,
        unit=each.unit,
        n=each.n,
        interval=(each.low, each.high) if np.isfinite(each.low) else None,
        null=Null(each.method, each.null_mean, each.null_sd, each.n_null, each.p_value),
        beats_null=bool(each.p_corrected <= ALPHA),
        where={"path": each.family},
        note=note,
    )
