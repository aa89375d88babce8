"""Explained variance: how much of the variance of activity a reconstruction keeps.

``1 - sum |x - x_hat|^2 / sum |x - mean|^2`` with the mean of every unit removed. Putting a mean
square where the mean belongs makes the number grow with the mean of the data, so that activity far
from zero looks better explained than it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.atoms.moments import Moments
from analyses.atoms.rowblocks import as_rows, row_blocks
from workbench.errors import UsageError


class VarianceExplained:
    """Explained variance of rows that come in batches; the size of the batches does not matter.

    Examples
    --------
    >>> score = VarianceExplained()
    >>> score.add(np.array([[0.0], [2.0]]), np.array([[0.0], [1.0]]))
    >>> score.value
    0.5
    """

    def __init__(self) -> None:
        self._moments = Moments(only_squares=True)
        self._error = 0.0

    @property
    def n_rows(self) -> int:
        """Rows so far."""
        return self._moments.n_rows

    def add(self, x: NDArray, x_hat: NDArray) -> None:
        """Add rows and their reconstruction.

        Parameters
        ----------
        x, x_hat : ndarray (rows, units)

        Raises
        ------
        UsageError
            If their shapes differ.
        """
        if x.shape != x_hat.shape:
            raise UsageError(
                f"Found activity of shape {x.shape} and a reconstruction of shape {x_hat.shape}; "
                "expected the same shape: reconstruct the rows that are passed."
            )
        self._moments.add(x)
        difference = x.astype(np.float64) - x_hat
        self._error += float(np.vdot(difference, difference))

    @property
    def value(self) -> float:
        """Explained variance of all rows so far: 1 at best, 0 for their mean.

        Raises
        ------
        UsageError
            If there is no row, or no unit varies.
        """
        spread = float(self._moments.scatter.sum())
        if spread <= 0:
            raise UsageError(
                f"Found {self.n_rows} rows whose units do not vary; expected variance to explain: "
                "pass at least two rows that differ."
            )
        return 1.0 - self._error / spread


def explained_variance(
    x: ArrayLike | Iterable[tuple[NDArray, NDArray]], x_hat: ArrayLike | None = None
) -> float:
    """Share of the variance of activity that a reconstruction explains.

    Parameters
    ----------
    x : array (rows, units), or iterable of pairs of arrays (rows, units)
        Activity; without `x_hat`, batches of activity with their reconstruction, which are never
        held together.
    x_hat : array (rows, units), optional
        Reconstruction.

    Returns
    -------
    float
        ``1 - sum |x - x_hat|^2 / sum |x - mean|^2``, summed over rows and units in float64, the
        mean taken for every unit: 1 if perfect, 0 for the mean, negative if worse than the mean.

    Raises
    ------
    UsageError
        If shapes differ, there is no row, or no unit varies.
    WorkbenchError
        If values are not finite.

    Examples
    --------
    >>> explained_variance([[0.0], [2.0]], [[0.0], [1.0]])
    0.5
    >>> explained_variance([[10.0], [12.0]], [[10.0], [11.0]])
    0.5
    >>> explained_variance((np.eye(2) + i, np.eye(2) + i) for i in range(3))
    1.0
    """
    score = VarianceExplained()
    for real, made in _pairs(x, x_hat):
        if len(real) != len(made):
            raise UsageError(
                f"Found {len(real)} rows of activity and {len(made)} of its reconstruction; "
                "expected one reconstruction a row."
            )
        for part, guess in zip(row_blocks(real), row_blocks(made), strict=True):
            score.add(part, guess)
    return score.value


def _pairs(x: Any, x_hat: Any) -> Iterator[tuple[NDArray, NDArray]]:
    for real, made in x if x_hat is None else [(x, x_hat)]:
        yield as_rows(real), as_rows(made, "a reconstruction")
