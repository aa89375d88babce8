"""Simulators of rows: tokens of texts, and steps in time with labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from analyses.neuron_labels.soft_scenes import JOINS, compose
from analyses.neuron_labels.types import Stimuli, checked_stimuli
from workbench.errors import UsageError, nearest

if TYPE_CHECKING:
    import pandas as pd

# Numbers with more values than this are read as high or low.
_MOST_VALUES = 12
_WINDOW = 4
LEVELS = ("token", "text")


@dataclass(frozen=True, eq=False)
class WordVectors:
    """Which words occur in like surroundings.

    Attributes
    ----------
    words : tuple of str
    vectors : ndarray (words, dimensions)
        Of length one.
    """

    words: tuple[str, ...]
    vectors: NDArray[np.float32]

    @classmethod
    def learn(
        cls, texts: Sequence[Sequence[str]], dimensions: int = 32, least: int = 3
    ) -> WordVectors:
        """Singular vectors of positive pointwise mutual information of neighbours.

        Parameters
        ----------
        texts : sequence of sequence of str
            Background tokens, not those that labels are tested on.
        dimensions : int
        least : int
            Words that are rarer are left out.

        Raises
        ------
        UsageError
            If there are fewer words than dimensions.

        References
        ----------
        Levy and Goldberg 2014, Neural word embedding as implicit matrix factorization.
        """
        from scipy.sparse.linalg import svds

        words, counts = _neighbours(texts, least)
        if len(words) <= dimensions:
            raise UsageError(
                f"Found {len(words)} words that occur {least} times; expected more than the "
                f"{dimensions} dimensions: give more text or ask for fewer."
            )
        totals = np.asarray(counts.sum(axis=0)).reshape(-1)
        mutual = counts.tocoo()
        ratio = mutual.data * totals.sum() / (totals[mutual.row] * totals[mutual.col])
        mutual.data = np.maximum(np.log(ratio), 0)
        start = np.random.default_rng(0).normal(size=len(words))
        left, sizes, _ = svds(mutual.tocsr(), k=dimensions, v0=start)
        vectors = left * np.sqrt(sizes)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return cls(tuple(words), (vectors / np.maximum(lengths, 1e-12)).astype(np.float32))

    def likeness(self, one: str) -> dict[str, float]:
        """Cosine of a word with all words, none below 0; of an unknown one nothing."""
        if one not in self.words:
            return {}
        cosines = np.maximum(self.vectors @ self.vectors[self.words.index(one)], 0)
        return dict(zip(self.words, cosines.tolist(), strict=True))


def _neighbours(texts: Sequence[Sequence[str]], least: int):  # type: ignore[no-untyped-def]
    """Words, and how often each occurs near each: sparse (words, words)."""
    from collections import Counter

    from scipy.sparse import coo_array

    read = [[plain_token(token) for token in text] for text in texts]
    seen = Counter(token for text in read for token in text)
    words = sorted(word for word, count in seen.items() if count >= least and word)
    number = {word: at for at, word in enumerate(words)}
    rows, columns = [], []
    for text in read:
        known = [number.get(token, -1) for token in text]
        for at, one in enumerate(known):
            near = [each for each in known[at + 1 : at + 1 + _WINDOW] if each >= 0 <= one]
            rows += [*([one] * len(near)), *near]
            columns += [*near, *([one] * len(near))]
    shape = (len(words), len(words))
    counts = coo_array((np.ones(len(rows)), (rows, columns)), shape=shape)
    counts.sum_duplicates()
    return words, counts


def plain_token(token: str) -> str:
    """A token without the marks of tokenizers for spaces and continuation, in lower case.

    Examples
    --------
    >>> plain_token("Ġthe"), plain_token("##ing"), plain_token("▁Cat")
    ('the', 'ing', 'cat')
    """
    return token.removeprefix("##").lstrip("Ġ▁ ").rstrip().lower() or token.strip()


@dataclass(frozen=True, eq=False)
class TokenSimulator:
    """Predicts activity where the words of a description are read.

    A description is one or more n-grams of tokens, joined by *or*, commas, *but not* or *and*;
    quotation marks around them do not matter. An n-gram is true at its last token.

    Attributes
    ----------
    level : {"token", "text"}
        Whether rows are tokens, in the order of the texts, or texts.
    vectors : WordVectors, optional
        With these, a single word is also true at words that are used alike, as far as they are.

    Examples
    --------
    >>> stimuli = Stimuli("language", texts=[["the", " cat", " sat"], ["a", " dog"]])
    >>> TokenSimulator().predict("the cat or dog", stimuli).tolist()
    [0.0, 1.0, 0.0, 0.0, 1.0]
    >>> TokenSimulator("text").predict('"cat"', stimuli).tolist()
    [1.0, 0.0]
    """

    level: Literal["token", "text"] = "token"
    vectors: WordVectors | None = None

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise UsageError(f"Found level '{self.level}'; {nearest(self.level, LEVELS)}")

    def predict(self, description: str, stimuli: Stimuli) -> NDArray[np.float32]:
        """Predicted activity of tokens or texts.

        Parameters
        ----------
        description : str
        stimuli : Stimuli (texts,)

        Returns
        -------
        ndarray (tokens,) or (texts,)
            From 0 to 1.

        Raises
        ------
        UsageError
            If there are no texts.
        """
        texts = checked_stimuli(stimuli).texts
        if texts is None:
            raise UsageError(
                f"Found {stimuli.kind} stimuli without texts; expected tokens of texts: pass "
                "stimuli with texts, or take another simulator."
            )
        read = [[plain_token(token) for token in text] for text in texts]
        flat = [token for text in read for token in text]
        lengths = [len(text) for text in read]
        text = description.replace(", ", " or ")
        found = compose(text, lambda name: self._ngram(name, flat, lengths))
        values = np.zeros(len(flat), np.float32) if found is None else found
        if self.level == "token":
            return values
        ends = np.cumsum(lengths)[:-1]
        return np.array([part.max(initial=0) for part in np.split(values, ends)], np.float32)

    def _ngram(
        self, name: str, flat: Sequence[str], lengths: Sequence[int]
    ) -> NDArray[np.float32] | None:
        words = [plain_token(word) for word in name.strip(" \"'`").split()]
        if not words or any(join in name for join in JOINS):
            return None
        if len(words) == 1 and self.vectors is not None:
            like = self.vectors.likeness(words[0]) | {words[0]: 1.0}
            return np.array([like.get(token, 0.0) for token in flat], np.float32)
        tokens = np.array([""] * (len(words) - 1) + list(flat), dtype=object)
        n = len(flat)
        hits = [tokens[at : at + n] == word for at, word in enumerate(words)]
        starts = np.cumsum([0, *lengths[:-1]])
        place = np.arange(n) - np.repeat(starts, lengths)
        # An n-gram must not begin in the text before.
        return (np.logical_and.reduce(hits) & (place >= len(words) - 1)).astype(np.float32)

    def fingerprint(self) -> str:
        """Hash of the level and of word vectors."""
        from workbench.recording.identity import digest, digest_array

        known = self.vectors
        learned = None if known is None else [list(known.words), digest_array(known.vectors)]
        return digest([self.level, learned])


class LabelSimulator:
    """Predicts activity at rows that have a label, such as steps in time of a brain recording.

    Names are those of `label_names`, joined by *or*, *but not* and *and*.

    Examples
    --------
    >>> import pandas as pd
    >>> labels = pd.DataFrame({"image": ["face", "house", "face"], "running": [True, True, False]})
    >>> stimuli = Stimuli("brain", labels=labels)
    >>> LabelSimulator().predict("image face and running", stimuli).tolist()
    [1.0, 0.0, 0.0]
    """

    def predict(self, description: str, stimuli: Stimuli) -> NDArray[np.float32]:
        """Predicted activity of rows; zeros where a name is unknown.

        Parameters
        ----------
        description : str
        stimuli : Stimuli (rows,)

        Returns
        -------
        ndarray (rows,)
            From 0 to 1.

        Raises
        ------
        UsageError
            If there are no labels.
        """
        labels = checked_stimuli(stimuli).labels
        if labels is None:
            raise UsageError(
                f"Found {stimuli.kind} stimuli without labels; expected a table of labels: pass "
                "stimuli with labels, or take another simulator."
            )
        found = compose(description, label_names(labels).get)
        return np.zeros(len(stimuli), np.float32) if found is None else found

    def fingerprint(self) -> str:
        """The same always: it has no settings."""
        return "labels of rows"


def label_names(labels: pd.DataFrame) -> dict[str, NDArray[np.float32]]:
    """What can be said of rows by their labels.

    Parameters
    ----------
    labels : DataFrame (rows, labels)

    Returns
    -------
    dict of str to ndarray (rows,)
        ``column`` of true and false, ``column value`` of names and of few numbers, ``value`` alone
        where one column only has it; ``high column`` and ``low column`` of many numbers, by rank.

    Examples
    --------
    >>> import pandas as pd
    >>> sorted(label_names(pd.DataFrame({"image": ["face", "house"]})))
    ['face', 'house', 'image face', 'image house']
    """
    found: dict[str, NDArray[np.float32]] = {}
    short: dict[str, list[NDArray[np.float32]]] = {}
    for column in labels.columns:
        values = labels[column]
        if values.dtype.kind == "b":
            found[str(column)] = values.to_numpy(np.float32)
        elif values.dtype.kind in "iuf" and values.nunique() > _MOST_VALUES:
            rank = values.rank(pct=True).fillna(0.5).to_numpy(np.float32)
            found[f"high {column}"], found[f"low {column}"] = rank, 1 - rank
        else:
            for value in values.dropna().unique():
                at = (values == value).to_numpy(np.float32)
                said = f"{value:g}" if isinstance(value, float | np.floating) else str(value)
                found[f"{column} {said}"] = at
                short.setdefault(said, []).append(at)
    alone = {name: each[0] for name, each in short.items() if len(each) == 1}
    return alone | found
