"""Taggers that work offline, and how often each is right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Literal, get_args

from workbench.errors import UsageError, nearest
from workbench.recording.label_origin import LabelOrigin
from workbench.subjects.language.german_tags import universal_german
from workbench.subjects.language.universal_tags import universal

Tagger = Literal["hanta", "hanta:de", "textblob"]
TAGGERS: tuple[str, ...] = get_args(Tagger)
ClassesOf = Callable[[Sequence[str]], list[str]]

_EWT = "UD English EWT 2.16 (test), words given"
_GSD = "UD German GSD (test file of May 2025), words given"
# What `workbench.demo.measure_taggers` printed; `workbench/demo/data/TAGGERS.md` has it in full.
ORIGINS: dict[str, LabelOrigin] = {
    "hanta": LabelOrigin("the tagger HanTa 1.2.1 (English)", 0.903, 25_094, _EWT),
    "hanta:de": LabelOrigin("the tagger HanTa 1.2.1 (German)", 0.957, 16_499, _GSD),
    "textblob": LabelOrigin("the tagger TextBlob 0.20.1 (English)", 0.883, 25_094, _EWT),
}


def classes_by(tagger: str) -> ClassesOf:
    """The function from the words of a sentence to their universal parts of speech.

    Parameters
    ----------
    tagger : {"hanta", "hanta:de", "textblob"}
        HanTa for English or German, or TextBlob for English.

    Returns
    -------
    callable
        Words (sequence of str) to classes (list of str), one a word.

    Raises
    ------
    UsageError
        If there is no such tagger, or its package is not installed.
    """
    if tagger == "textblob":
        return _textblob()
    if tagger in TAGGERS:
        return _hanta("ger" if tagger == "hanta:de" else "en")
    raise UsageError(f"Found tagger '{tagger}'; {nearest(tagger, TAGGERS)}")


@cache
def _hanta(language: str) -> ClassesOf:
    try:
        from HanTa import HanoverTagger
    except ModuleNotFoundError as error:
        raise UsageError("The tagger hanta needs a package; run: pip install HanTa") from error
    # A bare file name would be looked up in the working directory first, and be unpickled.
    model = Path(HanoverTagger.__file__).parent / f"morphmodel_{language}.pgz"
    tagger = HanoverTagger.HanoverTagger(str(model))

    def classes_of(words: Sequence[str]) -> list[str]:
        tags = [item[2] for item in tagger.tag_sent(list(words))]
        return universal_german(words, tags) if language == "ger" else universal(words, tags, "c5")

    return classes_of


@cache
def _textblob() -> ClassesOf:
    try:
        from textblob.en import tag as tag_text
    except ModuleNotFoundError as error:
        raise UsageError(
            "The tagger textblob needs a package; run: pip install textblob"
        ) from error

    def classes_of(words: Sequence[str]) -> list[str]:
        # A blank inside a word would make two of it.
        joined = " ".join(word.replace(" ", "") for word in words)
        tags = [found for _, found in tag_text(joined, tokenize=False)]
        return universal(words, tags, "penn")

    return classes_of
