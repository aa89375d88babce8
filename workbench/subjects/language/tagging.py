"""Word classes for texts that come without, and a note on where word classes come from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from workbench.capturing.request import CaptureRequest
from workbench.errors import UsageError
from workbench.recording.label_origin import LABELS_NOTE, LabelOrigin
from workbench.subjects.language.conllu import LABELS
from workbench.subjects.language.taggers import ORIGINS, classes_by
from workbench.subjects.language.texts import Text, open_texts
from workbench.subjects.language.words import split_sentences, word_spans

GOLD = LabelOrigin("a CoNLL-U file, taken as gold")


def requested_texts(request: CaptureRequest) -> Iterator[Text] | None:
    """Texts of a capture, tagged if it names a tagger.

    Parameters
    ----------
    request : CaptureRequest
        With a ``text``, or without; its option ``tagger`` is one of `taggers.TAGGERS`.

    Returns
    -------
    iterator of Text, optional

    Raises
    ------
    UsageError
        If there is no such tagger, or nothing for it to tag.
    """
    tagger = request.option("tagger")
    if tagger is not None and (request.text is None or _is_gold(request.text)):
        found = "texts with word classes" if request.text is not None else "no text"
        raise UsageError(
            f"Found tagger '{tagger}' and {found}; expected a --text without word classes: leave "
            "--tagger out."
        )
    if request.text is None:
        return None
    if tagger is not None:
        # A missing package is found before a model is loaded for it.
        classes_by(str(tagger))
    texts = open_texts(request.text, request.option("text_field", "text"))
    return texts if tagger is None else (tagged(text, str(tagger)) for text in texts)


def labels_note(request: CaptureRequest) -> dict[str, Any]:
    """Note of a recording on where the labels of its words come from.

    Parameters
    ----------
    request : CaptureRequest

    Returns
    -------
    dict
        Empty for texts without labels.
    """
    if request.text is not None and _is_gold(request.text):
        return note_of(dict.fromkeys(LABELS, GOLD))
    tagger = request.option("tagger")
    return {} if tagger is None else note_of({"upos": ORIGINS[str(tagger)]})


def note_of(origins: dict[str, LabelOrigin]) -> dict[str, Any]:
    """The same for labels that are known by name."""
    return {LABELS_NOTE: {name: origin.as_json() for name, origin in origins.items()}}


def tagged(text: Text, tagger: str) -> Text:
    """A text with words as treebanks cut them, and their universal parts of speech.

    Parameters
    ----------
    text : Text
    tagger : str
        One of `taggers.TAGGERS`.

    Returns
    -------
    Text
        With the label ``upos``.

    Raises
    ------
    UsageError
        If there is no such tagger, or its package is not installed.
    """
    classes_of = classes_by(tagger)
    spans: list[tuple[int, int]] = []
    classes: list[str] = []
    start = 0
    for sentence in split_sentences(text.text):
        start = text.text.index(sentence, start)
        found = word_spans(sentence)
        classes += classes_of([sentence[a:b] for a, b in found]) if found else []
        spans += [(start + a, start + b) for a, b in found]
        start += len(sentence)
    return Text(text.text, tuple(spans), {**text.labels, "upos": tuple(classes)}, text.about)


def _is_gold(text: Path | Sequence[str]) -> bool:
    return isinstance(text, Path) and text.suffix.lower() == ".conllu"
