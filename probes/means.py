"""Probes made of class means: no weight is searched for."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from probes.base import Probe, activity_of, checked, task_of
from workbench.errors import UsageError, nearest

SPREADS = ("none", "units", "within")


class MeanDifferenceProbe(Probe):
    """The class whose mean is nearest; for two classes, the difference of means as a direction.

    Parameters
    ----------
    spread : {"none", "units", "within"}
        What distances are measured in: plain activity, units scaled by their standard deviation
        within classes, or activity whitened within classes (linear discriminant analysis).
    shrinkage : float
        Share of the mean variance that is mixed into the covariance within classes.

    Attributes
    ----------
    classes_ : ndarray (classes,)
    means_ : ndarray (classes, units)
    coef_ : ndarray (classes, units)
    intercept_ : ndarray (classes,)
    direction_ : ndarray (units,)
        For two classes: the second mean less the first.

    Examples
    --------
    >>> probe = MeanDifferenceProbe().fit([[0.0, 0.0], [2.0, 2.0]], ["low", "high"])
    >>> probe.predict([[1.5, 1.9]]).tolist()
    ['high']
    """

    def __init__(self, spread: str = "none", shrinkage: float = 0.01) -> None:
        self.spread = spread
        self.shrinkage = shrinkage

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        groups: ArrayLike | None = None,
        classes: ArrayLike | None = None,
    ) -> Self:
        """Learn the means of classes.

        Parameters
        ----------
        X : array (rows, units)
        y : array (rows,)
            Classes.
        groups : array (rows,), optional
            Not needed: nothing is chosen.
        classes : array (classes,), optional
            All that there are; those without a row are never said.

        Returns
        -------
        MeanDifferenceProbe

        Raises
        ------
        UsageError, WorkbenchError
            If labels, activity or parameters are not what is needed.
        """
        x, labels, _ = checked(X, y, groups)
        if self.spread not in SPREADS:
            raise UsageError(f"Found spread='{self.spread}'; {nearest(self.spread, SPREADS)}")
        if classes is None:
            task_of(labels, "classification")
        self.classes_, codes = np.unique(labels, return_inverse=True)
        sums = np.zeros((len(self.classes_), x.shape[1]))
        np.add.at(sums, codes, x)
        self.means_ = sums / np.bincount(codes)[:, None]
        # A product with the inverse covariance within classes gives linear weights.
        self.coef_ = self._divided(x - self.means_[codes])
        self.intercept_ = -0.5 * np.einsum("cd,cd->c", self.coef_, self.means_)
        if len(self.classes_) == 2:
            self.direction_ = self.means_[1] - self.means_[0]
        return self

    def _divided(self, residuals: NDArray[Any]) -> NDArray[np.float64]:
        if self.spread == "none":
            return self.means_.copy()
        variance = residuals.var(axis=0, dtype=np.float64)
        floor = max(float(self.shrinkage * variance.mean()), np.finfo(np.float64).tiny)
        if self.spread == "units":
            return self.means_ / (variance + floor)
        covariance = residuals.T.astype(np.float64) @ residuals / len(residuals)
        covariance[np.diag_indices_from(covariance)] += floor
        return np.linalg.solve(covariance, self.means_.T).T

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Logits (rows, classes) of activity (rows, units)."""
        return activity_of(X) @ self.coef_.T + self.intercept_

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Classes (rows,) of activity (rows, units)."""
        return self.classes_[self.decision_function(X).argmax(axis=1)]
