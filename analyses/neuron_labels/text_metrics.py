"""How alike two descriptions are as texts: BLEU, shared words, and embeddings of a local model.

A constant word can beat every method and even people on such scores, so `agreement` always gives
them beside a constant and a shuffled label.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")
_LONGEST = 4
_N_CONSTANTS = 24
TextScore = Callable[[str, Sequence[str]], float]


def words(text: str) -> list[str]:
    """Words of a description, in lower case.

    Examples
    --------
    >>> words("A red circle, at the top.")
    ['a', 'red', 'circle', 'at', 'the', 'top']
    """
    return _WORD.findall(text.lower())


def bleu(text: str, references: Sequence[str], longest: int = _LONGEST) -> float:
    """BLEU of one description against references.

    Parameters
    ----------
    text : str
    references : sequence of str
    longest : int
        Longest n-gram; shorter where the text has fewer words.

    Returns
    -------
    float
        Geometric mean of clipped n-gram precisions times the brevity penalty, n-grams of more than
        one word counted with one more hit and one more try (Papineni et al. 2002; smoothing after
        Lin and Och 2004, method 2).

    Raises
    ------
    UsageError
        If there is no reference.

    Examples
    --------
    >>> bleu("red circle", ["red circle"]), bleu("blue square", ["red circle"])
    (1.0, 0.0)
    """
    said, given = words(text), [words(each) for each in _checked(references)]
    if not said:
        return 0.0
    logs = []
    for size in range(1, min(longest, len(said)) + 1):
        own = _grams(said, size)
        most: Counter[tuple[str, ...]] = Counter()
        for each in given:
            most |= _grams(each, size)
        extra = size > 1
        hits, tries = (own & most).total() + extra, own.total() + extra
        if not hits:
            return 0.0
        logs.append(math.log(hits / tries))
    nearest = min((abs(len(each) - len(said)), len(each)) for each in given)[1]
    brevity = min(0.0, 1 - nearest / len(said))
    return math.exp(brevity + sum(logs) / len(logs))


def _grams(tokens: Sequence[str], size: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(tokens[n : n + size]) for n in range(len(tokens) - size + 1))


def token_overlap(text: str, references: Sequence[str]) -> float:
    """F1 of the words that a description shares with its nearest reference.

    Parameters
    ----------
    text : str
    references : sequence of str

    Returns
    -------
    float

    Raises
    ------
    UsageError
        If there is no reference.

    Examples
    --------
    >>> token_overlap("red circle", ["a red square", "circle"])
    0.6666666666666666
    """
    own = Counter(words(text))
    others = [Counter(words(each)) for each in _checked(references)]
    return max(_f1(own, other) for other in others)


def _f1(own: Counter[str], other: Counter[str]) -> float:
    total = own.total() + other.total()
    return 2 * (own & other).total() / total if total else 0.0


class EmbeddingScore:
    """BERTScore-style F1: words matched greedily by the cosine of a local model's hidden states.

    Parameters
    ----------
    folder : str or Path
        A Hugging Face folder with a tokenizer; nothing is downloaded.
    layer : int
        Whose hidden states are compared; the last by default.

    Raises
    ------
    UsageError
        If the folder holds no model.

    References
    ----------
    Zhang et al. 2020, BERTScore, arXiv 1904.09675, equation 1; without idf weights and without
    rescaling by a baseline, which is affine and changes no order.
    """

    def __init__(self, folder: str | Path, layer: int = -1) -> None:
        import torch
        from transformers import AutoModel, AutoTokenizer

        if not (Path(folder) / "config.json").is_file():
            raise UsageError(
                f"Found no model in '{folder}'; expected a Hugging Face folder with config.json, "
                "tokenizer and weights."
            )
        self._layer = layer
        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self._model: Any = AutoModel.from_pretrained(
            folder, local_files_only=True, use_safetensors=True
        )
        self._model.eval().to(torch.float32)
        self._known: dict[str, NDArray[np.float64]] = {}

    def __call__(self, text: str, references: Sequence[str]) -> float:
        """F1 with the best reference.

        Parameters
        ----------
        text : str
        references : sequence of str

        Returns
        -------
        float
        """
        return max(self._pair(text, each) for each in _checked(references))

    def _pair(self, one: str, other: str) -> float:
        cosines = self._embedded(one) @ self._embedded(other).T
        if not cosines.size:
            return 0.0
        precision, recall = cosines.max(axis=1).mean(), cosines.max(axis=0).mean()
        total = precision + recall
        return float(2 * precision * recall / total) if total > 0 else 0.0

    def _embedded(self, text: str) -> NDArray[np.float64]:
        """Unit vectors (tokens, units) of a text."""
        import torch

        if text not in self._known:
            ids = torch.tensor([self._tokenizer(text)["input_ids"]], dtype=torch.long)
            with torch.inference_mode():
                states = self._model(ids, output_hidden_states=True).hidden_states[self._layer]
            rows = states[0].double().numpy()
            length = np.linalg.norm(rows, axis=1, keepdims=True)
            self._known[text] = rows / np.maximum(length, 1e-12)
        return self._known[text]


def agreement(
    texts: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    model: str | Path | None = None,
    n_shuffles: int = 20,
    seed: int = 0,
) -> pd.DataFrame:
    """Scores of descriptions as texts, beside a constant and a shuffled label.

    Parameters
    ----------
    texts : sequence of str (units,)
    references : sequence of sequence of str (units,)
        One or several true descriptions of each unit.
    model : str or Path, optional
        Hugging Face folder of a model for BERTScore-style scores.
    n_shuffles : int
    seed : int

    Returns
    -------
    DataFrame
        Rows ``labels``, ``constant label`` (whichever of the commonest texts and
        words does best for all units) and
        ``shuffled labels``; columns ``BLEU``, ``word overlap`` and, with a model, ``embedding F1``.

    Raises
    ------
    UsageError
        If there are not as many texts as sets of references, or a unit has no reference.

    Examples
    --------
    >>> found = agreement(["red", "blue"], [["red"], ["blue"]])
    >>> found["word overlap"].tolist()
    [1.0, 0.5, 0.0]
    """
    import pandas as pd

    if len(texts) != len(references) or not len(texts):
        raise UsageError(
            f"Found {len(texts)} texts and {len(references)} sets of references; expected one set "
            "for every text, and at least one."
        )
    scores: dict[str, TextScore] = {"BLEU": bleu, "word overlap": token_overlap}
    if model is not None:
        scores["embedding F1"] = EmbeddingScore(model)
    orders = _shuffles(len(texts), n_shuffles, seed)
    constants = _constants(texts)
    columns = {
        name: _rows(score, texts, references, orders, constants) for name, score in scores.items()
    }
    return pd.DataFrame(columns, index=["labels", "constant label", "shuffled labels"])


def _rows(
    score: TextScore,
    texts: Sequence[str],
    references: Sequence[Sequence[str]],
    orders: NDArray[np.int64],
    constants: Sequence[str],
) -> list[float]:
    known: dict[tuple[str, int], float] = {}

    def mean_of(said: Sequence[str]) -> float:
        for unit, text in enumerate(said):
            if (text, unit) not in known:
                known[text, unit] = score(text, references[unit])
        return float(np.mean([known[text, unit] for unit, text in enumerate(said)]))

    return [
        mean_of(texts),
        max(mean_of([text] * len(texts)) for text in constants),
        float(np.mean([mean_of([texts[each] for each in order]) for order in orders])),
    ]


def _constants(texts: Sequence[str]) -> list[str]:
    """The commonest texts and the commonest words in them."""
    whole = Counter(texts).most_common(_N_CONSTANTS)
    single = Counter(word for text in texts for word in words(text)).most_common(_N_CONSTANTS)
    return list(dict.fromkeys(text for text, _ in [*whole, *single]))


def _shuffles(count: int, n_shuffles: int, seed: int) -> NDArray[np.int64]:
    """Orders (shuffles, count) that leave nothing in its place, where there are two or more."""
    generator = np.random.default_rng([seed, 53])
    orders = np.empty((n_shuffles, count), dtype=np.int64)
    for row in orders:
        ring = generator.permutation(count)
        row[ring] = np.roll(ring, 1)
    return orders


def _checked(references: Sequence[str]) -> Sequence[str]:
    if isinstance(references, str) or not len(references):
        raise UsageError(
            f"Found references {references!r}; expected a list of at least one description."
        )
    return references
