"""Class-balanced sub-samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import UsageError


def balanced_rows(labels: ArrayLike, n_per_class: int, seed: int) -> NDArray[np.int64]:
    """Draw equally many rows of every class.

    Parameters
    ----------
    labels : array (rows,)
        Class of each row, none missing.
    n_per_class : int
        Rows a class; fewer where the smallest class is smaller.
    seed : int
        The same seed draws the same rows; other labels on the same rows share most of them, because
        rows are taken in one random order.

    Returns
    -------
    ndarray (chosen,) of int
        Row numbers in rising order.

    Raises
    ------
    UsageError
        If there is no row, or `n_per_class` is not positive.

    Examples
    --------
    >>> labels = np.array(["a", "b", "a", "a", "b"])
    >>> labels[balanced_rows(labels, 10, seed=0)].tolist().count("a")
    2
    """
    values = np.asarray(labels)
    if not len(values) or n_per_class < 1:
        raise UsageError(
            f"Found {len(values)} rows and n_per_class {n_per_class}; expected at least one of "
            "each for a balanced sub-sample."
        )
    _, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    n_each = min(n_per_class, int(counts.min()))
    order = np.random.default_rng(seed).permutation(len(values))
    in_order = codes[order]
    chosen = [order[in_order == code][:n_each] for code in range(len(counts))]
    return np.sort(np.concatenate(chosen)).astype(np.int64)
