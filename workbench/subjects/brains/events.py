"""Tables beside fMRI: BIDS events, and names of the regions of an atlas."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import UsageError
from workbench.subjects.brains.intervals import Intervals, make_intervals
from workbench.subjects.brains.source import reading
from workbench.subjects.brains.unit_table import clean_name

if TYPE_CHECKING:
    import pandas as pd


def read_events(path: Path) -> Intervals:
    """Events as BIDS has them: onset and duration in seconds, and labels.

    Parameters
    ----------
    path : Path
        A table separated by tabs (``.tsv``) or commas; ``n/a`` is missing.

    Returns
    -------
    Intervals

    Raises
    ------
    UsageError
        If onset or duration is missing.
    """
    table = _table(path)
    for name in ("onset", "duration"):
        if name not in table or table[name].dtype.kind not in "iuf":
            raise UsageError(
                f"Found columns {', '.join(map(repr, table.columns))} in '{path}'; expected "
                f"'{name}' in seconds, as BIDS has it: pass another table of events."
            )
    onset = table["onset"].to_numpy(dtype=float)
    labels = table.drop(columns=["onset", "duration"])
    return make_intervals("events", onset, onset + table["duration"].to_numpy(dtype=float), labels)


def region_names(path: Path) -> dict[int, str]:
    """Names of regions by their numbers, from the columns ``index`` and ``name``.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict of int to str

    Raises
    ------
    UsageError
        If there are no such columns.
    """
    table = _table(path)
    table = table.rename(columns={name: str(name).strip().lower() for name in table.columns})
    if "index" not in table or "name" not in table or table["index"].dtype.kind not in "iu":
        raise UsageError(
            f"Found columns {', '.join(map(repr, table.columns))} in '{path}'; expected whole "
            "numbers in 'index' and names in 'name'."
        )
    names = [clean_name(name) for name in table["name"].tolist()]
    return dict(zip(table["index"].astype(int).tolist(), names, strict=True))


def _table(path: Path) -> pd.DataFrame:
    import pandas as pd

    mark = "\t" if path.name.lower().endswith(".tsv") else ","
    with reading(str(path), "a table of text"):
        return pd.read_csv(path, sep=mark, na_values=["n/a"], keep_default_na=True)
