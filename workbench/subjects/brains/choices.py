"""Options of recorded brains: from Python values or from text on the command line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import UsageError

if TYPE_CHECKING:
    from workbench.capturing.request import CaptureRequest

COMMON = ("bin", "window", "intervals")
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


def number(request: CaptureRequest, name: str) -> float | None:
    """A positive number given as an option.

    Parameters
    ----------
    request : CaptureRequest
    name : str

    Returns
    -------
    float or None
        None where the option was left out.

    Raises
    ------
    UsageError
        If it is not a positive finite number.

    Examples
    --------
    >>> from workbench.capturing.request import CaptureRequest
    >>> number(CaptureRequest("nwb:a.nwb", options={"bin": "0.01"}), "bin")
    0.01
    """
    given = request.option(name)
    if given is None:
        return None
    value = _as_float(given)
    if value is None or not 0 < value < math.inf:
        raise UsageError(f"Found {name} '{given}'; expected a positive number such as 0.01.")
    return value


def whole(request: CaptureRequest, name: str) -> int | None:
    """A positive whole number given as an option.

    Raises
    ------
    UsageError
        If it is none.
    """
    value = number(request, name)
    if value is not None and value != int(value):
        raise UsageError(f"Found {name} '{value:g}'; expected a whole number.")
    return None if value is None else int(value)


def flag(request: CaptureRequest, name: str) -> bool | None:
    """Yes or no given as an option; None where it was left out.

    Raises
    ------
    UsageError
        If it is neither.

    Examples
    --------
    >>> from workbench.capturing.request import CaptureRequest
    >>> flag(CaptureRequest("suite2p:a", options={"all_rois": "yes"}), "all_rois")
    True
    """
    given = request.option(name)
    word = str(given).lower()
    if given is None or word in (*_TRUE, *_FALSE):
        return None if given is None else word in _TRUE
    raise UsageError(f"Found {name} '{given}'; expected yes or no.")


def names(request: CaptureRequest, name: str) -> list[str]:
    """Names given as an option, separated by commas or as a list; none where it was left out."""
    given = request.option(name)
    if given is None:
        return []
    parts = given.split(",") if isinstance(given, str) else given
    return [str(part).strip() for part in parts if str(part).strip()]


def window(request: CaptureRequest) -> tuple[float, float] | None:
    """Seconds around the onset of a trial, given as the option ``window``.

    Raises
    ------
    UsageError
        If it is not two numbers, the smaller one first.

    Examples
    --------
    >>> from workbench.capturing.request import CaptureRequest
    >>> window(CaptureRequest("nwb:a.nwb", options={"window": "-0.1,0.5"}))
    (-0.1, 0.5)
    """
    given = request.option("window")
    if given is None:
        return None
    values = [_as_float(part) for part in _parts(given)]
    if len(values) == 2 and values[0] is not None and values[1] is not None:
        first, last = values[0], values[1]
        if -math.inf < first < last < math.inf:
            return first, last
    raise UsageError(
        f"Found window '{given}'; expected seconds before and after onset, such as -0.1,0.5."
    )


def orientation(request: CaptureRequest) -> str | None:
    """Order of the axes given as the option ``orientation``: ``time,unit`` or ``unit,time``.

    Raises
    ------
    UsageError
        If it is neither.
    """
    given = request.option("orientation")
    if given is None:
        return None
    joined = ",".join(str(part).strip() for part in _parts(given))
    if joined not in ("time,unit", "unit,time"):
        raise UsageError(f"Found orientation '{given}'; expected 'time,unit' or 'unit,time'.")
    return joined


def existing_file(name: str | Path, ends: tuple[str, ...] = ()) -> Path:
    """Path of a file that must be there.

    Parameters
    ----------
    name : str or Path
    ends : tuple of str
        What its name may end with; anything by default.

    Returns
    -------
    Path

    Raises
    ------
    UsageError
        If there is no such file, or it is of another kind.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        raise UsageError(f"'{path}' is a folder; expected a file: name the file in it.")
    if not path.is_file():
        raise UsageError(f"Found no file '{path}'; check the path.")
    if ends and not path.name.lower().endswith(ends):
        raise UsageError(
            f"Found '{path.name}'; expected a name that ends with {' or '.join(ends)}: use the "
            "address of its own format."
        )
    return path


def _parts(given: Any) -> Sequence[Any]:
    return given.split(",") if isinstance(given, str) else tuple(given)


def _as_float(given: Any) -> float | None:
    try:
        return float(given)
    except (TypeError, ValueError):
        return None
