"""What all probes share: checks of their input, predictions for rows they were not fitted on."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from probes.splits import is_continuous
from workbench.errors import UsageError, WorkbenchError, nearest

TASKS = ("auto", "classification", "regression")


class Probe(BaseEstimator):
    """A read-out of labels from activity, with scikit-learn's conventions.

    A subclass fits and predicts; scores, controls, code lengths and erasure come from functions
    that take any probe.
    """

    @abstractmethod
    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Learn from activity (rows, units) and labels (rows,)."""

    @abstractmethod
    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Labels (rows,) of activity (rows, units)."""

    def score(self, X: ArrayLike, y: ArrayLike) -> float:
        """Accuracy of classes, or the share of variance explained (R²) of numbers.

        Parameters
        ----------
        X : array (rows, units)
        y : array (rows,)

        Returns
        -------
        float
        """
        from probes.scores import score_of

        labels = np.asarray(y)
        continuous = getattr(self, "task_", "classification") == "regression"
        return score_of(labels, self.predict(X), continuous)

    def held_out(
        self, X: ArrayLike, y: ArrayLike, folds: ArrayLike, groups: ArrayLike | None = None
    ) -> NDArray[Any]:
        """Predictions for every row by a probe fitted on the other folds.

        Parameters
        ----------
        X : array (rows, units)
        y : array (rows,)
        folds : array (rows,) of int
        groups : array (rows,), optional

        Returns
        -------
        ndarray (rows,)
        """
        from sklearn.base import clone

        activity, labels, fold = np.asarray(X), np.asarray(y), np.asarray(folds)
        kind = labels.dtype if not is_continuous(labels) else np.float64
        predictions = np.empty(len(labels), dtype=kind)
        for number in np.unique(fold):
            rows, test = fold != number, fold == number
            known = None if groups is None else np.asarray(groups)[rows]
            fitted = clone(self).fit(activity[rows], labels[rows], groups=known)
            predictions[test] = fitted.predict(activity[test])
        return predictions


def checked(
    X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Activity, labels and groups of a probe, after the checks that all need.

    Parameters
    ----------
    X : array (rows, units, ...)
        Axes after the second are flattened into units.
    y : array (rows,)
    groups : array (rows,), optional
        Every row its own group by default.

    Returns
    -------
    tuple of ndarray
        ``(rows, units)``, ``(rows,)``, ``(rows,)``.

    Raises
    ------
    UsageError
        If numbers of rows differ, there is no unit, or labels are missing.
    WorkbenchError
        If activity is not finite.
    """
    activity, labels = activity_of(X), np.asarray(y)
    if labels.ndim != 1 or len(labels) != len(activity):
        raise UsageError(
            f"Found labels of shape {labels.shape} for {len(activity)} rows of activity; expected "
            "one label a row."
        )
    if labels.dtype.kind == "O":
        labels = labels.astype(str) if all(isinstance(v, str) for v in labels) else labels
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise UsageError(
            f"Found {np.count_nonzero(~np.isfinite(labels))} labels that are NaN or infinite; "
            "expected a label for every row: leave out rows without one."
        )
    each = np.arange(len(labels)) if groups is None else np.asarray(groups)
    if each.shape != labels.shape:
        raise UsageError(
            f"Found groups of shape {each.shape} for {len(labels)} rows; expected one group a row."
        )
    return activity, labels, each


@dataclass(frozen=True)
class Labelled:
    """Activity with labels, ready to learn from.

    Attributes
    ----------
    x : ndarray (rows, units)
    values : ndarray (rows,)
        Place of each label in `classes`, or a number.
    groups : ndarray (rows,)
    task : {"classification", "regression"}
    classes : ndarray (classes,)
        Empty for numbers.
    """

    x: NDArray[Any]
    values: NDArray[Any]
    groups: NDArray[Any]
    task: str
    classes: NDArray[Any]

    @classmethod
    def of(
        cls,
        X: ArrayLike,
        y: ArrayLike,
        groups: ArrayLike | None,
        classes: ArrayLike | None,
        task: str,
    ) -> Labelled:
        """Check and encode.

        Parameters
        ----------
        X : array (rows, units)
        y : array (rows,)
        groups : array (rows,) or None
        classes : array (classes,) or None
            All that there are, where `y` may lack some.
        task : {"auto", "classification", "regression"}

        Raises
        ------
        UsageError
            If labels, groups or the task are not what is needed, or a label is not in `classes`.
        WorkbenchError
            If activity is not finite.
        """
        x, labels, each = checked(X, y, groups)
        if classes is None and task_of(labels, task) == "regression":
            return cls(x, labels.astype(np.float64), each, "regression", np.zeros(0))
        known = np.unique(labels if classes is None else np.asarray(classes))
        strange = np.setdiff1d(labels, known)
        if len(strange):
            raise UsageError(
                f"Found label '{strange[0]}', which is not in classes={known.tolist()}; expected "
                "every class to be there."
            )
        return cls(x, np.searchsorted(known, labels), each, "classification", known)


def activity_of(X: ArrayLike) -> NDArray[Any]:
    """Activity as a matrix of finite numbers.

    Parameters
    ----------
    X : array (rows, units, ...)

    Returns
    -------
    ndarray (rows, units)
        Float32 stays float32; everything else becomes float64.

    Raises
    ------
    UsageError
        If there is no axis of units, no row or no unit.
    WorkbenchError
        If a value is not finite.
    """
    values = np.asarray(X)
    if values.ndim < 2 or not values.size:
        raise UsageError(
            f"Found activity of shape {values.shape}; expected rows and units, at least one of "
            "each."
        )
    small = values.dtype in (np.dtype(np.float16), np.dtype(np.float32))
    matrix = values.reshape(len(values), -1).astype(np.float32 if small else np.float64, copy=False)
    finite = np.isfinite(matrix).all(axis=1)
    if not finite.all():
        raise WorkbenchError(
            f"Found NaN or infinite activity in {np.count_nonzero(~finite)} of {len(matrix)} rows; "
            "expected finite numbers: leave these rows out."
        )
    return matrix


def task_of(labels: NDArray[Any], task: str) -> str:
    """Whether labels are classes or numbers.

    Parameters
    ----------
    labels : ndarray (rows,)
    task : {"auto", "classification", "regression"}
        By default, numbers that are not all whole are regressed on, all else is classes.

    Returns
    -------
    str

    Raises
    ------
    UsageError
        If there is no such task, or one class only.
    """
    if task not in TASKS:
        raise UsageError(f"Found task '{task}'; {nearest(task, TASKS)}")
    if task == "auto":
        task = "regression" if is_continuous(labels) else "classification"
    if task == "classification" and len(np.unique(labels)) < 2:
        raise UsageError(
            f"Found one class only ('{labels[0]}'); expected at least two to tell apart."
        )
    return task
