"""Probes of few units: which units say most, and how much few of them say."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from probes.base import Probe, activity_of, checked, task_of
from probes.linear import LinearProbe
from probes.standardizing import Standard
from workbench.errors import UsageError, nearest

RANKINGS = ("mean difference", "probeless", "correlation")


def probeless_ranking(X: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
    """Sum over pairs of classes of the distance of their means, for every unit (NeuroX).

    Parameters
    ----------
    X : array (rows, units)
    y : array (rows,)
        Classes.

    Returns
    -------
    ndarray (units,)
        In the unit of the activity; scale units first where they differ.

    Examples
    --------
    >>> probeless_ranking([[0.0, 1.0], [3.0, 1.0], [5.0, 1.0]], ["a", "b", "c"]).tolist()
    [10.0, 0.0]
    """
    means = np.sort(_class_means(*checked(X, y)[:2]), axis=0)
    n = len(means)
    # Sorted, each mean is added as often as there are smaller ones, less the larger ones.
    signs = 2 * np.arange(n) - n + 1
    return np.asarray(signs @ means)


def _class_means(x: NDArray[Any], labels: NDArray[Any]) -> NDArray[np.float64]:
    classes, codes = np.unique(labels, return_inverse=True)
    sums = np.zeros((len(classes), x.shape[1]))
    np.add.at(sums, codes, x)
    return sums / np.bincount(codes)[:, None]


class SparseProbe(Probe):
    """A linear probe of the k units that differ most between classes.

    Parameters
    ----------
    k : int
        Units.
    ranking : {"mean difference", "probeless", "correlation"}
        Of standardised units: the largest distance between class means, the sum over pairs of
        classes, or the correlation with labels that are numbers (which are ranked so in any case).
    C : float or sequence of float
        As of `LinearProbe`.
    task : {"auto", "classification", "regression"}
    seed : int

    Attributes
    ----------
    units_ : ndarray (k,) of int
        The best first, ranked by the training rows only.
    ranking_ : ndarray (units,)
        Score of every unit.
    probe_ : LinearProbe
        On those units.
    classes_ : ndarray (classes,)
        Where labels are classes.

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> y = np.tile([0, 1], 50)
    >>> X = generator.normal(size=(100, 6))
    >>> X[:, 4] += 5 * y
    >>> SparseProbe(k=1).fit(X, y).units_.tolist()
    [4]
    """

    def __init__(
        self,
        k: int = 5,
        ranking: str = "mean difference",
        C: float | tuple[float, ...] = 1.0,
        task: str = "auto",
        seed: int = 0,
    ) -> None:
        self.k = k
        self.ranking = ranking
        self.C = C
        self.task = task
        self.seed = seed

    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Rank units and learn from the first.

        Parameters
        ----------
        X : array (rows, units)
        y : array (rows,)
        groups : array (rows,), optional

        Returns
        -------
        SparseProbe

        Raises
        ------
        UsageError, WorkbenchError
            If labels, activity or parameters are not what is needed.
        """
        x, labels, each = checked(X, y, groups)
        if self.ranking not in RANKINGS:
            raise UsageError(f"Found ranking='{self.ranking}'; {nearest(self.ranking, RANKINGS)}")
        if not 1 <= self.k <= x.shape[1]:
            raise UsageError(
                f"Found k={self.k} for {x.shape[1]} units; expected from 1 to as many as there are."
            )
        self.task_ = task_of(labels, self.task)
        self.ranking_ = self._ranked(Standard.of(x).transform(x), labels)
        self.units_ = np.argsort(-self.ranking_, kind="stable")[: self.k]
        probe = LinearProbe(self.C, task=self.task_, seed=self.seed)
        self.probe_ = probe.fit(x[:, self.units_], labels, each)
        if self.task_ == "classification":
            self.classes_ = self.probe_.classes_
        return self

    def _ranked(self, z: NDArray[Any], labels: NDArray[Any]) -> NDArray[np.float64]:
        if self.task_ == "regression" or self.ranking == "correlation":
            values = labels.astype(np.float64)
            return np.abs((values - values.mean()) @ z) / len(z)
        if self.ranking == "probeless":
            return probeless_ranking(z, labels)
        means = _class_means(z, labels)
        return means.max(axis=0) - means.min(axis=0)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Labels (rows,) of activity (rows, units)."""
        return self.probe_.predict(activity_of(X)[:, self.units_])

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Probability (rows, classes) of every class."""
        return self.probe_.predict_proba(activity_of(X)[:, self.units_])
