"""The authors' indices of an offspring as they stand, for comparison only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

_EPSILON = 1e-12


def offspring_dissimilarity(offspring: ArrayLike, parent_a: ArrayLike, parent_b: ArrayLike) -> Any:
    """Second form of nGDI: ``1/2 [d_1 / (d_1 + d_2) + d_2 / (d_1 + d_2)] cos(p_1, p_2)``.

    The bracket is 1: the offspring cancels, and half the cosine of the parents is left. See
    `analyses.ndna.merge_indices.parental_share`.

    Parameters
    ----------
    offspring, parent_a, parent_b : array (..., features)

    Returns
    -------
    float or ndarray (...)

    Examples
    --------
    >>> parents = [1.0, 0.0], [1.0, 1.0]
    >>> [float(offspring_dissimilarity(each, *parents)).__round__(6) for each in ([9, 1], [7, -3])]
    [0.353553, 0.353553]
    """
    child, one, other = (
        np.asarray(each, dtype=np.float64) for each in (offspring, parent_a, parent_b)
    )
    to_one, to_other = (np.linalg.norm(child - each, axis=-1) for each in (one, other))
    total = to_one + to_other
    cosine = (one * other).sum(-1) / (np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1))
    return (to_one / total + to_other / total) / 2 * cosine


def trait_dominance_difference(
    offspring: ArrayLike, parent_a: ArrayLike, parent_b: ArrayLike, epsilon: float = _EPSILON
) -> Any:
    """Second form of nTDS: ``(|O - B| - |O - A|) / (|A - B| + eps)``.

    From -1 (parent B) to 1 (parent A), where the first form goes from 0 to 1; 0 for every offspring
    that is equally far from both, however far.

    Parameters
    ----------
    offspring, parent_a, parent_b : array (..., features)
    epsilon : float

    Returns
    -------
    float or ndarray (...)

    Examples
    --------
    >>> float(trait_dominance_difference([0.5, 9.0], [1.0, 0.0], [0.0, 0.0]))
    0.0
    """
    child, one, other = (
        np.asarray(each, dtype=np.float64) for each in (offspring, parent_a, parent_b)
    )
    to_one, to_other = (np.linalg.norm(child - each, axis=-1) for each in (one, other))
    return (to_other - to_one) / (np.linalg.norm(one - other, axis=-1) + epsilon)
