"""Masks of a tensor: True where a cell was observed."""

from __future__ import annotations

from typing import Any

import numpy as np

from analyses.connectome.cp_backends import to_numpy
from workbench.errors import UsageError


def compact_mask(mask: Any, shape: tuple[int, ...]) -> np.ndarray | None:
    """A mask with as many axes as the tensor, of size 1 along those it does not depend on.

    Parameters
    ----------
    mask : array of bool
        Of the tensor's shape, or one that broadcasts to it; True where observed.
    shape : tuple of int
        Of the tensor.

    Returns
    -------
    ndarray of bool, or None
        None if everything was observed.

    Raises
    ------
    UsageError
        If it does not broadcast, or holds anything but True and False.

    Examples
    --------
    >>> compact_mask([[True, False], [True, True]], (5, 2, 2)).shape
    (1, 2, 2)
    """
    flags = _flags(mask)
    try:
        np.broadcast_to(flags, shape)
    except ValueError:
        raise UsageError(
            f"Found a mask of shape {flags.shape} for a tensor of shape {shape}; expected that "
            "shape or one that broadcasts to it, such as (subjects, pairs), True where a cell was "
            "observed."
        ) from None
    flags = flags.reshape((1,) * (len(shape) - flags.ndim) + flags.shape)
    for axis in range(len(shape)):
        first = flags.take([0], axis=axis)
        if flags.shape[axis] > 1 and (flags == first).all():
            flags = first
    return None if flags.all() else flags


def hidden_entries(mask: np.ndarray | None, shape: tuple[int, ...]) -> list[np.ndarray]:
    """Entries of every axis of which nothing was observed.

    Parameters
    ----------
    mask : ndarray of bool, or None
        As `compact_mask` gives it.
    shape : tuple of int
        Of the tensor.

    Returns
    -------
    list of ndarray (size,) of bool

    Raises
    ------
    UsageError
        If there are any but along the last axis (pairs that no subject has are usual; a frame or
        subject without data should be left out).

    Examples
    --------
    >>> hidden_entries(np.array([[True, False], [True, False]]), (2, 2))[1].tolist()
    [False, True]
    """
    if mask is None:
        return [np.zeros(size, dtype=bool) for size in shape]
    if not mask.any():
        raise UsageError(
            "Found a mask that hides every cell; expected True where observed: invert it."
        )
    found = []
    for axis, size in enumerate(shape):
        others = tuple(n for n in range(len(shape)) if n != axis)
        hidden = np.broadcast_to(~mask.any(axis=others), (size,)).copy()
        if hidden.any() and axis < len(shape) - 1:
            raise UsageError(
                f"Found a mask that hides all of entry {int(hidden.argmax())} of axis {axis} "
                f"({int(hidden.sum())} such); expected something observed (True) of every frame "
                "and subject: leave those entries out of tensor and mask."
            )
        found.append(hidden)
    return found


def _flags(mask: Any) -> np.ndarray:
    flags = to_numpy(mask)
    if flags.dtype == bool:
        return flags
    if flags.dtype.kind not in "fiu" or not np.isin(flags, (0, 1)).all():
        raise UsageError(
            f"Found a mask of dtype {flags.dtype} with other values than 0 and 1; expected "
            "booleans, True where a cell was observed."
        )
    return flags.astype(bool)
