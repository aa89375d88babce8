"""GDV under shuffled labels and re-drawn stimuli, from distances that are computed once.

Units stay scaled as in the sample at hand: what is drawn anew is which rows carry which label, or
how often each stimulus counts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analyses.word_classes.gdv import contrast

_COLUMNS_AT_ONCE = 256


def class_means(distances: NDArray[np.float64], codes: NDArray) -> NDArray[np.float64]:
    """Mean distances between classes, for one or many labellings of the same rows.

    Parameters
    ----------
    distances : ndarray (rows, rows)
        Symmetric, zero on the diagonal.
    codes : ndarray (draws, rows) of int
        Class of each row, counted from 0, in each draw.

    Returns
    -------
    ndarray (draws, classes, classes)
        Over pairs of different rows; NaN where a class has no pair.
    """
    n_classes = int(codes.max()) + 1
    step = _draws_at_once(n_classes)
    parts = []
    for start in range(0, len(codes), step):
        members = _members(codes[start : start + step], n_classes)
        counts = members.sum(axis=1)
        pairs = counts[:, :, None] * counts[:, None, :] - _diagonal(counts)
        parts.append(_ratio(_sums(distances, members), pairs))
    return np.concatenate(parts)


def shuffled_gdv(distances: NDArray[np.float64], codes: NDArray) -> NDArray[np.float64]:
    """GDV for many labellings of the same rows.

    Parameters
    ----------
    distances : ndarray (rows, rows)
        Symmetric, zero on the diagonal.
    codes : ndarray (draws, rows) of int
        Class of each row, counted from 0, in each draw.

    Returns
    -------
    ndarray (draws,)
        NaN for draws in which a class has no pair.

    Examples
    --------
    >>> distances = np.abs(np.subtract.outer([0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]))
    >>> shuffled_gdv(distances, np.array([[0, 0, 1, 1], [0, 1, 0, 1]])).tolist()
    [-1.0, 0.5]
    """
    return contrast(class_means(distances, codes))


def redrawn_gdv(
    distances: NDArray[np.float64],
    codes: NDArray,
    groups: NDArray,
    weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    """GDV for many draws of groups with replacement.

    A pair of rows counts as often as its two groups were drawn together. Within one group it
    counts as often as that group was drawn, not squared: copies of a group never pair with each
    other, which would draw close rows together and bias the value towards clustering.

    Parameters
    ----------
    distances : ndarray (rows, rows)
        Symmetric, zero on the diagonal.
    codes : ndarray (rows,) of int
        Class of each row, counted from 0.
    groups : ndarray (rows,)
        Group, such as the stimulus, of each row.
    weights : ndarray (draws, rows)
        How often each row's group was drawn.

    Returns
    -------
    ndarray (draws,)
        NaN for draws in which a class has no pair.

    Examples
    --------
    >>> distances = np.abs(np.subtract.outer([0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]))
    >>> codes, groups = np.array([0, 0, 1, 1]), np.array([0, 1, 2, 3])
    >>> redrawn_gdv(distances, codes, groups, np.ones((2, 4))).tolist()
    [-1.0, -1.0]
    """
    n_classes = int(codes.max()) + 1
    once = _members(codes[None], n_classes)[0]
    same = groups[:, None] == groups
    near_sums, near_counts = (distances * same) @ once, same.astype(np.float64) @ once
    step = _draws_at_once(n_classes)
    draws = []
    for start in range(0, len(weights), step):
        weight = weights[start : start + step, :, None]
        members = weight * once
        excess = ((weight**2 - weight) * once).transpose(0, 2, 1)
        totals = members.sum(axis=1)
        pairs = totals[:, :, None] * totals[:, None, :] - excess @ near_counts - _diagonal(totals)
        draws.append(_ratio(_sums(distances, members) - excess @ near_sums, pairs))
    return contrast(np.concatenate(draws))


def _draws_at_once(n_classes: int) -> int:
    return max(1, _COLUMNS_AT_ONCE // n_classes)


def _members(codes: NDArray, n_classes: int) -> NDArray[np.float64]:
    """One-hot classes (draws, rows, classes)."""
    return (codes[:, :, None] == np.arange(n_classes)).astype(np.float64)


def _sums(distances: NDArray[np.float64], members: NDArray[np.float64]) -> NDArray[np.float64]:
    n_draws, n_rows, n_classes = members.shape
    columns = members.transpose(1, 0, 2).reshape(n_rows, n_draws * n_classes)
    reached = (distances @ columns).reshape(n_rows, n_draws, n_classes)
    return members.transpose(0, 2, 1) @ reached.transpose(1, 0, 2)


def _diagonal(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values[:, :, None] * np.eye(values.shape[1])


def _ratio(sums: NDArray[np.float64], pairs: NDArray[np.float64]) -> NDArray[np.float64]:
    # Pair counts are whole numbers up to rounding.
    defined = pairs > 0.5
    return np.where(defined, sums / np.where(defined, pairs, 1.0), np.nan)
