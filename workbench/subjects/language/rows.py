"""Which row every token goes to, and the table that says what the rows are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.subjects.language.plan import StoredText
from workbench.subjects.language.windows import Windows

if TYPE_CHECKING:
    import pandas as pd


def window_rows(
    words: NDArray[np.int32], policy: str | tuple[int, ...], n_rows: int
) -> NDArray[np.int64]:
    """Row within its window that every token goes to.

    Parameters
    ----------
    words : ndarray (tokens,)
        Word of every token, -1 for none.
    policy : str
        ``all``, ``last`` or ``word``.
    n_rows : int
        Rows that the window gives; later ones are cut off.

    Returns
    -------
    ndarray (tokens,) int64
        -1 for a token that is not recorded.

    Examples
    --------
    >>> words = np.array([-1, 0, 0, 1])
    >>> window_rows(words, "word", 2).tolist(), window_rows(words, "last", 1).tolist()
    ([-1, 0, 0, 1], [-1, -1, -1, 0])
    """
    rows = np.full(len(words), -1, dtype=np.int64)
    if policy == "last":
        rows[-1] = 0
    elif policy == "all":
        rows[:n_rows] = np.arange(n_rows)
    else:
        found, row = np.unique(words[words >= 0], return_inverse=True)
        rows[words >= 0] = np.where(row < min(n_rows, len(found)), row, -1)
    return rows


def row_table(
    texts: dict[int, StoredText],
    windows: Windows,
    row_of_token: Sequence[NDArray[np.int64]],
    label_names: Sequence[str],
    token_texts: NDArray[np.object_],
    by_word: bool,
) -> pd.DataFrame:
    """Table of the rows of some windows.

    Parameters
    ----------
    texts : dict of int to StoredText
    windows : Windows
    row_of_token : sequence of ndarray (tokens,)
        As `window_rows` gives it, one a window.
    label_names : sequence of str
    token_texts : ndarray (vocabulary,) of str
    by_word : bool
        Whether a row is a word.

    Returns
    -------
    pandas.DataFrame
        ``stimulus``, ``position`` (of the first token of a word), ``token`` (the word's text),
        ``token_id`` (tokens only), ``n_tokens`` (words only), ``word`` and the labels.
    """
    import pandas as pd

    parts = [
        _window_columns(texts[int(windows.text[i])], int(windows.text[i]), int(windows.start[i]), r)
        for i, r in enumerate(row_of_token)
    ]
    joined = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    table: dict[str, Any] = {"stimulus": joined["stimulus"], "position": joined["position"]}
    if by_word:
        table["token"] = _word_texts(texts, joined)
        table["n_tokens"] = joined["n_tokens"]
    else:
        table["token"] = token_texts[joined["token_id"]]
        table["token_id"] = joined["token_id"]
    table["word"] = joined["word"]
    for name in label_names:
        table[name] = _labels(texts, joined, name)
    frame = pd.DataFrame(table)
    for name in ("token", *label_names):
        frame[name] = frame[name].astype("str" if name == "token" else object)
    return frame


def _window_columns(
    text: StoredText, number: int, start: int, rows: NDArray[np.int64]
) -> dict[str, NDArray]:
    tokens = np.flatnonzero(rows >= 0)
    _, first, counts = np.unique(rows[tokens], return_index=True, return_counts=True)
    at = tokens[first] + start
    return {
        "stimulus": np.full(len(at), number, dtype=np.int64),
        "position": at.astype(np.int64),
        "token_id": text.ids[at],
        "word": text.words[at].astype(np.int64),
        "n_tokens": counts.astype(np.int64),
    }


def _word_texts(texts: dict[int, StoredText], joined: dict[str, NDArray]) -> list[str]:
    pairs = zip(joined["stimulus"].tolist(), joined["word"].tolist(), strict=True)
    return [texts[s].text[slice(*texts[s].spans[w])] for s, w in pairs]


def _labels(
    texts: dict[int, StoredText], joined: dict[str, NDArray], name: str
) -> list[str | None]:
    pairs = zip(joined["stimulus"].tolist(), joined["word"].tolist(), strict=True)
    return [
        texts[s].labels[name][w] if w >= 0 and texts[s].labels[name] else None for s, w in pairs
    ]
