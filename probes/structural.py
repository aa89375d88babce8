"""Structural probes: a linear map under which distances and lengths are those of a tree.

Hewitt and Manning 2019, *A structural probe for finding syntax in word representations*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from probes.base import activity_of
from probes.trees import (
    TreeScores,
    chain,
    check_heads,
    score_trees,
    tree_depths,
    tree_distances,
)
from workbench.errors import UsageError, nearest

if TYPE_CHECKING:
    from torch import Tensor

TASKS = ("distance", "depth")
_CHECK_EVERY = 50


@dataclass(frozen=True)
class StructuralScore:
    """How well trees were read, beside what needs no activity.

    Attributes
    ----------
    probe : TreeScores
    shuffled : TreeScores
        The same predictions with the words of every sentence in another order.
    chain : TreeScores, optional
        Of distances: neighbouring words joined, which knows word order only.
    n_sentences : int
    """

    probe: TreeScores
    shuffled: TreeScores
    chain: TreeScores | None
    n_sentences: int

    @property
    def uuas(self) -> float:
        """Undirected unlabelled attachment score of the probe."""
        return self.probe.uuas

    @property
    def spearman(self) -> float:
        """Rank correlation of the probe."""
        return self.probe.spearman


class StructuralProbe(BaseEstimator):
    """Squared distances (or lengths) after a linear map, fitted to those of dependency trees.

    ``d(i, j) = |B (h_i - h_j)|^2`` is fitted to the number of edges between words i and j, or
    ``|B h_i|^2`` to the depth of word i, by the mean over sentences of the absolute error over all
    pairs (or words) of a sentence (equations 1 to 3).

    Parameters
    ----------
    task : {"distance", "depth"}
    rank : int, optional
        Rows of B; as many as there are units, but 64 at most, by default.
    learning_rate : float
    n_steps : int
        Of the optimiser, at most.
    patience : int
        Steps without a lower loss on the sentences kept aside (an eighth), after which training
        ends; the best step is kept.
    batch_size : int
        Sentences a step.
    seed : int

    Attributes
    ----------
    projection_ : ndarray (rank, units)
        B.
    history_ : ndarray (checks,)
        Loss on the sentences kept aside, every 50 steps.
    """

    def __init__(
        self,
        task: str = "distance",
        rank: int | None = None,
        learning_rate: float = 1e-2,
        n_steps: int = 4000,
        patience: int = 600,
        batch_size: int = 20,
        seed: int = 0,
    ) -> None:
        self.task = task
        self.rank = rank
        self.learning_rate = learning_rate
        self.n_steps = n_steps
        self.patience = patience
        self.batch_size = batch_size
        self.seed = seed

    def fit(self, sentences: Sequence[ArrayLike], heads: Sequence[ArrayLike]) -> Self:
        """Learn the map from sentences and their trees.

        Parameters
        ----------
        sentences : sequence of array (words, units)
            Activity at the words of every sentence.
        heads : sequence of array (words,) of int
            Number of every word's head within its sentence, from 0; -1 at the root.

        Returns
        -------
        StructuralProbe

        Raises
        ------
        UsageError
            If sentences and heads do not fit, or heads are no tree.
        """
        import torch

        if self.task not in TASKS:
            raise UsageError(f"Found task '{self.task}'; {nearest(self.task, TASKS)}")
        activity, truths = _prepared(sentences, heads, self.task)
        n_units = activity[0].shape[1]
        rank = min(n_units, 64) if self.rank is None else self.rank
        if not 1 <= rank <= n_units:
            raise UsageError(
                f"Found rank {rank} for {n_units} units; expected from 1 to {n_units}."
            )
        stacked = np.concatenate(activity)
        # Sizes of residual streams differ a thousandfold: the rate must mean the same for all.
        self._centre = stacked.mean(axis=0)
        self._spread = float(stacked.std()) or 1.0
        inputs = [torch.as_tensor(self._scaled(each)) for each in activity]
        targets = [torch.as_tensor(each.astype(np.float32)) for each in truths]
        generator = torch.Generator().manual_seed(self.seed)
        start = torch.rand((rank, n_units), generator=generator) * 0.1 - 0.05
        self.projection_ = self._trained(start, inputs, targets, generator)
        return self

    def _scaled(self, x: NDArray[Any]) -> NDArray[np.float32]:
        return ((x - self._centre) / self._spread).astype(np.float32)

    def _trained(
        self, start: Tensor, inputs: list[Tensor], targets: list[Tensor], generator: Any
    ) -> NDArray[np.float32]:
        import torch

        projection = start.requires_grad_()
        optimiser = torch.optim.Adam([projection], lr=self.learning_rate)
        order = torch.randperm(len(inputs), generator=generator).tolist()
        n_test = max(1, len(order) // 8)
        test, train = order[:n_test], order[n_test:] or order
        history: list[float] = []
        best = projection.detach().clone()
        for step in range(1, self.n_steps + 1):
            drawn = torch.randint(len(train), (self.batch_size,), generator=generator).tolist()
            optimiser.zero_grad()
            self._loss(projection, inputs, targets, [train[each] for each in drawn]).backward()
            optimiser.step()
            if step % _CHECK_EVERY and step < self.n_steps:
                continue
            with torch.no_grad():
                history.append(float(self._loss(projection, inputs, targets, test)))
            if history[-1] <= min(history):
                best = projection.detach().clone()
            if (len(history) - 1 - int(np.argmin(history))) * _CHECK_EVERY >= self.patience:
                break
        self.history_ = np.array(history)
        return best.numpy()

    def _loss(
        self, projection: Tensor, inputs: list[Tensor], targets: list[Tensor], which: list[int]
    ) -> Tensor:
        import torch
        from torch.nn.utils.rnn import pad_sequence

        words = torch.tensor([len(inputs[number]) for number in which])
        padded = pad_sequence([inputs[number] for number in which], batch_first=True)
        projected = padded @ projection.T
        there = torch.arange(padded.shape[1]) < words[:, None]
        if self.task == "distance":
            said = (projected[:, :, None] - projected[:, None]).square().sum(-1)
            there = there[:, :, None] & there[:, None]
        else:
            said = projected.square().sum(-1)
        truth = torch.zeros_like(said)
        for place, number in enumerate(which):
            size = len(targets[number])
            part = truth[place, :size]
            (part[:, :size] if self.task == "distance" else part).copy_(targets[number])
        errors = ((said - truth).abs() * there).flatten(1).sum(1)
        return (errors / there.flatten(1).sum(1)).mean()

    def predict(self, X: ArrayLike) -> NDArray[np.float32]:
        """Distances (words, words) or depths (words,) of a sentence's activity (words, units)."""
        projected = self._scaled(activity_of(X)) @ self.projection_.T
        if self.task == "depth":
            return np.square(projected).sum(axis=-1)
        return np.square(projected[:, None] - projected[None]).sum(axis=-1)

    def score(
        self,
        sentences: Sequence[ArrayLike],
        heads: Sequence[ArrayLike],
        punctuation: Sequence[ArrayLike] | None = None,
    ) -> StructuralScore:
        """Score on sentences that the probe has not seen.

        Parameters
        ----------
        sentences : sequence of array (words, units)
        heads : sequence of array (words,) of int
        punctuation : sequence of array (words,) of bool, optional
            Words that edges are not counted for, as is the custom.

        Returns
        -------
        StructuralScore

        Raises
        ------
        UsageError
            As `fit`.
        """
        activity, _ = _prepared(sentences, heads, self.task)
        trees = [check_heads(each) for each in heads]
        marked = (
            [np.zeros(len(each), bool) for each in trees] if punctuation is None else punctuation
        )
        words = [np.flatnonzero(~np.asarray(each, dtype=bool)) for each in marked]
        said = [self.predict(each) for each in activity]
        generator = np.random.default_rng(self.seed)
        orders = [generator.permutation(len(each)) for each in said]
        shuffled = [
            each[np.ix_(*(order for _ in each.shape))]
            for each, order in zip(said, orders, strict=True)
        ]
        in_order = [chain(each) for each in trees] if self.task == "distance" else None
        return StructuralScore(
            score_trees(said, trees, words),
            score_trees(shuffled, trees, words),
            score_trees(in_order, trees, words) if in_order else None,
            len(said),
        )


def _prepared(
    sentences: Sequence[ArrayLike], heads: Sequence[ArrayLike], task: str
) -> tuple[list[NDArray[Any]], list[NDArray[np.int64]]]:
    if len(sentences) != len(heads) or len(sentences) < 2:
        raise UsageError(
            f"Found {len(sentences)} sentences and {len(heads)} trees; expected equally many, at "
            "least two."
        )
    activity = [activity_of(each) for each in sentences]
    trees = [check_heads(each) for each in heads]
    for number, (words, tree) in enumerate(zip(activity, trees, strict=True)):
        if len(words) != len(tree):
            raise UsageError(
                f"Found {len(words)} words of activity and {len(tree)} heads in sentence {number}; "
                "expected equally many."
            )
    truth = tree_distances if task == "distance" else tree_depths
    return activity, [truth(each) for each in trees]
