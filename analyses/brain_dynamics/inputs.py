"""Arrays as they are given: numpy, torch or lists, checked once for all statistics."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import UsageError


def real_array(values: ArrayLike, name: str, least_dims: int = 1) -> NDArray[np.float64]:
    """Finite real numbers as float64.

    Parameters
    ----------
    values : array
        numpy, torch (on any device, with or without gradients) or nested lists.
    name : str
        What messages call them.
    least_dims : int
        Axes that there must be.

    Returns
    -------
    ndarray of float64

    Raises
    ------
    UsageError
        If values are not real numbers, not finite, empty, or have too few axes.

    Examples
    --------
    >>> real_array([1, 2], "signal").tolist()
    [1.0, 2.0]
    >>> real_array([1.0, float("nan")], "signal")
    Traceback (most recent call last):
    ...
    workbench.errors.UsageError: Found 1 NaN or infinite of 2 values in signal; expected finite \
numbers: leave those samples out or fill them first.
    """
    array = plain_array(values)
    if array.dtype.kind not in "fiub":
        raise UsageError(
            f"Found values of type {array.dtype} in {name}; expected real numbers: pass a numeric "
            "array."
        )
    return _checked(array.astype(np.float64), name, least_dims)


def complex_array(values: ArrayLike, name: str) -> NDArray[np.complex128]:
    """Finite complex numbers as complex128; see `real_array`."""
    return _checked(plain_array(values).astype(np.complex128), name, 1)


def plain_array(values: Any) -> NDArray:
    """An array of numpy, also from a torch tensor of any type.

    Examples
    --------
    >>> plain_array([True, False]).dtype
    dtype('bool')
    """
    if hasattr(values, "detach"):
        tensor = values.detach().cpu().resolve_conj()
        # numpy has no bfloat16.
        wide = tensor if tensor.element_size() > 2 or not tensor.is_floating_point() else None
        values = (tensor.float() if wide is None else wide).numpy()
    try:
        return np.asarray(values)
    except ValueError as error:
        raise UsageError(
            "Found lists of unequal lengths; expected a regular array: cut or pad them first."
        ) from error


def frequency_band(band: Any, sampling_rate: float) -> tuple[float, float]:
    """Lower and upper edge of a band, in the unit of the sampling rate.

    Raises
    ------
    UsageError
        If it is not a rising pair between 0 and half the sampling rate.

    Examples
    --------
    >>> frequency_band((8, 13), 100.0)
    (8.0, 13.0)
    """
    try:
        low, high = (float(edge) for edge in band)
    except (TypeError, ValueError):
        low, high = np.nan, np.nan
    if not 0 <= low < high <= sampling_rate / 2:
        raise UsageError(
            f"Found band {band!r}; expected (low, high) with 0 <= low < high <= "
            f"{sampling_rate / 2:g}, half the sampling rate."
        )
    return low, high


def last_axis(array: NDArray, axis: int, name: str) -> NDArray:
    """The array with one axis moved to the end.

    Raises
    ------
    UsageError
        If there is no such axis.

    Examples
    --------
    >>> last_axis(np.zeros((3, 2)), 0, "signal").shape
    (2, 3)
    """
    if not isinstance(axis, int | np.integer) or not -array.ndim <= axis < array.ndim:
        raise UsageError(f"Found axis={axis!r}; expected one of the {array.ndim} axes of {name}.")
    return np.moveaxis(array, int(axis), -1)


def _checked(array: NDArray, name: str, least_dims: int) -> NDArray:
    if array.ndim < least_dims or not array.size:
        raise UsageError(
            f"Found {name} of shape {array.shape}; expected at least {least_dims} axes, none of "
            "them empty."
        )
    bad = int(np.count_nonzero(~np.isfinite(array)))
    if bad:
        raise UsageError(
            f"Found {bad} NaN or infinite of {array.size} values in {name}; expected finite "
            "numbers: leave those samples out or fill them first."
        )
    return array
