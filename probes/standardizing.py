"""Scaling of units by the training rows, and by nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BLOCK = 512


@dataclass(frozen=True)
class Standard:
    """Mean and standard deviation of every unit over the training rows.

    Attributes
    ----------
    mean, scale : ndarray (units,)
        A unit that never varies has scale 1.

    Examples
    --------
    >>> Standard.of(np.array([[0.0, 5.0], [2.0, 5.0]])).transform(np.array([[2.0, 5.0]])).tolist()
    [[1.0, 0.0]]
    """

    mean: NDArray[Any]
    scale: NDArray[Any]

    @classmethod
    def of(cls, x: NDArray[Any]) -> Standard:
        """Fit on training rows (rows, units)."""
        mean = x.mean(axis=0, dtype=np.float64)
        centre, squares = mean.astype(x.dtype), np.zeros(x.shape[1])
        # In blocks that stay in the cache; all deviations at once would take the memory of x again.
        for begin in range(0, len(x), _BLOCK):
            deviations = x[begin : begin + _BLOCK] - centre
            squares += np.einsum("ij,ij->j", deviations, deviations)
        spread = np.sqrt(squares / len(x))
        # Rounding leaves a constant unit a spread of its last digits.
        still = spread <= 1e-6 * np.abs(mean)
        scale = np.where(still | (spread == 0), 1.0, spread)
        return cls(mean.astype(x.dtype), scale.astype(x.dtype))

    def transform(self, x: NDArray[Any]) -> NDArray[Any]:
        """Standardised activity (rows, units)."""
        return (x - self.mean) / self.scale


def in_units_of_activity(
    standard: Standard, weights: NDArray[Any], intercept: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Weights (outputs, units) and intercepts for activity that is not standardised.

    Parameters
    ----------
    standard : Standard
    weights : ndarray (outputs, units)
        For standardised units.
    intercept : ndarray (outputs,)

    Returns
    -------
    tuple of ndarray
    """
    plain = weights / standard.scale
    return plain, intercept - plain @ standard.mean
