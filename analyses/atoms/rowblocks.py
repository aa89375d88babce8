"""Rows of activity in blocks: from an array, from a site of a recording, or from batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import UsageError, WorkbenchError

if TYPE_CHECKING:
    from workbench.recording.activations import Activations

Rows: TypeAlias = "ArrayLike | Activations | Iterable[NDArray]"
# Values of a block in float64: 16 MiB, large enough for fast matrix products.
BLOCK_VALUES = 2**21


def row_blocks(X: Rows, size: int | None = None) -> Iterator[NDArray]:
    """Go once over rows in blocks, each checked.

    Parameters
    ----------
    X : array (rows, units), Activations, or iterable of arrays (rows, units)
        Any real dtype. Batches keep the size they have, unless they are larger than `size`.
    size : int, optional
        Most rows of a block; by default as many as fill 16 MiB.

    Yields
    ------
    ndarray (block, units)
        Finite, in the dtype that it came in.

    Raises
    ------
    UsageError
        If an array has another shape, or batches differ in their units.
    WorkbenchError
        If values are not finite: how many, and where the first is.

    Examples
    --------
    >>> [len(block) for block in row_blocks(np.ones((5, 2)), 2)]
    [2, 2, 1]
    >>> [len(block) for block in row_blocks([np.ones((3, 2)), np.ones((1, 2))], 2)]
    [2, 1, 1]
    """
    n_units, seen = None, 0
    for batch in _batches(X, size):
        values = as_rows(batch)
        if n_units is not None and values.shape[1] != n_units:
            raise UsageError(
                f"Found a batch of {values.shape[1]} units after batches of {n_units}; expected "
                "the same units in all: pass batches of one site."
            )
        n_units = values.shape[1]
        step = size or max(1, BLOCK_VALUES // n_units)
        for start in range(0, len(values), step):
            block = values[start : start + step]
            _check_finite(block, seen + start)
            yield block
        seen += len(values)


def site_of(X: Any) -> str | None:
    """Name of the site that rows come from; None for plain arrays.

    Parameters
    ----------
    X : array (rows, units), Activations, or iterable of arrays

    Returns
    -------
    str or None
    """
    return str(X.name) if hasattr(X, "batches") and hasattr(X, "name") else None


def as_rows(values: ArrayLike, name: str = "activity") -> NDArray:
    """An array of rows and units.

    Parameters
    ----------
    values : array (rows, units)
    name : str
        What the message calls it.

    Returns
    -------
    ndarray (rows, units)

    Raises
    ------
    UsageError
        If there is another number of axes, no unit, or anything but real numbers.
    """
    array = np.asarray(values)
    if array.ndim != 2 or array.dtype.kind not in "fiub" or array.shape[1] == 0:
        raise UsageError(
            f"Found {name} of shape {array.shape} and dtype {array.dtype}; expected real numbers "
            "of shape (rows, units): flatten spatial axes first."
        )
    return array


def _batches(X: Any, size: int | None) -> Iterable[Any]:
    if hasattr(X, "sites"):
        raise UsageError(
            f"Found a recording of {len(X.sites)} sites; expected the activity at one: pass "
            f"recording[site], such as recording['{X.sites[0]}']."
        )
    if hasattr(X, "batches"):
        return X.batches(size or max(1, BLOCK_VALUES // int(np.prod(X.shape[1:]))))
    if hasattr(X, "__array__") or _is_nested_list(X):
        return (X,)
    return X


def _is_nested_list(X: Any) -> bool:
    return isinstance(X, (list, tuple)) and len(X) > 0 and np.ndim(X[0]) == 1


def _check_finite(block: NDArray, first_row: int) -> None:
    finite = np.isfinite(block)
    if finite.all():
        return
    row, unit = (int(each) for each in np.argwhere(~finite)[0])
    raise WorkbenchError(
        f"Found {int((~finite).sum())} NaN or infinite values in rows {first_row} to "
        f"{first_row + len(block) - 1} (first: row {first_row + row}, unit {unit}); expected "
        "finite numbers: leave those rows out or capture again."
    )
