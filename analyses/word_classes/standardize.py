"""Scaling every unit to mean 0 and standard deviation 1/2, in bounded memory.

Values are read in chunks of rows and counted in float64, relative to the first row and to the
largest excursion of each unit: constant units then come out as exactly constant, and neither huge
nor tiny values overflow when squared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from workbench.errors import UsageError, WorkbenchError, nearest

DEAD_UNITS = ("drop", "zero")
# A chunk of this many values stays in the cache.
_CHUNK_VALUES = 2**17
# Spread below this share of a unit's largest value is what rounding leaves of a constant.
_DEAD_SPREAD = 1e-12


class NoVaryingUnitError(WorkbenchError):
    """All units are constant, so there is nothing to scale."""


@dataclass(frozen=True)
class Standardized:
    """Scaled activity.

    Attributes
    ----------
    values : ndarray (rows, live units)
        Mean 0 and standard deviation 0.5 over rows.
    n_units : int
        Number of dimensions that count: with dead units where those are kept.
    n_dead : int
        Number of units that never vary.
    """

    values: NDArray
    n_units: int
    n_dead: int


@dataclass(frozen=True)
class _Moments:
    mean: NDArray[np.float64]
    peak: NDArray[np.float64]
    spread: NDArray[np.float64]
    dead: NDArray[np.bool_]


def standardize(activations: NDArray, dead_units: str = "drop") -> Standardized:
    """Scale every unit to mean 0 and standard deviation 0.5 (population, over all rows).

    Parameters
    ----------
    activations : ndarray (rows, units)
        Finite real numbers.
    dead_units : {"drop", "zero"}
        Whether units that never vary are left out, or kept as zeros that count as dimensions.

    Returns
    -------
    Standardized
        Values in float32; in float64 for at most 64 units, where precision costs nothing.

    Raises
    ------
    UsageError
        If `dead_units` is neither.
    NoVaryingUnitError
        If no unit varies.

    Examples
    --------
    >>> standardize(np.array([[0.0, 7.0], [2.0, 7.0]])).values.tolist()
    [[-0.5], [0.5]]
    """
    if dead_units not in DEAD_UNITS:
        raise UsageError(f"Found dead_units='{dead_units}'; {nearest(str(dead_units), DEAD_UNITS)}")
    moments = _moments(activations)
    live = np.flatnonzero(~moments.dead)
    n_units = activations.shape[1]
    if not len(live):
        raise NoVaryingUnitError(
            f"Found all {n_units} units constant over the {len(activations)} rows; expected at "
            "least one that varies: choose other sites or rows."
        )
    values = np.empty((len(activations), len(live)), np.float64 if len(live) <= 64 else np.float32)
    factor = 0.5 / (moments.peak * moments.spread)[live]
    for start, chunk in _chunks(activations):
        values[start : start + len(chunk)] = (chunk[:, live] - moments.mean[live]) * factor
    n_dead = n_units - len(live)
    return Standardized(values, len(live) if dead_units == "drop" else n_units, n_dead)


def check_finite(activations: NDArray, name: str, rows: ArrayLike | None = None) -> None:
    """Refuse NaN and infinite values.

    Parameters
    ----------
    activations : ndarray (rows, units)
    name : str
        What the message calls them.
    rows : array (rows,) of int, optional
        Number of each row in the recording that it comes from.

    Raises
    ------
    WorkbenchError
        If there are any: how many, in how many rows, and where the first is.

    Examples
    --------
    >>> check_finite(np.array([[0.0, 1.0]]), "site 'area'")
    """
    faulty = [
        (
            start + np.flatnonzero(bad.any(axis=1)),
            int(bad.sum()),
            int(np.argmax(bad[bad.any(1)][0])),
        )
        for start, chunk in _chunks(activations, activations.dtype)
        if (bad := ~np.isfinite(chunk)).any()
    ]
    if not faulty:
        return
    first = int(faulty[0][0][0])
    raise WorkbenchError(
        f"Found {sum(each[1] for each in faulty)} NaN or infinite values in "
        f"{sum(len(each[0]) for each in faulty)} of {len(activations)} rows of {name} (first: row "
        f"{first if rows is None else int(np.asarray(rows)[first])}, unit {faulty[0][2]}); "
        "expected finite numbers: leave those rows out or capture again."
    )


def _moments(activations: NDArray) -> _Moments:
    origin = activations[0].astype(np.float64)
    total, peak, largest = np.zeros((3, activations.shape[1]))
    for _, chunk in _chunks(activations):
        shifted = chunk - origin
        total += shifted.sum(axis=0)
        np.maximum(peak, np.abs(shifted).max(axis=0), out=peak)
        np.maximum(largest, np.abs(chunk).max(axis=0), out=largest)
    mean = origin + total / len(activations)
    safe_peak = np.where(peak > 0, peak, 1.0)
    squares = np.zeros(activations.shape[1])
    for _, chunk in _chunks(activations):
        squares += np.square((chunk - mean) / safe_peak).sum(axis=0)
    spread = np.sqrt(squares / len(activations))
    dead = (peak == 0) | (spread * safe_peak <= _DEAD_SPREAD * largest)
    return _Moments(mean, safe_peak, spread, dead)


def _chunks(activations: NDArray, dtype: DTypeLike = np.float64) -> Iterator[tuple[int, NDArray]]:
    step = max(1, _CHUNK_VALUES // max(1, activations.shape[1]))
    for start in range(0, len(activations), step):
        yield start, activations[start : start + step].astype(dtype, copy=False)
