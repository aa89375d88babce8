"""Clustering by one label with another held fixed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.word_classes.gdv import gdv
from workbench.errors import UsageError
from workbench.statistics.balance import balanced_rows


def conditional_gdv(
    activations: ArrayLike,
    labels: ArrayLike,
    given: ArrayLike,
    *,
    least: int = 10,
    dead_units: str = "drop",
    seed: int = 0,
) -> float:
    """Mean GDV of labels within rows that share another label.

    A network whose activity holds only the class of the word it just read still clusters by the
    class of the word to come, as far as one predicts the other. Within one class of the word just
    read it does not.

    Parameters
    ----------
    activations : array (rows, units)
    labels : array (rows,)
        What to cluster by, such as the class of the next word.
    given : array (rows,)
        What is held fixed, such as the class of the last word.
    least : int
        Rows that a label must have within a fixed one; rarer ones are left out there.
    dead_units : {"drop", "zero"}
        As in `gdv`.
    seed : int
        Of the balanced sub-samples.

    Returns
    -------
    float
        Mean over the fixed labels, weighted by the rows used.

    Raises
    ------
    UsageError
        If no fixed label has two labels often enough.

    Examples
    --------
    >>> x = np.repeat([[0.0], [1.0]], 20, axis=0)
    >>> conditional_gdv(x, np.repeat(["a", "b"], 20), ["same"] * 40)
    -1.0
    """
    values, wanted, fixed = np.asarray(activations), np.asarray(labels), np.asarray(given)
    found, weights = [], []
    for each in np.unique(fixed):
        rows = np.flatnonzero(fixed == each)
        kept = rows[_frequent(wanted[rows], least)]
        if len(np.unique(wanted[kept])) < 2:
            continue
        chosen = kept[balanced_rows(wanted[kept], len(kept), seed)]
        found.append(gdv(values[chosen], wanted[chosen], dead_units))
        weights.append(len(chosen))
    if not found:
        raise UsageError(
            f"Found no fixed label within which two labels have {least} rows each; expected at "
            "least one: lower least, or take more rows."
        )
    return float(np.average(found, weights=weights))


def _frequent(labels: NDArray[Any], least: int) -> NDArray[np.bool_]:
    _, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return np.asarray(counts[codes] >= least)
