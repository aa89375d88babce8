"""Comparing a fit with the truth: states matched, their accuracy, signs of couplings."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import UsageError

ZERO = 0.1


def match_states(
    found: ArrayLike, true: ArrayLike, n_states: int | None = None
) -> NDArray[np.int64]:
    """Which found state stands for each true one (Hungarian method on shared bins).

    Parameters
    ----------
    found, true : array of int, same shape
        State of every bin.
    n_states : int, optional
        The largest number in either plus one by default.

    Returns
    -------
    ndarray (states,) of int
        ``connectivity_[match_states(found, true)]`` is in the order of the true states.

    Raises
    ------
    UsageError
        If the shapes differ.

    Examples
    --------
    >>> match_states([1, 1, 0, 0], [0, 0, 1, 1]).tolist()
    [1, 0]
    """
    from scipy.optimize import linear_sum_assignment

    first, second = np.asarray(found).ravel(), np.asarray(true).ravel()
    if first.shape != second.shape or not len(first):
        raise UsageError(
            f"Found states of shapes {np.shape(found)} and {np.shape(true)}; expected the same "
            "bins in both, at least one."
        )
    size = n_states or int(max(first.max(), second.max())) + 1
    shared = np.zeros((size, size))
    np.add.at(shared, (second, first), 1)
    return linear_sum_assignment(-shared)[1].astype(np.int64)


def state_accuracy(found: ArrayLike, true: ArrayLike) -> float:
    """Share of bins in the right state, after matching.

    Parameters
    ----------
    found, true : array of int, same shape

    Returns
    -------
    float

    Examples
    --------
    >>> state_accuracy([1, 1, 0, 1], [0, 0, 1, 1])
    0.75
    """
    order = match_states(found, true)
    return float(np.mean(np.asarray(found).ravel() == order[np.asarray(true).ravel()]))


def sign_accuracy(found: ArrayLike, true: ArrayLike, zero: float = ZERO) -> float:
    """Share of couplings whose sign, or absence, is right.

    Parameters
    ----------
    found, true : array (states, to, from)
        Of matched states.
    zero : float
        Couplings of at most this size count as absent, in both.

    Returns
    -------
    float

    Examples
    --------
    >>> sign_accuracy([[0.5, 0.05, -0.3, 0.0]], [[0.2, 0.0, 0.3, 0.0]])
    0.75
    """
    first, second = (np.asarray(each, dtype=np.float64) for each in (found, true))
    signs = [np.sign(each) * (np.abs(each) > zero) for each in (first, second)]
    return float(np.mean(signs[0] == signs[1]))
