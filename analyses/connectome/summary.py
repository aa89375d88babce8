"""The written summary: what a reader can act on, in a few sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analyses.connectome.pairs import square

if TYPE_CHECKING:
    import xarray as xr

_SHOWN_UNITS = 6


def summarize(data: xr.Dataset) -> str:
    """Say how many motifs beat shifted traces, who is in the strongest, and what was left out.

    Parameters
    ----------
    data : xarray.Dataset
        As `arrays.assemble` gives it.

    Returns
    -------
    str
    """
    sentences = []
    for site in data["site"].values:
        sentences += _site(data.sel(site=site), data.attrs)
    notes = [*data.attrs["series_notes"], *data.attrs["notes"]]
    if notes:
        sentences.append(f"Note: {'; '.join(str(note) for note in notes)}.")
    return " ".join(sentences)


def strongest_units(motif: xr.Dataset, n_units: int) -> list[str]:
    """Units with most weight in a motif, the first ones of a group that stands out.

    Parameters
    ----------
    motif : xarray.Dataset
        One site and motif.
    n_units : int

    Returns
    -------
    list of str
    """
    loadings = motif["pair_loading"].values
    strength = square(loadings[: n_units * (n_units - 1) // 2]).sum(axis=1)
    order = np.argsort(-strength, kind="stable")[:_SHOWN_UNITS]
    return [str(motif["unit_name"].values[place]) for place in order]


def _site(at: xr.Dataset, attributes: dict) -> list[str]:
    n_motifs, n_units = int(at["n_motifs"]), int(at["n_units"])
    beats = at["excess_beats"].values[:n_motifs]
    null = at["excess_null"].values
    head = f"At {at['site'].values}, {int(beats.sum())} of {n_motifs} motifs among {n_units} units"
    tail = (
        f"exceed those of traces shifted in time (excess {float(at['excess'][0]):.3f} at most; "
        f"shifted traces {null.mean():.3f} ± {null.std():.3f}, n = {len(null)})"
    )
    sentences = [f"{head} {tail}."]
    if beats.any():
        sentences.append(_strongest(at.isel(motif=0), n_units, attributes))
    else:
        sentences.append("What the motifs show is what independent units would show.")
    error, draws = float(at["held_out_error"]), at["held_out_null"].values
    verdict = "below" if bool(at["held_out_beats"]) else "not below"
    sentences.append(
        f"The error on affinities left out is {error:.3f}, {verdict} that of shifted traces "
        f"({draws.mean():.3f})."
    )
    return sentences


def _strongest(motif: xr.Dataset, n_units: int, attributes: dict) -> str:
    loadings = motif["animal_loading"].values
    carried = int((loadings > 0.5 * np.nanmax(loadings)).sum())
    units = ", ".join(strongest_units(motif, n_units))
    peak = float(motif["step"].values[int(np.nanargmax(motif["time_course"].values))])
    unit = attributes["time_unit"]
    said = (
        f"The first motif peaks at {peak:g} {unit}, is carried by {carried} of {len(loadings)} "
        f"{attributes['series_name']}s and weighs most on {units}"
    )
    if bool(motif["selectivity_beats"]):
        best = str(motif["stimulus"].values[int(np.nanargmax(motif["contrast"].values))])
        said += f"; it is expressed most under '{best}', beyond stimuli shifted in time"
    return f"{said}."
