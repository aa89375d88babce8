"""Generalized Discrimination Value: how far classes of points lie apart, beside their own width.

Schilling et al. 2021, *Quantifying the separability of data classes in neural networks*, Neural
Networks 139 (arXiv 1811.01753), as computed by that group's routine ``cmpGDV``.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.word_classes.distances import class_distance_sums
from analyses.word_classes.standardize import check_finite, standardize
from workbench.errors import UsageError


def gdv(activations: ArrayLike, labels: ArrayLike, dead_units: str = "drop") -> float:
    """Generalized Discrimination Value of labelled points.

    With every unit scaled to mean 0 and standard deviation 1/2 over all points, the mean distance
    within classes minus the mean distance between classes, over the square root of the number of
    units. Zero if the labels say nothing, `gdv_bound` if balanced classes collapse to equidistant
    points. Unbalanced classes can go beyond that: balance them first.

    Parameters
    ----------
    activations : array (rows, units)
        Any real dtype.
    labels : array (rows,)
        Class of each row: text, numbers or categories.
    dead_units : {"drop", "zero"}
        Whether units that never vary are left out, or kept as dimensions without spread, as the
        original routine does.

    Returns
    -------
    float
        A pure number; more negative means better separated.

    Raises
    ------
    UsageError
        If shapes do not fit, labels are missing, there is one class only, or a class has one row.
    WorkbenchError
        If activations are not finite or no unit varies.

    Examples
    --------
    >>> gdv([[0.0], [0.0], [1.0], [1.0]], ["a", "a", "b", "b"])
    -1.0
    """
    return float(contrast(mean_class_distances(activations, labels, dead_units)))


def gdv_bound(n_classes: int) -> float:
    """Lowest value that balanced classes can reach: all points of a class in one corner.

    Parameters
    ----------
    n_classes : int
        At least two.

    Returns
    -------
    float
        ``-sqrt(L / (2 (L - 1)))`` for L classes: the corners of a regular simplex.

    Raises
    ------
    UsageError
        If there are fewer than two classes.

    Examples
    --------
    >>> gdv_bound(2)
    -1.0
    >>> round(gdv_bound(5), 4)
    -0.7906
    """
    if n_classes < 2:
        raise UsageError(f"Found {n_classes} classes; expected at least two to tell apart.")
    return -math.sqrt(n_classes / (2 * (n_classes - 1)))


def mean_class_distances(
    activations: ArrayLike, labels: ArrayLike, dead_units: str = "drop"
) -> NDArray[np.float64]:
    """Mean distance between the rows of every two classes, in the units that GDV uses.

    Memory is a copy of the activations in float32 and some blocks of pairs; time is one matrix
    product over half of all pairs.

    Parameters
    ----------
    activations : array (rows, units)
    labels : array (rows,)
    dead_units : {"drop", "zero"}
        As in `gdv`.

    Returns
    -------
    ndarray (classes, classes)
        Classes in order of first appearance; within classes on the diagonal. Distances of scaled
        rows over the square root of the number of units.

    Raises
    ------
    UsageError, WorkbenchError
        As `gdv`.

    Examples
    --------
    >>> mean_class_distances([[0.0], [0.0], [1.0], [1.0]], [1, 1, 2, 2]).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    values = _table(activations)
    codes, counts = _classes(labels, len(values))
    check_finite(values, "the activations")
    scaled = standardize(values, dead_units)
    in_order = scaled.values[np.argsort(codes, kind="stable")]
    sums = class_distance_sums(in_order, counts)
    pairs = np.outer(counts, counts) - np.diag(counts)
    return sums / pairs / math.sqrt(scaled.n_units)


def contrast(means: NDArray) -> NDArray:
    """Mean distance within classes minus mean distance between classes.

    Parameters
    ----------
    means : ndarray (..., classes, classes)
        As `mean_class_distances` gives them.

    Returns
    -------
    ndarray (...)
    """
    n_classes = means.shape[-1]
    within = np.trace(means, axis1=-2, axis2=-1)
    between = (means.sum(axis=(-2, -1)) - within) / (n_classes * (n_classes - 1))
    return within / n_classes - between


def _table(activations: ArrayLike) -> NDArray:
    values = np.asarray(activations)
    if values.ndim != 2 or values.dtype.kind not in "fiub" or 0 in values.shape:
        raise UsageError(
            f"Found activations of shape {values.shape} and dtype {values.dtype}; expected real "
            "numbers of shape (rows, units): flatten spatial axes first."
        )
    return values


def _classes(labels: ArrayLike, n_rows: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    import pandas as pd

    codes, names = pd.factorize(pd.Series(labels))
    if len(codes) != n_rows:
        raise UsageError(f"Found {len(codes)} labels for {n_rows} rows; expected one a row.")
    if (codes < 0).any():
        raise UsageError(
            f"Found {int((codes < 0).sum())} rows without a label; expected one a row: leave those "
            "rows out."
        )
    counts = np.bincount(codes, minlength=len(names))
    gdv_bound(len(names))
    if counts.min() < 2:
        raise UsageError(
            f"Found class '{names[int(counts.argmin())]}' with a single row; expected at least two "
            "a class, for a distance within it: leave that class out."
        )
    return codes.astype(np.int64), counts.astype(np.int64)
