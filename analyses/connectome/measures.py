"""Measures of a result, each beside its null."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.analysis.measure import Measure, Null

if TYPE_CHECKING:
    import xarray as xr

SHIFTED = "traces of every unit shifted in time"


def measures_of(data: xr.Dataset) -> tuple[Measure, ...]:
    """Excess and stimulus selectivity of every motif, held-out error of every site.

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
        measures.append(_held_out(at))
        for number in range(1, int(at["n_motifs"]) + 1):
            motif = at.sel(motif=number)
            measures.append(_excess(motif))
            if np.isfinite(float(motif["selectivity"])):
                measures.append(_selectivity(motif))
    return tuple(measures)


def _excess(motif: xr.Dataset) -> Measure:
    draws = motif["excess_null"].values
    method = f"largest excess of any motif, {SHIFTED}; p corrected over motifs and sites"
    return Measure(
        "motif excess",
        float(motif["excess"]),
        "1",
        motif.sizes["animal"] if motif.sizes["animal"] > 1 else motif.sizes["step"],
        (float(motif["excess_low"]), float(motif["excess_high"])),
        Null(
            method,
            float(draws.mean()),
            float(draws.std()),
            len(draws),
            float(motif["excess_p_corrected"]),
        ),
        bool(motif["excess_beats"]),
        where=_where(motif),
    )


def _held_out(at: xr.Dataset) -> Measure:
    draws = at["held_out_null"].values
    return Measure(
        "held-out error",
        float(at["held_out_error"]),
        "1",
        at.sizes["animal"] if at.sizes["animal"] > 1 else at.sizes["step"],
        None,
        Null(
            f"{SHIFTED}; p corrected over sites",
            float(draws.mean()),
            float(draws.std()),
            len(draws),
            float(at["held_out_p"]),
        ),
        bool(at["held_out_beats"]),
        where={"site": str(at["site"].values)},
        note="relative error of affinities left out of the factorisation; smaller is better",
    )


def _selectivity(motif: xr.Dataset) -> Measure:
    draws = motif["selectivity_null"].values
    return Measure(
        "stimulus selectivity",
        float(motif["selectivity"]),
        "standard deviations",
        motif.sizes["animal"] * motif.sizes["step"],
        None,
        Null(
            "stimuli shifted in time; p corrected over motifs and sites",
            float(draws.mean()),
            float(draws.std()),
            len(draws),
            float(motif["selectivity_p"]),
        ),
        bool(motif["selectivity_beats"]),
        where=_where(motif),
    )


def _where(motif: xr.Dataset) -> dict[str, str]:
    return {"site": str(motif["site"].values), "motif": str(int(motif["motif"].values))}
