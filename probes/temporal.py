"""Decoding over time: a probe fitted at one time and tested at every other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from probes.base import checked
from probes.linear import LinearProbe
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
        Mean over shuffles of trials' labels, fitted anew, on the diagonal.
    null : ndarray (shuffles, train times, test times)
    p_corrected : ndarray (train times, test times)
        Benjamini and Hochberg over all cells.
    times : ndarray (times,)
    n_trials, n_units : int
    """

    accuracy: NDArray[np.float64]
    chance: float
    null: NDArray[np.float64]
    p_corrected: NDArray[np.float64]
    times: NDArray[Any]
    n_trials: int
    n_units: int


def decode_over_time(
    X: ArrayLike,
    y: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    times: ArrayLike | None = None,
    C: float = 0.01,
    n_folds: int = 5,
    n_permutations: int = 19,
    seed: int = 0,
) -> TemporalDecoding:
    """Fit a linear probe at every time and test it at every time (King and Dehaene 2014).

    A code that stays gives a square, one that changes a diagonal. All times of a trial lie on one
    side of a split, so that the slow course of a trial is no clue.

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
        As of `LinearProbe`.
    n_folds : int
    n_permutations : int
        Shuffles of the trials' labels, each fitted anew.
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
    found = _map_of(activity, codes, folds, C)
    generator = np.random.default_rng(seed)
    null = np.stack(
        [
            _map_of(activity, codes[other_rows(codes, each, generator)], folds, C)
            for _ in range(n_permutations)
        ]
    )
    p = [
        permutation_p(float(value), null[:, row, column], "greater")
        for (row, column), value in np.ndenumerate(found)
    ]
    return TemporalDecoding(
        found,
        float(np.mean([np.diag(draw).mean() for draw in null])),
        null,
        benjamini_hochberg(p).reshape(found.shape),
        stamps,
        len(labels),
        values.shape[1],
    )


def _map_of(
    activity: NDArray[Any], codes: NDArray[np.int64], folds: NDArray[np.int64], strength: float
) -> NDArray[np.float64]:
    n_times = activity.shape[2]
    right = np.zeros((n_times, n_times))
    for number in np.unique(folds):
        rows, test = folds != number, folds == number
        tested = np.moveaxis(activity[test], 2, 0)
        for time in range(n_times):
            probe = LinearProbe(C=strength).fit(activity[rows, :, time], codes[rows])
            logits = tested @ probe.coef_.T + probe.intercept_
            right[time] += (probe.classes_[logits.argmax(axis=2)] == codes[test]).sum(axis=1)
    return right / len(codes)
