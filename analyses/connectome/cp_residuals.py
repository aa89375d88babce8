"""The error of a factorisation, cell by cell, and which loadings the observed cells determine."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from analyses.connectome.cp_backends import Array, indices_like, to_numpy, total
from analyses.connectome.cp_contraction import DenseContraction, khatri_rao
from analyses.connectome.cp_grams import Grams, squared_length
from analyses.connectome.cp_input import Problem

# Evidence about a loading below this share of what the fully observed axis would give is none.
_NO_EVIDENCE = 1e-8
_CELLS = 2**21


def relative_error(problem: Problem, factors: Sequence[Array]) -> float:
    """Length of the residual over the observed cells, relative to that of the tensor.

    Parameters
    ----------
    problem : Problem
    factors : sequence of ndarray or Tensor (components, size)

    Returns
    -------
    float
    """
    if isinstance(problem.contraction, DenseContraction):
        squares = sum(total(block * block) for block in _residuals(problem, factors))
    else:
        squares = problem.squares - _explained(problem, factors)
    return math.sqrt(max(squares, 0.0) / problem.squares)


def undetermined(problem: Problem, factors: Sequence[Array]) -> list[np.ndarray]:
    """Loadings about which the observed cells say nothing.

    Parameters
    ----------
    problem : Problem
    factors : sequence of ndarray or Tensor (components, size)

    Returns
    -------
    list of ndarray (size, components) of bool
        For every axis. A pair that was missing in every subject that carries a component is
        undetermined in that component.
    """
    rank, split = len(factors[0]), problem.contraction.split
    if problem.mask is None:
        return [np.zeros((size, rank), dtype=bool) for size in problem.shape]
    grams = Grams(rank, len(factors), split, problem.mask, problem.like)
    everywhere = Grams(rank, len(factors), split, None, problem.like)
    found = []
    for axis, size in enumerate(problem.shape):
        partial = grams.partial(0 if axis < split else 1, factors)
        seen = _diagonal(grams.of_axis(partial, factors, axis))
        whole = _diagonal(everywhere.of_axis(None, factors, axis))
        lacking = seen <= _NO_EVIDENCE * whole
        found.append(np.broadcast_to(lacking, (rank, size)).T & (whole[:, 0] > 0))
    return found


def _residuals(problem: Problem, factors: Sequence[Array]) -> Iterator[Array]:
    tensor = problem.contraction
    assert isinstance(tensor, DenseContraction)  # noqa: S101 - for the type checker
    cells = tensor.unfolded
    left, right = khatri_rao(factors[: tensor.split]), khatri_rao(factors[tensor.split :])
    rows = max(1, _CELLS // cells.shape[1])
    for start in range(0, len(cells), rows):
        block = cells[start : start + rows] - left[:, start : start + rows].T @ right
        weights = _mask_rows(problem, slice(start, start + rows))
        yield block if weights is None else block * weights


def _mask_rows(problem: Problem, rows: slice) -> Array | None:
    """Rows of the unfolded mask, which may have fewer cells than the tensor."""
    if problem.mask is None:
        return None
    split, shape = problem.contraction.split, problem.shape
    sizes = tuple(problem.mask.shape)
    flat = problem.mask.reshape(math.prod(sizes[:split]), -1)
    chosen = indices_like(_places(sizes[:split], shape[:split])[rows], problem.mask)
    columns = indices_like(_places(sizes[split:], shape[split:]), problem.mask)
    return flat[chosen][:, columns]


def _places(sizes: tuple[int, ...], shape: tuple[int, ...]) -> np.ndarray:
    own = np.arange(math.prod(sizes)).reshape(sizes)
    return np.broadcast_to(own, shape).reshape(-1)


def _explained(problem: Problem, factors: Sequence[Array]) -> float:
    axis = len(factors) - 1
    split = problem.contraction.split
    tensor = problem.contraction
    product = tensor.finish(tensor.partial(1, factors), factors, axis)
    grams = Grams(len(factors[0]), len(factors), split, problem.mask, problem.like)
    gram = grams.of_axis(grams.partial(1, factors), factors, axis)
    return 2 * total(product * factors[axis]) - squared_length(gram, factors[axis])


def _diagonal(gram: Array) -> np.ndarray:
    values = to_numpy(gram)
    numbers = np.arange(len(values))
    return values[numbers, numbers].reshape(len(values), -1)
