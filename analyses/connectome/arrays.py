"""The findings of all sites as one set of labelled arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analyses.connectome.graphs import pair_weights
from analyses.connectome.pairs import n_pairs
from analyses.connectome.series import Series
from analyses.connectome.site import SiteFindings
from workbench.statistics.correction import ALPHA, benjamini_hochberg
from workbench.statistics.permutation import permutation_p

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

_AXES = ("x", "y", "z")


def assemble(
    sites: list[str],
    found: Sequence[SiteFindings],
    series: Series,
    tables: Sequence[pd.DataFrame],
    attributes: dict[str, Any],
) -> xr.Dataset:
    """Labelled arrays of a result.

    Parameters
    ----------
    sites : list of str
    found : sequence of SiteFindings
    series : Series
    tables : sequence of DataFrame
        Units of each site.
    attributes : dict

    Returns
    -------
    xarray.Dataset
        Dimensions ``site``, ``motif`` (from 1, the largest excess first), ``step``, ``animal``,
        ``unit`` and ``pair`` (in the order of ``numpy.triu_indices``), ``level``, ``draw``,
        ``stimulus``. Sites with fewer motifs, units or levels are filled up with NaN, empty names
        and -1.
    """
    import xarray as xr

    parts = [_site(each, table) for each, table in zip(found, tables, strict=True)]
    sizes = _largest(parts)
    variables = {
        name: (("site", *dims), np.stack([_filled(part[name][1], dims, sizes) for part in parts]))
        for name, (dims, _) in parts[0].items()
    }
    stimuli = found[0].atlas.stimuli if found[0].atlas is not None else []
    shared = bool((series.labels == series.labels[0]).all())
    label = series.labels[0] if shared else np.full(len(series.times), "")
    data = xr.Dataset(
        variables,
        coords={
            "site": np.array(sites),
            "motif": np.arange(1, sizes["motif"] + 1),
            "step": series.times,
            "animal": np.array(series.animals),
            "stimulus": np.array(stimuli, dtype=str),
            "label": ("step", label.astype(str)),
        },
        attrs=attributes
        | {
            "notes": [
                f"{s}: {n}"
                for s, f in zip(sites, found, strict=True)
                for n in [*f.notes, *_missing(f)]
            ]
        },
    )
    return _with_p_values(data)


def _site(found: SiteFindings, table: pd.DataFrame) -> dict[str, tuple[tuple[str, ...], NDArray]]:
    motifs, factors = found.motifs, found.motifs.factors
    n_motifs, n_units = len(motifs.excess), len(found.cohort.neurons)
    split = [pair_weights(each, n_units) for each in factors.pairs.T]
    sign = [np.full(len(w), np.nan) if s is None else s for w, s in split]
    atlas = found.atlas
    no_atlas, unknown = np.zeros((n_motifs, 0)), np.full(n_motifs, np.nan)
    return {
        "time_course": (("motif", "step"), factors.time.T),
        "animal_loading": (("motif", "animal"), factors.animals.T),
        "pair_loading": (("motif", "pair"), np.stack([weights for weights, _ in split])),
        "pair_sign": (("motif", "pair"), np.stack(sign)),
        "weight": (("motif",), factors.weights),
        "peak": (("motif",), found.peaks),
        "expression": (("motif", "animal", "step"), np.transpose(motifs.expression, (2, 1, 0))),
        "excess": (("motif",), motifs.excess),
        "excess_low": (("motif",), motifs.intervals[:, 0]),
        "excess_high": (("motif",), motifs.intervals[:, 1]),
        "excess_p": (("motif",), motifs.p_values),
        "excess_null": (("draw",), motifs.excess_null),
        "error": ((), np.asarray(motifs.error)),
        "held_out_error": ((), np.asarray(motifs.held_out_error)),
        "held_out_null": (("draw",), motifs.held_out_null),
        "n_motifs": ((), np.asarray(n_motifs)),
        "n_units": ((), np.asarray(n_units)),
        "unit_name": (("unit",), np.array(found.cohort.neurons, dtype=str)),
        "position": (("unit", "axis"), _positions(table, found)),
        "group": (("motif", "level", "unit"), _groups(found)),
        "level_chosen": (("motif",), np.array([each.level for each in found.groups])),
        "atlas": (("motif", "stimulus"), no_atlas if atlas is None else atlas.mean),
        "contrast": (("motif", "stimulus"), no_atlas if atlas is None else atlas.contrast),
        "selectivity": (
            ("motif",),
            unknown if atlas is None else atlas.selectivity,
        ),
        "selectivity_null": (
            ("shift", "motif"),
            np.zeros((0, n_motifs)) if atlas is None else atlas.null,
        ),
        "ranks": (("candidate",), _curve(found, "rank")),
        "rank_error": (("candidate",), _curve(found, "held_out_error")),
        "rank_agreement": (("candidate",), _curve(found, "agreement")),
    }


def _curve(found: SiteFindings, name: str) -> NDArray[np.float64]:
    return np.array(found.motifs.rank_curve.get(name, []), dtype=np.float64)


def _groups(found: SiteFindings) -> NDArray[np.int64]:
    depth = max(len(each.levels) for each in found.groups)
    groups = np.full((len(found.groups), depth, len(found.cohort.neurons)), -1)
    for motif, hierarchy in enumerate(found.groups):
        for level, partition in enumerate(hierarchy.levels):
            groups[motif, level] = [partition[name] for name in found.cohort.neurons]
    return groups


def _positions(table: pd.DataFrame, found: SiteFindings) -> NDArray[np.float64]:
    positions = np.full((len(found.units), len(_AXES)), np.nan)
    # Units that were pooled have no place of their own.
    if len(table) > int(found.units.max(initial=0)):
        for number, axis in enumerate(_AXES):
            if axis in table:
                values = table[axis].to_numpy(dtype=np.float64)
                positions[:, number] = values[found.units]
    return positions


def _missing(found: SiteFindings) -> list[str]:
    gone = found.cohort.missing
    absent = int((~found.cohort.present).sum())
    notes = [f"units that no series has are left out: {', '.join(gone[:5])}"] if gone else []
    if absent:
        notes.append(f"{absent} times a unit is missing in one series; its pairs are masked there")
    return notes


def _largest(parts: list[dict[str, tuple[tuple[str, ...], NDArray]]]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for part in parts:
        for dims, values in part.values():
            for dim, size in zip(dims, values.shape, strict=True):
                sizes[dim] = max(sizes.get(dim, 0), size)
    sizes["pair"] = n_pairs(sizes["unit"])
    return sizes


def _filled(values: NDArray, dims: tuple[str, ...], sizes: dict[str, int]) -> NDArray:
    shape = tuple(sizes[dim] for dim in dims)
    if values.shape == shape:
        return values.astype(np.float64) if values.dtype == np.float32 else values
    fill: Any = {"U": "", "i": -1}.get(values.dtype.kind, np.nan)
    dtype = np.float64 if values.dtype == np.float32 else values.dtype
    filled = np.full(shape, fill, dtype=dtype)
    filled[tuple(slice(size) for size in values.shape)] = values
    return filled


def _with_p_values(data: xr.Dataset) -> xr.Dataset:
    """Add p-values corrected over sites, and what beats its null."""
    smallest = data["excess_p"].min("motif").values
    factor = benjamini_hochberg(smallest) / smallest
    excess_p = np.minimum(data["excess_p"].values * factor[:, None], 1)
    held = [
        permutation_p(float(value), draws, "less")
        for value, draws in zip(
            data["held_out_error"].values, data["held_out_null"].values, strict=True
        )
    ]
    selective = np.full(data["selectivity"].shape, np.nan)
    for place in np.argwhere(np.isfinite(data["selectivity"].values)):
        site, motif = place
        draws = data["selectivity_null"].values[site, :, motif]
        selective[site, motif] = permutation_p(
            float(data["selectivity"].values[site, motif]), draws, "greater"
        )
    known = np.isfinite(selective)
    if known.any():
        selective[known] = benjamini_hochberg(selective[known])
    held = list(benjamini_hochberg(held))
    return data.assign(
        excess_p_corrected=(("site", "motif"), excess_p),
        held_out_p=("site", np.array(held)),
        selectivity_p=(("site", "motif"), selective),
        excess_beats=(("site", "motif"), excess_p <= ALPHA),
        held_out_beats=("site", np.array(held) <= ALPHA),
        selectivity_beats=(("site", "motif"), selective <= ALPHA),
    )
