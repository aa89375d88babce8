"""Control tasks: labels that say nothing but which input it was."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import UsageError, nearest

DISTRIBUTIONS = ("empirical", "uniform")


def control_task(
    words: ArrayLike,
    labels: ArrayLike,
    distribution: str = "empirical",
    seed: int = 0,
) -> NDArray[Any]:
    """One fixed random label for every word type (Hewitt and Liang 2019, section 2).

    Parameters
    ----------
    words : array (rows,)
        Word type, or other identity of the input, of each row.
    labels : array (rows,)
        Classes of the real task.
    distribution : {"empirical", "uniform"}
        Whether classes are drawn as often as the real task has them, or equally often.
    seed : int
        A word's label depends on the seed and on the set of words, not on their order.

    Returns
    -------
    ndarray (rows,)
        Of the type of `labels`.

    Raises
    ------
    UsageError
        If numbers of rows differ or there is no such distribution.

    Examples
    --------
    >>> made = control_task(["the", "cat", "the"], ["DET", "NOUN", "DET"])
    >>> bool(made[0] == made[2])
    True
    """
    identity, known = np.asarray(words), np.asarray(labels)
    if identity.shape != known.shape or identity.ndim != 1:
        raise UsageError(
            f"Found words of shape {identity.shape} and labels of shape {known.shape}; expected "
            "one of each a row."
        )
    if distribution not in DISTRIBUTIONS:
        raise UsageError(
            f"Found distribution '{distribution}'; {nearest(distribution, DISTRIBUTIONS)}"
        )
    classes, counts = np.unique(known, return_counts=True)
    shares = counts / counts.sum() if distribution == "empirical" else None
    types, which = np.unique(identity, return_inverse=True)
    drawn = np.random.default_rng(seed).choice(len(classes), size=len(types), p=shares)
    return classes[drawn][which]
