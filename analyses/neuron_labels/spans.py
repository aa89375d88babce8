"""What the rows of a recording are: images, tokens of texts, steps in time; and windows of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analyses.neuron_labels.splitting import contents_of, groups_of
from analyses.neuron_labels.types import Kind, Stimuli

if TYPE_CHECKING:
    import pandas as pd

    from workbench.recording.recording import Recording

WINDOW = 24
# Steps in time are divided in segments: so many of them, where no trials do it.
_SEGMENTS = 40
_SHORTEST = 4
_FEW_TRIALS = 20
# Of a token, what came before says more than what comes after.
_BEFORE = 2 / 3


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of a recording as observations of stimuli.

    Attributes
    ----------
    kind : str
    stimulus : ndarray (rows,) of int
        Position in the stimuli: of images and texts their number, of steps in time the row.
    block : ndarray (rows,) of int
        What must not be torn apart: an image, a text, a trial or a segment of time. Counts the
        contents below.
    contents : list of str
        What each block is; equal for copies.
    order : ndarray (rows,) of int
        Rows in the order of texts and positions, or of time.
    text : ndarray (rows,) of int
        Within which windows stay: a text, a trial or a segment of time.
    tokens : ndarray (rows,) of str, optional
    """

    kind: Kind
    stimulus: NDArray[np.int64]
    block: NDArray[np.int64]
    contents: list[str]
    order: NDArray[np.int64]
    text: NDArray[np.int64]
    tokens: NDArray[np.object_] | None = None

    @property
    def groups(self) -> NDArray[np.int64]:
        """One number a row, equal in all copies of a block."""
        return groups_of(self.contents)[self.block]


def describe_rows(recording: Recording, stimuli: Stimuli | None = None) -> Rows:
    """Say what the rows of a recording are.

    Parameters
    ----------
    recording : Recording
    stimuli : Stimuli, optional
        Says of which kind, and which of them are copies.

    Returns
    -------
    Rows

    Examples
    --------
    >>> import workbench as wb
    >>> rows = {"stimulus": [0, 0, 1], "position": [0, 1, 0], "token": ["a", "b", "c"]}
    >>> rec = wb.from_arrays({"layer": np.zeros((3, 1))}, rows, kind="language")
    >>> describe_rows(rec).kind
    'language'
    """
    table = recording.rows.reset_index(drop=True)
    number = table["stimulus"].to_numpy(dtype=np.int64)
    kind = stimuli.kind if stimuli is not None else _kind(recording, table)
    if kind == "brain":
        return _in_time(table, number, recording.stimuli)
    by = [name for name in ("position", "stimulus") if name in table]
    order = np.lexsort([table[name].to_numpy() for name in by])
    n_stimuli = int(number.max()) + 1
    tokens = None
    if kind == "language" and "token" in table:
        tokens = table["token"].astype(str).to_numpy(dtype=object)
        if stimuli is None or stimuli.texts is None:
            stimuli = Stimuli("language", texts=_texts(number, order, tokens, n_stimuli))
    contents = contents_of(stimuli, recording.stimuli, n_stimuli)
    return Rows(kind, number, number, contents, order, number, tokens)


def _kind(recording: Recording, table: pd.DataFrame) -> Kind:
    if recording.kind == "language":
        return "language"
    return "brain" if recording.kind == "brain" or "time" in table else "vision"


