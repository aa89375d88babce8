"""Mean and scatter of rows, added up in float64 block by block without losing digits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError


class Moments:
    """Running mean and scatter about it.

    Parts are joined as in Chan, Golub and LeVeque (1983, *Algorithms for computing the sample
    variance*): a large mean then costs no digits of the scatter.

    Attributes
    ----------
    n_rows : int
    mean : ndarray (units,)
    scatter : ndarray (units, units)
        Sum of products of deviations from the mean; ``(units,)`` sums of squares if only those are
        wanted.

    Examples
    --------
    >>> moments = Moments()
    >>> moments.add(np.array([[1.0], [3.0]]))
    >>> moments.add(np.array([[5.0]]))
    >>> moments.mean.tolist(), moments.scatter.tolist()
    ([3.0], [[8.0]])
    """

    def __init__(self, only_squares: bool = False) -> None:
        self.n_rows = 0
        self.mean: NDArray[np.float64] = np.zeros(0)
        self.scatter: NDArray[np.float64] = np.zeros(0)
        self._only_squares = only_squares

    def add(self, block: NDArray) -> None:
        """Add rows.

        Parameters
        ----------
        block : ndarray (rows, units)

        Raises
        ------
        UsageError
            If the number of units differs from that of earlier rows.
        """
        n_new, n_units = block.shape
        if not n_new:
            return
        if not self.n_rows:
            self.mean = np.zeros(n_units)
            self.scatter = np.zeros(n_units if self._only_squares else (n_units, n_units))
        if len(self.mean) != n_units:
            raise UsageError(
                f"Found rows of {n_units} units after rows of {len(self.mean)}; expected the same "
                "units in all: pass rows of one site."
            )
        values = block.astype(np.float64)
        mean = values.mean(axis=0)
        values -= mean
        shift, total = mean - self.mean, self.n_rows + n_new
        weight = self.n_rows * n_new / total
        if self._only_squares:
            self.scatter += np.einsum("ij,ij->j", values, values) + weight * shift**2
        else:
            self.scatter += values.T @ values + weight * np.outer(shift, shift)
        self.mean += shift * (n_new / total)
        self.n_rows = total
