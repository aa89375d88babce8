"""One pass over all rows of a recorded brain: their digest, missing values, scale of units."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

_Z_SCORE_TOLERANCE = 0.01


@dataclass
class Survey:
    """What the pass found.

    Attributes
    ----------
    activity, rows : str
        SHA-256 of the activity at all sites, and of the row table.
    missing : dict of str to ndarray (unit,) of int
        Missing values, by site.
    z_scored : list of str
        Sites of floating-point values whose every unit has mean 0 and standard deviation 1.
    """

    activity: str
    rows: str
    missing: dict[str, NDArray[np.int64]]
    z_scored: list[str]


def survey_rows(blocks: Iterable[tuple[pd.DataFrame, Mapping[str, NDArray]]]) -> Survey:
    """Look at every row once.

    Parameters
    ----------
    blocks : iterable of (DataFrame, dict of str to ndarray (rows, unit))
        Row table and activity by site, block by block; how rows are divided into blocks counts.

    Returns
    -------
    Survey

    Examples
    --------
    >>> import pandas as pd
    >>> found = survey_rows([(pd.DataFrame({"time": [0.0]}), {"a": np.array([[1.0, np.nan]])})])
    >>> found.missing["a"].tolist(), found.z_scored
    ([0, 1], [])
    """
    activity, rows = hashlib.sha256(), hashlib.sha256()
    sums: dict[str, NDArray[np.float64]] = {}
    for table, arrays in blocks:
        _add_table(rows, table)
        for name, values in arrays.items():
            activity.update(f"{name}{values.shape}{values.dtype.str}".encode())
            activity.update(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
            sums[name] = sums.get(name, 0.0) + _moments(values)
    missing = {name: each[0].astype(np.int64) for name, each in sums.items()}
    scored = [name for name, each in sums.items() if _is_z_scored(*each[1:])]
    return Survey(activity.hexdigest(), rows.hexdigest(), missing, scored)


def _moments(values: NDArray) -> NDArray[np.float64]:
    """Missing values, values, sum and sum of squares of every unit, ``(4, unit)``."""
    if values.dtype.kind != "f":
        return np.zeros((4, values.shape[1]))
    absent = np.isnan(values)
    numbers = np.where(absent, 0.0, values)
    n_absent = absent.sum(axis=0)
    squares = np.einsum("ij,ij->j", numbers, numbers, dtype=np.float64)
    return np.stack([n_absent, len(values) - n_absent, numbers.sum(axis=0, dtype=float), squares])


def _is_z_scored(
    count: NDArray[np.float64], total: NDArray[np.float64], squares: NDArray[np.float64]
) -> bool:
    kept = count > 0
    if not kept.any() or count[kept].min() < 30:
        return False
    mean = total[kept] / count[kept]
    spread = np.sqrt(np.maximum(squares[kept] / count[kept] - mean**2, 0))
    # Units that never vary are 0 throughout after z-scoring, or missing.
    off = np.where(spread == 0, 0, np.abs(spread - 1))
    near = (np.abs(mean) < _Z_SCORE_TOLERANCE) & (off < _Z_SCORE_TOLERANCE)
    return bool(near.all() and (spread > 0).any())


def _add_table(running: Any, table: pd.DataFrame) -> None:
    import pandas as pd

    for name in table.columns:
        column = table[name]
        running.update(f"{name}:{len(column)}:{column.dtype.kind}".encode())
        if column.dtype.kind in "biuf":
            running.update(np.ascontiguousarray(column.to_numpy()).view(np.uint8).data)
            continue
        codes, kinds = pd.factorize(column)
        running.update(codes.astype(np.int64).tobytes())
        running.update("\0".join(f"{type(each).__name__}={each}" for each in kinds).encode())
