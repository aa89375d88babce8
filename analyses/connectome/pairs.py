"""Pairs of neurons in one fixed order, that of `numpy.triu_indices`: (0, 1), (0, 2) to (1, 2)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError


def n_pairs(n_neurons: int) -> int:
    """Number of pairs among neurons.

    Examples
    --------
    >>> n_pairs(60)
    1770
    """
    return n_neurons * (n_neurons - 1) // 2


def n_neurons_of(pairs: int) -> int:
    """Number of neurons that have so many pairs.

    Raises
    ------
    UsageError
        If no number of neurons has.

    Examples
    --------
    >>> n_neurons_of(1770)
    60
    """
    n = (1 + math.isqrt(1 + 8 * pairs)) // 2
    if pairs < 1 or n_pairs(n) != pairs:
        raise UsageError(
            f"Found {pairs} pairs; expected N (N - 1) / 2 of N neurons, such as 3, 6, 10: keep "
            "all pairs in the order of numpy.triu_indices(N, 1)."
        )
    return n


def square(values: NDArray) -> NDArray:
    """Values of pairs as symmetric matrices with a diagonal of zeros.

    Parameters
    ----------
    values : ndarray (..., pairs)

    Returns
    -------
    ndarray (..., neurons, neurons)

    Raises
    ------
    UsageError
        If no number of neurons has so many pairs.

    Examples
    --------
    >>> square(np.array([1.0, 2.0, 3.0])).tolist()
    [[0.0, 1.0, 2.0], [1.0, 0.0, 3.0], [2.0, 3.0, 0.0]]
    """
    n = n_neurons_of(values.shape[-1])
    first, second = np.triu_indices(n, 1)
    matrices = np.zeros((*values.shape[:-1], n, n), values.dtype)
    matrices[..., first, second] = values
    matrices[..., second, first] = values
    return matrices
