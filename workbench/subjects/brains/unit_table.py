"""The table of units that every format gives: identity, name, side, confidence, position."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.subjects.brains.intervals import scalar_columns

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

_FIRST = ("unit", "id", "name", "side", "confidence")
_NAME_COLUMNS = ("name", "label", "labels", "id_labels", "neuron", "neuron_name", "unit_name")
_SIDED = re.compile(r"^[A-Z][A-Z0-9]+[LR]$")


def unit_table(
    n: int,
    names: Sequence[Any] | NDArray | None = None,
    table: pd.DataFrame | None = None,
    **columns: Any,
) -> pd.DataFrame:
    """Table of units.

    Parameters
    ----------
    n : int
        Number of units.
    names : sequence of str, optional
        Empty where a unit has none; otherwise a column such as ``name`` or ``label`` of ``table``.
    table : DataFrame, optional
        What the file knows of its units; columns of scalars are kept.
    **columns
        Further ones, such as ``confidence``, ``x``, ``y``, ``z``.

    Returns
    -------
    DataFrame
        ``unit``, ``id``, ``name``, ``side`` (``L`` or ``R``, where both partners of a pair of names
        are there), ``confidence`` of the identity (NaN if not known), and the rest.

    Examples
    --------
    >>> found = unit_table(3, ["AVAL", "AVAR", ""], x=[1.0, 2.0, 3.0])
    >>> found[["name", "side", "x"]].to_numpy().tolist()
    [['AVAL', 'L', 1.0], ['AVAR', 'R', 2.0], ['', '', 3.0]]
    """
    import pandas as pd

    own = pd.DataFrame(index=range(n)) if table is None else scalar_columns(table)
    if names is None:
        by_lower = {str(name).lower(): name for name in own.columns}
        column = next((by_lower[name] for name in _NAME_COLUMNS if name in by_lower), None)
        names = [""] * n if column is None else own[column].tolist()
    called = [clean_name(name) for name in names]
    found: dict[str, Any] = {"unit": np.arange(n), "id": np.arange(n), "name": called}
    found["side"] = _sides(called)
    found["confidence"] = np.full(n, np.nan)
    given = {**{str(name): own[name].to_numpy() for name in own.columns}, **columns}
    found.update({name: values for name, values in given.items() if name not in ("unit", "name")})
    return pd.DataFrame(found, index=range(n))


def clean_name(name: Any) -> str:
    """A name without blanks around it; empty for whatever says that there is none.

    Examples
    --------
    >>> [clean_name(each) for each in (" AVAL ", None, float("nan"), b"RMEV")]
    ['AVAL', '', '', 'RMEV']
    """
    if isinstance(name, bytes):
        name = name.decode("utf-8", "replace")
    if name is None or (isinstance(name, float) and np.isnan(name)):
        return ""
    return str(name).strip()


def _sides(names: list[str]) -> list[str]:
    known = set(names)
    partner = {"L": "R", "R": "L"}
    return [
        name[-1] if _SIDED.match(name) and name[:-1] + partner[name[-1]] in known else ""
        for name in names
    ]
