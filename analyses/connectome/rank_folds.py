"""Which cells are held out to choose a rank: whole fibres or blocks of time, never single cells.

Neighbouring frames share their smoother, so a single cell is given away by its neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from analyses.connectome.cp_backends import Array, total
from analyses.connectome.cp_contraction import khatri_rao
from workbench.errors import UsageError, nearest

KINDS = ("fibres", "blocks")
_BLOCKS_PER_PART = 2
_CELLS = 2**20
# A tenth is held out at a time: more would leave loadings without evidence in small cohorts.
_PARTS = 10


def folds(
    shape: tuple[int, ...], mask: NDArray[np.bool_] | None, n_folds: int, kind: str, seed: int
) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Cells to fit and cells held out, for every fold.

    Parameters
    ----------
    shape : tuple of int
        Of the tensor: time first, pairs last.
    mask : ndarray of bool, optional
        True where observed; as many axes as the tensor, of size 1 where it does not depend on them.
    n_folds : int
    kind : {"fibres", "blocks"}
        Whole time courses of a pair in a subject, or spans of time of a subject with all pairs.
        Where there is one subject only: spans of time of a pair.
    seed : int

    Yields
    ------
    fitted, held_out : ndarray of bool
        With as many axes as the tensor, of size 1 where they do not depend on them. Each fold
        holds out a tenth (less if there are more folds); never a pair that one subject alone has,
        and never all of a frame or subject.

    Raises
    ------
    UsageError
        If there is no such kind or nothing can be held out.

    Examples
    --------
    >>> fitted, held_out = next(folds((20, 4, 15), None, 4, "fibres", seed=0))
    >>> fitted.shape, int(held_out.sum()), bool((fitted ^ held_out).all())
    ((1, 4, 15), 8, True)
    """
    if kind not in KINDS:
        raise UsageError(f"Found hold_out={kind!r}; {nearest(str(kind), KINDS)}")
    observed = np.ones((1,) * len(shape), dtype=bool) if mask is None else mask
    labels = _labels(shape, observed, max(n_folds, _PARTS), kind, np.random.default_rng([seed, 1]))
    for fold in range(n_folds):
        held_out = (labels == fold) & observed
        fitted = ~(labels == fold) & observed
        held_out = held_out & ~_restore(fitted, observed)
        if not held_out.any():
            raise UsageError(
                f"Found too few cells to hold out {n_folds} times in a tensor of shape {shape}; "
                "expected several subjects or many frames: lower n_folds."
            )
        yield observed & ~held_out, held_out


def held_out_error(tensor: Array, held_out: Array, factors: Sequence[Array]) -> float:
    """How far a model is from cells that it has not seen.

    Parameters
    ----------
    tensor : ndarray or Tensor (time, ..., pairs)
    held_out : ndarray or Tensor (...)
        1 where held out; broadcasts to the tensor.
    factors : sequence of ndarray or Tensor (components, size)

    Returns
    -------
    float
        Length of the residual, relative to that of the cells; a time course that is predicted
        worse than by zeros counts as if it were predicted by zeros.

    Examples
    --------
    >>> ones = [np.ones((1, 4)), np.ones((1, 3))]
    >>> held_out_error(np.ones((4, 3)), np.ones((4, 3)), ones)
    0.0
    >>> held_out_error(np.ones((4, 3)), np.ones((4, 3)), [9 * ones[0], ones[1]])
    1.0
    """
    rest = khatri_rao(factors[1:])
    rows = max(1, _CELLS // rest.shape[1])
    residual: Array = 0.0
    own: Array = 0.0
    for start in range(0, len(tensor), rows):
        frames = slice(start, start + rows)
        shown = held_out[frames] if len(held_out) > 1 else held_out
        cells = tensor[frames]
        model = (factors[0][:, frames].T @ rest).reshape(cells.shape)
        residual = residual + (((cells - model) * shown) ** 2).sum(0)
        own = own + ((cells * shown) ** 2).sum(0)
    worse = residual > own
    return math.sqrt(total(residual * ~worse + own * worse) / total(own))


def _labels(
    shape: tuple[int, ...],
    observed: NDArray[np.bool_],
    n_parts: int,
    kind: str,
    generator: np.random.Generator,
) -> NDArray[np.int64]:
    """Fold of every cell, -1 for those never held out."""
    middle = shape[1:-1]
    n_blocks = min(shape[0], _BLOCKS_PER_PART * n_parts)
    blocks = np.arange(shape[0]) * n_blocks // shape[0]
    if math.prod(middle) < 2:
        drawn = _balanced(np.ones((n_blocks, shape[-1]), dtype=bool), n_parts, generator)
        return drawn[blocks].reshape(shape[0], *middle, shape[-1])
    if kind == "blocks":
        drawn = _balanced(np.ones((math.prod(middle), n_blocks), dtype=bool), n_parts, generator)
        return drawn.T[blocks].reshape(shape[0], *middle, 1)
    seen = np.broadcast_to(observed.any(axis=0), shape[1:]).reshape(-1, shape[-1])
    return _balanced(seen, n_parts, generator).reshape(1, *shape[1:])


def _balanced(
    seen: NDArray[np.bool_], n_parts: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Folds spread evenly within every column; none in a column with a single observed entry."""
    drawn = np.where(seen, generator.random(seen.shape), np.inf)
    places = drawn.argsort(axis=0).argsort(axis=0)
    labels = (places + generator.integers(n_parts, size=seen.shape[1])) % n_parts
    return np.where(seen & (seen.sum(axis=0) > 1), labels, -1)


def _restore(fitted: NDArray[np.bool_], observed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Cells to show again, because a frame or subject would be hidden as a whole."""
    shown = np.zeros((1,) * fitted.ndim, dtype=bool)
    for axis in range(fitted.ndim - 1):
        others = tuple(n for n in range(fitted.ndim) if n != axis)
        shown = shown | (~fitted.any(axis=others, keepdims=True) & observed)
    return shown
