"""Score a probe on rows of groups that it was not fitted on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from probes.base import Probe, checked, task_of
from probes.scores import ProbeScore, score_of, summed_up
from probes.splits import group_folds, refuse_leakage
from workbench.statistics.bootstrap import bootstrap_weights, percentile_interval
from workbench.statistics.control_tasks import control_task


def evaluate(
    probe: Probe,
    X: ArrayLike,
    y: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    folds: ArrayLike | None = None,
    n_folds: int = 5,
    n_permutations: int = 200,
    n_bootstrap: int = 200,
    seed: int = 0,
) -> ProbeScore:
    """Fit a probe on some folds of groups and score it on the others.

    Parameters
    ----------
    probe : Probe
        Not changed; a copy is fitted for every fold.
    X : array (rows, units)
    y : array (rows,)
        Classes, or numbers.
    groups : array (rows,), optional
        What must not be on both sides: documents, word types, animals, sessions. Without it rows
        are taken to be independent of each other.
    folds : array (rows,) of int, optional
        A split of your own; refused if a group lies in two folds.
    n_folds : int
    n_permutations, n_bootstrap : int
    seed : int

    Returns
    -------
    ProbeScore

    Raises
    ------
    UsageError
        If a group lies in two folds, there are fewer groups than folds, or labels do not fit.
    WorkbenchError
        If activity is not finite.

    Examples
    --------
    >>> from probes.means import MeanDifferenceProbe
    >>> y = np.tile([0, 1], 50)
    >>> X = np.random.default_rng(0).normal(size=(100, 3)) + 3 * y[:, None]
    >>> evaluate(MeanDifferenceProbe(), X, y).value > 0.9
    True
    """
    x, labels, each = checked(X, y, groups)
    continuous = task_of(labels, getattr(probe, "task", "auto")) == "regression"
    if folds is None:
        fold = group_folds(each, n_folds, None if continuous else labels, seed)
    else:
        fold = np.asarray(folds)
        for number in np.unique(fold):
            refuse_leakage(each, fold != number, fold == number)
    predictions = probe.held_out(x, labels, fold, each)
    return summed_up(
        labels,
        predictions,
        fold,
        each,
        x.shape[1],
        continuous=continuous,
        n_permutations=n_permutations,
        n_bootstrap=n_bootstrap,
        seed=seed,
    )


@dataclass(frozen=True)
class Selectivity:
    """Accuracy on a task less that on its control task.

    Attributes
    ----------
    value : float
    interval : pair of float
        95 %, over groups drawn with replacement, the same for both tasks.
    task, control : ProbeScore
    """

    value: float
    interval: tuple[float, float]
    task: ProbeScore
    control: ProbeScore

    def __float__(self) -> float:
        return self.value


def selectivity(
    probe: Probe,
    X: ArrayLike,
    y: ArrayLike,
    words: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    n_folds: int = 5,
    n_bootstrap: int = 200,
    seed: int = 0,
) -> Selectivity:
    """How much better a probe does than on random labels of word types (Hewitt and Liang 2019).

    A probe that does as well on the control task remembers which words it saw. Split by document,
    not by word type: a type that lies in one fold only has nothing to be remembered by, and the
    control is then at chance for every probe.

    Parameters
    ----------
    probe : Probe
    X : array (rows, units)
    y : array (rows,)
        Classes.
    words : array (rows,)
        Word type, or other identity of the input, of each row.
    groups : array (rows,), optional
        Documents.
    n_folds, n_bootstrap : int
    seed : int

    Returns
    -------
    Selectivity

    Raises
    ------
    UsageError, WorkbenchError
        As `evaluate` and `control_task`.
    """
    options = {"n_folds": n_folds, "n_bootstrap": n_bootstrap, "seed": seed}
    task = evaluate(probe, X, y, groups, **options)
    control = evaluate(
        probe, X, control_task(words, y, seed=seed), groups, folds=task.folds,
        n_bootstrap=n_bootstrap, seed=seed,
    )  # fmt: skip
    weights = bootstrap_weights(task.groups, n_bootstrap, np.random.default_rng(seed))
    draws = [_difference(task, control, each) for each in weights]
    return Selectivity(task.value - control.value, percentile_interval(draws), task, control)


def _difference(task: ProbeScore, control: ProbeScore, weights: np.ndarray) -> float:
    first, second = (
        score_of(each.labels, each.predictions, False, weights) for each in (task, control)
    )
    return first - second
