"""From arrays to measures: every reported number beside its null."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from analyses.neuron_labels.scoring import AUC, F1, IOU, MAD, PEARSON, PRECISION
from workbench.analysis.measure import Measure, Null

if TYPE_CHECKING:
    import xarray as xr

NAMES = {
    PEARSON: "held-out correlation",
    PRECISION: "held-out average precision",
    F1: "held-out F1",
    IOU: "held-out IoU",
    AUC: "CoSy AUC",
    MAD: "CoSy MAD",
}
KEPT = "labelled share"
_UNITS = {MAD: "sd"}


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
    found = []
    for site in data["site"].values:
        at = data.sel(site=site)
        found += [_mean(data, at, name) for name in NAMES]
        found.append(_kept(at))
    return tuple(each for each in found if each is not None)


def _mean(data: xr.Dataset, at: xr.Dataset, name: str) -> Measure | None:
    row = {str(each): float(at["mean"].sel(metric=name, row=each)) for each in at["row"].values}
    if not (math.isfinite(row["labels"]) and math.isfinite(row["shuffled labels"])):
        return None
    known = math.isfinite(row["low"])
    null = Null(
        "labels reassigned to other units",
        row["shuffled labels"],
        row["sd"],
        int(data.attrs["n_permutations"]),
        row["p"],
    )
    notes = [f"the best constant label reaches {row['constant label']:.3f}"]
    if not bool(at["headline"].sel(metric=name)):
        notes.append("secondary: it does not fall when a label misses what the unit responds to")
    return Measure(
        NAMES[name],
        row["labels"],
        _UNITS.get(name, "1"),
        int(at["n_held_out"]),
        (row["low"], row["high"]) if known else None,
        null,
        bool(at["mean_p_corrected"].sel(metric=name) <= data.attrs["level"]),
        where={"site": str(at["site"].item())},
        note="; ".join(notes),
    )


def _kept(at: xr.Dataset) -> Measure:
    there = at["number"].values >= 0
    kept = there & ~at["abstains"].values
    return Measure(
        KEPT,
        float(kept.sum() / there.sum()),
        "1",
        int(there.sum()),
        why_no_null="every unit was tested against its own null, corrected over units",
        where={"site": str(at["site"].item())},
        note=f"{int(at['n_silent'])} units never vary" if int(at["n_silent"]) else "",
    )
