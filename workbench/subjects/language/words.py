"""Sentences and words of running text, as treebanks cut them."""

from __future__ import annotations

import re

_SENTENCE_END = re.compile(
    r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)(?<!etc\.)(?<!cf\.)(?<!z\.B\.)\s+(?=[A-ZÄÖÜ\"'„»])"
)
_WORD = re.compile(r"\w+(?=n't\b)|n't\b|'(?:s|re|ve|ll|d|m)\b|\w+(?:[-.]\w+)*|[^\w\s]")


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
