"""From arrays to measures: every reported number beside its null."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from analyses.atoms.columns import (
    ATOMS,
    DEAD,
    HELD_OUT,
    LARGEST,
    MEMORISER,
    PAIRS,
    PER_ATOM,
    RMS,
    SINGLE,
    STATISTICS,
    TRAIN,
    WELCH,
    WHITENED,
    Statistic,
)
from workbench.analysis.measure import Measure, Null

if TYPE_CHECKING:
    import xarray as xr

WINDOW = "threshold window"
_OF_ATOMS = (PER_ATOM, LARGEST, RMS, WELCH, DEAD, SINGLE)


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
    measures = []
    for site in data["site"].values:
        at = data.sel(site=site)
        found = [_measure(data, at, statistic) for statistic in STATISTICS]
        measures += [each for each in found if each is not None]
        measures += _window(at)
    return tuple(measures)


def _measure(data: xr.Dataset, at: xr.Dataset, statistic: Statistic) -> Measure | None:
    cell = at.sel(statistic=statistic.name)
    value = float(cell["value"].sel(dictionary=ATOMS))
    if not math.isfinite(value):
        return None
    p_value = float(cell["p_value"])
    null, why = None, statistic.why_no_null
    if math.isfinite(p_value):
        null = Null(
            f"strongest of {len(statistic.nulls)}: {cell['null_name'].item()}"
            if len(statistic.nulls) > 1
            else str(cell["null_name"].item()),
            float(cell["null_mean"]),
            float(cell["null_sd"]),
            int(cell["null_n"]),
            p_value,
        )
    low, high = float(cell["low"]), float(cell["high"])
    return Measure(
        statistic.name,
        value,
        statistic.unit,
        _n(data, at, statistic),
        (low, high) if math.isfinite(low) else None,
        null,
        bool(cell["beats_null"]) if null else None,
        "" if null else why or "no null was computed",
        {"site": str(at["site"].item())},
        "; ".join(_notes(at, statistic)),
    )


def _n(data: xr.Dataset, at: xr.Dataset, statistic: Statistic) -> int:
    if statistic == TRAIN:
        return int(data.attrs["n_train_groups"])
    if statistic in _OF_ATOMS:
        return int(at["n_atoms"])
    if statistic.name == "seed stability":
        return int(data.attrs["n_seeds"])
    return int(data.attrs["n_held_out_groups"])


def _notes(at: xr.Dataset, statistic: Statistic) -> list[str]:
    notes = []
    if statistic == HELD_OUT:
        train = float(at["value"].sel(statistic=TRAIN.name, dictionary=ATOMS))
        nearest = float(at["value"].sel(statistic=HELD_OUT.name, dictionary=MEMORISER))
        notes = [
            f"training R2 {train:.4f}",
            f"the nearest training row explains {nearest:.4f}",
            str(at["note"].item()),
        ]
    if statistic == TRAIN:
        notes = ["says nothing about new rows"]
    if statistic in (PAIRS, PER_ATOM):
        known = at["value"].sel(statistic=statistic.name)
        notes = [
            f"a memoriser reaches {float(known.sel(dictionary=MEMORISER)):.3f}, the whitened basis "
            f"{float(known.sel(dictionary=WHITENED)):.3f}"
        ]
    if statistic in (LARGEST, RMS):
        bound = float(at["value"].sel(statistic=WELCH.name, dictionary=ATOMS))
        notes = [f"Welch bound {bound:.4f}"]
    return [note for note in notes if note]


def _window(at: xr.Dataset) -> list[Measure]:
    found = []
    for share in at["window_share"].values:
        part = {
            str(name): float(at["window"].sel(window_share=share, window_part=name))
            for name in at["window_part"].values
        }
        if not math.isfinite(part["low"]):
            continue
        feasible = "feasible" if part["feasible"] else "empty: the theorem does not apply"
        found.append(
            Measure(
                f"{WINDOW}, {share:.0%} of pairs, rows and codes",
                part["high"] - part["low"],
                "unit of the codes",
                int(at["n_train"]),
                why_no_null="a condition of a theorem, met or not",
                where={"site": str(at["site"].item())},
                note=f"{feasible}; coherence {part['epsilon']:.3f}, K {part['K']:.0f}, codes "
                f"{part['delta_min']:.3g} to {part['delta_max']:.3g}",
            )
        )
    return found
