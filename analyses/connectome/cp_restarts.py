"""Several starts of a factorisation, the best of them, and how alike they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analyses.connectome.cp_backends import as_like, to_numpy
from analyses.connectome.cp_components import ordered, similarity
from analyses.connectome.cp_input import Problem
from analyses.connectome.cp_residuals import relative_error, undetermined
from analyses.connectome.cp_solver import Descent, Settings, descend, random_start
from analyses.connectome.cp_tensorly import descend_tensorly


@dataclass(frozen=True)
class Restarts:
    """How the restarts of a factorisation went.

    Attributes
    ----------
    errors : ndarray (restarts,)
        Relative error at the end of each.
    similarities : ndarray (restarts,)
        Of the components of each with those of the best, from 0 to 1; 1 for the best itself.
    n_iterations : ndarray (restarts,) of int
        Sweeps.
    converged : ndarray (restarts,) of bool
    best : int
        Number of the one that was kept.
    """

    errors: NDArray[np.float64]
    similarities: NDArray[np.float64]
    n_iterations: NDArray[np.int64]
    converged: NDArray[np.bool_]
    best: int


@dataclass(frozen=True)
class Factorisation:
    """Components of the best restart.

    Attributes
    ----------
    factors : list of ndarray (size, rank)
        Unit columns.
    weights : ndarray (rank,)
    error : float
        Relative, over observed cells.
    history : ndarray (sweeps,)
    undetermined : list of ndarray (size, rank) of bool
    restarts : Restarts
    """

    factors: list[NDArray]
    weights: NDArray
    error: float
    history: NDArray[np.float64]
    undetermined: list[NDArray[np.bool_]]
    restarts: Restarts


def factorise(
    problem: Problem,
    rank: int,
    settings: Settings,
    n_restarts: int = 1,
    seed: int = 0,
    start: Sequence[NDArray] | None = None,
) -> Factorisation:
    """Factorise from several starts and keep the one of least error.

    Parameters
    ----------
    problem : Problem
    rank : int
    settings : Settings
    n_restarts, seed : int
    start : sequence of ndarray (components, size), optional
        The only start, in place of random ones.

    Returns
    -------
    Factorisation

    Examples
    --------
    >>> from analyses.connectome.cp_input import problem
    >>> found = factorise(problem(np.ones((3, 4, 5))), 1, Settings())
    >>> round(found.error, 6), found.weights.round(3).tolist()
    (0.0, [7.746])
    """
    method = descend_tensorly if settings.solver == "tensorly" else descend
    starts = (
        [start]
        if start is not None
        else [random_start(problem.shape, rank, seed, n) for n in range(n_restarts)]
    )
    descents = [method(problem, list(each), settings) for each in starts]
    final = np.array([each.errors[-1] for each in descents])
    best = int(final.argmin())
    chosen = descents[best]
    factors, unknown = _determined(problem, chosen)
    components, weights, order = ordered(factors)
    return Factorisation(
        components,
        weights * problem.scale,
        relative_error(problem, [as_like(each.T, problem.like) for each in factors]),
        np.array(chosen.errors),
        [each[:, order] for each in unknown],
        _compared(descents, final, best),
    )


def _determined(problem: Problem, descent: Descent) -> tuple[list[NDArray], list[NDArray]]:
    """Factors (size, rank) with zeros where nothing is known."""
    unknown = undetermined(problem, descent.factors)
    for lacking, unseen in zip(unknown, problem.unseen, strict=True):
        lacking[unseen] = True
    factors = [
        np.where(lacking, 0.0, to_numpy(factor).T)
        for factor, lacking in zip(descent.factors, unknown, strict=True)
    ]
    return factors, unknown


def _compared(descents: list[Descent], errors: NDArray, best: int) -> Restarts:
    sets = [ordered([to_numpy(f).T for f in each.factors]) for each in descents]
    alike = [similarity(sets[best][0], each[0], (sets[best][1], each[1])) for each in sets]
    return Restarts(
        errors,
        np.array(alike),
        np.array([len(each.errors) for each in descents]),
        np.array([each.converged for each in descents]),
        best,
    )
