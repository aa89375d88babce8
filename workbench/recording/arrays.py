"""Recordings in memory, from arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from workbench.errors import UsageError
from workbench.recording.blocks import Block, MemoryBlock
from workbench.recording.dtypes import STORED_AS
from workbench.recording.identity import digest, digest_array
from workbench.recording.manifest import Manifest, SiteSpec
from workbench.recording.recording import Recording
from workbench.recording.tables import Tables

if TYPE_CHECKING:
    import pandas as pd


def from_arrays(
    sites: Mapping[str, ArrayLike],
    rows: Mapping[str, ArrayLike] | pd.DataFrame | None = None,
    *,
    stimuli: pd.DataFrame | None = None,
    units: Mapping[str, pd.DataFrame] | None = None,
    kind: str = "network",
    address: str = "memory",
) -> Recording:
    """Make a recording in memory from arrays.

    Parameters
    ----------
    sites : mapping of str to array (rows, units, ...)
        Activity at each site; equally many rows at all of them.
    rows : mapping of str to array (rows,) or DataFrame, optional
        Labels and other columns of the row table.
    stimuli : DataFrame, optional
        Table of stimuli; the row table's column ``stimulus`` counts its rows.
    units : mapping of str to DataFrame, optional
        Tables of units by site.
    kind : str
        Kind of subject.
    address : str
        What to call it.

    Returns
    -------
    Recording

    Raises
    ------
    UsageError
        If there is no site, an array has no unit axis, or the numbers of rows differ.

    Examples
    --------
    >>> rec = from_arrays({"a": np.ones((4, 3))}, rows={"word": list("abcd")}, kind="language")
    >>> rec["a"].to_numpy().shape
    (4, 3)
    """
    import pandas as pd

    arrays = {str(name): _plain_array(name, values) for name, values in sites.items()}
    n_rows = _common_rows(arrays)
    columns = {
        str(name): np.asarray(column)
        for name, column in ({} if rows is None else dict(rows)).items()
    }
    for name, column in columns.items():
        if column.shape != (n_rows,):
            raise UsageError(
                f"Found row column '{name}' of shape {column.shape}; expected ({n_rows},)."
            )
    table = pd.DataFrame(columns, index=range(n_rows))
    if "stimulus" not in table:
        table.insert(0, "stimulus", np.arange(n_rows))
    if stimuli is None:
        stimuli = pd.DataFrame(
            {"stimulus": range(int(table["stimulus"].max()) + 1 if n_rows else 0)}
        )
    specs = tuple(_memory_spec(name, values) for name, values in arrays.items())
    ingredients = {
        "arrays": {name: digest_array(values) for name, values in arrays.items()},
        "rows": digest({str(c): [str(v) for v in table[c].tolist()] for c in table}),
    }
    manifest = Manifest(
        digest(ingredients), ingredients, {"address": address, "kind": kind}, specs, (n_rows,), ()
    )
    unit_tables = {spec.name: pd.DataFrame({"unit": range(spec.shape[0])}) for spec in specs}
    unit_tables.update(units or {})
    blocks: dict[str, list[Block]] = {
        name: [MemoryBlock(values)] for name, values in arrays.items()
    }
    return Recording(manifest, blocks, Tables(table, stimuli, unit_tables))


def _plain_array(name: str, values: ArrayLike) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype == object or array.dtype.kind not in "fiub":
        raise UsageError(f"Found {array.dtype} values at site '{name}'; expected real numbers.")
    if array.ndim < 2:
        raise UsageError(
            f"Found an array of shape {array.shape} at site '{name}'; expected (rows, units, ...)."
        )
    return array if array.dtype.name in STORED_AS else array.astype(np.float64)


def _common_rows(arrays: Mapping[str, np.ndarray]) -> int:
    counts = {name: len(values) for name, values in arrays.items()}
    if not counts:
        raise UsageError("Found no site; expected at least one array of shape (rows, units, ...).")
    if len(set(counts.values())) > 1:
        raise UsageError(f"Found unequal numbers of rows {counts}; expected the same at all sites.")
    return next(iter(counts.values()))


def _memory_spec(name: str, values: np.ndarray) -> SiteSpec:
    space = ("y", "x") if values.ndim == 4 else tuple(f"axis{i}" for i in range(2, values.ndim))
    return SiteSpec(name, values.shape[1:], values.dtype.name, ("row", "unit", *space))
