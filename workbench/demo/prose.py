"""Real English prose that every Python carries, and optional taggers with measured accuracy."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from workbench.demo.sentences import TaggedSentence
from workbench.errors import UsageError
from workbench.subjects.language.taggers import Tagger, classes_by
from workbench.subjects.language.words import split_sentences, word_spans

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


def tag(texts: Iterable[str], tagger: Tagger = "hanta") -> list[TaggedSentence]:
    """Tag the sentences of running text with an offline tagger.

    Parameters
    ----------
    texts : iterable of str
        Paragraphs or sentences.
    tagger : str
        *hanta*, *hanta:de* or *textblob*; ``data/TAGGERS.md`` says how often each is right.

    Returns
    -------
    list of TaggedSentence
        One a sentence; ``construction`` is ``prose:<tagger>``.

    Raises
    ------
    UsageError
        If there is no such tagger, or its package is not installed.
    """
    classes_of = classes_by(tagger)
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
        *hanta*, *hanta:de* or *textblob*.

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
    classes_of = classes_by(tagger)
    total: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for sentence in tagged_gold:
        for gold, found in zip(sentence.upos, classes_of(sentence.words), strict=True):
            total[gold] += 1
            right[gold] += gold == found
    recall = {name: right[name] / total[name] for name in sorted(total)}
    return TaggerAccuracy(right.total() / total.total(), total.total(), recall)
