"""Parameters as they are given: checked in one way, refused in one sentence."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from workbench.errors import UsageError, nearest


def whole(value: Any, name: str, least: int, most: int | None = None) -> int:
    """A whole number within limits.

    Raises
    ------
    UsageError
        If it is not.

    Examples
    --------
    >>> whole(3, "order", 2)
    3
    """
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not is_whole or value < least or (most is not None and value > most):
        limit = f"at least {least}" if most is None else f"{least} to {most}"
        raise UsageError(f"Found {name}={value!r}; expected a whole number of {limit}.")
    return int(value)


def positive(value: Any, name: str, unit: str = "") -> float:
    """A positive finite number.

    Raises
    ------
    UsageError
        If it is not.

    Examples
    --------
    >>> positive(2, "sampling_rate")
    2.0
    """
    is_number = isinstance(value, int | float | np.integer | np.floating)
    if not is_number or isinstance(value, bool) or not np.isfinite(value) or value <= 0:
        raise UsageError(f"Found {name}={value!r}; expected a positive number{unit}.")
    return float(value)


def check_whole(owner: Any, least: Mapping[str, int], optional: Collection[str] = ()) -> None:
    """Refuse attributes that are no whole numbers of at least so much.

    Parameters
    ----------
    owner : object
    least : mapping of str to int
        Attributes, and the smallest value of each.
    optional : collection of str
        Those that may be None.

    Raises
    ------
    UsageError
        The first that is not.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> check_whole(SimpleNamespace(rank=None, n_null=9), {"rank": 1, "n_null": 1}, ["rank"])
    """
    for name, smallest in least.items():
        value = getattr(owner, name)
        if not (value is None and name in optional):
            whole(value, name, smallest)


def check_choices(owner: Any, known: Mapping[str, Collection[str]]) -> None:
    """Refuse attributes that are none of the known names.

    Parameters
    ----------
    owner : object
    known : mapping of str to collection of str
        Attributes, and the values that each may have.

    Raises
    ------
    UsageError
        The first that is unknown; the nearest known name is given.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> check_choices(SimpleNamespace(link="exp"), {"link": ("exp", "sigmoid")})
    """
    for name, values in known.items():
        value = getattr(owner, name)
        if value not in values:
            raise UsageError(f"Found {name}='{value}'; {nearest(str(value), values)}")
