"""Lempel-Ziv complexity of 1976 (LZ76): how many new words a sequence needs.

A word ends where the sequence since the last word's end has not occurred before, overlaps allowed.
A suffix automaton of everything before answers that for each symbol in constant time, so the whole
takes linear time (times the number of different symbols, at worst).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.brain_dynamics.inputs import last_axis, plain_array, real_array
from workbench.errors import UsageError


def lempel_ziv_complexity(
    sequence: ArrayLike | str | bytes, axis: int = -1, *, normalised: bool = False
) -> int | float | NDArray:
    """Number of words in the exhaustive history of a sequence (LZ76).

    Parameters
    ----------
    sequence : str, bytes, or array (..., time)
        Text, booleans and whole numbers are sequences of symbols. Real signals (floating point)
        become ones where they exceed their median along time, and zeros elsewhere, unless they
        have two values only.
    axis : int
        Axis of time.
    normalised : bool
        Divided by ``n / log_k n``, its limit for random sequences of n symbols of k equally
        frequent kinds (at least 2): about 1 for noise (more in short sequences), towards 0 for
        regular ones.

    Returns
    -------
    int, or float if normalised; ndarray (...) of those for more than one sequence
        A last word that has occurred before counts as well (Lempel and Ziv 1976; Kaspar and
        Schuster 1987).

    Raises
    ------
    UsageError
        If the sequence is empty, not finite, or not made of symbols or numbers.

    Examples
    --------
    >>> lempel_ziv_complexity("0001101001000101"), lempel_ziv_complexity("0" * 16)
    (6, 2)
    >>> lempel_ziv_complexity("01" * 8)
    3
    """
    symbols = symbols_of(sequence, axis)
    rows = symbols.reshape(-1, symbols.shape[-1])
    counts = _kernel()(np.ascontiguousarray(rows))
    found: NDArray = counts.reshape(symbols.shape[:-1])
    if normalised:
        found = found / _limit(rows).reshape(found.shape)
    if found.ndim:
        return found
    return float(found) if normalised else int(found)


def symbols_of(sequence: ArrayLike | str | bytes, axis: int = -1) -> NDArray[np.int64]:
    """Symbols (..., time) of a sequence as whole numbers.

    Raises
    ------
    UsageError
        As `lempel_ziv_complexity`.

    Examples
    --------
    >>> symbols_of("aba").tolist(), symbols_of([0.1, 0.9, 0.5]).tolist()
    ([0, 1, 0], [0, 1, 0])
    """
    if isinstance(sequence, str | bytes):
        texts = sequence if isinstance(sequence, bytes) else [ord(each) for each in sequence]
        array: NDArray = np.array(list(texts), dtype=np.int64)
    else:
        array = plain_array(sequence)
    if array.ndim < 1 or not array.size:
        raise UsageError(
            f"Found a sequence of shape {array.shape}; expected at least one symbol: pass a text, "
            "booleans, whole numbers or a signal."
        )
    if array.dtype.kind == "f":
        values = last_axis(real_array(array, "sequence"), axis, "sequence")
        if len(np.unique(values)) <= 2:
            # Two symbols that happen to be stored as real numbers; their median may be one of them.
            return (values > values.min()).astype(np.int64)
        return (values > np.median(values, axis=-1, keepdims=True)).astype(np.int64)
    if array.dtype.kind not in "biuSU":
        raise UsageError(
            f"Found a sequence of type {array.dtype}; expected a text, booleans, whole numbers or "
            "a real signal."
        )
    codes = np.unique(array, return_inverse=True)[1].reshape(array.shape).astype(np.int64)
    return last_axis(codes, axis, "sequence")


def _limit(rows: NDArray[np.int64]) -> NDArray[np.float64]:
    n_symbols = rows.shape[-1]
    kinds = np.array([max(2, len(np.unique(row))) for row in rows], dtype=np.float64)
    # The limit of a single symbol is one word.
    return np.maximum(n_symbols / np.maximum(np.log(n_symbols) / np.log(kinds), 1.0), 1.0)


@cache
def _kernel() -> Callable[[NDArray[np.int64]], NDArray[np.int64]]:
    # Compiled when it is first needed, and kept beside this file: importing numba takes a while.
    from numba import njit

    compiled: Any = njit(cache=True)
    return compiled(_count_words)


def _count_words(rows: NDArray[np.int64]) -> NDArray[np.int64]:  # noqa: PLR0912, PLR0915
    """Words of every row (rows, time), by a suffix automaton that grows as the row is read.

    One loop, because it is compiled. States have lists of edges, so that memory does not grow with
    the number of symbols. `at` is the state of the word so far, `length` its length; when a state
    is split, the word moves to the clone if it is one of the shorter ones.
    """
    n = rows.shape[1]
    counts = np.zeros(rows.shape[0], np.int64)
    longest = np.empty(2 * n, np.int64)
    link = np.empty(2 * n, np.int64)
    head = np.empty(2 * n, np.int64)
    label = np.empty(4 * n + 4, np.int64)
    target = np.empty(4 * n + 4, np.int64)
    following = np.empty(4 * n + 4, np.int64)
    for row in range(rows.shape[0]):
        longest[:] = 0
        link[:] = -1
        head[:] = -1
        n_states, n_edges, last = 1, 0, 0
        words, at, length = 0, 0, 0
        for place in range(n):
            symbol = rows[row, place]
            edge = head[at]
            while edge >= 0 and label[edge] != symbol:
                edge = following[edge]
            if edge < 0:
                words += 1
                at, length = 0, 0
            else:
                at = target[edge]
                length += 1
            new = n_states
            n_states += 1
            longest[new] = longest[last] + 1
            state = last
            edge = -1
            while state >= 0:
                edge = head[state]
                while edge >= 0 and label[edge] != symbol:
                    edge = following[edge]
                if edge >= 0:
                    break
                label[n_edges], target[n_edges] = symbol, new
                following[n_edges] = head[state]
                head[state] = n_edges
                n_edges += 1
                state = link[state]
            if state < 0:
                link[new] = 0
            elif longest[target[edge]] == longest[state] + 1:
                link[new] = target[edge]
            else:
                old = target[edge]
                clone = n_states
                n_states += 1
                longest[clone] = longest[state] + 1
                link[clone] = link[old]
                edge = head[old]
                while edge >= 0:
                    label[n_edges], target[n_edges] = label[edge], target[edge]
                    following[n_edges] = head[clone]
                    head[clone] = n_edges
                    n_edges += 1
                    edge = following[edge]
                while state >= 0:
                    edge = head[state]
                    while edge >= 0 and label[edge] != symbol:
                        edge = following[edge]
                    if edge < 0 or target[edge] != old:
                        break
                    target[edge] = clone
                    state = link[state]
                link[old] = clone
                link[new] = clone
                if at == old and length <= longest[clone]:
                    at = clone
            last = new
        counts[row] = words + (length > 0)
    return counts
