"""What an exemplar is, in words: tokens with the active ones marked, a span of time, an image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from analyses.neuron_labels.row_labels import NO_LABELS

if TYPE_CHECKING:
    from analyses.neuron_labels.types import UnitExemplars
    from workbench.recording.recording import Recording

# Around what a unit responds to; brackets, because colour alone is no mark.
OPEN, CLOSE = "⟦", "⟧"
_MOST_LABELS = 4
_LONGEST = 30
_TOKEN_COLUMNS = frozenset({"token", "token_id", "word"})


class Contexts:
    """Describes exemplars of a recording.

    Parameters
    ----------
    recording : Recording

    Examples
    --------
    >>> import workbench as wb
    >>> from analyses.neuron_labels.types import UnitExemplars
    >>> rec = wb.from_arrays({"layer": np.zeros((3, 2))}, kind="language")
    >>> unit = UnitExemplars(0, "layer", "language", np.array([0]), np.ones(1, np.float32),
    ...                      np.array([[False, True]]), tokens=[["a", " black"]])
    >>> Contexts(rec).describe(unit)
    ['a⟦ black⟧']
    """

    def __init__(self, recording: Recording) -> None:
        self._rows = recording.rows.reset_index(drop=True)
        self._stimuli = recording.stimuli
        self._first = self._rows.drop_duplicates("stimulus").set_index("stimulus", drop=False)

    def describe(self, unit: UnitExemplars) -> list[str]:
        """Say what each exemplar is.

        Parameters
        ----------
        unit : UnitExemplars

        Returns
        -------
        list of str
        """
        if unit.tokens is not None:
            return [marked(t, m) for t, m in zip(unit.tokens, unit.masks, strict=True)]
        if unit.spans is not None and unit.kind == "brain":
            pairs = zip(unit.spans, unit.stimuli, strict=True)
            return [self._span(int(a), int(b), int(peak)) for (a, b), peak in pairs]
        return [self._stimulus(int(number)) for number in unit.stimuli]

    def _span(self, start: int, stop: int, peak: int) -> str:
        row = self._rows.iloc[peak].to_dict()
        said = _said(row)
        if "time" not in self._rows:
            return f"rows {start} to {stop - 1}{said}"
        first, last = self._rows["time"].iloc[[start, stop - 1]]
        return f"time {first:g} to {last:g}, peak {row['time']:g}{said}"

    def _stimulus(self, number: int) -> str:
        known = number in self._first.index
        said = _said(self._first.loc[number].to_dict()) if known else ""
        if not said and number in self._stimuli.index:
            said = _said(self._stimuli.loc[number].to_dict())
        return f"stimulus {number}{said}"


def marked(tokens: list[str], mask: np.ndarray) -> str:
    """A window of tokens as text, those that are active in brackets.

    Examples
    --------
    >>> marked(["a", " cat", " sat"], np.array([False, True, False, False]))
    'a⟦ cat⟧ sat'
    >>> marked(["a", "cat"], np.array([True, True]))
    '⟦a⟧ ⟦cat⟧'
    """
    glue = "" if any(token.startswith((" ", "Ġ", "▁")) for token in tokens) else " "
    shown = [token.replace("Ġ", " ").replace("▁", " ").replace("\n", " ") for token in tokens]
    parts = [
        f"{OPEN}{token}{CLOSE}" if active else token
        for token, active in zip(shown, mask[: len(tokens)], strict=True)
    ]
    return glue.join(parts).strip()


def _said(row: Mapping[Any, Any]) -> str:
    names = [n for n in row if str(n) not in NO_LABELS and str(n) not in _TOKEN_COLUMNS]
    texts = [f"{name} {_plain(row[name])}"[:_LONGEST] for name in names[:_MOST_LABELS]]
    return f" ({', '.join(texts)})" if texts else ""


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float | np.floating) else str(value)
