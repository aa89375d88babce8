"""Cutting texts into windows that a model can take, and windows into shards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Windows:
    """Runs of tokens that are passed through the model on their own.

    Attributes
    ----------
    text : ndarray (windows,) int64
        0-based text.
    start : ndarray (windows,) int64
        First token within the text.
    length : ndarray (windows,) int64
        Tokens.
    rows : ndarray (windows,) int64
        Rows that the window gives.
    """

    text: NDArray[np.int64]
    start: NDArray[np.int64]
    length: NDArray[np.int64]
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.text)

    def __getitem__(self, part: slice) -> Windows:
        return Windows(self.text[part], self.start[part], self.length[part], self.rows[part])


def cut(words: NDArray[np.int32], context: int) -> Iterator[tuple[int, int]]:
    """Cut a text into windows of at most ``context`` tokens, between words where possible.

    Parameters
    ----------
    words : ndarray (tokens,)
        Word of every token, -1 for none.
    context : int
        Tokens that the model can take.

    Yields
    ------
    (int, int)
        Start and length in tokens.

    Examples
    --------
    >>> list(cut(np.array([0, 0, 1, 1, 1, 2]), 4))
    [(0, 2), (2, 4)]
    """
    start, n_tokens = 0, len(words)
    while start < n_tokens:
        end = min(start + context, n_tokens)
        if end < n_tokens and words[end] >= 0 and words[end] == words[end - 1]:
            word = words[end]
            first = end
            while first > start and words[first - 1] == word:
                first -= 1
            # A word longer than the whole window has to be cut after all.
            end = first if first > start else end
        yield start, end - start
        start = end


def count_rows(words: NDArray[np.int32], policy: str | tuple[int, ...], is_last: bool) -> int:
    """Rows that a window gives.

    Parameters
    ----------
    words : ndarray (tokens,)
        Word of every token of the window.
    policy : str
        ``all``, ``last`` or ``word``.
    is_last : bool
        Whether the text ends with this window.

    Returns
    -------
    int

    Examples
    --------
    >>> words = np.array([-1, 0, 0, 1])
    >>> [count_rows(words, policy, True) for policy in ("all", "last", "word")]
    [4, 1, 2]
    """
    if policy == "all":
        return len(words)
    if policy == "last":
        return int(is_last)
    return len(np.unique(words[words >= 0]))


def shard_windows(windows: Windows, max_rows: int, max_tokens: int) -> list[slice]:
    """Group consecutive windows into shards of bounded rows and tokens.

    Parameters
    ----------
    windows : Windows
    max_rows, max_tokens : int
        A shard exceeds them only if a single window does.

    Returns
    -------
    list of slice

    Examples
    --------
    >>> ones = np.ones(5, dtype=np.int64)
    >>> shard_windows(Windows(ones, ones, ones * 4, ones * 4), 8, 100)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    shards, first, rows, tokens = [], 0, 0, 0
    for number in range(len(windows)):
        n_rows, n_tokens = int(windows.rows[number]), int(windows.length[number])
        if number > first and (rows + n_rows > max_rows or tokens + n_tokens > max_tokens):
            shards.append(slice(first, number))
            first, rows, tokens = number, 0, 0
        rows, tokens = rows + n_rows, tokens + n_tokens
    if len(windows) > first:
        shards.append(slice(first, len(windows)))
    return shards


def batch_windows(lengths: NDArray[np.int64], batch_tokens: int) -> list[NDArray[np.int64]]:
    """Group windows of like length, so that little is padded.

    Parameters
    ----------
    lengths : ndarray (windows,)
    batch_tokens : int
        Tokens of a batch, padding counted; a longer window is a batch of its own.

    Returns
    -------
    list of ndarray
        Numbers of the windows of every batch.

    Examples
    --------
    >>> [batch.tolist() for batch in batch_windows(np.array([2, 5, 2, 1]), 6)]
    [[1], [0, 2, 3]]
    """
    order = np.argsort(-lengths, kind="stable")
    batches, first = [], 0
    while first < len(order):
        size = max(1, batch_tokens // int(lengths[order[first]]))
        batches.append(order[first : first + size])
        first += size
    return batches
