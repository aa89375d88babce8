"""Which axis of an array is time: checked against what else is known, never guessed."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.errors import UsageError

_ASK = "pass orientation=time,unit or orientation=unit,time"


def time_axis(
    name: str,
    shape: Sequence[int],
    n_times: int | None,
    n_units: int | None = None,
    given: str | None = None,
) -> int:
    """Number of the time axis of an array of two axes.

    Parameters
    ----------
    name : str
        What the array is called.
    shape : sequence of int
    n_times : int, optional
        Number of time stamps, where there are any.
    n_units : int, optional
        Number of names or of rows in the table of units, where there are any.
    given : str, optional
        ``time,unit`` or ``unit,time``, if the user said so.

    Returns
    -------
    int

    Raises
    ------
    UsageError
        If neither or both of the axes fit, or the stated order contradicts the counts.

    Examples
    --------
    >>> time_axis("F", (98, 1600), n_times=1600)
    1
    >>> time_axis("F", (98, 1600), n_times=None)
    Traceback (most recent call last):
    ...
    workbench.errors.UsageError: Found 'F' of 98 x 1600, and nothing that says which axis is time;
    expected to know: pass orientation=time,unit or orientation=unit,time.
    """
    if len(shape) == 1:
        return _only_axis(name, shape[0], n_times)
    sizes = f"{shape[0]} x {shape[1]}"
    if given is not None:
        axis = 0 if given == "time,unit" else 1
        if n_times is not None and shape[axis] != n_times:
            raise UsageError(
                f"Found '{name}' of {sizes} with {n_times} time stamps, and orientation '{given}'; "
                "expected as many samples as time stamps: turn the orientation round, or name "
                "other time stamps."
            )
        return axis
    if n_times is None and n_units is None:
        raise UsageError(
            f"Found '{name}' of {sizes}, and nothing that says which axis is time; expected to "
            f"know: {_ASK}."
        )
    fits = [axis for axis in (0, 1) if _fits(shape, axis, n_times, n_units)]
    if len(fits) == 1:
        return fits[0]
    counts = [f"{n_times} time stamps"] if n_times is not None else []
    counts += [f"{n_units} units named"] if n_units is not None else []
    which = "both axes fit" if fits else "neither axis fits"
    raise UsageError(
        f"Found '{name}' of {sizes} with {' and '.join(counts)}: {which}; expected exactly one to: "
        f"{_ASK}, or name other time stamps."
    )


def _fits(shape: Sequence[int], axis: int, n_times: int | None, n_units: int | None) -> bool:
    return n_times in (None, shape[axis]) and n_units in (None, shape[1 - axis])


def _only_axis(name: str, n: int, n_times: int | None) -> int:
    if n_times not in (None, n):
        raise UsageError(
            f"Found {n} values of '{name}' and {n_times} time stamps; expected equally many: name "
            "other time stamps."
        )
    return 0
