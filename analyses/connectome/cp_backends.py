"""What numpy and torch call differently; everything else in the solvers is said alike in both."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

Array = Any  # numpy.ndarray or torch.Tensor


def is_torch(array: Any) -> bool:
    """Whether an array is torch's; torch is not imported to find out.

    Parameters
    ----------
    array : object

    Returns
    -------
    bool

    Examples
    --------
    >>> is_torch(np.zeros(2))
    False
    """
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(array, torch.Tensor)


def as_like(values: Any, like: Array) -> Array:
    """Numbers in the library, dtype and device of another array.

    Parameters
    ----------
    values : array (...)
        Numpy's, or already like the other.
    like : ndarray or Tensor

    Returns
    -------
    ndarray or Tensor (...)

    Examples
    --------
    >>> as_like([1, 2], np.zeros(1, dtype=np.float32)).dtype
    dtype('float32')
    """
    if not is_torch(like):
        return np.array(to_numpy(values), dtype=like.dtype)
    import torch

    given = values if is_torch(values) else torch.from_numpy(np.array(values))
    return given.detach().clone().to(like.device, like.dtype)


def indices_like(indices: Any, like: Array) -> Array:
    """Indices or flags where the other array lies.

    Parameters
    ----------
    indices : ndarray (...) of int or bool
    like : ndarray or Tensor

    Returns
    -------
    ndarray or Tensor (...) of int or bool
    """
    if not is_torch(like):
        return indices
    import torch

    return torch.from_numpy(np.array(indices)).to(like.device)


def to_numpy(array: Array) -> np.ndarray:
    """An array as numpy's, on the CPU.

    Parameters
    ----------
    array : array (...)

    Returns
    -------
    ndarray (...)
    """
    return array.detach().cpu().numpy() if is_torch(array) else np.asarray(array)


def total(array: Array) -> float:
    """Sum of all entries, added up in double precision.

    Parameters
    ----------
    array : ndarray or Tensor (...)

    Returns
    -------
    float

    Examples
    --------
    >>> total(np.ones((2, 3), dtype=np.float32))
    6.0
    """
    if not is_torch(array):
        return float(array.sum(dtype=np.float64))
    import torch

    # Not every device has doubles.
    wide = torch.float32 if array.device.type == "mps" else torch.float64
    return float(array.sum(dtype=wide))


def machine_epsilon(like: Array) -> float:
    """Rounding unit of an array's dtype.

    Parameters
    ----------
    like : ndarray or Tensor

    Returns
    -------
    float

    Examples
    --------
    >>> machine_epsilon(np.zeros(1, dtype=np.float32)) < 2e-7
    True
    """
    if not is_torch(like):
        return float(np.finfo(like.dtype).eps)
    import torch

    return float(torch.finfo(like.dtype).eps)
