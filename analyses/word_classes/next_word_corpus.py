"""A corpus as word numbers with classes, and windows of words that ask for the next one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import UsageError

# Not words of their own: the study counts words only.
NOT_WORDS = ("PUNCT", "SYM", "X")
RARE = 0


@dataclass(frozen=True)
class Corpus:
    """Running text.

    Attributes
    ----------
    words : ndarray (words,) of int
        Number of each word in the vocabulary; 0 for words that were too rare to learn.
    classes : ndarray (words,) of str
    vocabulary : tuple of str
        Its first entry stands for all rare words.
    """

    words: NDArray[np.int64]
    classes: NDArray[np.str_]
    vocabulary: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.words)


def read_tagged_words(paths: str | Path | Sequence[str | Path]) -> list[tuple[str, str]]:
    """Lower-cased words and their gold classes, from CoNLL-U files.

    Parameters
    ----------
    paths : path or sequence of path

    Returns
    -------
    list of (str, str)
        Without punctuation, symbols and other characters.
    """
    from workbench.subjects.language.conllu import read_sentences

    given = [paths] if isinstance(paths, (str, Path)) else list(paths)
    return [
        (sentence.text[slice(*span)].lower(), str(tag))
        for path in given
        for sentence in read_sentences(Path(path))
        for span, tag in zip(sentence.spans, sentence.labels["upos"], strict=True)
        if tag is not None and tag not in NOT_WORDS
    ]


def make_corpus(
    tagged: Iterable[tuple[str, str]],
    vocabulary: Sequence[str] | None = None,
    min_count: int = 4,
) -> Corpus:
    """Number the words of a text.

    Parameters
    ----------
    tagged : iterable of (str, str)
        Words and their classes.
    vocabulary : sequence of str, optional
        That of the training text; made from this text by default.
    min_count : int
        Rarer words share one number.

    Returns
    -------
    Corpus

    Raises
    ------
    UsageError
        If there is no word.

    Examples
    --------
    >>> corpus = make_corpus([("a", "DET"), ("b", "NOUN"), ("a", "DET")], min_count=2)
    >>> corpus.words.tolist(), corpus.vocabulary
    ([1, 0, 1], ('', 'a'))
    """
    pairs = list(tagged)
    if not pairs:
        raise UsageError("Found no word with a class; expected a tagged text.")
    if vocabulary is None:
        counts = Counter(word for word, _ in pairs)
        vocabulary = ("", *sorted(word for word, n in counts.items() if n >= min_count))
    numbers = {word: number for number, word in enumerate(vocabulary) if number}
    words = np.array([numbers.get(word, RARE) for word, _ in pairs], dtype=np.int64)
    return Corpus(words, np.array([tag for _, tag in pairs]), tuple(vocabulary))


def windows(words: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """All runs of words that have a next word.

    Parameters
    ----------
    words : ndarray (words,) of int
    length : int
        Words a run.

    Returns
    -------
    ndarray (runs, length + 1) of int
        A view; the last column is the next word.

    Raises
    ------
    UsageError
        If the text is shorter.

    Examples
    --------
    >>> windows(np.arange(4), 2).tolist()
    [[0, 1, 2], [1, 2, 3]]
    """
    if len(words) <= length:
        raise UsageError(
            f"Found {len(words)} words; expected more than {length}, for one window and its next "
            "word."
        )
    return np.lib.stride_tricks.sliding_window_view(words, length + 1)


def most_frequent_class(known: Corpus, words: ArrayLike) -> NDArray[Any]:
    """The class that each word has most often in a text: what needs no context.

    Parameters
    ----------
    known : Corpus
        Training text.
    words : array (words,) of int

    Returns
    -------
    ndarray (words,) of str

    Examples
    --------
    >>> corpus = make_corpus([("a", "DET"), ("b", "NOUN"), ("a", "DET")], min_count=1)
    >>> most_frequent_class(corpus, [1, 2]).tolist()
    ['DET', 'NOUN']
    """
    names, codes = np.unique(known.classes, return_inverse=True)
    counts = np.zeros((len(known.vocabulary), len(names)), dtype=np.int64)
    np.add.at(counts, (known.words, codes), 1)
    # A word of the vocabulary that this text lacks is guessed to be of the most common class.
    counts[counts.sum(axis=1) == 0] = counts.sum(axis=0)
    return np.asarray(names[counts.argmax(axis=1)[np.asarray(words)]])
