"""Decoding over time: a probe fitted at one time and tested at every other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from probes.base import checked
from probes.ridge import fit_ridge
from probes.scores import other_rows
from probes.splits import group_folds
from workbench.errors import UsageError
from workbench.statistics.correction import benjamini_hochberg
from workbench.statistics.permutation import permutation_p


@dataclass(frozen=True)
class TemporalDecoding:
    """Held-out accuracy for every time of training and of testing.

    Attributes
    ----------
    accuracy : ndarray (train times, test times)
    chance : float
        Mean over shuffles on the diagonal.
    null : ndarray (shuffles, train times, test times)
        Accuracy of probes that learn labels of other trials. At the time of training they are
        tested by such labels too, elsewhere by the true ones: a probe of a time without a code is
        a random direction, which by luck says something where there is a code.
    p_corrected : ndarray (train times, test times)
        Benjamini and Hochberg over the diagonal (is there a code) and over all other cells (does
        it generalise).
    times : ndarray (times,)
    n_trials, n_units : int
    right : ndarray (trials, train times, test times) of bool
        Which held-out predictions are right.
    groups : ndarray (trials,)
    """

    accuracy: NDArray[np.float64]
    chance: float
    null: NDArray[np.float64]
    p_corrected: NDArray[np.float64]
    times: NDArray[Any]
    n_trials: int
    n_units: int
    right: NDArray[np.bool_]
    groups: NDArray[Any]


def decode_over_time(
    X: ArrayLike,
    y: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    times: ArrayLike | None = None,
    C: float = 0.01,
    n_folds: int = 5,
    n_permutations: int = 200,
    seed: int = 0,
) -> TemporalDecoding:
    """Fit a linear discriminant at every time and test it at every time.

    A code that stays gives a square, one that changes a diagonal. All times of a trial lie on one
    side of a split, so that the slow course of a trial is no clue.

    King and Dehaene 2014, *Characterizing the dynamics of mental representations: the temporal
    generalization method*. The discriminant says the class whose mean is nearest under the
    regularised covariance of standardised units; a frequent class has no advantage.

    Parameters
    ----------
    X : array (trials, units, times)
    y : array (trials,)
        Classes.
    groups : array (trials,), optional
        Sessions or animals, kept on one side.
    times : array (times,), optional
        For readers, such as seconds.
    C : float
        Inverse penalty, as of `LinearProbe` on numbers.
    n_folds : int
    n_permutations : int
        Shuffles of the labels to learn, each fitted anew.
    seed : int

    Returns
    -------
    TemporalDecoding

    Raises
    ------
    UsageError
        If shapes do not fit, or there is one class.
    WorkbenchError
        If activity is not finite.

    Examples
    --------
    >>> y = np.tile([0, 1], 30)
    >>> X = np.random.default_rng(0).normal(size=(60, 4, 3))
    >>> X[:, 0, 1] += 4 * y  # the second of three times tells the classes apart
    >>> found = decode_over_time(X, y)
    >>> int(found.accuracy.diagonal().argmax())
    1
    """
    values = np.asarray(X)
    if values.ndim != 3:
        raise UsageError(
            f"Found activity of shape {values.shape}; expected trials, units and times."
        )
    flat, labels, each = checked(values, y, groups)
    activity = flat.reshape(values.shape)
    n_times = values.shape[2]
    stamps = np.arange(n_times) if times is None else np.asarray(times)
    if stamps.shape != (n_times,):
        raise UsageError(f"Found {stamps.size} times; expected {n_times}, one for each step.")
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise UsageError(f"Found one class only ('{labels[0]}'); expected at least two.")
    folds = group_folds(each, min(n_folds, len(np.unique(each))), labels, seed)
    generator = np.random.default_rng(seed)
    others = [codes[other_rows(codes, each, generator)] for _ in range(n_permutations)]
    right, null = _maps(activity, np.stack([codes, *others]), folds, C)
    found = right.mean(axis=0)
    return TemporalDecoding(
        found,
        float(np.diagonal(null, axis1=1, axis2=2).mean()),
        null,
        _corrected(found, null),
        stamps,
        len(labels),
        values.shape[1],
        right,
        each,
    )


def _corrected(found: NDArray[np.float64], null: NDArray[np.float64]) -> NDArray[np.float64]:
    p = np.array(
        [
            permutation_p(float(value), null[(..., *cell)], "greater")
            for cell, value in np.ndenumerate(found)
        ]
    ).reshape(found.shape)
    same = np.eye(len(p), dtype=bool)
    for cells in (same, ~same):
        p[cells] = benjamini_hochberg(p[cells])
    return p


def _maps(
    activity: NDArray[Any], labels: NDArray[np.int64], folds: NDArray[np.int64], strength: float
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Hits of the first labels (trials, train, test), accuracies of the others (others, ...)."""
    n_trials, _, n_times = activity.shape
    right = np.empty((n_trials, n_times, n_times), dtype=bool)
    sums = np.zeros((len(labels) - 1, n_times, n_times))
    for number in np.unique(folds):
        rows, test = folds != number, folds == number
        for time in range(n_times):
            probe = _Discriminants(activity[rows, :, time], labels[:, rows], strength)
            for tested in range(n_times):
                truth = labels[:, test] if tested == time else labels[0, test]
                hits = probe.predict(activity[test, :, tested]) == truth
                right[test, time, tested] = hits[0]
                sums[:, time, tested] += hits[1:].sum(axis=1)
    return right, sums / n_trials


class _Discriminants:
    """Nearest class means under one regularised covariance, for many labellings of the same rows.

    For two classes of equal size this is the sign of a ridge regression. Labels enter the means
    alone, so that shuffles of them share one decomposition of the activity.
    """

    def __init__(self, x: NDArray[Any], labels: NDArray[np.int64], strength: float) -> None:
        n_classes = int(labels.max()) + 1
        members = labels.T[:, :, None] == np.arange(n_classes)  # (rows, labellings, classes)
        counts = members.sum(axis=0).reshape(-1)
        shares = members.reshape(len(x), -1) / np.maximum(counts, 1)
        path = fit_ridge(x, shares, np.array([1 / strength]))
        self._standard, self._weights = path.standard, path.coefficients[0]
        means = shares.T @ self._standard.transform(x)
        half = 0.5 * np.einsum("cu,uc->c", means, self._weights)
        self._shape = (len(labels), n_classes)
        # A class that a shuffle left without a row is never said.
        self._bias = np.where(counts > 0, -half, -np.inf)

    def predict(self, x: NDArray[Any]) -> NDArray[np.int64]:
        """Classes (labellings, rows) of activity (rows, units)."""
        scores = self._standard.transform(x) @ self._weights + self._bias
        return scores.reshape(len(x), *self._shape).argmax(axis=2).T
