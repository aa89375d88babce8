"""Logistic regression of one set of rows over a path of penalties, for several training sets."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probes.logistic import Apart, Together
from probes.logistic_rows import Array, Rows
from probes.preconditioning import Preconditioner
from probes.quasi_newton import Minimum, Point, Secant, minimise
from probes.standardizing import in_units_of_activity

# Gradients are exact enough in single precision for this tolerance, and take half the time.
_SINGLE = 1e-3
# All training sets together need not be solved as well as each of them.
_LOOSER = 3.0
# Steps that are remembered from one penalty to the next, of all sets together and of each.
_TOGETHER, _APART = 20, 10


@dataclass(frozen=True)
class Solution:
    """Weights of every training set.

    Attributes
    ----------
    weights : ndarray (sets, classes, units + 1)
        For standardised units; the last is the intercept.
    iterations : int
        Passes over the rows of all sets.
    converged : bool
        Whether the gradient of every set fell below the tolerance.
    """

    weights: Array
    iterations: int
    converged: bool


class LogisticPaths:
    """Solutions for one penalty start those for the next.

    All sets are solved together first, for the weights that minimise the mean over sets. This costs
    as little as one set, and gives every set a start, the gradient there, and the curvature around.

    Parameters
    ----------
    x : ndarray (rows, units)
    codes : ndarray (rows,) of int
        Class of each row.
    n_classes : int
    sets : ndarray (rows, sets) of bool
        Rows of each training set.
    tolerance : float
        See `probes.logistic`.
    """

    def __init__(
        self,
        x: NDArray[Any],
        codes: NDArray[np.int64],
        n_classes: int,
        sets: NDArray[np.bool_],
        tolerance: float,
    ) -> None:
        dtype = np.dtype(np.float32) if tolerance >= _SINGLE else x.dtype
        self._rows = Rows.of(x, codes, n_classes, sets, dtype)
        self._kind = x.dtype
        self._preconditioner = Preconditioner.of(self._rows)
        self._tolerance = tolerance
        self._weights = _shares_only(self._rows)
        self._together: list[Secant] = []
        self._apart: list[Secant] = []

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
        penalty = (2.0 if self._rows.n_classes == 2 else 1.0) / strength
        alone = len(self._rows.members) == 1
        together = self._objective(penalty, self._tolerance * (1 if alone else _LOOSER))
        best = minimise(together, together.at(self._weights), self._together, _TOGETHER)
        self._together = [*self._together, *best.secants][-_TOGETHER:]
        self._weights = best.point.weights
        if not alone:
            best = self._each(penalty, together.apart(best.point, self._rows.members))
        return Solution(best.point.weights, best.iterations, best.converged)

    def _objective(self, penalty: float, tolerance: float) -> Together:
        near = self._preconditioner.at(self._weights[0])
        members, ridge = (
            each.mean(axis=0, keepdims=True) for each in (self._rows.members, self._rows.ridge)
        )
        return Together(self._rows, members, ridge, penalty, near, tolerance)

    def _each(self, penalty: float, start: Point) -> Minimum:
        near = self._preconditioner.at(self._weights[0])
        rows = self._rows
        apart = Apart(rows, rows.members, rows.ridge, penalty, near, self._tolerance)
        best = minimise(apart, start, [*self._together, *self._apart], _APART)
        # How each set differs from all together changes little from one penalty to the next.
        whole = apart.secant(start, best.point)
        self._apart = [*self._apart, *best.secants, whole][-_APART:]
        return best

    def held_out(self, solution: Solution) -> NDArray[np.int64]:
        """Classes (rows, sets) predicted for rows outside each set, and -1 for those inside."""
        rows = self._rows
        said = np.full((len(rows.x), len(rows.members)), -1)
        for number in range(rows.n_cells):
            at = rows.cell(number)
            for outside in np.flatnonzero(rows.members[:, number] == 0):
                logits = rows.x[at] @ solution.weights[outside].T
                said[rows.order[at], outside] = logits.argmax(axis=1)
        return said

    def plain(self, solution: Solution, number: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Weights (classes, units) and intercepts of a training set, for plain activity."""
        weights = solution.weights[number].astype(self._kind)
        return in_units_of_activity(self._rows.standard, weights[:, :-1], weights[:, -1])


def _shares_only(rows: Rows) -> Array:
    """Where weights of units are zero, the intercepts (1, classes, units + 1) are the solution."""
    weights = np.zeros((1, rows.n_classes, rows.x.shape[1]), rows.x.dtype)
    counts = np.bincount(rows.codes, minlength=rows.n_classes) + 0.5
    weights[0, :, -1] = np.log(counts / counts.sum())
    return weights


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
        outside = paths.held_out(paths.solve(strength))
        said[place] = outside[every, folds]
        for number, (f, g) in enumerate(pairs, start=len(numbers)):
            guessed = outside[:, number] == codes
            right[place, f] += np.count_nonzero(guessed[folds == g])
            right[place, g] += np.count_nonzero(guessed[folds == f])
    return said[right.argmax(axis=0)[folds], every]
