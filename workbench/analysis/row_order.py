"""The order of rows that does not depend on how a recording holds them, and blocks of time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

KEYS = ("stimulus", "trial", "checkpoint", "position", "time", "word")


def canonical_order(table: pd.DataFrame) -> NDArray[np.int64]:
    """Places of rows in the order of stimulus, trial, checkpoint, position, time and word.

    Parameters
    ----------
    table : pandas.DataFrame
        A row table, with any of these columns.

    Returns
    -------
    ndarray (rows,) of int
        As the rows are, if it has none of them; equal rows stay in their order.

    Examples
    --------
    >>> import pandas as pd
    >>> canonical_order(pd.DataFrame({"time": [2, 1, 0], "stimulus": [0, 0, 1]})).tolist()
    [1, 0, 2]
    """
    keys = [name for name in KEYS if name in table]
    if not keys:
        return np.arange(len(table), dtype=np.int64)
    ordered = table[keys].reset_index(drop=True).sort_values(keys, kind="stable")
    return ordered.index.to_numpy(dtype=np.int64)


def time_blocks(series: NDArray, n_blocks: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Cut series into runs of neighbouring rows, at least so many over all of them.

    Parameters
    ----------
    series : ndarray (rows,)
        Session or trial of each row, in rising order.
    n_blocks : int

    Returns
    -------
    block : ndarray (rows,) of int
        No block reaches from one series into another.
    depth : ndarray (rows,)
        How deep in its block a row lies: 0 at the start, 1 at the end.

    Examples
    --------
    >>> block, depth = time_blocks(np.repeat([3, 5], 4), n_blocks=4)
    >>> block.tolist(), depth[:2].tolist()
    ([0, 0, 1, 1, 2, 2, 3, 3], [0.25, 0.75])
    """
    _, starts, codes, sizes = np.unique(
        series, return_index=True, return_inverse=True, return_counts=True
    )
    each = -(-n_blocks // len(sizes))
    step = np.arange(len(series)) - starts[codes]
    place = (step + 0.5) * each / sizes[codes]
    block = np.floor(place).astype(np.int64)
    return codes * each + block, place - block
