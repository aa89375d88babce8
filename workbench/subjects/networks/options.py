"""Options as they come from Python or, as text, from the command line."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from workbench.capturing.request import CaptureRequest
from workbench.errors import UsageError, nearest


def whole_number(request: CaptureRequest, name: str, default: int, least: int = 1) -> int:
    """An option that is a whole number.

    Parameters
    ----------
    request : CaptureRequest
    name : str
    default : int
        If it was not given.
    least : int

    Returns
    -------
    int

    Raises
    ------
    UsageError
        If it is none, or too small.

    Examples
    --------
    >>> whole_number(CaptureRequest("demo:rnn", options={"batch": "64"}), "batch", 256)
    64
    """
    given = request.option(name)
    if given is None:
        return default
    try:
        number = int(given)
    except (TypeError, ValueError):
        number = least - 1
    if number < least or (isinstance(given, float) and given != number):
        raise UsageError(f"Found {name} '{given}'; expected a whole number of at least {least}.")
    return number


def numbers(request: CaptureRequest, name: str) -> tuple[float, ...] | None:
    """An option that is a number, or several with commas between them.

    Parameters
    ----------
    request : CaptureRequest
    name : str

    Returns
    -------
    tuple of float, optional
        None if it was not given.

    Raises
    ------
    UsageError

    Examples
    --------
    >>> numbers(CaptureRequest("demo:rnn", options={"mean": "0.5,0.5,0.4"}), "mean")
    (0.5, 0.5, 0.4)
    """
    given = request.option(name)
    if given is None:
        return None
    parts: Any = given.split(",") if isinstance(given, str) else given
    try:
        found = tuple(float(part) for part in (parts if _is_series(parts) else [parts]))
    except (TypeError, ValueError):
        found = ()
    if not found or not all(map(math.isfinite, found)):
        raise UsageError(f"Found {name} '{given}'; expected numbers such as 0.5 or 0.5,0.5,0.4.")
    return found


def positive(request: CaptureRequest, name: str) -> float | None:
    """An option that is one number above zero; None if it was not given.

    Raises
    ------
    UsageError
    """
    found = numbers(request, name)
    if found is None:
        return None
    if len(found) != 1 or found[0] <= 0:
        raise UsageError(f"Found {name} '{request.option(name)}'; expected one number above 0.")
    return found[0]


def choice(request: CaptureRequest, name: str, known: tuple[str, ...]) -> str | None:
    """An option that is one of some words; None if it was not given.

    Raises
    ------
    UsageError
    """
    given = request.option(name)
    if given is not None and str(given) not in known:
        raise UsageError(f"Found {name} '{given}'; {nearest(str(given), known)}")
    return None if given is None else str(given)


def keyword_arguments(request: CaptureRequest, name: str) -> dict[str, Any]:
    """An option that is a dictionary, or JSON of one.

    Raises
    ------
    UsageError

    Examples
    --------
    >>> request = CaptureRequest("demo:rnn", options={"factory_arguments": '{"width": 8}'})
    >>> keyword_arguments(request, "factory_arguments")
    {'width': 8}
    """
    given = request.option(name, {})
    try:
        found = json.loads(given) if isinstance(given, str) else given
    except ValueError:
        found = None
    if not isinstance(found, Mapping) or not all(isinstance(key, str) for key in found):
        raise UsageError(
            f"Found {name} '{given}'; expected a JSON object such as '{{\"width\": 64}}'."
        )
    return dict(found)


def _is_series(value: Any) -> bool:
    return isinstance(value, (list, tuple))
