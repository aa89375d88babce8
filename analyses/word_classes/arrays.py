"""Putting the findings of all sites together: labelled arrays, intervals, corrected p-values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analyses.word_classes.gdv import gdv_bound
from analyses.word_classes.rows import NEXT, OWN, Pool, Sample
from analyses.word_classes.site import SiteFindings
from workbench.errors import UsageError
from workbench.statistics.bootstrap import percentile_interval, zero_difference_p
from workbench.statistics.correction import ALPHA, benjamini_hochberg
from workbench.statistics.permutation import permutation_p

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

STATES = ("recorded", "untrained")
_CELL = ("state", "site", "label_kind")


@dataclass(frozen=True)
class Layout:
    """What the arrays are about.

    Attributes
    ----------
    sites, classes : list of str
    samples : list of Sample
    methods : tuple of str
    pictured : Pool
        Rows in the pictures.
    rows : DataFrame
        Row table of the recording.
    """

    sites: list[str]
    classes: list[str]
    samples: list[Sample]
    methods: tuple[str, ...]
    pictured: Pool
    rows: pd.DataFrame


def assemble(
    layout: Layout, findings: Sequence[SiteFindings], attributes: dict[str, Any]
) -> xr.Dataset:
    """Labelled arrays of a result.

    Parameters
    ----------
    layout : Layout
    findings : sequence of SiteFindings
        In the order of the sites; none faulty.
    attributes : dict
        Counts and names for readers.

    Returns
    -------
    xarray.Dataset
        Dimensions ``state`` (the recording and, if given, the untrained subject), ``site``,
        ``label_kind``, ``class``, ``class_other``, ``method``, ``picture_row``, ``axis``.
    """
    import xarray as xr

    bound = gdv_bound(len(layout.classes))
    values = np.stack([each.gdv for each in findings], axis=1)
    shuffled = np.stack([each.shuffled for each in findings], axis=1)
    redrawn = np.stack([each.redrawn for each in findings], axis=1)
    p_values = _over_cells(_p_less, values, shuffled)
    corrected = np.apply_along_axis(benjamini_hochberg, 1, p_values)
    low, high = np.moveaxis(_over_cells(_interval, redrawn), -1, 0)
    null = np.moveaxis(_over_cells(_null, shuffled), -1, 0)
    variables: dict[str, Any] = {
        "gdv": (_CELL, values),
        "gdv_over_bound": (_CELL, values / bound),
        "gdv_low": (_CELL, low),
        "gdv_high": (_CELL, high),
        **{f"null_{name}": (_CELL, part) for name, part in zip(_NULL_PARTS, null, strict=True)},
        "p_value": (_CELL, p_values),
        "p_corrected": (_CELL, corrected),
        "beats_null": (_CELL, corrected <= ALPHA),
        "dead_units": (_CELL, np.stack([each.dead for each in findings], axis=1)),
        "mean_distance": (
            ("site", "label_kind", "class", "class_other"),
            np.stack([each.means[0] for each in findings]),
        ),
        "stimuli": ("label_kind", [len(np.unique(s.groups)) for s in layout.samples]),
    }
    if len(values) > 1:
        variables.update(_differences(values, redrawn))
    if layout.methods:
        pictures = np.stack([each.pictures for each in findings], axis=1)
        variables["embedding"] = (("method", "site", "picture_row", "axis"), pictures)
    attributes = {**attributes, "bound": bound, "n_classes": len(layout.classes)}
    return xr.Dataset(variables, _coordinates(layout, len(values)), attributes)


_NULL_PARTS = ("mean", "sd", "low", "high", "draws")


def _coordinates(layout: Layout, n_states: int) -> dict[str, Any]:
    coordinates: dict[str, Any] = {
        "state": _texts(STATES[:n_states]),
        "site": _texts(layout.sites),
        "label_kind": _texts(sample.kind for sample in layout.samples),
        "class": _texts(layout.classes),
        "class_other": _texts(layout.classes),
    }
    if not layout.methods:
        return coordinates
    pictured = layout.pictured
    labels = [pictured.labels[sample.kind] for sample in layout.samples]
    coordinates |= {
        "method": _texts(layout.methods),
        "axis": [0, 1],
        "row": ("picture_row", pictured.rows),
        "stimulus": ("picture_row", pictured.groups),
        "token": ("picture_row", _tokens(layout.rows, pictured.rows)),
        "class_own": ("picture_row", _texts(labels[0])),
    }
    if NEXT in pictured.labels:
        coordinates["class_next"] = ("picture_row", _texts(labels[1]))
    return coordinates


def class_coordinate(kind: str) -> str:
    """Coordinate of the pictures that holds the classes of a kind of label."""
    return "class_next" if kind == NEXT else "class_own"


def _tokens(rows: pd.DataFrame, chosen: NDArray[np.int64]) -> NDArray:
    if "token" not in rows:
        return _texts("" for _ in chosen)
    return _texts(rows["token"].iloc[chosen])


def _texts(values: Any) -> NDArray:
    # Plain objects: the only text arrays that every supported xarray and zarr store alike.
    return np.array([str(value) for value in values], dtype=object)


def _over_cells(function: Any, *arrays: NDArray) -> NDArray[np.float64]:
    cells = arrays[0].shape[:3]
    results = [function(*(array[index] for array in arrays)) for index in np.ndindex(*cells)]
    return np.array(results, dtype=np.float64).reshape(*cells, *np.shape(results[0]))


def _p_less(value: float, draws: NDArray) -> float:
    return permutation_p(float(value), _defined(draws), "less")


def _null(draws: NDArray) -> tuple[float, float, float, float, float]:
    draws = _defined(draws)
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(draws.mean()), float(draws.std()), float(low), float(high), float(len(draws))


def _defined(draws: NDArray) -> NDArray:
    defined = draws[np.isfinite(draws)]
    if not len(defined):
        raise UsageError(
            "Found no shuffling of the labels over stimuli that leaves two rows in every class; "
            "expected several stimuli of every class: record more stimuli."
        )
    return defined


def _interval(draws: NDArray) -> tuple[float, float]:
    defined = draws[np.isfinite(draws)]
    # Where most draws lose a class, those left over are no fair sample.
    if len(defined) < 2 or len(defined) < len(draws) / 2:
        return float("nan"), float("nan")
    return percentile_interval(defined)


def _differences(values: NDArray, redrawn: NDArray) -> dict[str, Any]:
    difference, draws = (values[0] - values[1])[None], (redrawn[0] - redrawn[1])[None]
    low, high = np.moveaxis(_over_cells(_interval, draws), -1, 0)
    spread = _over_cells(_spread, draws)
    p_values = np.where(np.isfinite(low), _over_cells(_p_difference, difference, draws), np.nan)
    corrected = np.full_like(p_values, np.nan)
    for kind in range(p_values.shape[2]):
        tested = np.isfinite(p_values[0, :, kind])
        corrected[0, tested, kind] = benjamini_hochberg(p_values[0, tested, kind])
    parts = {"": difference, "_low": low, "_high": high, "_sd": spread}
    parts |= {"_p_value": p_values, "_p_corrected": corrected}
    return {f"difference{name}": (_CELL[1:], part[0]) for name, part in parts.items()}


def _spread(draws: NDArray) -> float:
    defined = draws[np.isfinite(draws)]
    return float(defined.std()) if len(defined) else float("nan")


def _p_difference(value: float, draws: NDArray) -> float:
    defined = draws[np.isfinite(draws)]
    return zero_difference_p(float(value), defined) if len(defined) else float("nan")


def own_kind(data: xr.Dataset) -> str:
    """Kind of label that every recording has: of the last input word, or the row's own."""
    kinds = [str(kind) for kind in data["label_kind"].values]
    return OWN if OWN in kinds else kinds[0]
