"""Numbers of a result, each beside its null or with the reason why it has none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.analysis.measure import Measure, Null
from workbench.statistics.bootstrap import percentile_interval
from workbench.statistics.correction import ALPHA, benjamini_hochberg
from workbench.statistics.permutation import permutation_p

if TYPE_CHECKING:
    import xarray as xr

NAN = float("nan")
_TEXTS = ("name", "of", "place", "checkpoint", "unit", "method", "why_no_null")
_COUNTS = ("n", "n_null")
LEAST_GROUPS = 5


@dataclass(frozen=True)
class Number:
    """One number at one checkpoint.

    Attributes
    ----------
    name : str
    of : {"site", "weight", "network"}
    place : str
        Name of the site or weight.
    checkpoint : str
    value : float
    unit : str
    n : int
        Independent observations behind it.
    low, high : float
        95 % interval; NaN without.
    method : str
        How the null was made; empty without.
    null_mean, null_sd, p_value : float
    n_null : int
    why_no_null : str
    p_corrected : float
        Over places and checkpoints.
    """

    name: str
    of: str
    place: str
    checkpoint: str
    value: float
    unit: str = "1"
    n: int = 1
    low: float = NAN
    high: float = NAN
    method: str = ""
    null_mean: float = NAN
    null_sd: float = NAN
    n_null: int = 0
    p_value: float = NAN
    why_no_null: str = ""
    p_corrected: float = NAN


def against_shuffled(
    number: Number, shuffled: NDArray[np.float64], redrawn: NDArray[np.float64], method: str
) -> Number:
    """A number beside its null of shuffled stimuli, above which it must lie.

    Parameters
    ----------
    number : Number
        Of which n counts stimuli.
    shuffled, redrawn : ndarray (draws,)
    method : str

    Returns
    -------
    Number
    """
    low, high = percentile_interval(redrawn) if number.n >= LEAST_GROUPS else (NAN, NAN)
    return replace(
        number,
        # Draws leave out pairs of a stimulus with itself, so that a value at the bound may lie
        # beyond them by rounding.
        low=min(low, number.value),
        high=max(high, number.value),
        method=method,
        null_mean=float(shuffled.mean()),
        null_sd=float(shuffled.std()),
        n_null=len(shuffled),
        p_value=permutation_p(number.value, shuffled, "greater"),
    )


def corrected(numbers: Sequence[Number]) -> list[Number]:
    """Numbers with p-values corrected over all of one name (Benjamini and Hochberg 1995).

    Parameters
    ----------
    numbers : sequence of Number

    Returns
    -------
    list of Number
    """
    found = list(numbers)
    for name in dict.fromkeys(each.name for each in found if each.method):
        at = [place for place, each in enumerate(found) if each.name == name and each.method]
        p_values = benjamini_hochberg([found[place].p_value for place in at])
        for place, p in zip(at, p_values, strict=True):
            found[place] = replace(found[place], p_corrected=float(p))
    return found


def as_variables(numbers: Sequence[Number]) -> dict[str, tuple[str, NDArray]]:
    """Numbers as variables of a dataset, along the dimension ``number``.

    Parameters
    ----------
    numbers : sequence of Number

    Returns
    -------
    dict of str to (str, ndarray)
        One for each field.
    """
    return {
        f"number_{each.name}": (
            "number",
            np.array(
                [getattr(number, each.name) for number in numbers],
                dtype=object if each.name in _TEXTS else None,
            ),
        )
        for each in fields(Number)
    }


def numbers_in(data: xr.Dataset) -> list[Number]:
    """Numbers of a result; the inverse of `as_variables`.

    Parameters
    ----------
    data : xarray.Dataset

    Returns
    -------
    list of Number
    """
    columns = {each.name: data[f"number_{each.name}"].values for each in fields(Number)}
    return [
        Number(**{name: _typed(name, values[place]) for name, values in columns.items()})
        for place in range(data.sizes["number"])
    ]


def _typed(name: str, value: Any) -> Any:
    if name in _TEXTS:
        return str(value)
    return int(value) if name in _COUNTS else float(value)


def measures_of(data: xr.Dataset) -> tuple[Measure, ...]:
    """Measures of a result.

    Parameters
    ----------
    data : xarray.Dataset

    Returns
    -------
    tuple of Measure
    """
    return tuple(map(_measure, numbers_in(data)))


def _measure(each: Number) -> Measure:
    has_null = bool(each.method)
    where = {} if each.of == "network" else {each.of: each.place}
    return Measure(
        name=each.name,
        value=each.value,
        unit=each.unit,
        n=each.n,
        interval=(each.low, each.high) if np.isfinite(each.low) else None,
        null=Null(each.method, each.null_mean, each.null_sd, each.n_null, each.p_value)
        if has_null
        else None,
        beats_null=bool(each.p_corrected <= ALPHA) if has_null else None,
        why_no_null=each.why_no_null,
        where={**where, "checkpoint": each.checkpoint},
    )
