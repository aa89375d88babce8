"""Where the labels of rows come from, and how often they are right."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.recording.recording import Recording

LABELS_NOTE = "labels"


@dataclass(frozen=True)
class LabelOrigin:
    """Where a column of labels comes from; kept in the notes of a recording.

    Attributes
    ----------
    source : str
        For readers, such as ``the tagger HanTa 1.2.1 (English)``.
    accuracy : float, optional
        Share of words that it labels right, as measured on gold labels; None for gold ones.
    n : int
        Words that it was measured on.
    measured_on : str

    Examples
    --------
    >>> print(LabelOrigin("a CoNLL-U file, taken as gold").sentence("upos"))
    Labels 'upos' are from a CoNLL-U file, taken as gold.
    >>> print(LabelOrigin("a tagger", 0.9, 1200, "a treebank").sentence("upos"))
    Labels 'upos' are from a tagger, which is right for 90.0 % of 1,200 words of a treebank.
    """

    source: str
    accuracy: float | None = None
    n: int = 0
    measured_on: str = ""

    def sentence(self, column: str) -> str:
        """One sentence for readers."""
        said = f"Labels '{column}' are from {self.source}"
        if self.accuracy is None:
            return f"{said}."
        return (
            f"{said}, which is right for {100 * self.accuracy:.1f} % of {self.n:,} words of "
            f"{self.measured_on}."
        )

    def as_json(self) -> dict[str, Any]:
        """As it stands in the notes of a recording."""
        return asdict(self)


def label_origin(recording: Recording, column: str) -> LabelOrigin | None:
    """Where a column of labels comes from, if the recording says so.

    Parameters
    ----------
    recording : Recording
    column : str

    Returns
    -------
    LabelOrigin or None
    """
    known = recording.manifest.notes.get(LABELS_NOTE, {}).get(column)
    return None if known is None else LabelOrigin(**known)
