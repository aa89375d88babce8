"""The nearest-neighbour probe: memory, and nothing else."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from probes.base import Probe, activity_of, checked, task_of
from probes.standardizing import Standard
from workbench.errors import UsageError, nearest

METRICS = ("euclidean", "cosine")


class NearestNeighbourProbe(Probe):
    """The label that most of the nearest training rows have, or their mean.

    What any probe reaches that remembers rows; a linear probe below it leaves structure unread, one
    at its level may itself be reading memory.

    Parameters
    ----------
    n_neighbours : int
    metric : {"euclidean", "cosine"}
    standardise : bool
        Whether units are scaled by the training rows.
    task : {"auto", "classification", "regression"}

    Attributes
    ----------
    classes_ : ndarray (classes,)
        Of a classification.

    Examples
    --------
    >>> probe = NearestNeighbourProbe(1).fit([[0.0], [1.0]], ["a", "b"])
    >>> probe.predict([[0.9]]).tolist()
    ['b']
    """

    def __init__(
        self,
        n_neighbours: int = 5,
        metric: str = "euclidean",
        standardise: bool = True,
        task: str = "auto",
    ) -> None:
        self.n_neighbours = n_neighbours
        self.metric = metric
        self.standardise = standardise
        self.task = task

    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Remember rows.

        Parameters
        ----------
        X : array (rows, units)
        y : array (rows,)
        groups : array (rows,), optional
            Not needed: nothing is chosen.

        Returns
        -------
        NearestNeighbourProbe

        Raises
        ------
        UsageError, WorkbenchError
            If labels, activity or parameters are not what is needed.
        """
        from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

        x, labels, _ = checked(X, y, groups)
        if self.metric not in METRICS:
            raise UsageError(f"Found metric '{self.metric}'; {nearest(self.metric, METRICS)}")
        if not 1 <= self.n_neighbours <= len(x):
            raise UsageError(
                f"Found n_neighbours={self.n_neighbours} for {len(x)} training rows; expected from "
                "1 to as many as there are rows."
            )
        self.task_ = task_of(labels, self.task)
        numbers = self.task_ == "regression"
        model = KNeighborsRegressor if numbers else KNeighborsClassifier
        self._standard = Standard.of(x) if self.standardise else None
        self._model = model(self.n_neighbours, metric=self.metric).fit(self._scaled(x), labels)
        if not numbers:
            self.classes_ = self._model.classes_
        return self

    def _scaled(self, x: NDArray[Any]) -> NDArray[Any]:
        return x if self._standard is None else self._standard.transform(x)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Labels (rows,) of activity (rows, units)."""
        return self._model.predict(self._scaled(activity_of(X)))

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Share (rows, classes) of the neighbours of every class."""
        return self._model.predict_proba(self._scaled(activity_of(X)))
