"""What can be factorised: checks, and one form for dense and sparse, numpy and torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from analyses.connectome.cp_backends import Array, as_like, indices_like, is_torch, to_numpy, total
from analyses.connectome.cp_contraction import Contraction, DenseContraction, SparseContraction
from analyses.connectome.cp_masks import compact_mask, hidden_entries
from workbench.errors import UsageError

_MOST_BITS = 30
_NOTHING = (
    "Found no observed cell above zero; expected activity to factorise: look at how the tensor was "
    "made."
)
HOW_TO_MASK = (
    "pass mask=, a boolean array of the tensor's shape (or one that broadcasts to it) that is True "
    "where a cell was observed, such as mask=~np.isnan(tensor)"
)


@dataclass(frozen=True)
class Problem:
    """A tensor ready to be factorised.

    Attributes
    ----------
    contraction : Contraction
        Zero where nothing was observed, divided by `scale`.
    dense : ndarray or Tensor (...), or None
        The same cells, unless the tensor is sparse.
    mask : ndarray or Tensor (...), or None
        1 where observed, in the tensor's dtype; of size 1 along axes it does not depend on.
    like : ndarray or Tensor
        Of the library, dtype and device in which factors are kept.
    squares : float
        Sum of squares over observed cells, after division by `scale`.
    scale : float
        A power of two that keeps squares within single precision.
    unseen : list of ndarray (size,) of bool
        Entries of every axis of which no cell was observed.
    """

    contraction: Contraction
    dense: Array | None
    mask: Array | None
    like: Array
    squares: float
    scale: float
    unseen: list[np.ndarray]

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes."""
        return self.contraction.shape


def problem(tensor: Any, mask: Any = None, dtype: Any = None) -> Problem:
    """Check a tensor and its mask.

    Parameters
    ----------
    tensor : array (...), sparse array (...), or (coordinates, values, shape)
        At least two axes, not negative. Sparse ones may be scipy's, pydata's ``sparse.COO``,
        torch's, or a tuple of coordinates (axes, entries), values (entries,) and shape; cells that
        are not listed are zeros.
    mask : array of bool, optional
        True where observed.
    dtype : {"float32", "float64"}, optional
        That of the tensor by default; float64 for whole numbers, float32 for half precision.

    Returns
    -------
    Problem

    Raises
    ------
    UsageError
        If there are fewer than two axes, negative cells, NaN where the mask does not hide them,
        nothing but zeros, or the mask does not fit or hides a whole entry of an axis but the last.
    """
    if dtype is not None and str(np.dtype(dtype)) not in ("float32", "float64"):
        raise UsageError(f"Found dtype '{dtype}'; expected 'float32' or 'float64'.")
    parts = _sparse_parts(tensor)
    if parts is not None:
        return _sparse_problem(*parts, mask, dtype)
    cells = _floating(_array(tensor), dtype)
    _check_shape(tuple(cells.shape))
    observed = None if mask is None else compact_mask(mask, tuple(cells.shape))
    unseen = hidden_entries(observed, tuple(cells.shape))
    weights = None
    if observed is not None:
        weights = as_like(observed, cells)
        cells = _hide(cells, weights)
    scale = _checked_scale(float(cells.min()), float(cells.max()), mask is not None)
    cells = cells if scale == 1.0 else cells / scale
    cells = cells.contiguous() if is_torch(cells) else np.ascontiguousarray(cells)
    contraction = DenseContraction(cells)
    squares = _squares(contraction.unfolded)
    return Problem(contraction, cells, weights, cells[:0], squares, scale, unseen)


def _sparse_problem(
    coordinates: np.ndarray, values: Array, shape: tuple[int, ...], mask: Any, dtype: Any
) -> Problem:
    _check_shape(shape)
    values = _floating(values, dtype)
    if coordinates.shape != (len(shape), len(values)):
        raise UsageError(
            f"Found coordinates of shape {coordinates.shape} for {len(values)} values and "
            f"{len(shape)} axes; expected ({len(shape)}, {len(values)})."
        )
    if len(values) and ((coordinates < 0).any() or (coordinates.max(1) >= shape).any()):
        raise UsageError(f"Found coordinates outside the shape {shape}; expected 0 to size - 1.")
    observed = None if mask is None else compact_mask(mask, shape)
    unseen = hidden_entries(observed, shape)
    weights = None
    if observed is not None:
        weights = as_like(observed, values)
        places = (
            each if size > 1 else np.zeros_like(each)
            for each, size in zip(coordinates, observed.shape, strict=True)
        )
        kept = observed[tuple(places)]
        coordinates = coordinates[:, kept]
        values = values[indices_like(kept, values)]
    if not len(values):
        raise UsageError(_NOTHING)
    scale = _checked_scale(float(values.min()), float(values.max()), mask is not None)
    contraction = SparseContraction(coordinates, values / scale, shape)
    squares = total(contraction.values * contraction.values)
    return Problem(contraction, None, weights, values[:0], squares, scale, unseen)


