"""Reading what is given: arrays, tensors or lists become float64 arrays without holes."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError


def given_array(values: Any, name: str) -> NDArray[np.float64]:
    """Any array, tensor (on any device, of any float type) or list as a float64 array.

    Parameters
    ----------
    values : array-like or tensor, any shape
    name : str
        What it is called in an error.

    Returns
    -------
    ndarray, the same shape, float64

    Raises
    ------
    UsageError
        If it is no array of real numbers, is empty, or holds NaN or infinite values.

    Examples
    --------
    >>> given_array([[1, 2], [3, 4]], "weight").dtype
    dtype('float64')
    """
    if hasattr(values, "detach"):
        values = values.detach().cpu().double().numpy()
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"values of type {array.dtype}")
        array = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(f"Expected an array of real numbers for {name}; found {error}.") from error
    if not array.size:
        raise UsageError(f"Found no values in {name} (shape {array.shape}); expected at least one.")
    if not np.isfinite(array).all():
        raise UsageError(
            f"Found {int((~np.isfinite(array)).sum())} NaN or infinite values in {name}; "
            "expected finite numbers: leave such rows out."
        )
    return array


def refuse_shapes(first: NDArray, second: NDArray, names: tuple[str, str], what: str) -> NoReturn:
    """Refuse two arrays whose shapes do not go together.

    Parameters
    ----------
    first, second : ndarray
    names : pair of str
    what : str
        What was expected.

    Raises
    ------
    UsageError
        Always.

    Examples
    --------
    >>> refuse_shapes(np.zeros(2), np.zeros(3), ("a", "b"), "the same shape")
    Traceback (most recent call last):
        ...
    workbench.errors.UsageError: Found a of shape (2,) and b of shape (3,); expected the same shape.
    """
    raise UsageError(
        f"Found {names[0]} of shape {first.shape} and {names[1]} of shape {second.shape}; "
        f"expected {what}."
    )
