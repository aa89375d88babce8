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


@dataclass(frozen=True)
class TokenRows:
    """Which tokens of a window go to which rows.

    Attributes
    ----------
    token : ndarray (pairs,) int64
        0-based token of the window.
    row : ndarray (pairs,) int64
        Row that it goes to, 0 for the first one of the window; -1 for the last row before it.
    n_rows : int
        Rows that begin in the window.
    """

    token: NDArray[np.int64]
    row: NDArray[np.int64]
    n_rows: int

    def first(self, n_rows: int) -> TokenRows:
        """Only so many of the rows."""
        kept = self.row < n_rows
        return TokenRows(self.token[kept], self.row[kept], min(n_rows, self.n_rows))


def token_rows(
    words: NDArray[np.int32], policy: str | tuple[int, ...], start: int, n_tokens: int
) -> TokenRows:
    """Rows of a window under a policy.

    Parameters
    ----------
    words : ndarray (tokens,)
        Word of every token of the window, -1 for none.
    policy : str or tuple of int
        ``all``, ``last``, ``word``, ``mean``, or positions within the text, negative ones from its
        end.
    start : int
        Position of the window's first token within its text.
    n_tokens : int
        Tokens of the whole text.

    Returns
    -------
    TokenRows

    Examples
    --------
    >>> words = np.array([-1, 0, 0, 1])
    >>> for policy in ("all", "last", "word", "mean", (1, -1)):
    ...     found = token_rows(words, policy, start=0, n_tokens=4)
    ...     print(policy, found.token.tolist(), found.row.tolist())
    all [0, 1, 2, 3] [0, 1, 2, 3]
    last [3] [0]
    word [1, 2, 3] [0, 0, 1]
    mean [0, 1, 2, 3] [0, 0, 0, 0]
    (1, -1) [1, 3] [0, 1]
    """
    every = np.arange(len(words), dtype=np.int64)
    if policy == "all":
        return TokenRows(every, every, len(every))
    if policy == "word":
        token = np.flatnonzero(words >= 0)
        found, row = np.unique(words[token], return_inverse=True)
        return TokenRows(token, row.astype(np.int64), len(found))
    if policy == "mean":
        # All windows of a text go to the row that its first one begins.
        begins = int(start == 0)
        return TokenRows(every, np.full(len(every), begins - 1, dtype=np.int64), begins)
    wanted = (-1,) if isinstance(policy, str) else policy
    token = positions_of(wanted, n_tokens) - start
    token = token[(token >= 0) & (token < len(words))]
    return TokenRows(token, np.arange(len(token), dtype=np.int64), len(token))


def positions_of(wanted: tuple[int, ...], n_tokens: int) -> NDArray[np.int64]:
    """Positions within a text, in order; those beyond it are left out.

    Examples
    --------
    >>> positions_of((-1, 0, 7), 3).tolist()
    [0, 2]
    """
    given = np.asarray(wanted, dtype=np.int64)
    at = np.where(given < 0, given + n_tokens, given)
    return np.sort(at[(at >= 0) & (at < n_tokens)])


def shard_windows(windows: Windows, max_rows: int, max_tokens: int) -> list[slice]:
    """Group consecutive windows into shards of bounded rows and tokens.

    Parameters
    ----------
    windows : Windows
        One without rows of its own stays in the shard of the one before it.
    max_rows, max_tokens : int
        A shard exceeds them only if a single window does, or a text that has one row for all its
        windows.

    Returns
    -------
    list of slice

    Examples
    --------
    >>> ones = np.ones(5, dtype=np.int64)
    >>> shard_windows(Windows(ones, ones, ones * 4, ones * 4), 8, 100)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    starts = np.flatnonzero(windows.rows > 0)
    if not len(starts):
        return []
    tokens_of = np.add.reduceat(windows.length, starts)
    sizes = zip(starts.tolist(), windows.rows[starts].tolist(), tokens_of.tolist(), strict=True)
    shards, first, rows, tokens = [], 0, 0, 0
    for start, n_rows, n_tokens in sizes:
        if start > first and (rows + n_rows > max_rows or tokens + n_tokens > max_tokens):
            shards.append(slice(first, start))
            first, rows, tokens = start, 0, 0
        rows, tokens = rows + n_rows, tokens + n_tokens
    return [*shards, slice(first, len(windows))]


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
