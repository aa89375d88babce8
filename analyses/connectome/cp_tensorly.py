"""Tensorly's solvers behind the same front, for comparison."""

from __future__ import annotations

import math

import numpy as np

from analyses.connectome.cp_backends import as_like, to_numpy
from analyses.connectome.cp_input import Problem
from analyses.connectome.cp_solver import Descent, Settings
from workbench.errors import UsageError


def descend_tensorly(problem: Problem, start: list[np.ndarray], settings: Settings) -> Descent:
    """Tensorly's HALS, or its multiplicative updates where cells are missing.

    Its HALS knows no mask. Its multiplicative updates fill missing cells in from the model.

    Parameters
    ----------
    problem : Problem
        Dense.
    start : list of ndarray (components, size)
    settings : Settings
        The tolerance is that of tensorly: absolute, of the relative error.

    Returns
    -------
    Descent
        Errors as tensorly reports them.

    Raises
    ------
    UsageError
        If the tensor is sparse.
    """
    if problem.dense is None:
        raise UsageError(
            "Found a sparse tensor with solver 'tensorly'; expected a dense one: take 'hals' or "
            "'mu'."
        )
    from tensorly import backend_context
    from tensorly.cp_tensor import CPTensor
    from tensorly.decomposition import non_negative_parafac, non_negative_parafac_hals

    cells = to_numpy(problem.dense)
    model = math.sqrt(np.prod([each @ each.T for each in start], axis=0).sum())
    ratio = (math.sqrt(problem.squares) / model) ** (1 / len(start))
    factors = [(each.T * ratio).astype(cells.dtype) for each in start]
    initial = CPTensor((np.ones(len(start[0]), dtype=cells.dtype), factors))
    options = {
        "init": initial,
        "n_iter_max": settings.max_iterations,
        "tol": settings.tolerance,
        "return_errors": True,
    }
    with backend_context("numpy"):
        if problem.mask is None:
            found, errors = non_negative_parafac_hals(cells, len(start[0]), **options)
        else:
            mask = np.broadcast_to(to_numpy(problem.mask), cells.shape)
            found, errors = non_negative_parafac(cells, len(start[0]), mask=mask, **options)
    weights, factors = found
    factors = [factors[0] * weights, *factors[1:]]
    converged = len(errors) < settings.max_iterations
    kept = [as_like(each.T, problem.like) for each in factors]
    return Descent(kept, [float(each) for each in errors], converged)
