"""Count-based language models: the baselines that a trained network has to beat."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

Context = tuple[int, ...]


class KneserNey:
    """Interpolated Kneser-Ney model of order 1, 2, 3, … over token ids.

    The highest order uses counts, every lower one the number of different tokens that an
    n-gram follows; one absolute discount is shared by the orders. Order 1 is the unigram model,
    with ``pseudo_count`` added to every entry of the vocabulary, so that nothing has
    probability zero.

    Parameters
    ----------
    order : int
        1 for unigrams, 2 for bigrams, …
    vocabulary : int
        Number of token ids.
    discount : float
        Between 0 and 1, taken from every count above order 1.
    pseudo_count : float
        Added to every count of order 1.

    References
    ----------
    Chen and Goodman (1999), An empirical study of smoothing techniques for language modeling,
    Computer Speech & Language 13, 359-394, section 2.7, with interpolation.

    Examples
    --------
    >>> model = KneserNey(order=2, vocabulary=3).fit([[0, 1, 0, 1, 0, 2]])
    >>> round(sum(model.probability((0,), token) for token in range(3)), 6)
    1.0
    """

    def __init__(
        self, order: int, vocabulary: int, discount: float = 0.75, pseudo_count: float = 1.0
    ) -> None:
        self.order = order
        self.vocabulary = vocabulary
        self.discount = discount
        self.pseudo_count = pseudo_count
        self.counts: dict[Context, Counter[int]] = defaultdict(Counter)
        self.totals: dict[Context, int] = {}

    def fit(self, documents: Iterable[Sequence[int]]) -> KneserNey:
        """Count n-grams; the first token of a document is context only."""
        grams = Counter(gram for ids in documents for gram in _grams(ids, self.order))
        while grams:
            for gram, count in grams.items():
                self.counts[gram[:-1]][gram[-1]] += count
            grams = Counter(gram[1:] for gram in grams if len(gram) > 1)
        self.totals = {context: followers.total() for context, followers in self.counts.items()}
        return self

    def probability(self, context: Context, token: int) -> float:
        """Probability of ``token`` after ``context`` (at most ``order - 1`` ids)."""
        followers = self.counts.get(context, Counter())
        total = self.totals.get(context, 0)
        if not context:
            smooth = self.pseudo_count
            return (followers[token] + smooth) / (total + smooth * self.vocabulary)
        lower = self.probability(context[1:], token)
        if not total:
            return lower
        kept = max(followers[token] - self.discount, 0.0)
        return (kept + self.discount * len(followers) * lower) / total

    def loss(self, documents: Iterable[Sequence[int]]) -> float:
        """Mean of -log probability over all tokens but each document's first, in nats."""
        losses = [
            -math.log(self.probability(gram[:-1], gram[-1]))
            for ids in documents
            for gram in _grams(ids, self.order)
        ]
        return math.fsum(losses) / len(losses)


def _grams(ids: Sequence[int], order: int) -> Iterable[Context]:
    """Every token but the first, behind as many of its predecessors as there are."""
    return (tuple(ids[max(0, end - order) : end]) for end in range(2, len(ids) + 1))


def tuned(
    order: int,
    vocabulary: int,
    train: Sequence[Sequence[int]],
    development: Sequence[Sequence[int]],
) -> KneserNey:
    """The model of this order whose smoothing does best on the development documents."""
    grid = (0.01, 0.1, 0.5, 1.0, 2.0) if order == 1 else (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
    model = KneserNey(order, vocabulary).fit(train)
    losses = {}
    for value in grid:
        setattr(model, "pseudo_count" if order == 1 else "discount", value)
        losses[value] = model.loss(development)
    best = min(losses, key=losses.__getitem__)
    setattr(model, "pseudo_count" if order == 1 else "discount", best)
    return model