def check_rank(rank: Any, shape: tuple[int, ...]) -> int:
    """Rank as a number that the tensor allows.

    Parameters
    ----------
    rank : int
    shape : tuple of int

    Returns
    -------
    int

    Raises
    ------
    UsageError
        If it is no whole number from 1 to the product of all sizes but the largest, at which every
        non-negative tensor is reproduced exactly.

    Examples
    --------
    >>> check_rank(3, (4, 5, 6))
    3
    """
    limit = math.prod(shape) // max(shape)
    whole = isinstance(rank, int | np.integer) and not isinstance(rank, bool)
    if not whole or not 1 <= rank <= limit:
        raise UsageError(
            f"Found rank {rank!r} for a tensor of shape {shape}; expected a whole number from 1 to "
            f"{limit}, at which every non-negative tensor of this shape is reproduced exactly: "
            "lower the rank."
        )
    return int(rank)


def _array(tensor: Any) -> Array:
    if is_torch(tensor):
        return tensor.detach()
    array = np.asarray(tensor)
    if array.dtype.kind not in "fiub":
        raise UsageError(
            f"Found a tensor of dtype {array.dtype}; expected real numbers that are not negative."
        )
    return array


def _floating(array: Array, dtype: Any) -> Array:
    if not is_torch(array):
        if dtype is None:
            known = array.dtype in (np.float32, np.float64)
            dtype = array.dtype if known else np.float32 if array.dtype == np.float16 else float
        return array.astype(dtype, copy=False)
    import torch

    if array.is_complex():
        raise UsageError(f"Found a tensor of dtype {array.dtype}; expected real numbers.")
    if dtype is None:
        halves = (torch.float16, torch.bfloat16, torch.float32)
        wanted = torch.float32 if array.dtype in halves else torch.float64
    else:
        wanted = getattr(torch, str(np.dtype(dtype)))
    return array.to(wanted)


def _check_shape(shape: tuple[int, ...]) -> None:
    if len(shape) < 2 or 0 in shape:
        raise UsageError(
            f"Found a tensor of shape {shape}; expected at least two axes, none of them empty, "
            "such as (time, subjects, pairs)."
        )


def _hide(cells: Array, weights: Array) -> Array:
    """Zero where not observed, even if the cell holds NaN."""
    if not is_torch(cells):
        return np.where(weights > 0, cells, cells.dtype.type(0))
    import torch

    return torch.where(weights > 0, cells, torch.zeros((), dtype=cells.dtype, device=cells.device))


def _checked_scale(least: float, most: float, masked: bool) -> float:
    if math.isnan(least) or math.isnan(most):
        where = "cells that the mask says were observed" if masked else "the tensor and no mask"
        raise UsageError(f"Found NaN in {where}; expected numbers: {HOW_TO_MASK}.")
    if math.isinf(least) or math.isinf(most):
        raise UsageError(f"Found infinite cells; expected finite numbers, or {HOW_TO_MASK}.")
    if least < 0:
        raise UsageError(
            f"Found negative entries, the least {least:g}; expected none: split signed activity "
            "into its positive and its negative part first, or use absolute values."
        )
    if most <= 0:
        raise UsageError(_NOTHING)
    exponent = math.frexp(most)[1]
    # Only extremes are worth a copy of the tensor.
    return 1.0 if abs(exponent) <= _MOST_BITS else math.ldexp(1.0, exponent)


def _squares(unfolded: Array) -> float:
    """Sum of squares, some rows at a time."""
    rows = max(1, 2**20 // unfolded.shape[1])
    blocks = (unfolded[start : start + rows] for start in range(0, len(unfolded), rows))
    return sum(total(block * block) for block in blocks)


def _sparse_parts(tensor: Any) -> tuple[np.ndarray, Array, tuple[int, ...]] | None:
    """Coordinates, values and shape of a sparse tensor; None for a dense one."""
    if is_torch(tensor):
        import torch

        if tensor.layout == torch.strided:
            return None
        tensor = tensor.detach().to_sparse_coo().coalesce()
        return to_numpy(tensor.indices()), tensor.values(), tuple(tensor.shape)
    if isinstance(tensor, tuple) and len(tensor) == 3 and np.ndim(tensor[2]) == 1:
        coordinates, values, shape = tensor
        if np.ndim(coordinates) == 2 and all(isinstance(n, int | np.integer) for n in shape):
            values = values if is_torch(values) else np.asarray(values)
            return to_numpy(coordinates), values, tuple(int(n) for n in shape)
    if hasattr(tensor, "tocoo"):
        tensor = tensor.tocoo()
    if not (hasattr(tensor, "coords") and hasattr(tensor, "nnz")):
        return None
    if getattr(tensor, "fill_value", 0) != 0:
        raise UsageError(
            f"Found a sparse tensor with fill_value {tensor.fill_value}; expected 0: cells that "
            "are not listed are zeros."
        )
    return np.asarray(tensor.coords), np.asarray(tensor.data), tuple(map(int, tensor.shape))
