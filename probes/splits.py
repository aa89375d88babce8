"""Splits by group: rows of one document, word type, animal or session stay on one side."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import UsageError


def group_folds(
    groups: ArrayLike, n_folds: int = 5, labels: ArrayLike | None = None, seed: int = 0
) -> NDArray[np.int64]:
    """Deal groups out to folds, so that no group lies in two of them.

    The largest groups are dealt first, each to the fold where it upsets the balance of sizes, and
    of classes where labels are given, the least.

    Parameters
    ----------
    groups : array (rows,)
        What must not be on both sides of a split, such as the document of each token.
    n_folds : int
    labels : array (rows,), optional
        Classes to spread evenly; numbers that are not whole are not classes.
    seed : int
        Of the order among groups of one size.

    Returns
    -------
    ndarray (rows,) of int
        Fold of each row, from 0.

    Raises
    ------
    UsageError
        If there are fewer groups than folds.

    Examples
    --------
    >>> folds = group_folds(["a", "a", "b", "c", "c", "d"], n_folds=2)
    >>> bool(folds[0] == folds[1] and folds[3] == folds[4])
    True
    """
    _, group, counts = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    if n_folds < 2 or len(counts) < n_folds:
        raise UsageError(
            f"Found {len(counts)} groups for {n_folds} folds; expected at least two folds and as "
            "many groups as folds: pass fewer folds, or groups that are finer."
        )
    table = _class_counts(group, len(counts), labels)
    shuffled = np.random.default_rng(seed).permutation(len(counts))
    order = shuffled[np.argsort(-counts[shuffled], kind="stable")]
    return _dealt(table, order, n_folds)[group]


def _class_counts(
    group: NDArray[np.intp], n_groups: int, labels: ArrayLike | None
) -> NDArray[np.float64]:
    """Rows of every group (groups, classes), each class as a share of its own total."""
    codes: NDArray[Any] = np.zeros(len(group), dtype=np.int64)
    if labels is not None and not is_continuous(labels):
        codes = np.unique(np.asarray(labels), return_inverse=True)[1]
    table = np.zeros((n_groups, int(codes.max(initial=0)) + 1))
    np.add.at(table, (group, codes), 1)
    return table / table.sum(axis=0)


def _dealt(table: NDArray[np.float64], order: NDArray[np.int64], n_folds: int) -> NDArray[np.int64]:
    fold = np.empty(len(table), dtype=np.int64)
    filled = np.zeros((n_folds, table.shape[1]))
    used = np.zeros(n_folds, dtype=np.int64)
    for place, number in enumerate(order.tolist()):
        # Squares grow by 2 filled . row + row . row, and only the first part differs.
        cost = filled @ table[number]
        left = len(order) - place
        if left <= np.count_nonzero(used == 0):
            cost = np.where(used == 0, cost, np.inf)
        best = int(np.argmin(cost))
        fold[number] = best
        filled[best] += table[number]
        used[best] += 1
    return fold


def refuse_leakage(groups: ArrayLike, train: NDArray[Any], test: NDArray[Any]) -> None:
    """Refuse a split that has a group on both sides.

    Parameters
    ----------
    groups : array (rows,)
    train, test : ndarray of int or bool
        Row numbers, or which rows.

    Raises
    ------
    UsageError
        If a group has rows on both sides; it is named.

    Examples
    --------
    >>> refuse_leakage(["a", "b", "b"], np.array([0, 1]), np.array([2]))
    Traceback (most recent call last):
    ...
    workbench.errors.UsageError: Found group 'b' among the training rows and among the test rows; \
expected every group on one side: split by group, or pass groups=None to say that rows are \
independent.
    """
    values = np.asarray(groups)
    shared = np.intersect1d(values[train], values[test])
    if len(shared):
        raise UsageError(
            f"Found group '{shared[0]}' among the training rows and among the test rows; expected "
            "every group on one side: split by group, or pass groups=None to say that rows are "
            "independent."
        )


def is_continuous(labels: ArrayLike) -> bool:
    """Whether labels are numbers to be predicted as such: some are not whole.

    Parameters
    ----------
    labels : array (rows,)

    Returns
    -------
    bool

    Examples
    --------
    >>> is_continuous([0.0, 1.0]), is_continuous([0.5, 1.0]), is_continuous(["a", "b"])
    (False, True, False)
    """
    values = np.asarray(labels)
    return values.dtype.kind == "f" and bool(np.any(values != np.round(values)))
