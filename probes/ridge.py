"""Ridge regression of several training sets and penalties, each from one eigendecomposition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probes.standardizing import Standard


@dataclass(frozen=True)
class RidgePath:
    """Ridge solutions of one training set for all penalties.

    Attributes
    ----------
    standard : Standard
    coefficients : ndarray (penalties, units, targets)
        For standardised units.
    intercept : ndarray (targets,)
    """

    standard: Standard
    coefficients: NDArray[Any]
    intercept: NDArray[Any]

    def predict(self, x: NDArray[Any]) -> NDArray[Any]:
        """Predictions (penalties, rows, targets) of activity (rows, units)."""
        return self.standard.transform(x) @ self.coefficients + self.intercept


def fit_ridge(x: NDArray[Any], targets: NDArray[Any], penalties: NDArray[np.float64]) -> RidgePath:
    """Minimise the squared error plus the penalty times the squared weights, for every penalty.

    Parameters
    ----------
    x : ndarray (rows, units)
    targets : ndarray (rows, targets)
    penalties : ndarray (penalties,)

    Returns
    -------
    RidgePath

    Examples
    --------
    >>> x = np.array([[-1.0], [1.0]])
    >>> fit_ridge(x, np.array([[-1.0], [1.0]]), np.array([0.0, 2.0])).coefficients.ravel().tolist()
    [1.0, 0.5]
    """
    standard = Standard.of(x)
    z = standard.transform(x)
    mean = targets.mean(axis=0)
    centred = targets - mean
    dual = len(z) < z.shape[1]
    gram = (z @ z.T if dual else z.T @ z).astype(np.float64)
    values, vectors = np.linalg.eigh(gram)
    side = centred if dual else z.T @ centred
    turned = vectors.T @ side
    # Directions without variance take no weight, whatever the penalty.
    kept = values > values.max(initial=0.0) * np.finfo(z.dtype).eps * max(z.shape)
    gains = np.where(kept, 1 / (np.where(kept, values, 1.0) + penalties[:, None]), 0.0)
    solved = vectors @ (gains[:, :, None] * turned)
    coefficients = z.T @ solved if dual else solved
    return RidgePath(standard, coefficients, mean)
