"""The written summary: what a reader can act on, in a few sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analyses.brain_dynamics.site import ENTROPY, LAG, LOCKING, MODULATION, POWER, SLOPE, WORDS

if TYPE_CHECKING:
    import xarray as xr


def summarize(data: xr.Dataset) -> str:
    """Say what exceeds surrogates and by how much, and what was left out.

    Parameters
    ----------
    data : xarray.Dataset
        As `arrays.assemble` gives it.

    Returns
    -------
    str
    """
    facts = data.attrs
    head = (
        f"In {facts['n_blocks']} blocks of {facts['block_rows']} {facts['step']}s"
        f" ({facts['sampling_rate']:.4g} {facts['frequency_unit']} sampling)"
        if facts["frequency_unit"] == "Hz"
        else f"In {facts['n_blocks']} blocks of {facts['block_rows']} {facts['step']}s"
    )
    kinds = (POWER, LOCKING, LAG, MODULATION, WORDS, ENTROPY, SLOPE)
    sentences = [_of_kind(data, kind) for kind in kinds if (data["measure"].values == kind).any()]
    return " ".join([f"{head}:", *sentences, *_confounds(data), *_left_out(data)])


def _of_kind(data: xr.Dataset, kind: str) -> str:
    columns = data["measure"].values == kind
    values = data["value"].values[:, columns]
    tested = np.isfinite(values)
    beats = data["beats_null"].values[:, columns] & tested
    spread = data["null_sd"].values[:, columns]
    distance = (values - data["null_mean"].values[:, columns]) / np.where(spread > 0, spread, 1.0)
    if kind in data.attrs["one_sided"]:
        size = np.where(tested, distance, -np.inf)
    else:
        size = np.where(tested, np.abs(distance), -np.inf)
    # The strongest of those that pass, if any does.
    size = np.where(beats, size, size - 1e9) if beats.any() else size
    row, column = np.unravel_index(int(np.argmax(size)), size.shape)
    at = data.isel(site=row, statistic=int(np.flatnonzero(columns)[column]))
    name = kind[0].upper() + kind[1:]
    verb = "exceed" if kind in data.attrs["one_sided"] else "leave"
    verdict = (
        f"{verb}s the range of its surrogates in {int(beats.sum())} of {int(tested.sum())} cases, "
        "most in"
        if beats.any()
        else f"does not {verb} the range of its surrogates; nearest is"
    )
    return (
        f"{name} {verdict} {_place(at)} ({float(at['value']):.3f} against "
        f"{float(at['null_mean']):.3f} ± {float(at['null_sd']):.3f})."
    )


def _place(at: xr.Dataset) -> str:
    bands = [str(at[name].values) for name in ("of_band", "of_amplitude_band")]
    bands = [band for band in bands if band]
    within = f", {' to '.join(bands)}" if bands else ""
    return f"{at['site'].values}{within}"


def _confounds(data: xr.Dataset) -> list[str]:
    """Locking without lag is what one source in many sensors looks like."""
    locking, lag = (
        (data["beats_null"].values[:, data["measure"].values == kind]).any()
        for kind in (LOCKING, LAG)
    )
    if locking and not lag:
        return [
            "Locking without any lag may be one source that reaches several units at once (volume "
            "conduction, common input)."
        ]
    return []


def _left_out(data: xr.Dataset) -> list[str]:
    sentences = []
    if data.attrs["frequency_unit"] != "Hz":
        sentences.append(
            f"Frequencies are {data.attrs['frequency_unit']}: no seconds are known for this "
            "recording."
        )
    if data.attrs["sites_left_out"]:
        left_out = ", ".join(data.attrs["sites_left_out"])
        sentences.append(f"Left out, without two units that vary: {left_out}.")
    if data.attrs["rows_left_out"]:
        sentences.append(f"{data.attrs['rows_left_out']} rows lie in no block.")
    return sentences
