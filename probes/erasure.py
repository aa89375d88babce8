"""Taking a concept out of activity: LEACE, iterative nullspace projection, and a random control."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from probes.base import checked, task_of
from probes.linear import LinearProbe
from workbench.errors import UsageError, nearest

METHODS = ("leace", "inlp", "random")


@dataclass(frozen=True)
class Erasure:
    """An affine map that takes a concept out of activity.

    Attributes
    ----------
    matrix : ndarray (units, units)
    bias : ndarray (units,)
        ``erased = activity @ matrix.T + bias``.
    rank : int
        Directions that were taken out.
    method : str
    activity : ndarray (rows, units)
        The rows it was learned from, erased.
    """

    matrix: NDArray[np.float64]
    bias: NDArray[np.float64]
    rank: int
    method: str
    activity: NDArray[Any]

    def transform(self, X: ArrayLike) -> NDArray[Any]:
        """Erase the concept from activity (rows, units), such as rows it was not learned from."""
        x = np.asarray(X)
        if x.shape[-1] != len(self.bias):
            raise UsageError(
                f"Found activity of {x.shape[-1]} units; expected {len(self.bias)}, as the erasure "
                "was learned from."
            )
        return x @ self.matrix.T.astype(x.dtype) + self.bias.astype(x.dtype)


def erase(
    X: ArrayLike,
    y: ArrayLike,
    method: str = "leace",
    rank: int | None = None,
    seed: int = 0,
) -> Erasure:
    r"""Learn to take a concept out of activity.

    - ``leace`` (Belrose et al. 2023, theorem 4.3): the smallest affine change, in mean square,
      after which no linear read-out does better than a constant: ``x - W+ P W (x - mean)``, W the
      inverse square root of the covariance and P the projection onto the columns of
      ``W cov(x, y)``. Its rank is the number of classes less one, or 1 for numbers.
    - ``inlp`` (Ravfogel et al. 2020): the directions of linear probes, one after another, until
      `rank` directions are gone.
    - ``random``: as many random directions as LEACE takes, the control that both must be compared
      with.

    Learn from training rows and test on others: what is erased here may come back in new rows.

    Parameters
    ----------
    X : array (rows, units)
    y : array (rows,)
        Classes, or numbers.
    method : {"leace", "inlp", "random"}
    rank : int, optional
        Directions to take out; those of LEACE by default, of which it takes no fewer.
    seed : int

    Returns
    -------
    Erasure

    Raises
    ------
    UsageError
        If there is no such method, or the rank is not from 1 to the number of units.
    WorkbenchError
        If activity is not finite.

    Examples
    --------
    >>> y = np.tile([0, 1], 100)
    >>> X = np.random.default_rng(0).normal(size=(200, 4)) + y[:, None]
    >>> erased = erase(X, y).activity
    >>> bool(np.allclose(erased[y == 0].mean(axis=0), erased[y == 1].mean(axis=0)))
    True
    """
    x, labels, _ = checked(X, y)
    if method not in METHODS:
        raise UsageError(f"Found method '{method}'; {nearest(method, METHODS)}")
    targets = _targets(labels)
    least = targets.shape[1]
    wanted = least if rank is None else rank
    if not 1 <= wanted <= x.shape[1]:
        raise UsageError(
            f"Found rank {wanted} for {x.shape[1]} units; expected from 1 to as many as there are."
        )
    if method == "leace" and wanted != least:
        raise UsageError(
            f"Found rank {wanted} for LEACE; expected none, as it follows from the labels "
            f"({least} here): pass rank to 'inlp' or 'random'."
        )
    mean = x.mean(axis=0, dtype=np.float64)
    centred = x.astype(np.float64) - mean
    if method == "leace":
        change, taken = _leace(centred, targets)
    else:
        basis = (
            _nullspace(x, labels, wanted, seed)
            if method == "inlp"
            else np.linalg.qr(np.random.default_rng(seed).normal(size=(x.shape[1], wanted)))[0]
        )
        change, taken = basis @ basis.T, basis.shape[1]
    matrix = np.eye(x.shape[1]) - change
    erased = (centred @ matrix.T + mean).astype(x.dtype)
    return Erasure(matrix, mean - matrix @ mean, taken, method, erased)


def _targets(labels: NDArray[Any]) -> NDArray[np.float64]:
    """Centred indicators of all classes but one, or centred numbers: (rows, targets)."""
    if task_of(labels, "auto") == "regression":
        values = labels.astype(np.float64)[:, None]
    else:
        classes, codes = np.unique(labels, return_inverse=True)
        values = np.eye(len(classes))[codes][:, 1:]
    return values - values.mean(axis=0)


def _leace(
    centred: NDArray[np.float64], targets: NDArray[np.float64]
) -> tuple[NDArray[np.float64], int]:
    n = len(centred)
    values, vectors = np.linalg.eigh(centred.T @ centred / n)
    kept = values > values.max(initial=0.0) * len(values) * np.finfo(np.float64).eps
    roots = np.where(kept, np.sqrt(np.where(kept, values, 1.0)), 0.0)
    inverses = np.where(kept, 1 / np.where(kept, roots, 1.0), 0.0)
    whiten = (vectors * inverses) @ vectors.T
    colour = (vectors * roots) @ vectors.T
    left, strengths, _ = np.linalg.svd(whiten @ (centred.T @ targets / n), full_matrices=False)
    usable = strengths > strengths.max(initial=0.0) * 1e-10
    directions = left[:, usable]
    return colour @ directions @ directions.T @ whiten, int(usable.sum())


def _nullspace(x: NDArray[Any], labels: NDArray[Any], rank: int, seed: int) -> NDArray[np.float64]:
    """Orthonormal directions (units, rank) of linear probes, each blind to those before."""
    basis = np.zeros((x.shape[1], 0))
    while basis.shape[1] < rank:
        left = x - (x @ basis) @ basis.T
        weights = LinearProbe(C=1.0, seed=seed).fit(left, labels).coef_.astype(np.float64)
        weights = weights - (weights @ basis) @ basis.T
        found, strengths, _ = np.linalg.svd(weights.T, full_matrices=False)
        new = found[:, strengths > 1e-8 * max(1.0, float(strengths[0]))]
        if not new.shape[1]:
            break
        basis = np.linalg.qr(np.concatenate([basis, new], axis=1)[:, :rank])[0]
    return basis
