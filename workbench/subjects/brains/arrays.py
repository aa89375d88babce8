"""Series out of named arrays: which are activity, which are times, which are names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError, nearest
from workbench.subjects.brains.choices import names as named
from workbench.subjects.brains.choices import number, orientation
from workbench.subjects.brains.clock import Clock, StampedClock, SteadyClock, seconds_of
from workbench.subjects.brains.orientation import time_axis
from workbench.subjects.brains.traces import UNSTATED, Sampled, Series
from workbench.subjects.brains.unit_table import clean_name, unit_table
from workbench.subjects.brains.values import ArrayValues

if TYPE_CHECKING:
    from workbench.capturing.request import CaptureRequest

TIME_NAMES = (
    "time_s",
    "time",
    "times",
    "t",
    "tv",
    "timestamps",
    "timestamp",
    "time_seconds",
    "timevectorseconds",
    "time_vector",
    "timestamp_confocal",
)
UNIT_NAMES = ("neurons", "names", "neuronnames", "neuron_names", "unit_names", "ids", "labels")
_Z_SCORED = ("zscore", "z_score", "zscored", "trace_array")


@dataclass(frozen=True)
class ArrayKeys:
    """What the options are called by which a user says which array is what."""

    traces: str
    times: str
    names: str


def read_array_series(
    request: CaptureRequest,
    arrays: Mapping[str, Any],
    keys: ArrayKeys,
    clean: Callable[[Any], Sequence[str]] | None = None,
) -> tuple[tuple[Series, ...], dict[str, Any]]:
    """Series of all arrays that hold activity.

    Parameters
    ----------
    request : CaptureRequest
        With the options ``orientation``, ``sampling_rate``, ``time_unit``, ``quantity`` and those
        that ``keys`` names.
    arrays : mapping of str to array-like
        Anything with ``shape``, ``dtype`` and slices.
    keys : ArrayKeys
    clean : callable, optional
        From an array of names to texts.

    Returns
    -------
    series : tuple of Series
    notes : dict
        What was taken for what.

    Raises
    ------
    UsageError
        If it is not plain which array is what, or which axis is time.
    """
    times_name, times = _times(request, arrays, keys)
    chosen = _activity(request, arrays, keys)
    names_name = _one(request.option(keys.names), arrays, UNIT_NAMES, keys.names)
    names = None if names_name is None else _texts(arrays[names_name], clean)
    notes: dict[str, Any] = {
        "read_as": {
            "activity": list(chosen),
            "times": times_name or "sampling_rate",
            "names": names_name or "none",
        }
    }
    series, failed = [], {}
    for name, array in chosen.items():
        try:
            series.append(_series(request, name, array, times, names))
        except UsageError as error:
            failed[name] = error
    if failed and (not series or request.option(keys.traces) is not None):
        raise next(iter(failed.values()))
    if failed:
        notes["left_out"] = sorted(failed)
    return tuple(series), notes


def _series(
    request: CaptureRequest,
    name: str,
    array: Any,
    times: Any,
    names: Sequence[str] | None,
) -> Series:
    n_times = None if times is None else len(times)
    n_units = None if names is None or len(array.shape) == 1 else len(names)
    axis = time_axis(name, array.shape, n_times, n_units, orientation(request))
    values = ArrayValues(array, time_axis=axis)
    if names is not None and len(names) != values.shape[1]:
        if len(array.shape) > 1:
            raise UsageError(
                f"Found {len(names)} names for the {values.shape[1]} units of '{name}'; expected "
                "one a unit: name other names, or turn the orientation round."
            )
        names = None
    clock = array_clock(request, values.shape[0], times)
    units = unit_table(values.shape[1], names)
    return Series(name, units, quantity_of(request, name), (Sampled(values, clock),))


def array_clock(request: CaptureRequest, n: int, times: Any) -> Clock:
    """Clock from time stamps, or from the option ``sampling_rate``.

    Raises
    ------
    UsageError
        If there is neither, or both.
    """
    rate = number(request, "sampling_rate")
    if times is not None:
        if rate is not None:
            raise UsageError(
                f"Found time stamps and sampling_rate {rate:g}; expected one of them: leave the "
                "sampling_rate out."
            )
        return StampedClock(times)
    if rate is None:
        raise UsageError(
            f"Found no time stamps in '{request.subject}'; expected to know when samples were "
            "taken: pass sampling_rate in Hz, or say where the times are (time_key, time_column or "
            "time_variable)."
        )
    return SteadyClock(n, rate)


def quantity_of(request: CaptureRequest, name: str, otherwise: str = UNSTATED) -> str:
    """What values are: as the user says, or plain from the name.

    Examples
    --------
    >>> from workbench.capturing.request import CaptureRequest
    >>> quantity_of(CaptureRequest("npz:a.npz"), "traces_zscored")
    'z-score'
    """
    given = request.option("quantity")
    if given is not None:
        return str(given)
    is_scored = any(name.lower().endswith(each) for each in _Z_SCORED)
    return "z-score" if is_scored else otherwise


def _times(
    request: CaptureRequest, arrays: Mapping[str, Any], keys: ArrayKeys
) -> tuple[str | None, Any]:
    if number(request, "sampling_rate") is not None and request.option(keys.times) is None:
        return None, None
    name = _one(request.option(keys.times), arrays, TIME_NAMES, keys.times)
    if name is None:
        return None, None
    array = arrays[name]
    if array.dtype.kind not in "iuf" or sum(size != 1 for size in array.shape) > 1:
        raise UsageError(
            f"Found '{name}' of {_shown(array)}; expected a row of times: pass another "
            f"{keys.times}."
        )
    flat = array if len(array.shape) == 1 else np.asarray(array[...]).reshape(-1)
    return name, seconds_of(flat, name, request.option("time_unit"))


def _activity(
    request: CaptureRequest, arrays: Mapping[str, Any], keys: ArrayKeys
) -> dict[str, Any]:
    given = named(request, keys.traces)
    for name in given:
        if name not in arrays:
            raise UsageError(f"Found no array '{name}' in the file; {nearest(name, arrays)}")
        if not _is_activity(arrays[name], (1, 2)):
            raise UsageError(
                f"Found '{name}' of {_shown(arrays[name])}; expected numbers, time by unit: pass "
                f"another {keys.traces}."
            )
    found = {name: arrays[name] for name in given} or {
        name: array for name, array in arrays.items() if _is_activity(array, (2,))
    }
    if not found:
        raise UsageError(
            f"Found no array of time by unit among {describe(arrays)}; expected one: pass "
            f"{keys.traces}=NAME."
        )
    return found


def describe(arrays: Mapping[str, Any], most: int = 12) -> str:
    """Names and shapes of arrays, for people.

    Examples
    --------
    >>> describe({"a": np.zeros((2, 3))})
    "'a' (2 x 3, float64)"
    """
    shown = [f"'{name}' ({_shown(array)})" for name, array in list(arrays.items())[:most]]
    more = [f"{len(arrays) - most} more"] if len(arrays) > most else []
    return ", ".join([*shown, *more]) or "nothing"


def _shown(array: Any) -> str:
    return f"{' x '.join(map(str, array.shape)) or 'one value'}, {array.dtype}"


def _is_activity(array: Any, axes: tuple[int, ...]) -> bool:
    is_real = array.dtype.kind in "biuf" and len(array.shape) in axes
    return is_real and (len(array.shape) == 1 or min(array.shape) > 1)


def _one(
    given: str | None, arrays: Mapping[str, Any], known: Sequence[str], option: str
) -> str | None:
    """The array that the user names, or the only one with a customary name."""
    if given is not None:
        if given not in arrays:
            raise UsageError(f"Found no array '{given}' in the file; {nearest(given, arrays)}")
        return given
    found = [name for name in arrays if name.rsplit(".", 1)[-1].lower() in known]
    if len(found) > 1:
        raise UsageError(
            f"Found {', '.join(map(repr, found))}; expected one of these: pass {option}=NAME."
        )
    return found[0] if found else None


def _texts(array: Any, clean: Callable[[Any], Sequence[str]] | None) -> Sequence[str]:
    if clean is not None:
        return clean(array)
    flat: NDArray = np.asarray(array[...]).reshape(-1)
    return [clean_name(each) for each in flat.tolist()]
