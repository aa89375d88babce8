"""Alignments of similarity matrices under shuffled and redrawn stimuli."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Draws:
    """The same draws for every site, weight and checkpoint.

    Attributes
    ----------
    orders : ndarray (permutations, groups) of int
        Shuffled stimuli.
    weights : ndarray (bootstraps, groups)
        How often each stimulus counts.
    """

    orders: NDArray[np.int64]
    weights: Matrix

    @classmethod
    def make(cls, n_groups: int, n_permutations: int, n_bootstrap: int, seed: int) -> Draws:
        """Draw them.

        Parameters
        ----------
        n_groups, n_permutations, n_bootstrap, seed : int

        Returns
        -------
        Draws
        """
        generator = np.random.default_rng([seed, 1])
        orders = [generator.permutation(n_groups) for _ in range(n_permutations)]
        even = np.full(n_groups, 1 / n_groups)
        weights = generator.multinomial(n_groups, even, size=n_bootstrap)
        return cls(np.stack(orders), weights.astype(np.float64))


def shuffled_alignments(first: Matrix, second: Matrix, orders: NDArray[np.int64]) -> Matrix:
    """Alignment with the stimuli of the second matrix shuffled.

    Parameters
    ----------
    first, second : ndarray (rows, rows)
        Similarities or kernels; rows of one stimulus follow each other, equally many each.
    orders : ndarray (permutations, groups) of int

    Returns
    -------
    ndarray (permutations,)
        As `kernel_alignment` of the shuffled matrices.
    """
    size, each = np.linalg.norm(first) * np.linalg.norm(second), len(first) // orders.shape[1]
    if not size:
        return np.full(len(orders), float(not first.any() and not second.any()))
    within = np.arange(each)
    rows = (orders[:, :, None] * each + within).reshape(len(orders), -1)
    flat = first.ravel() / size
    return np.array([flat @ second[order][:, order].ravel() for order in rows])


def redrawn_alignments(first: Matrix, second: Matrix, weights: Matrix) -> Matrix:
    """Alignment with stimuli drawn anew.

    A stimulus that is drawn twice would be compared with itself; such pairs are left out, as
    their similarity says nothing about two stimuli.

    Parameters
    ----------
    first, second : ndarray (rows, rows)
    weights : ndarray (bootstraps, groups)

    Returns
    -------
    ndarray (bootstraps,)
    """
    product, one, two = (
        _weighted(_by_group(a * b, weights.shape[1]), weights)
        for a, b in ((first, second), (first, first), (second, second))
    )
    size = np.sqrt(one * two)
    return np.where(size > 0, product / np.where(size > 0, size, 1.0), (one == two).astype(float))


def _by_group(values: Matrix, n_groups: int) -> Matrix:
    each = len(values) // n_groups
    return values.reshape(n_groups, each, n_groups, each).sum(axis=(1, 3))


def _weighted(values: Matrix, weights: Matrix) -> Matrix:
    diagonal = np.diag(values)
    pairs = ((weights @ values) * weights).sum(axis=1) - (weights**2) @ diagonal
    return pairs + weights @ diagonal
