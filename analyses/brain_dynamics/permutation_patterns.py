"""Permutation entropy: how evenly a signal takes its possible orders of neighbouring samples."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.brain_dynamics.inputs import last_axis, real_array
from workbench.analysis.parameters import whole
from workbench.errors import UsageError

# 20! is the largest that whole numbers of 64 bits hold.
_LARGEST_ORDER = 20


def permutation_entropy(
    signal: ArrayLike, order: int = 3, delay: int = 1, axis: int = -1, *, normalised: bool = False
) -> NDArray[np.float64]:
    """Entropy of the ordinal patterns of a signal, in bits (Bandt and Pompe 2002).

    Parameters
    ----------
    signal : array (..., time)
    order : int
        Samples a pattern, from 2 on.
    delay : int
        Steps between the samples of a pattern.
    axis : int
        Axis of time.
    normalised : bool
        Divided by ``log2(order!)``: 1 if all patterns are equally frequent.

    Returns
    -------
    ndarray (...)
        Bits; 0 for a signal that only rises. Equal values count as rising, that is, by their order
        in time, as Bandt and Pompe have it: a constant signal has entropy 0, and counts have less
        than continuous signals.

    Raises
    ------
    UsageError
        If the signal is not finite or too short for one pattern, or `order` or `delay` is out of
        range.

    Examples
    --------
    >>> round(float(permutation_entropy([4, 7, 9, 10, 6, 11, 3], order=2)), 4)
    0.9183
    >>> round(float(permutation_entropy([4, 7, 9, 10, 6, 11, 3], order=3)), 4)
    1.5219
    """
    patterns = ordinal_patterns(signal, order, delay, axis)
    entropy = _entropy(patterns, math.factorial(order))
    return entropy / math.log2(math.factorial(order)) if normalised else entropy


def ordinal_patterns(
    signal: ArrayLike, order: int = 3, delay: int = 1, axis: int = -1
) -> NDArray[np.int64]:
    """Number of the ordinal pattern at every step, from 0 (rising) to order! - 1 (falling).

    Parameters
    ----------
    signal, order, delay, axis
        As in `permutation_entropy`.

    Returns
    -------
    ndarray (..., time - (order - 1) delay) of int
        Lehmer code: for each sample of a pattern, how many later ones are smaller.

    Raises
    ------
    UsageError
        As `permutation_entropy`.

    Examples
    --------
    >>> ordinal_patterns([1, 2, 3, 1], order=2).tolist()
    [0, 0, 1]
    """
    order = whole(order, "order", 2, _LARGEST_ORDER)
    delay = whole(delay, "delay", 1)
    values = last_axis(real_array(signal, "signal"), axis, "signal")
    n_patterns = values.shape[-1] - (order - 1) * delay
    if n_patterns < 1:
        raise UsageError(
            f"Found {values.shape[-1]} samples; expected at least {(order - 1) * delay + 1} for "
            f"patterns of order {order} and delay {delay}."
        )
    parts = [values[..., i * delay : i * delay + n_patterns] for i in range(order)]
    # Comparing pairs is faster than sorting windows, and ties need no care.
    small = np.int32 if order <= 12 else np.int64
    codes = np.zeros(parts[0].shape, dtype=small)
    for place in range(order - 1):
        later = [(part < parts[place]).view(np.int8) for part in parts[place + 1 :]]
        smaller = later[0].copy()
        for each in later[1:]:
            smaller += each
        codes += smaller * small(math.factorial(order - 1 - place))
    return codes.astype(np.int64)


def _entropy(patterns: NDArray[np.int64], n_kinds: int) -> NDArray[np.float64]:
    from scipy.special import xlogy

    rows = patterns.reshape(-1, patterns.shape[-1])
    if n_kinds > 8 * rows.shape[-1]:
        n_kinds, rows = _renumbered(rows)
    places = (np.arange(len(rows))[:, None] * n_kinds + rows).ravel()
    counts = np.bincount(places, minlength=len(rows) * n_kinds).reshape(len(rows), n_kinds)
    shares = counts / rows.shape[-1]
    entropy = -xlogy(shares, shares).sum(axis=-1) / math.log(2)
    return np.abs(entropy).reshape(patterns.shape[:-1])


def _renumbered(rows: NDArray[np.int64]) -> tuple[int, NDArray[np.int64]]:
    kinds, codes = np.unique(rows, return_inverse=True)
    return len(kinds), codes.reshape(rows.shape)
