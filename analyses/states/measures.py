"""From arrays to measures: every reported number beside its null."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.analysis.measure import Measure, Null
from workbench.statistics.correction import ALPHA

if TYPE_CHECKING:
    import xarray as xr

GAIN = "held-out gain over one state"
NUMBER = "number of states"
SIGNS = "signs shared between states"
SHIFTED = "every unit turned round in time, within every trial, by its own random time"
SHUFFLED = "each state's couplings shuffled over pairs of units"


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
        where = {"site": str(site)}
        found += [_gain(data, at, where), _number(at, where), _signs(at, where)]
    return tuple(found)


def _gain(data: xr.Dataset, at: xr.Dataset, where: dict[str, str]) -> Measure:
    draws = at["null"].values
    null = Null(SHIFTED, float(draws.mean()), float(draws.std()), len(draws), float(at["p_gain"]))
    notes = [f"{int(at['tested'])} states against one, {at['emission'].values} emission"]
    if data.attrs["cut"]:
        notes.append("trials are blocks of longer series, so neighbours are not independent")
    if data.sizes["site"] > ALPHA * (len(draws) + 1):
        notes.append(
            f"with {data.sizes['site']} sites a single one cannot pass the correction: raise "
            "n_surrogates"
        )
    return Measure(
        GAIN,
        float(at["gain"]),
        "nats per bin",
        int(at["n_trials"]),
        (float(at["gain_low"]), float(at["gain_high"])),
        null,
        bool(at["p_gain_corrected"] <= ALPHA and at["gain"] > 0),
        where=where,
        note="; ".join(notes),
    )


def _number(at: xr.Dataset, where: dict[str, str]) -> Measure:
    return Measure(
        NUMBER,
        float(at["chosen"]),
        "states",
        int(at["n_trials"]),
        why_no_null="chosen by held-out likelihood; the gain beside it is what is tested",
        where=where,
        note=f"smallest within one standard error of the best of {_listed(at)}",
    )


def _listed(at: xr.Dataset) -> str:
    return ", ".join(str(int(each)) for each in at["candidate"].values)


def _signs(at: xr.Dataset, where: dict[str, str]) -> Measure:
    null = Null(
        SHUFFLED,
        float(at["agreement_null_mean"]),
        float(at["agreement_null_sd"]),
        int(at.attrs["n_permutations"]),
        float(at["p_agreement"]),
    )
    return Measure(
        SIGNS,
        float(at["agreement"]),
        "cosine",
        int(at["n_trials"]),
        null=null,
        beats_null=bool(at["p_agreement_corrected"] <= ALPHA and at["agreement"] > 0),
        where=where,
        note="states are fitted to the same trials, and the one-hot prior ties their signs",
    )
