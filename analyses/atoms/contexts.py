"""What an observation is, in words: a token among its neighbours, a place in an image, a span."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

    from workbench.recording.recording import Recording

# Around the token that an atom responds to; brackets, because colour alone is no mark.
OPEN, CLOSE = "⟦", "⟧"
_BEFORE, _AFTER = 12, 8
_MOST_LABELS = 3
_LONGEST_LABEL = 24
_NO_LABELS = {
    "stimulus", "position", "time", "token", "token_id", "word", "n_tokens", "row", "index",
}  # fmt: skip


@dataclass(frozen=True)
class Shown:
    """One observation to describe.

    Attributes
    ----------
    row : int
        Row number in the recording; for a span of time that of its strongest step.
    first, last : int
        Row numbers of the ends of the span.
    place : int
        Place in space.
    """

    row: int
    first: int
    last: int
    place: int = 0


class Contexts:
    """Describes observations of a recording.

    Parameters
    ----------
    recording : Recording

    Examples
    --------
    >>> import workbench as wb
    >>> rows = {"stimulus": [0, 0, 0], "position": [0, 1, 2], "token": ["a", " black", " cat"]}
    >>> rec = wb.from_arrays({"layer": np.zeros((3, 2))}, rows, kind="language")
    >>> Contexts(rec).describe(Shown(1, 1, 1), ())
    'a⟦ black⟧ cat'
    """

    def __init__(self, recording: Recording) -> None:
        self._table: pd.DataFrame = recording.rows.reset_index(drop=True)
        self._by_token = recording.kind == "language" and "token" in self._table
        self._timed = recording.kind != "language" and "time" in self._table
        stimuli = recording.stimuli
        self._stimuli = stimuli if len(stimuli.columns) else None
        if self._by_token:
            keys = [name for name in ("stimulus", "position") if name in self._table]
            order = self._table[keys].sort_values(keys, kind="stable").index.to_numpy()
            self._order, self._place = order, np.argsort(order, kind="stable")
            self._tokens = self._table["token"].astype(str).to_numpy()
            self._stimulus = self._table["stimulus"].to_numpy()
            self._glue = "" if _spaced(self._tokens[:1000]) else " "

    def describe(self, shown: Shown, space: Sequence[int]) -> str:
        """Say what an observation is.

        Parameters
        ----------
        shown : Shown
        space : sequence of int
            Sizes of the axes of space of its site.

        Returns
        -------
        str
        """
        if self._by_token:
            return self._token_in_text(shown.row)
        if self._timed:
            return self._span(shown)
        parts = [self._labelled(shown.row)]
        if space:
            place = np.unravel_index(shown.place, tuple(space))
            names = ("y", "x") if len(space) == 2 else ("place", "second", "third")
            where = ", ".join(f"{n} {int(at)}" for n, at in zip(names, place, strict=False))
            parts.append(f"at {where} of {' x '.join(map(str, space))}")
        return " ".join(parts)

    def _token_in_text(self, row: int) -> str:
        here = int(self._place[row])
        around = self._order[max(0, here - _BEFORE) : here + _AFTER + 1]
        around = around[self._stimulus[around] == self._stimulus[row]]
        at = int(np.flatnonzero(around == row)[0])
        tokens = [self._tokens[each] for each in around]
        parts = [_joined(part, self._glue) for part in (tokens[:at], tokens[at + 1 :])]
        before, after = parts[0], parts[1]
        glue = self._glue
        marked = f"{OPEN}{tokens[at]}{CLOSE}"
        text = glue.join(part for part in (before, marked, after) if part)
        return text.replace("\n", " ").strip()

    def _span(self, shown: Shown) -> str:
        time = self._table["time"]
        first, last = float(time.iloc[shown.first]), float(time.iloc[shown.last])
        span = f"{first:g}" if first == last else f"{first:g} to {last:g}"
        peak = f" (peak {float(time.iloc[shown.row]):g})" if first != last else ""
        return f"{self._labelled(shown.row)}, time {span}{peak}"

    def _labelled(self, row: int) -> str:
        values = self._table.iloc[row]
        number = values.get("stimulus", row)
        labels = self._labels(values)
        if not labels and self._stimuli is not None and number in self._stimuli.index:
            labels = self._labels(self._stimuli.loc[number])
        described = f" ({', '.join(labels)})" if labels else ""
        return f"stimulus {number}{described}"

    @staticmethod
    def _labels(values: Any) -> list[str]:
        names = [name for name in values.index if str(name) not in _NO_LABELS]
        texts = [f"{name} {_plain(values[name])}" for name in names[:_MOST_LABELS]]
        return [
            each if len(each) <= _LONGEST_LABEL else f"{each[:_LONGEST_LABEL]}…" for each in texts
        ]


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float | np.floating) else str(value)


def _spaced(tokens: NDArray) -> bool:
    """Whether tokens bring their own spaces along."""
    return any(token.startswith(" ") for token in tokens)


def _joined(tokens: Sequence[str], glue: str) -> str:
    return glue.join(tokens).replace(" ##", "")
