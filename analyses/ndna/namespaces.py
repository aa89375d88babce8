"""NumPy arrays and torch tensors through one set of functions: the same kind comes out."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from workbench.errors import UsageError


def namespace(values: Any) -> Any:
    """Module whose functions work on an array: ``torch`` for tensors, else ``numpy``.

    Parameters
    ----------
    values : array or tensor

    Returns
    -------
    module

    Examples
    --------
    >>> namespace(np.zeros(2)).__name__
    'numpy'
    """
    # Whoever has a tensor has imported torch; nobody else waits for it.
    torch = sys.modules.get("torch")
    return torch if torch is not None and isinstance(values, torch.Tensor) else np


def as_floats(values: Any, what: str, wide: bool = False) -> Any:
    """An array or tensor of float32 or float64.

    Parameters
    ----------
    values : array-like or tensor
    what : str
        Name for errors, such as ``path``.
    wide : bool
        Whether float32 becomes float64, for sums whose terms nearly cancel.

    Returns
    -------
    ndarray or Tensor
        Whole numbers become float64, half precision float32.

    Raises
    ------
    UsageError
        If the values are no numbers.

    Examples
    --------
    >>> as_floats([1, 2], "path").dtype
    dtype('float64')
    """
    xp = namespace(values)
    if xp is not np:
        return _as_tensor(values, wide)
    try:
        array = np.asarray(values)
        narrow = not wide and array.dtype in (np.float16, np.float32)
        return array.astype(np.float32 if narrow else np.float64, copy=False)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"Found a {what} that is no array of numbers ({error}); expected one of floats."
        ) from error


def _as_tensor(values: Any, wide: bool) -> Any:
    import torch

    if not values.is_floating_point() or (wide and values.device.type != "mps"):
        return values.to(torch.float64)
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values


def narrowed(result: Any, given: Any) -> Any:
    """A result in the precision that its input had: float32 only for float32 and below.

    Parameters
    ----------
    result : ndarray or Tensor
    given : array-like or tensor
        The input.

    Returns
    -------
    ndarray or Tensor
    """
    wanted = as_floats(given, "path").dtype
    if namespace(result) is np:
        return np.asarray(result).astype(wanted, copy=False)[()]
    return result.to(wanted)


def count(mask: Any) -> int:
    """How many entries of a mask are true."""
    return int(mask.sum())


def norms(vectors: Any) -> Any:
    """Lengths of vectors (..., dimensions), scaled so that squares do not vanish.

    Examples
    --------
    >>> norms(np.array([3e-200, 4e-200]))
    np.float64(5e-200)
    """
    xp = namespace(vectors)
    largest = xp.amax(xp.abs(vectors), -1)
    safe = xp.where(largest > 0, largest, xp.ones_like(largest))
    scaled = vectors / safe[..., None]
    return largest * xp.sqrt((scaled * scaled).sum(-1))


def masked(values: Any, undefined: Any) -> Any:
    """Values with NaN where they are undefined."""
    xp = namespace(values)
    return xp.where(undefined, xp.full_like(values, float("nan")), values)


def angles_between(first: Any, second: Any) -> Any:
    """Angles between vectors, accurate for tiny ones and for those near pi.

    Parameters
    ----------
    first, second : array (..., dimensions)

    Returns
    -------
    array (...)
        Radians, 0 to pi: ``2 atan2(|a - b|, |a + b|)`` of the unit vectors (Kahan 2006, *How
        futile are mindless assessments of roundoff*, section 12); NaN where a vector is zero.

    Examples
    --------
    >>> float(angles_between(np.array([1.0, 0.0]), np.array([1.0, 1e-12])))
    1e-12
    """
    xp = namespace(first)
    lengths = norms(first), norms(second)
    zero = (lengths[0] == 0) | (lengths[1] == 0)
    one, other = (
        vectors / xp.where(zero, xp.ones_like(length), length)[..., None]
        for vectors, length in zip((first, second), lengths, strict=True)
    )
    return masked(2 * xp.arctan2(norms(one - other), norms(one + other)), zero)
