"""Scaling of units by the training rows, and by nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


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
        spread = x.std(axis=0, dtype=np.float64)
        # Rounding leaves a constant unit a spread of its last digits.
        still = spread <= 1e-6 * np.abs(mean)
        scale = np.where(still | (spread == 0), 1.0, spread)
        return cls(mean.astype(x.dtype), scale.astype(x.dtype))

    def transform(self, x: NDArray[Any]) -> NDArray[Any]:
        """Standardised activity (rows, units)."""
        return (x - self.mean) / self.scale
