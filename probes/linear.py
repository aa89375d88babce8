"""The linear probe: logistic or ridge regression, its penalty chosen inside the training rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from probes.base import Labelled, Probe, activity_of, checked, task_of
from probes.linear_paths import LogisticPaths, nested_predictions
from probes.ridge import fit_ridge
from probes.scores import score_of
from probes.splits import group_folds
from probes.standardizing import in_units_of_activity
from workbench.errors import UsageError

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)


class LinearProbe(Probe):
    """Logistic regression of classes, or ridge regression of numbers, on standardised units.

    The optimum is that of scikit-learn's `LogisticRegression(C)` after a `StandardScaler`, for
    every ``C`` and every fold; all folds are solved side by side (see `probes.logistic`).

    Parameters
    ----------
    C : float or sequence of float
        Inverse strength of the penalty; the best of several is chosen by folds of the training
        rows. For numbers the ridge penalty is ``1 / C``.
    task : {"auto", "classification", "regression"}
    n_folds : int
        Folds of the training rows that choose `C`.
    tolerance : float
        Of the gradient of the logistic problem.
    seed : int
        Of the folds.

    Attributes
    ----------
    coef_ : ndarray (classes or 1, units)
        In the units of the activity: a direction that may be added to it.
    intercept_ : ndarray (classes or 1,)
    classes_ : ndarray (classes,)
    C_ : float
        The one chosen.
    cv_scores_ : ndarray (strengths,)
        Held-out score of each `C` within the training rows: of selection, not of test.

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> y = generator.integers(0, 2, 200)
    >>> X = generator.normal(size=(200, 5)) + y[:, None]
    >>> probe = LinearProbe().fit(X[:150], y[:150])
    >>> bool(probe.score(X[150:], y[150:]) > 0.8)
    True
    """

    def __init__(
        self,
        C: float | Sequence[float] = STRENGTHS,
        task: str = "auto",
        n_folds: int = 5,
        tolerance: float = 3e-3,
        seed: int = 0,
    ) -> None:
        self.C = C
        self.task = task
        self.n_folds = n_folds
        self.tolerance = tolerance
        self.seed = seed

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        groups: ArrayLike | None = None,
        classes: ArrayLike | None = None,
    ) -> Self:
        """Learn from activity and labels.

        Parameters
        ----------
        X : array (rows, units)
        y : array (rows,)
        groups : array (rows,), optional
            Rows of one group stay together when the penalty is chosen.
        classes : array (classes,), optional
            All that there are, where `y` may lack some.

        Returns
        -------
        LinearProbe

        Raises
        ------
        UsageError
            If labels, classes, groups or `C` are not what is needed.
        WorkbenchError
            If activity is not finite.
        """
        known, strengths = Labelled.of(X, y, groups, classes, self.task), self._strengths()
        self.task_ = known.task
        folds = self._inner_folds(known, strengths)
        if known.task == "regression":
            return self._fit_numbers(known, folds, strengths)
        self.classes_ = known.classes
        return self._fit_classes(known, folds, strengths)

    def _strengths(self) -> NDArray[np.float64]:
        strengths = np.sort(np.atleast_1d(np.asarray(self.C, dtype=np.float64)))
        if not len(strengths) or not (strengths > 0).all():
            raise UsageError(f"Found C={self.C!r}; expected one or more positive numbers.")
        return strengths

    def _inner_folds(
        self, known: Labelled, strengths: NDArray[np.float64]
    ) -> NDArray[np.int64] | None:
        if len(strengths) == 1:
            return None
        n_folds = min(self.n_folds, len(np.unique(known.groups)))
        if n_folds < 2:
            raise UsageError(
                "Found one group to choose C within; expected at least two: pass one C, or groups "
                "that are finer."
            )
        strata = None if known.task == "regression" else known.values
        return group_folds(known.groups, n_folds, strata, self.seed)

    def _fit_classes(
        self,
        known: Labelled,
        folds: NDArray[np.int64] | None,
        strengths: NDArray[np.float64],
    ) -> Self:
        x, codes = known.x, known.values
        sets = [np.ones(len(x), dtype=bool)]
        if folds is not None:
            sets += [folds != number for number in range(int(folds.max()) + 1)]
        paths = LogisticPaths(x, codes, len(known.classes), np.stack(sets, 1), self.tolerance)
        scores, solutions = [], []
        for strength in strengths:
            solution = paths.solve(strength)
            solutions.append(solution)
            if folds is not None:
                said = paths.held_out(solution)[np.arange(len(x)), folds + 1]
                scores.append(float(np.mean(said == codes)))
        best = int(np.argmax(scores)) if scores else 0
        self.cv_scores_, self.C_ = np.array(scores), float(strengths[best])
        self.coef_, self.intercept_ = paths.plain(solutions[best], 0)
        return self

    def _fit_numbers(
        self,
        known: Labelled,
        folds: NDArray[np.int64] | None,
        strengths: NDArray[np.float64],
    ) -> Self:
        x, values = known.x, known.values
        penalties = 1 / strengths
        scores: NDArray[np.float64] = np.zeros(0)
        if folds is not None:
            said = np.empty((len(strengths), len(x)))
            for number in range(int(folds.max()) + 1):
                rows, test = folds != number, folds == number
                path = fit_ridge(x[rows], values[rows, None], penalties)
                said[:, test] = path.predict(x[test])[:, :, 0]
            scores = np.array([score_of(values, each, continuous=True) for each in said])
        best = int(np.argmax(scores)) if len(scores) else 0
        path = fit_ridge(x, values[:, None], penalties[best : best + 1])
        self.cv_scores_, self.C_ = scores, float(strengths[best])
        self.coef_, self.intercept_ = in_units_of_activity(
            path.standard, path.coefficients[0].T, path.intercept
        )
        return self

    def held_out(
        self, X: ArrayLike, y: ArrayLike, folds: ArrayLike, groups: ArrayLike | None = None
    ) -> NDArray[Any]:
        """Predictions for every row by a probe fitted on the other folds; see `Probe.held_out`.

        The penalty of a fold is chosen by the other folds, each predicted from the rest, so that
        all training sets are known beforehand and are solved side by side.
        """
        x, labels, _ = checked(X, y, groups)
        fold = np.unique(np.asarray(folds), return_inverse=True)[1]
        few = int(fold.max()) < 2 and len(self._strengths()) > 1
        if task_of(labels, self.task) == "regression" or few:
            return super().held_out(x, labels, fold, groups)
        classes, codes = np.unique(labels, return_inverse=True)
        said = nested_predictions(x, codes, len(classes), fold, self._strengths(), self.tolerance)
        return classes[said]

    def decision_function(self, X: ArrayLike) -> NDArray[Any]:
        """Logits (rows, classes) of activity (rows, units), or predicted numbers (rows, 1)."""
        return activity_of(X) @ self.coef_.T + self.intercept_

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Labels (rows,) of activity (rows, units)."""
        logits = self.decision_function(X)
        if self.task_ == "regression":
            return logits[:, 0]
        return self.classes_[logits.argmax(axis=1)]

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Probability (rows, classes) of every class, in the order of `classes_`."""
        from scipy.special import softmax

        return softmax(self.decision_function(X).astype(np.float64), axis=1)
