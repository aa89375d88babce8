"""Logistic regression of one set of rows over a path of penalties, for several training sets."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probes.logistic import Preconditioner, Problem, Solution, fit_logistic
from probes.standardizing import Standard

# Units are standardised before: one that hardly varies within a set is constant there.
_STILL = 1e-5


class LogisticPaths:
    """Solutions for stronger penalties start those for weaker ones.

    Parameters
    ----------
    x : ndarray (rows, units)
    codes : ndarray (rows,) of int
        Class of each row.
    n_classes : int
    sets : ndarray (rows, sets) of bool
        Rows of each training set.
    tolerance : float
    """

    def __init__(
        self,
        x: NDArray[Any],
        codes: NDArray[np.int64],
        n_classes: int,
        sets: NDArray[np.bool_],
        tolerance: float,
    ) -> None:
        self._standard = Standard.of(x)
        standardised = self._standard.transform(x)
        targets = np.zeros((len(x), n_classes), dtype=x.dtype)
        targets[np.arange(len(x)), codes] = 1
        weights = sets.astype(x.dtype)
        self._problem = Problem(standardised, targets, weights, _scales(standardised, weights))
        self._preconditioner = Preconditioner(self._problem)
        self._tolerance = tolerance
        self._last: Solution | None = None

    def solve(self, strength: float) -> Solution:
        """Solutions of all training sets for an inverse penalty, from the last ones on.

        Parameters
        ----------
        strength : float
            scikit-learn's ``C``.

        Returns
        -------
        Solution
        """
        # Two classes have one weight a unit in scikit-learn, and two of half its size here.
        factor = 2.0 if self._problem.targets.shape[1] == 2 else 1.0
        penalties = np.full(self._problem.n_sets, factor / strength)
        self._last = fit_logistic(
            self._problem, penalties, self._preconditioner, self._last, self._tolerance
        )
        return self._last

    def plain(self, solution: Solution, number: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Weights (classes, units) and intercepts of a training set, for plain activity."""
        weights = solution.coefficients[number].T / self._standard.scale
        return weights, solution.intercepts[number] - weights @ self._standard.mean


def _scales(x: NDArray[Any], weights: NDArray[Any]) -> NDArray[Any]:
    """Standard deviation (units, sets) of every unit over the rows of each set, 1 where it is 0."""
    # Products of matrices, because a copy of the rows of every set would take longer than the fit.
    counts = weights.sum(axis=0, dtype=np.float64)
    means, squares = ((each.T @ weights) / counts for each in (x, np.square(x)))
    spread = np.sqrt(np.maximum(squares - means**2, 0.0))
    return np.where(spread > _STILL, spread, 1.0).astype(x.dtype)


def nested_predictions(
    x: NDArray[Any],
    codes: NDArray[np.int64],
    n_classes: int,
    folds: NDArray[np.int64],
    strengths: NDArray[np.float64],
    tolerance: float,
) -> NDArray[np.int64]:
    """Held-out classes of all rows, with the penalty of each fold chosen by the other folds.

    The training set that leaves out folds f and g serves the choice for f, tested on g, and that
    for g, tested on f.

    Parameters
    ----------
    x : ndarray (rows, units)
    codes : ndarray (rows,) of int
    n_classes : int
    folds : ndarray (rows,) of int
    strengths : ndarray (strengths,)
        Rising.
    tolerance : float

    Returns
    -------
    ndarray (rows,) of int
    """
    numbers = range(int(folds.max()) + 1)
    pairs = list(combinations(numbers, 2)) if len(strengths) > 1 else []
    sets = [folds != f for f in numbers] + [(folds != f) & (folds != g) for f, g in pairs]
    paths = LogisticPaths(x, codes, n_classes, np.stack(sets, axis=1), tolerance)
    every = np.arange(len(x))
    said = np.empty((len(strengths), len(x)), dtype=np.int64)
    right = np.zeros((len(strengths), len(numbers)))
    for place, strength in enumerate(strengths):
        logits = paths.solve(strength).logits
        said[place] = logits[every, folds].argmax(axis=1)
        for number, (f, g) in enumerate(pairs, start=len(numbers)):
            guessed = logits[:, number].argmax(axis=1) == codes
            right[place, f] += np.count_nonzero(guessed[folds == g])
            right[place, g] += np.count_nonzero(guessed[folds == f])
    return said[right.argmax(axis=0)[folds], every]
