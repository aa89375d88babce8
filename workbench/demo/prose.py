"""Real English prose that every Python carries, and optional taggers with measured accuracy."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from workbench.demo.sentences import TaggedSentence
from workbench.demo.universal_tags import universal
from workbench.errors import UsageError

Tagger = Literal["hanta", "textblob"]

_SENTENCE_END = re.compile(r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)(?<!etc\.)(?<!cf\.)\s+(?=[A-Z\"'])")
_WORD = re.compile(r"\w+(?=n't\b)|n't\b|'(?:s|re|ve|ll|d|m)\b|\w+(?:[-.]\w+)*|[^\w\s]")
_CODE = re.compile(r"[_=<>{}\[\]|\\@#*`~^]|\(\)|::|\w\.\w|\w\(|(?<!\w)[-.]\w|\s[+/%&]|\d")
_FEWEST_WORDS = 6
_QUOTES = {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"'}


def paragraphs(limit: int | None = None) -> list[str]:
    """Clean English prose from the language reference in ``pydoc_data.topics``.

    Headings, tables, grammar and code are dropped, and so is every sentence that names code;
    what stays of a paragraph is cut where a sentence was dropped. Different releases of Python
    carry slightly different texts.

    Parameters
    ----------
    limit : int, optional
        At most so many paragraphs; all without it.

    Returns
    -------
    list of str
        Sentences as they stand in the reference, in the order of the topics.

    Raises
    ------
    UsageError
        If ``limit`` is negative.

    Examples
    --------
    >>> all(paragraph[-1] in ".!?" for paragraph in paragraphs(20))
    True
    """
    if limit is not None and limit < 0:
        raise UsageError(f"limit must be 0 or more, not {limit}.")
    from pydoc_data.topics import topics

    kept: dict[str, None] = {}
    for topic in sorted(topics):
        for block in re.split(r"\n\s*\n", topics[topic]):
            kept.update(dict.fromkeys(_clean_runs(block)))
    return list(kept)[:limit]


def _clean_runs(block: str) -> Iterator[str]:
    """Runs of clean sentences in a block of the reference."""
    lines = block.splitlines()
    if not lines or re.search(r"^\s*[-=+|*]{3,}|::=|>>>", block, flags=re.MULTILINE):
        return
    indents = [len(line) - len(line.lstrip()) for line in lines]
    if len(lines) > 1 and indents[1] > indents[0] and not lines[0].lstrip().startswith("* "):
        lines = lines[1:]  # a term, and its definition below
    text = " ".join(" ".join(lines).split()).removeprefix("* ")
    for curly, straight in _QUOTES.items():
        text = text.replace(curly, straight)
    run: list[str] = []
    for sentence in [*split_sentences(text), ""]:
        if _is_prose(sentence):
            run.append(sentence)
        elif run:
            yield " ".join(run)
            run = []


def _is_prose(sentence: str) -> bool:
    """A whole sentence of ordinary words."""
    words = sentence.split()
    return (
        len(words) >= _FEWEST_WORDS
        and sentence[0].isupper()
        and sentence[-1] in ".!?"
        and not _CODE.search(sentence)
        and '"' not in sentence
        and "'" not in re.sub(r"(?<=\w)'(?=\w)", "", sentence)
        and sentence.count("(") == sentence.count(")")
        and sum(word[:1].isalpha() for word in words) >= 0.9 * len(words)
    )


def split_sentences(text: str) -> list[str]:
    """Cut running text after full stops, question and exclamation marks.

    Examples
    --------
    >>> split_sentences("It works, e.g. here. Does it? Yes!")
    ['It works, e.g. here.', 'Does it?', 'Yes!']
    """
    return [part.strip() for part in _SENTENCE_END.split(text) if part.strip()]


def word_spans(text: str) -> list[tuple[int, int]]:
    """Where the words stand, in characters; *n't* and *'s* are words of their own.

    Examples
    --------
    >>> text = "It doesn't matter."
    >>> [text[start:end] for start, end in word_spans(text)]
    ['It', 'does', "n't", 'matter', '.']
    """
    return [match.span() for match in _WORD.finditer(text)]


def tag(texts: Iterable[str], tagger: Tagger = "hanta") -> list[TaggedSentence]:
    """Tag the sentences of running text with an offline tagger.

    Parameters
    ----------
    texts : iterable of str
        Paragraphs or sentences.
    tagger : str
        *hanta* or *textblob*; ``data/TAGGERS.md`` says how often each is right.

    Returns
    -------
    list of TaggedSentence
        One a sentence; ``construction`` is ``prose:<tagger>``.

    Raises
    ------
    UsageError
        If there is no such tagger, or its package is not installed.
    """
    classes_of = _tagger(tagger)
    tagged = []
    for text in texts:
        for sentence in split_sentences(text):
            spans = word_spans(sentence)
            words = tuple(sentence[start:end] for start, end in spans)
            classes = tuple(classes_of(words))
            tagged.append(TaggedSentence(words, classes, sentence, f"prose:{tagger}", tuple(spans)))
    return tagged


@dataclass(frozen=True)
class TaggerAccuracy:
    """How often a tagger names the gold class.

    Attributes
    ----------
    accuracy : float
        Share of the words, between 0 and 1.
    words : int
        How many were compared.
    recall : dict
        The same share within each gold class.
    """

    accuracy: float
    words: int
    recall: dict[str, float]


def tagger_accuracy(
    tagged_gold: Sequence[TaggedSentence], tagger: Tagger = "hanta"
) -> TaggerAccuracy:
    """Compare a tagger with sentences whose classes are known; the words are given.

    Parameters
    ----------
    tagged_gold : sequence of TaggedSentence
        Anything with ``words`` and ``upos``.
    tagger : str
        *hanta* or *textblob*.

    Returns
    -------
    TaggerAccuracy

    Raises
    ------
    UsageError
        If there are no sentences, no such tagger, or its package is not installed.
    """
    if not tagged_gold:
        raise UsageError("tagger_accuracy needs at least one tagged sentence; found none.")
    classes_of = _tagger(tagger)
    total: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for sentence in tagged_gold:
        for gold, found in zip(sentence.upos, classes_of(sentence.words), strict=True):
            total[gold] += 1
            right[gold] += gold == found
    recall = {name: right[name] / total[name] for name in sorted(total)}
    return TaggerAccuracy(right.total() / total.total(), total.total(), recall)


def _tagger(name: str) -> Callable[[Sequence[str]], list[str]]:
    """The function from words to universal classes."""
    if name == "hanta":
        return _hanta()
    if name == "textblob":
        return _textblob()
    raise UsageError(f"There is no tagger '{name}'; choose hanta or textblob.")


@cache
def _hanta() -> Callable[[Sequence[str]], list[str]]:
    try:
        from HanTa import HanoverTagger
    except ModuleNotFoundError as error:
        raise UsageError("The tagger hanta needs a package; run: pip install HanTa") from error
    # A bare file name would be looked up in the working directory first, and be unpickled.
    model = Path(HanoverTagger.__file__).parent / "morphmodel_en.pgz"
    tagger = HanoverTagger.HanoverTagger(str(model))

    def classes_of(words: Sequence[str]) -> list[str]:
        tags = [item[2] for item in tagger.tag_sent(list(words))]
        return universal(words, tags, "c5")

    return classes_of


@cache
def _textblob() -> Callable[[Sequence[str]], list[str]]:
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
