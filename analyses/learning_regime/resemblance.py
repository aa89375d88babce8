"""How much two tables of conditions by units resemble each other: what drift is measured by."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from analyses.learning_regime.alignments import representation_alignment

Table = NDArray[np.float64]
Resemblance = Callable[[Table, Table], float]


def resemblances(matched: bool, n_components: int) -> dict[str, Resemblance]:
    """Ways to compare two tables (conditions, units); all are 1 at most, for equal ones.

    Parameters
    ----------
    matched : bool
        Whether the units are the same in both: tuning can be compared then, and subspaces lie in
        the space of units. Without, they lie in that of conditions.
    n_components : int
        Principal components of a subspace.

    Returns
    -------
    dict of str to callable
    """
    found: dict[str, Resemblance] = {
        "representation alignment": representation_alignment,
        "centred representation alignment": lambda a, b: representation_alignment(a, b, True),
        "subspace overlap": lambda a, b: subspace_overlap(a, b, n_components, matched),
    }
    return {**found, "tuning correlation": tuning_correlation} if matched else found


def subspace_overlap(first: Table, second: Table, n_components: int, of_units: bool) -> float:
    """Mean squared cosine of the angles between the leading principal subspaces.

    Parameters
    ----------
    first, second : ndarray (conditions, units)
    n_components : int
    of_units : bool
        Directions in the space of units; otherwise patterns over conditions.

    Returns
    -------
    float
        1 for the same subspace, 0 for perpendicular ones.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(9, 4))
    >>> round(subspace_overlap(x, 2 * x + 5, 2, of_units=True), 9)
    1.0
    """
    angles = subspace_angles(first, second, n_components, of_units)
    return float((np.cos(angles) ** 2).mean())


def subspace_angles(
    first: Table, second: Table, n_components: int, of_units: bool
) -> NDArray[np.float64]:
    """Angles between the leading principal subspaces, in radians, the largest first.

    Parameters
    ----------
    first, second : ndarray (conditions, units)
    n_components : int
    of_units : bool

    Returns
    -------
    ndarray (components,)
    """
    from scipy.linalg import subspace_angles as angles

    bases = [_components(each, n_components, of_units) for each in (first, second)]
    found: NDArray[np.float64] = angles(*bases)
    return found


def tuning_correlation(first: Table, second: Table) -> float:
    """Median over units of the correlation of a unit's means over conditions.

    Parameters
    ----------
    first, second : ndarray (conditions, units)
        Of the same units; those that do not vary are left out.

    Returns
    -------
    float
        0 if no unit varies.

    Examples
    --------
    >>> x = np.array([[1.0, 0.0], [2.0, 0.0], [4.0, 0.0]])
    >>> round(tuning_correlation(x, 3 * x), 9)
    1.0
    """
    one, two = first - first.mean(axis=0), second - second.mean(axis=0)
    sizes = np.linalg.norm(one, axis=0) * np.linalg.norm(two, axis=0)
    varies = sizes > 0
    if not varies.any():
        return 0.0
    return float(np.median((one * two).sum(axis=0)[varies] / sizes[varies]))


def _components(values: Table, n_components: int, of_units: bool) -> Table:
    left, _, right = np.linalg.svd(values - values.mean(axis=0), full_matrices=False)
    return right[:n_components].T if of_units else left[:, :n_components]
