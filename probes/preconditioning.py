"""The Hessian of a multinomial logistic regression, nearly, as a product of two small matrices.

It is the sum over rows of ``(diag(p) - p p') (x) x x'``. If predicted probabilities p did not go
with x, that would be the mean of the first times the sum of the second, which the eigenvectors of
both invert for every penalty at once. Böhning (1992), *Multinomial logistic regression algorithm*,
has a bound of the same form that is wider: it takes all classes as equally likely.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from probes.logistic_rows import Array, Rows

# So many rows for each unit show how units vary together.
_ROWS_PER_UNIT = 8
# At least so many rows; of more units than that, only the directions they span are told apart.
_LARGEST = 2048


@dataclass(frozen=True)
class Preconditioner:
    """Nearly the inverse of the Hessian, for any number of rows and any penalty.

    Attributes
    ----------
    sample : ndarray (sample, units + 1)
        Rows, spread evenly over all.
    values : ndarray (rank,)
        Eigenvalues of the mean of ``x x'``.
    vectors : ndarray (units, rank)
    rest : float
        Eigenvalue of all directions that the vectors do not span.
    class_values : ndarray (classes,)
        Eigenvalues of the mean of ``diag(p) - p p'``.
    class_vectors : ndarray (classes, classes)
    """

    sample: Array
    values: Array
    vectors: Array
    rest: float
    class_values: Array
    class_vectors: Array

    @classmethod
    def of(cls, rows: Rows) -> Preconditioner:
        """For rows of which no more is known than the classes' shares.

        Parameters
        ----------
        rows : Rows
        """
        units = rows.x.shape[1] - 1
        wanted = max(_LARGEST, _ROWS_PER_UNIT * units if units <= _LARGEST else 0)
        sample = np.ascontiguousarray(rows.x[:: max(1, len(rows.x) // wanted)])
        values, vectors = _spectrum(sample[:, :-1])
        mean = float(values.sum()) / units
        # Rows that were left out vary in directions that the sample does not show.
        complete = len(sample) == len(rows.x)
        rest = mean * _least(sample) if complete and len(values) < units else mean
        values = np.maximum(values, mean * _least(sample))
        shares = np.bincount(rows.codes, minlength=rows.n_classes)[None] / len(rows.codes)
        return cls(sample, values, vectors, rest, *_of_classes(shares.astype(sample.dtype)))

    def at(self, weights: Array) -> Preconditioner:
        """The same with the probabilities that weights (classes, units + 1) predict."""
        logits = self.sample @ weights.T.astype(self.sample.dtype)
        logits -= logits.max(axis=1, keepdims=True)
        shares = np.exp(logits, out=logits)
        shares /= shares.sum(axis=1, keepdims=True)
        values, vectors = _of_classes(shares)
        return replace(self, class_values=values, class_vectors=vectors)

    def apply(self, gradients: Array, counts: NDArray[np.float64], penalty: float) -> Array:
        """Newton's steps, nearly, but for their sign.

        Parameters
        ----------
        gradients : ndarray (sets, classes, units + 1)
        counts : ndarray (sets,)
            Rows of each set.
        penalty : float
            Of all weights but the last, the intercept.

        Returns
        -------
        ndarray (sets, classes, units + 1)
        """
        dtype = gradients.dtype
        turned = self.class_vectors.T @ gradients
        spread = counts[:, None] * self.class_values
        rest = (1 / (spread * self.rest + penalty))[:, :, None]
        known = 1 / (spread[:, :, None] * self.values + penalty)
        within = (turned[..., :-1] @ self.vectors) * (known - rest).astype(dtype)
        step = np.empty_like(turned)
        step[..., :-1] = turned[..., :-1] * rest.astype(dtype) + within @ self.vectors.T
        step[..., -1] = turned[..., -1] / spread.astype(dtype)
        return self.class_vectors @ step


def _spectrum(x: Array) -> tuple[Array, Array]:
    """Eigenvalues (rank,) and vectors (units, rank) of the mean of ``x x'`` over rows."""
    n, units = x.shape
    if n >= units:
        values, vectors = np.linalg.eigh(x.T @ x)
        return values / n, vectors
    values, across = np.linalg.eigh(x @ x.T)
    kept = values > _least(x) * values[-1]
    return values[kept] / n, x.T @ (across[:, kept] / np.sqrt(values[kept]))


def _of_classes(shares: Array) -> tuple[Array, Array]:
    """Eigenvalues and vectors of the mean over rows of ``diag(p) - p p'``, p (rows, classes)."""
    mean = np.diag(shares.mean(axis=0)) - shares.T @ shares / len(shares)
    values, vectors = np.linalg.eigh(mean)
    return np.maximum(values, values[-1] * _least(shares)), vectors


def _least(like: Array) -> float:
    """Smallest share of the largest eigenvalue that is more than rounding.

    Its inverse is how much a direction in which nothing is known to vary, such as the same step for
    all classes, is lengthened, and with it the rounding of the gradient.
    """
    return float(np.finfo(like.dtype).eps ** 0.5)
