"""From arrays to measures: every reported number beside its null."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analyses.brain_dynamics.site import MODULATION, SLOPE
from workbench.analysis.measure import Measure, Null
from workbench.statistics.correction import ALPHA

if TYPE_CHECKING:
    import xarray as xr

_FEW_BLOCKS = 6


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
    return tuple(
        _measure(data.isel(site=site, statistic=column), data)
        for site in range(data.sizes["site"])
        for column in range(data.sizes["statistic"])
        if np.isfinite(data["value"].values[site, column])
    )


def _measure(at: xr.Dataset, data: xr.Dataset) -> Measure:
    name = str(at["measure"].values)
    where = {"site": str(at["site"].values)}
    for key, coordinate in (("band", "of_band"), ("amplitude band", "of_amplitude_band")):
        if str(at[coordinate].values):
            where[key] = str(at[coordinate].values)
    n_draws = int(data.attrs["n_surrogates"])
    low, high = float(at["low"]), float(at["high"])
    null = Null(
        str(at["null"].values),
        float(at["null_mean"]),
        float(at["null_sd"]),
        n_draws,
        float(at["p_value"]),
    )
    return Measure(
        name,
        float(at["value"]),
        "1",
        int(data.attrs["n_blocks"]),
        (low, high) if np.isfinite([low, high]).all() else None,
        null,
        bool(at["beats_null"]),
        where=where,
        note="; ".join(_notes(name, at, data)),
    )


def _notes(name: str, at: xr.Dataset, data: xr.Dataset) -> list[str]:
    notes = []
    n_blocks = int(data.attrs["n_blocks"])
    if n_blocks < 2:
        notes.append("one block of time only: no interval")
    elif n_blocks < _FEW_BLOCKS:
        notes.append(f"interval from {n_blocks} blocks of time only")
    if name == MODULATION:
        notes.append("mean over units, amplitudes pooled over blocks")
    if name == SLOPE:
        notes.append("of the recorded units; those not recorded lower it")
    if bool(at["beats_null"]):
        return notes
    family = np.isfinite(data["value"].values) & (data["measure"].values == name)[None]
    two_sided = 1 if name not in data.attrs["one_sided"] else 0
    if family.sum() * (1 + two_sided) > ALPHA * (int(data.attrs["n_surrogates"]) + 1):
        notes.append(
            f"with {int(family.sum())} numbers of this kind a single one cannot pass the "
            "correction: raise n_surrogates"
        )
    return notes
