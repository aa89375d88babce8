"""Activity as labels are tested on it: one number a unit for every image, token or step in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError

if TYPE_CHECKING:
    from workbench.recording.recording import Recording

_BATCH = 512


def pooled(values: NDArray) -> NDArray:
    """The largest value over space: (rows, units).

    Parameters
    ----------
    values : ndarray (rows, units, ...)

    Returns
    -------
    ndarray (rows, units)

    Raises
    ------
    UsageError
        If there is no axis of units.

    Examples
    --------
    >>> pooled(np.arange(8.0).reshape(1, 2, 2, 2)).tolist()
    [[3.0, 7.0]]
    """
    if values.ndim < 2:
        raise UsageError(f"Found activity of shape {values.shape}; expected (rows, units, ...).")
    return values if values.ndim == 2 else values.max(axis=tuple(range(2, values.ndim)))


def pooled_activity(
    recording: Recording, site: str
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Activity of a site in one pass: the largest over space, and of images over their tokens.

    Parameters
    ----------
    recording : Recording
    site : str

    Returns
    -------
    values : ndarray (rows, units)
        Of images (vision subjects), one row a stimulus; else the recording's rows.
    stimulus : ndarray (rows,)
        Number of each row's stimulus.

    Raises
    ------
    UsageError
        If activity is not finite.

    Examples
    --------
    >>> import workbench as wb
    >>> maps = np.arange(8.0).reshape(2, 1, 2, 2)
    >>> values, stimulus = pooled_activity(wb.from_arrays({"conv": maps}, kind="vision"), "conv")
    >>> values.tolist(), stimulus.tolist()
    ([[3.0], [7.0]], [0, 1])
    """
    parts = [pooled(batch) for batch in recording[site].batches(_BATCH)]
    values = np.concatenate(parts).astype(np.float32)
    if not np.isfinite(values).all():
        raise UsageError(
            f"Found NaN or infinite activity at '{site}'; expected finite numbers: leave such rows "
            "or units out with select."
        )
    stimulus = recording.rows["stimulus"].to_numpy().astype(np.int64)
    if recording.kind != "vision" or len(np.unique(stimulus)) == len(stimulus):
        return values, stimulus
    order = np.argsort(stimulus, kind="stable")
    numbers, first = np.unique(stimulus[order], return_index=True)
    return np.maximum.reduceat(values[order], first, axis=0), numbers
