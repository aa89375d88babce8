"""The table that says what the rows are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.subjects.language.plan import StoredText
from workbench.subjects.language.windows import TokenRows, Windows

if TYPE_CHECKING:
    import pandas as pd


def row_table(
    texts: dict[int, StoredText],
    windows: Windows,
    found: Sequence[TokenRows],
    label_names: Sequence[str],
    token_texts: NDArray[np.object_],
    policy: str | tuple[int, ...],
) -> pd.DataFrame:
    """Table of the rows of some windows.

    Parameters
    ----------
    texts : dict of int to StoredText
    windows : Windows
    found : sequence of TokenRows
        One a window.
    label_names : sequence of str
    token_texts : ndarray (vocabulary,) of str
    policy : str or tuple of int
        As for `workbench.subjects.language.windows.token_rows`.

    Returns
    -------
    pandas.DataFrame
        ``stimulus``, ``position`` (of the first token of a word), ``token`` (the word's text),
        ``token_id`` (tokens only), ``n_tokens`` (words only), ``word`` and the labels. Where a row
        is a whole text, ``stimulus`` and ``n_tokens``.
    """
    import pandas as pd

    if policy == "mean":
        stimulus = windows.text[windows.rows > 0]
        n_tokens = np.array([len(texts[int(number)].ids) for number in stimulus], dtype=np.int64)
        return pd.DataFrame({"stimulus": stimulus, "n_tokens": n_tokens})
    parts = [
        _window_columns(texts[int(windows.text[i])], int(windows.text[i]), int(windows.start[i]), r)
        for i, r in enumerate(found)
    ]
    joined = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    table: dict[str, Any] = {"stimulus": joined["stimulus"], "position": joined["position"]}
    if policy == "word":
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
    text: StoredText, number: int, start: int, found: TokenRows
) -> dict[str, NDArray]:
    _, first, counts = np.unique(found.row, return_index=True, return_counts=True)
    at = found.token[first] + start
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
