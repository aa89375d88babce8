"""Components of a factorisation: of length one, in order, and matched between two of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError


def ordered(factors: Sequence[NDArray]) -> tuple[list[NDArray], NDArray, NDArray]:
    """Unit columns, their weights, heaviest first.

    Parameters
    ----------
    factors : sequence of ndarray (size, rank)

    Returns
    -------
    factors : list of ndarray (size, rank)
        Columns of length one. A component that vanished has constant ones and weight 0.
    weights : ndarray (rank,)
        Falling; ties by where the component lies along the first axis, then the next.
    order : ndarray (rank,) of int
        Which of the given components each is.

    Examples
    --------
    >>> units, weights, order = ordered([np.array([[0.0, 3.0], [2.0, 0.0]]), np.ones((1, 2))])
    >>> weights.tolist(), units[0].tolist()
    ([3.0, 2.0], [[1.0, 0.0], [0.0, 1.0]])
    """
    wide = [np.asarray(each, dtype=np.float64) for each in factors]
    lengths = np.stack([np.linalg.norm(each, axis=0) for each in wide])
    alive = (lengths > 0).all(axis=0)
    weights = np.where(alive, lengths.prod(axis=0), 0.0)
    units = []
    for factor, length in zip(wide, lengths, strict=True):
        flat = np.full(len(factor), len(factor) ** -0.5)
        units.append(np.where(alive, factor / np.where(alive, length, 1.0), flat[:, None]))
    # Rounded, so that weights that differ by rounding alone count as equal.
    keys = [np.round(np.arange(len(each)) @ each**2, 6) for each in reversed(units)]
    rounded = np.round(weights / max(weights.max(), np.finfo(float).tiny), 6)
    order = np.lexsort([*keys, -rounded])
    return [each[:, order] for each in units], weights[order], order


def similarity(
    one: Sequence[NDArray], other: Sequence[NDArray], weights: Sequence[NDArray] | None = None
) -> float:
    """How alike two sets of components are, each with its best partner.

    Mean over matched components of the product over axes of their cosines (factor match score,
    Acar et al. 2011, *Scalable tensor factorizations for incomplete data*, equation 21, without
    weights); partners by the Hungarian method.

    Parameters
    ----------
    one, other : sequence of ndarray (size, rank)
        Axes in the same order.
    weights : two arrays (rank,), optional
        Components of weight 0 are like nothing.

    Returns
    -------
    float
        1 if they are the same.

    Raises
    ------
    UsageError
        If the axes differ.

    Examples
    --------
    >>> components = [np.eye(3)[:, :2], np.eye(4)[:, :2]]
    >>> similarity(components, [each[:, ::-1] for each in components])
    1.0
    """
    gains = cosines(one, other)
    if weights is not None:
        gains = gains * np.outer(np.asarray(weights[0]) > 0, np.asarray(weights[1]) > 0)
    rows, columns = match(gains)
    return float(gains[rows, columns].sum() / max(gains.shape))


def cosines(one: Sequence[NDArray], other: Sequence[NDArray]) -> NDArray[np.float64]:
    """Product over axes of the cosines of every two components.

    Parameters
    ----------
    one, other : sequence of ndarray (size, rank)

    Returns
    -------
    ndarray (rank of one, rank of other)

    Raises
    ------
    UsageError
        If the axes differ.
    """
    sizes = [len(each) for each in one], [len(each) for each in other]
    if sizes[0] != sizes[1]:
        raise UsageError(
            f"Found components of sizes {sizes[0]} and {sizes[1]}; expected the same axes."
        )
    gains = np.ones((one[0].shape[1], other[0].shape[1]))
    for first, second in zip(one, other, strict=True):
        gains *= _unit(first).T @ _unit(second)
    return gains


def match(gains: NDArray) -> tuple[NDArray, NDArray]:
    """Partners that are most alike in total.

    Parameters
    ----------
    gains : ndarray (ones, others)

    Returns
    -------
    rows, columns : ndarray of int
    """
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(gains, maximize=True)
    return rows, columns


def _unit(factor: NDArray) -> NDArray[np.float64]:
    wide = np.asarray(factor, dtype=np.float64)
    lengths = np.linalg.norm(wide, axis=0)
    return wide / np.where(lengths > 0, lengths, 1.0)