def _in_time(table: pd.DataFrame, number: NDArray[np.int64], shown: pd.DataFrame) -> Rows:
    n_rows = len(table)
    said = [name for name in shown.columns if name != "stimulus"]
    # Arrays with times and nothing on what was shown count their rows; those are no trials.
    if "time" in table and not said and len(np.unique(number)) == n_rows:
        number = np.zeros(n_rows, np.int64)
    order = np.lexsort((table["time"].to_numpy(), number)) if "time" in table else np.arange(n_rows)
    block = number
    is_trials = len(np.unique(number)) >= _FEW_TRIALS
    if not is_trials:
        # Neighbours resemble each other: the longer segments are, the fewer lie side by side.
        length = max(_SHORTEST, n_rows // _SEGMENTS)
        block = np.empty(n_rows, np.int64)
        block[order] = np.arange(n_rows) // length
        # A segment must not reach over the end of a session.
        block = np.unique(np.stack([number, block], axis=1), axis=0, return_inverse=True)[1]
    # Of trials the table says which showed the same; a segment is like no other.
    contents = contents_of(None, shown if is_trials else None, int(block.max()) + 1)
    block = block.reshape(-1)
    # Windows end with their segment: what lies beyond may be held out.
    return Rows("brain", np.arange(n_rows), block, contents, order, block)


def stimuli_of(recording: Recording, rows: Rows) -> Stimuli | None:
    """Stimuli as far as the recording itself knows them.

    Parameters
    ----------
    recording : Recording
    rows : Rows

    Returns
    -------
    Stimuli or None
        Tokens of texts, labels of rows in time, or the table of stimuli; None if there is none.
    """
    if rows.kind == "language":
        return Stimuli("language", texts=_read_texts(recording, rows))
    if rows.kind == "brain":
        return Stimuli("brain", labels=_labels_in_time(recording))
    table = recording.stimuli
    return Stimuli("vision", labels=table) if len(table.columns) and len(table) else None


def _read_texts(recording: Recording, rows: Rows) -> list[list[str]]:
    if rows.tokens is None:
        return [str(text).split() for text in recording.stimuli["text"]]
    return _texts(rows.stimulus, rows.order, rows.tokens, len(rows.contents))


def _texts(
    number: NDArray[np.int64],
    order: NDArray[np.int64],
    tokens: NDArray[np.object_],
    n_texts: int,
) -> list[list[str]]:
    ends = np.cumsum(np.bincount(number, minlength=n_texts))[:-1]
    return [part.tolist() for part in np.split(tokens[order], ends)]


def _labels_in_time(recording: Recording) -> pd.DataFrame:
    table, shown = recording.rows.reset_index(drop=True), recording.stimuli
    new = [name for name in shown.columns if name not in table and name != "stimulus"]
    return table.join(shown[new], on="stimulus") if new else table


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows of rows around peaks.

    Attributes
    ----------
    rows : ndarray (units, peaks, window) of int
        -1 beyond the ends of a text or a session, and where there is no peak.
    """

    rows: NDArray[np.int64]


def windows_around(rows: Rows, peaks: NDArray[np.int64], window: int = WINDOW) -> Windows:
    """Rows around peaks, within one text or session.

    Parameters
    ----------
    rows : Rows
    peaks : ndarray (units, peaks) of int
        Rows; -1 where there is none.
    window : int

    Returns
    -------
    Windows
    """
    place = np.argsort(rows.order, kind="stable")
    before = round(window * _BEFORE) if rows.kind == "language" else window // 2
    at = place[peaks][..., None] + np.arange(window) - before
    inside = (at >= 0) & (at < len(rows.order)) & (peaks >= 0)[..., None]
    found = rows.order[np.clip(at, 0, len(rows.order) - 1)]
    inside &= rows.text[found] == rows.text[peaks][..., None]
    return Windows(np.where(inside, found, -1))


def distinct(
    rows: Rows, windows: NDArray[np.int64], peaks: NDArray[np.int64], k: int
) -> NDArray[np.int64]:
    """The first peaks whose windows say something new.

    Parameters
    ----------
    rows : Rows
    windows : ndarray (peaks, window) of int
        Of one unit, strongest first.
    peaks : ndarray (peaks,) of int
    k : int

    Returns
    -------
    ndarray (at most k,) of int
        Places of the peaks: no two texts that read alike, no two spans that overlap.
    """
    kept: list[int] = []
    seen: set[object] = set()
    for place in np.flatnonzero(peaks >= 0).tolist():
        span = windows[place][windows[place] >= 0]
        if rows.kind == "brain":
            new = not any(row in seen for row in span.tolist())
            seen.update(span.tolist())
        else:
            key: object = tuple(tokens_of(rows, span)) if rows.tokens is not None else place
            new = key not in seen
            seen.add(key)
        if new:
            kept.append(place)
        if len(kept) == k:
            break
    return np.array(kept, dtype=np.int64)


def tokens_of(rows: Rows, span: NDArray[np.int64]) -> Sequence[str]:
    """Tokens of some rows.

    Parameters
    ----------
    rows : Rows
    span : ndarray of int

    Returns
    -------
    list of str
    """
    return [] if rows.tokens is None else rows.tokens[span].tolist()
