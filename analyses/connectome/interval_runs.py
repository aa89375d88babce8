"""Affinity over intervals: runs of frames in which the signs of both derivatives stay the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def sign_changes(scaled: NDArray) -> NDArray[np.bool_]:
    """Frames in which a neuron's derivative has another sign than in the frame before.

    Parameters
    ----------
    scaled : ndarray (time, neurons)
        Scaled derivatives of one animal; NaN for missing neurons, which never change.

    Returns
    -------
    ndarray (time, neurons) of bool
        True in the first frame.
    """
    changes = np.ones(scaled.shape, bool)
    changes[1:] = (np.sign(scaled[1:]) != np.sign(scaled[:-1])) & ~np.isnan(scaled[1:])
    return changes


def run_window(changes: NDArray[np.bool_], frames: slice) -> slice:
    """Frames that hold every pair's runs which touch the frames asked for.

    Parameters
    ----------
    changes : ndarray (time, neurons) of bool
        As `sign_changes` gives them; at least two neurons, none missing.
    frames : slice

    Returns
    -------
    slice

    Examples
    --------
    >>> changes = np.array([[1, 1], [0, 1], [0, 0], [0, 0], [1, 1]], bool)
    >>> run_window(changes, slice(2, 3))
    slice(1, 4, None)
    """
    begun = frames.start - changes[: frames.start + 1][::-1].argmax(axis=0)
    if frames.stop >= len(changes):
        return slice(int(np.partition(begun, 1)[1]), len(changes))
    after = changes[frames.stop :]
    ends = np.where(after.any(axis=0), frames.stop + after.argmax(axis=0), len(changes))
    # A pair's run begins with the later and ends with the earlier of its neurons' runs.
    return slice(int(np.partition(begun, 1)[1]), int(np.partition(ends, -2)[-2]))


def interval_values(
    scaled: NDArray, changes: NDArray[np.bool_], first: NDArray[np.intp], second: NDArray[np.intp]
) -> NDArray:
    """The ``interval`` affinity of some pairs; see `affinity.affinity`.

    Parameters
    ----------
    scaled, changes : ndarray (time, neurons)
        Scaled derivatives and their changes of sign, in frames that hold whole runs.
    first, second : ndarray (pairs,) of int
        Neurons of each pair.

    Returns
    -------
    ndarray (time, pairs)
    """
    sizes = np.abs(scaled.T)
    u, v = sizes[first], sizes[second]
    starts = changes.T[first] | changes.T[second]
    starts[:, 0] = True
    begin = np.flatnonzero(starts)
    lengths = np.diff(np.append(begin, starts.size))
    smaller, larger, of_u, of_v = (
        np.add.reduceat(each.ravel(), begin) for each in (np.minimum(u, v), np.maximum(u, v), u, v)
    )
    overlap = np.divide(smaller, larger, out=np.zeros_like(smaller), where=larger != 0)
    values = overlap * (np.sqrt(of_u * of_v) / lengths.astype(u.dtype))
    return np.repeat(values, lengths).reshape(u.shape).T
