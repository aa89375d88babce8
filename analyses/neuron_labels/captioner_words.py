"""Words of captions as numbers, with a start, one stop, and nothing that counts after it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError

PAD, START, STOP, UNKNOWN = 0, 1, 2, 3
_SPECIAL = ("<pad>", "<start>", "<stop>", "<unknown>")


@dataclass(frozen=True)
class Vocabulary:
    """Words and their numbers.

    Attributes
    ----------
    words : tuple of str
        Padding, start, stop and unknown first.

    Examples
    --------
    >>> vocabulary = Vocabulary.of([["red", "square"], ["red"]])
    >>> vocabulary.encode([["red", "square"], ["red"]]).tolist()
    [[4, 5, 2], [4, 2, 0]]
    >>> vocabulary.decode([4, 5, 2, 4])
    ['red', 'square']
    """

    words: tuple[str, ...]

    @classmethod
    def of(cls, captions: Iterable[Sequence[str]], least: int = 1) -> Vocabulary:
        """Words that occur in captions at least so often, the most frequent first.

        Raises
        ------
        UsageError
            If there is none.
        """
        counts = Counter(word for caption in captions for word in caption)
        kept = sorted((w for w in counts if counts[w] >= least), key=lambda w: (-counts[w], w))
        if not kept:
            raise UsageError(
                "Found no word in the captions; expected lists of words, one a caption: give some."
            )
        return cls((*_SPECIAL, *kept))

    def __len__(self) -> int:
        return len(self.words)

    def encode(self, captions: Sequence[Sequence[str]]) -> NDArray[np.int64]:
        """Numbers of words, a stop after each caption, padding behind it.

        Parameters
        ----------
        captions : sequence of sequence of str

        Returns
        -------
        ndarray (captions, longest + 1)
        """
        numbers = {word: number for number, word in enumerate(self.words)}
        longest = max((len(caption) for caption in captions), default=0)
        encoded = np.full((len(captions), longest + 1), PAD, dtype=np.int64)
        for row, caption in zip(encoded, captions, strict=True):
            row[: len(caption)] = [numbers.get(word, UNKNOWN) for word in caption]
            row[len(caption)] = STOP
        return encoded

    def decode(self, numbers: Iterable[int]) -> list[str]:
        """Words up to the first stop.

        Parameters
        ----------
        numbers : iterable of int
        """
        found: list[str] = []
        for number in numbers:
            if number == STOP:
                break
            if number not in (PAD, START):
                found.append(self.words[number])
        return found


def inputs_of(targets: NDArray[np.int64]) -> NDArray[np.int64]:
    """What a decoder reads when it is to say the targets: they, one step later.

    Parameters
    ----------
    targets : array (captions, length)

    Examples
    --------
    >>> inputs_of(np.array([[4, 5, 2], [4, 2, 0]])).tolist()
    [[1, 4, 5], [1, 4, 2]]
    """
    start = np.full((len(targets), 1), START, dtype=np.int64)
    return np.concatenate([start, targets[:, :-1]], axis=1)


def bleu(
    references: Sequence[Sequence[Sequence[str]]],
    candidates: Sequence[Sequence[str]],
    order: int = 4,
) -> float:
    """BLEU of a corpus: clipped n-gram precisions, their geometric mean, and a brevity penalty.

    An order of which no candidate is long enough to hold a single n-gram is left out, and a
    precision of nothing counts as one half of a match, so that short captions have a score.

    Parameters
    ----------
    references : sequence of sequence of sequence of str
        Some captions for each item.
    candidates : sequence of sequence of str
        One caption for each item.
    order : int
        Longest n-gram.

    Returns
    -------
    float
        From 0 to 1.

    References
    ----------
    Papineni et al. 2002, BLEU: a method for automatic evaluation of machine translation.

    Examples
    --------
    >>> bleu([[["a", "red", "square"]]], [["a", "red", "square"]])
    1.0
    >>> bleu([[["a", "red", "square"]]], [["a", "blue", "disc"]]) < 0.5
    True
    """
    logarithms = []
    for n in range(1, order + 1):
        matched, total = _clipped(references, candidates, n)
        if total:
            logarithms.append(np.log(max(matched, 0.5) / total))
    if not logarithms:
        return 0.0
    said = sum(len(candidate) for candidate in candidates)
    pairs = zip(references, candidates, strict=True)
    wanted = sum(_closest_length(refs, len(candidate)) for refs, candidate in pairs)
    brevity = min(0.0, 1.0 - wanted / said)
    return float(np.exp(np.mean(logarithms) + brevity))


def _closest_length(references: Sequence[Sequence[str]], length: int) -> int:
    return min((len(each) for each in references), key=lambda other: (abs(other - length), other))


def _clipped(
    references: Sequence[Sequence[Sequence[str]]], candidates: Sequence[Sequence[str]], n: int
) -> tuple[int, int]:
    matched = total = 0
    for refs, candidate in zip(references, candidates, strict=True):
        said = _grams(candidate, n)
        most: Counter[tuple[str, ...]] = Counter()
        for reference in refs:
            most |= _grams(reference, n)
        matched += sum((said & most).values())
        total += sum(said.values())
    return matched, total


def _grams(words: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
