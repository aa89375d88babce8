"""Tables in NWB files: units with spike times, ROIs, electrodes, labels of neurons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.subjects.brains.intervals import scalar_columns
from workbench.subjects.brains.spikes import SpikeTrains
from workbench.subjects.brains.unit_table import clean_name, unit_table

if TYPE_CHECKING:
    import pandas as pd

_MASKS = ("pixel_mask", "voxel_mask", "image_mask")
_LABELS = ("ID_labels", "id_labels", "neuron_labels")


def as_frame(table: Any, without: tuple[str, ...] = ()) -> pd.DataFrame:
    """Columns of a table that hold one scalar a row, with their ``id``.

    Parameters
    ----------
    table : DynamicTable
    without : tuple of str
        Columns that are not read.

    Returns
    -------
    DataFrame
    """
    import pandas as pd

    columns: dict[str, Any] = {"id": np.asarray(table.id[:])}
    for name in table.colnames:
        if name in (*without, *_MASKS) or _is_wide(table[name]):
            continue
        columns[name] = _column(table, name)
    return scalar_columns(pd.DataFrame(columns))


def _is_wide(column: Any) -> bool:
    shape = getattr(column.data, "shape", None)
    return (shape is not None and len(shape) > 1) or hasattr(column, "table")


def _column(table: Any, name: str) -> Any:
    import pandas as pd

    column = table[name]
    if not hasattr(column, "target"):
        return pd.Series(list(column.data[:]), dtype=object).infer_objects()
    # Ragged: a list a row. Lists of words become one text; others are no scalars.
    if (
        hasattr(column.target, "table")
        or np.asarray(column.target.data[:1]).dtype.kind not in "OSU"
    ):
        return pd.Series([[0.0]] * len(column.data), dtype=object)
    rows = [column[number] for number in range(len(column.data))]
    texts = [", ".join(clean_name(each) for each in np.atleast_1d(row)) for row in rows]
    return pd.Series(texts, dtype=object)


def row_table(region: Any, n: int) -> pd.DataFrame:
    """Rows that a region names: ROIs or electrodes, with their positions.

    Parameters
    ----------
    region : DynamicTableRegion
    n : int
        Number of units.

    Returns
    -------
    DataFrame
        As `unit_table` makes it.
    """
    rows = np.asarray(region.data[:], dtype=np.int64)
    frame = as_frame(region.table, ("group",)).iloc[rows].reset_index(drop=True)
    masks = [name for name in _MASKS if name in region.table.colnames]
    if masks and not {"x", "y"} & set(frame.columns):
        centres = np.array([_centre(region.table[masks[0]], int(row), masks[0]) for row in rows])
        for axis, name in enumerate("xyz"[: centres.shape[1]]):
            frame[name] = centres[:, axis]
    return unit_table(n, table=frame)


def _centre(column: Any, row: int, kind: str) -> NDArray[np.float64]:
    """Weighted mean position of a mask in pixels, ``(2,)`` or ``(3,)``: x, y and z."""
    mask = column[row]
    if kind == "image_mask":
        weights = np.asarray(mask, dtype=np.float64)
        places = np.argwhere(weights).astype(np.float64)
        heavy = weights[weights != 0]
    else:
        pixels = np.array([list(pixel) for pixel in mask], dtype=np.float64).reshape(len(mask), -1)
        places, heavy = pixels[:, :-1], pixels[:, -1]
    if not len(places) or not heavy.sum():
        return np.full(2 if kind == "pixel_mask" else max(places.shape[1], 2), np.nan)
    centre: NDArray[np.float64] = np.average(places, axis=0, weights=heavy)
    return centre


def with_names(units: pd.DataFrame, region: Any, series: Any) -> pd.DataFrame:
    """Names of neurons from another table of labels with one row a unit (NeuroPAL), if any."""
    if (units["name"] != "").any():
        return units
    top = series
    while top.parent is not None:
        top = top.parent
    # Their order in the file is not that of the same file opened again.
    for other in sorted(top.objects.values(), key=lambda each: str(each.name)):
        for name in getattr(other, "colnames", None) or ():
            if name in _LABELS and other is not region.table and len(other) == len(units):
                labels = [clean_name(each) for each in _column(other, name).tolist()]
                named = unit_table(len(units), labels)
                return units.assign(name=named["name"], side=named["side"])
    return units


def spike_trains(table: Any) -> SpikeTrains:
    """Spike times of a table of units, and when each was observed.

    Parameters
    ----------
    table : Units

    Returns
    -------
    SpikeTrains
    """

    def train(unit: int) -> NDArray[np.float64]:
        return np.asarray(table["spike_times"][unit], dtype=np.float64)

    def observed(unit: int) -> NDArray[np.float64]:
        return np.asarray(table["obs_intervals"][unit], dtype=np.float64)

    has_spans = "obs_intervals" in table.colnames
    return SpikeTrains(len(table.id), train, observed if has_spans else None)
