"""The written summary: whether atoms explain held-out rows better than what is not atoms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analyses.atoms.arrays import best_site
from analyses.atoms.columns import (
    ATOMS,
    FEW_NEURONS,
    GAUSSIAN,
    MEMORISER,
    RANDOM,
    REMEMBERED,
    WHITENED,
)
from analyses.atoms.comparing import strongest

if TYPE_CHECKING:
    import xarray as xr

_NAMES = {
    FEW_NEURONS: "neurons (as many active)",
    RANDOM: "random dictionaries",
    GAUSSIAN: "atoms of normal data of equal covariance",
    REMEMBERED: "training rows as atoms",
    WHITENED: "principal directions (as many active)",
}


def summarize(data: xr.Dataset) -> str:
    """Say whether atoms beat neurons, random dictionaries and noise on held-out rows.

    Parameters
    ----------
    data : xarray.Dataset
        As `arrays.assemble` gives it.

    Returns
    -------
    str
    """
    sentences = [
        _verdict(data),
        _at_best_site(data),
        _beside_training(data),
        _reproducible(data),
        _window(data),
        *_notes(data),
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def _verdict(data: xr.Dataset) -> str:
    beats = data["beats_null"].sel(statistic="held-out R2").values
    n_sites = len(beats)
    if beats.all():
        where = "at every site" if n_sites > 1 else "here"
        return (
            f"On held-out {data.attrs['unit']}, atoms explain more {where} than neurons, random "
            "dictionaries, principal directions, training rows as atoms and atoms of normal data "
            "of equal covariance, all at equal L0."
        )
    at = data.sel(statistic="held-out R2", site=data["site"].values[~beats])
    losses = {name: int(_lost_to(at, name)) for name in _NAMES}
    named = [f"{_NAMES[name]} at {n} of {n_sites}" for name, n in losses.items() if n]
    head = (
        f"Atoms beat every null on held-out {data.attrs['unit']} at {int(beats.sum())} of "
        f"{n_sites} sites only"
        if beats.any()
        else f"At none of {n_sites} sites does held-out R2 beat its strongest null"
        if n_sites > 1
        else "Held-out R2 does not beat its strongest null"
    )
    rest = f"; not better than {', '.join(named)}" if named else ""
    return f"{head}{rest}: that the dictionary is more than its nulls is not shown there."


def _lost_to(at: xr.Dataset, name: str) -> int:
    own, other = (at["value"].sel(dictionary=each).values for each in (ATOMS, name))
    return int(np.count_nonzero(own <= other))


def _at_best_site(data: xr.Dataset) -> str:
    site = best_site(data)
    at = data.sel(site=site, statistic="held-out R2")
    values = {name: float(at["value"].sel(dictionary=name)) for name in _NAMES}
    second = strongest(values, 1)
    low, high = float(at["low"]), float(at["high"])
    interval = f" (95 % interval {low:.3f} to {high:.3f})" if np.isfinite(low) else ""
    l0 = float(data["value"].sel(site=site, statistic="L0", dictionary=ATOMS))
    others = ", ".join(
        f"{_NAMES[name]} {values[name]:.3f}" for name in (RANDOM, GAUSSIAN, FEW_NEURONS)
    )
    return (
        f"At {site}, {int(data['n_atoms'].sel(site=site))} atoms with {l0:.1f} active a row "
        f"explain {float(at['value'].sel(dictionary=ATOMS)):.3f} of the held-out variance"
        f"{interval}; {others}; strongest null: {_NAMES.get(second, second)} "
        f"{values[second]:.3f} (p = {float(at['p_corrected']):.3g}, corrected over sites)."
    )


def _beside_training(data: xr.Dataset) -> str:
    site = best_site(data)
    at = data["value"].sel(site=site, dictionary=ATOMS)
    train, held_out = (float(at.sel(statistic=name)) for name in ("train R2", "held-out R2"))
    nearest = float(data["value"].sel(site=site, dictionary=MEMORISER, statistic="held-out R2"))
    more = ", more than the atoms do" if nearest > held_out else ""
    pairs = data["value"].sel(site=site, statistic="q* over pairs")
    single = float(at.sel(statistic="single-row share"))
    return (
        f"On training rows they explain {train:.3f}, {train - held_out:+.3f} beyond held-out; a "
        "memoriser, whose atoms are all training rows, explains all of those and "
        f"{nearest:.3f} of held-out ones by the nearest{more}. q* over pairs is "
        f"{float(pairs.sel(dictionary=ATOMS)):.3f}"
        f" ({float(pairs.sel(dictionary=RANDOM)):.3f} for random directions, "
        f"{float(pairs.sel(dictionary=WHITENED)):.3f} for any whitened basis), so it does not tell "
        f"atoms from what is none; {100 * single:.1f} % of the atoms fire on a single training row."
    )


def _reproducible(data: xr.Dataset) -> str:
    site = best_site(data)
    at = data["value"].sel(site=site, statistic="seed stability")
    value = float(at.sel(dictionary=ATOMS))
    if not np.isfinite(value):
        return "One seed was learned, so how far atoms are reproducible is not known."
    return (
        f"Over seeds, matched atoms have a mean cosine of {value:.3f}; random dictionaries "
        f"{float(at.sel(dictionary=RANDOM)):.3f}, atoms of normal data "
        f"{float(at.sel(dictionary=GAUSSIAN)):.3f}."
    )


def _window(data: xr.Dataset) -> str:
    whole = data["window"].sel(window_share=1.0, window_part="feasible").values
    met = int(np.nansum(whole))
    return (
        f"The theorem's window of thresholds is empty at {len(whole) - met} of {len(whole)} sites, "
        "so exact recovery is not guaranteed there."
        if met < len(whole)
        else "The theorem's window of thresholds is open at every site."
    )


def _notes(data: xr.Dataset) -> list[str]:
    pairs = zip(data["site"].values, data["note"].values, strict=True)
    notes = [f"At {site}: {note}." for site, note in pairs if str(note)]
    if data.attrs["sites_left_out"]:
        notes.append(
            "Left out, because no unit varies or no held-out row is new: "
            f"{', '.join(data.attrs['sites_left_out'])}."
        )
    return notes
