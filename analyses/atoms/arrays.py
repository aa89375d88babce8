"""Putting the findings of all sites together: the full table, comparisons, and a page an atom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from analyses.atoms.columns import ATOMS, DICTIONARIES, STATISTICS
from analyses.atoms.comparing import Comparison, Observed, compare, nulls_of
from analyses.atoms.tops import EXAMPLES
from workbench.statistics.bootstrap import percentile_interval
from workbench.statistics.correction import ALPHA, benjamini_hochberg

if TYPE_CHECKING:
    import xarray as xr

    from analyses.atoms.pages import Pages
    from analyses.atoms.site import SiteFindings

_CELL = ("site", "dictionary", "statistic")
_TEST = ("site", "statistic")


def assemble(
    sites: Sequence[str],
    findings: Sequence[SiteFindings],
    pages: Sequence[Pages],
    attributes: dict[str, Any],
) -> xr.Dataset:
    """Labelled arrays of a result.

    Parameters
    ----------
    sites : sequence of str
    findings : sequence of SiteFindings
        One a site.
    pages : sequence of Pages
        What the atoms of each site respond to, in words.
    attributes : dict
        Counts and names for readers.

    Returns
    -------
    xarray.Dataset
        Dimensions ``site``, ``dictionary`` and ``statistic`` (the full table), ``q`` (quantiles of
        coherence and sparsity), ``cosine`` (histogram of pairs), ``atom``, ``example``, ``bin``,
        ``neighbour``, and ``logit_token`` where the unembedding was at hand. Sites with fewer atoms
        than others are filled up with NaN, -1 or empty texts.
    """
    import xarray as xr

    variables = {
        **_table(findings),
        **_tests(findings),
        **_coherences(findings),
        "window": (("site", "window_share", "window_part"), [each.window for each in findings]),
        **_atoms(findings, pages),
        **_maps(findings, max(len(each.decoder) for each in findings)),
    }
    first = findings[0]
    coordinates: dict[str, Any] = {
        "site": texts(sites),
        "dictionary": texts(DICTIONARIES),
        "statistic": texts(each.name for each in STATISTICS),
        "q": first.curve["q"],
        "cosine": first.cosine_bins,
        "histogram_of": texts(first.cosines),
        "window_share": list(first.window_shares),
        "window_part": texts(first.window_parts),
        "example": texts(EXAMPLES),
        "n_units": ("site", [each.decoder.shape[1] for each in findings]),
        "n_atoms": ("site", [len(each.decoder) for each in findings]),
        "n_train": ("site", [each.n_train for each in findings]),
        "n_held_out": ("site", [each.n_held_out for each in findings]),
        "n_repeated": ("site", [each.n_repeated for each in findings]),
        "effective_rank": ("site", [each.effective_rank for each in findings]),
        "note": ("site", texts("; ".join(each.notes) for each in findings)),
    }
    return xr.Dataset(variables, coordinates, attributes)


def texts(values: Any) -> NDArray:
    """Texts as plain objects: the only text arrays that xarray and zarr store alike."""
    return np.array([str(value) for value in values], dtype=object)


def best_site(data: xr.Dataset) -> str:
    """Site where held-out R2 exceeds its strongest null most."""
    at = data.sel(statistic="held-out R2")
    ahead = at["value"].sel(dictionary=ATOMS).values - at["null_mean"].values
    return str(data["site"].values[int(np.nanargmax(np.nan_to_num(ahead, nan=-np.inf)))])


def _table(findings: Sequence[SiteFindings]) -> dict[str, Any]:
    shape = len(findings), len(DICTIONARIES), len(STATISTICS)
    value, spread, draws = (np.full(shape, np.nan) for _ in range(3))
    for index in np.ndindex(*shape):
        found = _cell(findings[index[0]], DICTIONARIES[index[1]], STATISTICS[index[2]].name)
        if found is not None:
            value[index], spread[index] = found.value, found.sd
            draws[index] = len(found.draws)
    return {"value": (_CELL, value), "sd": (_CELL, spread), "draws": (_CELL, draws)}


def _cell(findings: SiteFindings, dictionary: str, statistic: str) -> Observed | None:
    return findings.table.get(dictionary, {}).get(statistic)


def _tests(findings: Sequence[SiteFindings]) -> dict[str, Any]:
    shape = len(findings), len(STATISTICS)
    parts = {name: np.full(shape, np.nan) for name in ("low", "high", "p_value", "p_corrected")}
    parts |= {name: np.full(shape, np.nan) for name in ("null_mean", "null_sd", "null_n")}
    null_name = np.full(shape, "", dtype=object)
    for column, statistic in enumerate(STATISTICS):
        for row, each in enumerate(findings):
            found = _cell(each, ATOMS, statistic.name)
            if found is None:
                continue
            if len(found.redrawn) > 1:
                low, high = percentile_interval(found.redrawn)
                # A percentile interval of a biased statistic may leave its own value out.
                parts["low"][row, column] = min(low, found.value)
                parts["high"][row, column] = max(high, found.value)
            compared = compare(found, nulls_of(statistic, each.table), statistic.better)
            _note_null(parts, null_name, (row, column), compared)
        tested = np.isfinite(parts["p_value"][:, column])
        if tested.any():
            corrected = benjamini_hochberg(parts["p_value"][tested, column])
            parts["p_corrected"][tested, column] = corrected
    beats = np.nan_to_num(parts["p_corrected"], nan=1.0) <= ALPHA
    return {
        **{name: (_TEST, values) for name, values in parts.items()},
        "null_name": (_TEST, null_name),
        "beats_null": (_TEST, beats),
    }


def _note_null(
    parts: dict[str, NDArray], names: NDArray, index: tuple[int, int], found: Comparison | None
) -> None:
    if found is None:
        return
    names[index] = found.name
    parts["null_mean"][index], parts["null_sd"][index] = found.mean, found.sd
    parts["null_n"][index], parts["p_value"][index] = found.n, found.p_value


def _coherences(findings: Sequence[SiteFindings]) -> dict[str, Any]:
    return {
        "curve_coherence": (("site", "q"), [each.curve["coherence"] for each in findings]),
        "curve_bound": (("site", "q"), [each.curve["bound"] for each in findings]),
        "curve_sparsity": (("site", "q"), [each.curve["sparsity"] for each in findings]),
        "pairs": (
            ("site", "histogram_of", "cosine"),
            [list(each.cosines.values()) for each in findings],
        ),
    }


def _atoms(findings: Sequence[SiteFindings], pages: Sequence[Pages]) -> dict[str, Any]:
    most = max(len(each.decoder) for each in findings)
    tops = [each.tops for each in findings]

    def stacked(dims: tuple[str, ...], parts: list[NDArray], fill: Any) -> tuple:
        return ("site", "atom", *dims), np.stack([_padded(part, most, fill) for part in parts])

    found: dict[str, Any] = {
        "rate": stacked((), [each.rate for each in tops], np.nan),
        "mean_activation": stacked((), [each.mean for each in tops], np.nan),
        "largest_activation": stacked((), [each.largest for each in tops], np.nan),
        "atom_threshold": stacked((), [each.threshold for each in findings], np.nan),
        "seed_match": stacked((), [each.seed_match for each in findings], np.nan),
        "training_rows": stacked((), [each.training_rows for each in findings], -1),
        "activations": stacked(("bin",), [each.histogram for each in tops], 0),
        "neighbour": stacked(("near",), [each.neighbours[0] for each in findings], -1),
        "neighbour_cosine": stacked(("near",), [each.neighbours[1] for each in findings], np.nan),
        "example_value": stacked(("example",), [each.value for each in tops], np.nan),
        "example_row": stacked(("example",), [each.rows for each in pages], -1),
        "example_held_out": stacked(("example",), [each.held_out for each in pages], False),
        "example_text": stacked(("example",), [each.texts for each in pages], ""),
    }
    if any(each.tokens.size for each in pages):
        width = max(each.tokens.shape[1] for each in pages)
        room = [((0, 0), (0, width - each.tokens.shape[1])) for each in pages]
        both = list(zip(pages, room, strict=True))
        tokens = [np.pad(p.tokens, r, constant_values=cast("Any", "")) for p, r in both]
        effects = [np.pad(p.effects, r, constant_values=np.nan) for p, r in both]
        found["logit_token"] = stacked(("logit",), tokens, "")
        found["logit_effect"] = stacked(("logit",), effects, np.nan)
    return found


def _padded(values: NDArray, length: int, fill: Any) -> NDArray:
    room = [(0, length - len(values))] + [(0, 0)] * (values.ndim - 1)
    return np.pad(values, room, constant_values=fill)


def _maps(findings: Sequence[SiteFindings], most: int) -> dict[str, Any]:
    """Where in an image atoms respond; sites without space have NaN."""
    if all(each.maps is None for each in findings):
        return {}
    given = [np.empty((0, 0, 0, 0)) if each.maps is None else each.maps for each in findings]
    shape = len(given), most, *(max(part.shape[axis] for part in given) for axis in (1, 2, 3))
    maps = np.full(shape, np.nan, dtype=np.float32)
    for number, part in enumerate(given):
        atoms, shown, height, width = part.shape
        maps[number, :atoms, :shown, :height, :width] = part
    return {"example_map": (("site", "atom", "mapped", "map_y", "map_x"), maps)}
