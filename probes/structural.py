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
from probes.trees import check_heads, tree_depths, tree_distances
from workbench.errors import UsageError, nearest

if TYPE_CHECKING:
    from torch import Tensor

TASKS = ("distance", "depth")


@dataclass(frozen=True)
class StructuralScore:
    """How well trees were read.

    Attributes
    ----------
    spearman : float
        Correlation of predicted with true distances (or depths) of a sentence's words, mean over
        sentences of a length, then over lengths from 5 to 50.
    uuas : float
        Share of the tree's undirected edges that the predicted minimum spanning tree has;
        punctuation is left out where it is marked. NaN for depths.
    root : float
        Share of sentences whose root has the smallest predicted depth. NaN for distances.
    n_sentences : int
    chain_uuas : float
        The same share for the tree that joins neighbouring words: what knows word order only.
    """

    spearman: float
    uuas: float
    root: float
    n_sentences: int
    chain_uuas: float


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
    max_epochs : int
    patience : int
        Epochs without a lower loss on the sentences kept aside (an eighth).
    batch_size : int
        Sentences.
    seed : int

    Attributes
    ----------
    projection_ : ndarray (rank, units)
        B.
    history_ : ndarray (epochs,)
        Loss on the sentences kept aside.
    """

    def __init__(
        self,
        task: str = "distance",
        rank: int | None = None,
        learning_rate: float = 1e-3,
        max_epochs: int = 60,
        patience: int = 5,
        batch_size: int = 20,
        seed: int = 0,
    ) -> None:
        self.task = task
        self.rank = rank
        self.learning_rate = learning_rate
        self.max_epochs = max_epochs
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
        for _ in range(self.max_epochs):
            shuffled = torch.randperm(len(train), generator=generator).tolist()
            for first in range(0, len(train), self.batch_size):
                chosen = [train[number] for number in shuffled[first : first + self.batch_size]]
                optimiser.zero_grad()
                self._loss(projection, inputs, targets, chosen).backward()
                optimiser.step()
            with torch.no_grad():
                history.append(float(self._loss(projection, inputs, targets, test)))
            if history[-1] <= min(history):
                best = projection.detach().clone()
            if len(history) - 1 - int(np.argmin(history)) >= self.patience:
                break
        self.history_ = np.array(history)
        return best.numpy()

    def _loss(
        self, projection: Tensor, inputs: list[Tensor], targets: list[Tensor], which: list[int]
    ) -> Tensor:
        import torch

        errors = []
        for number in which:
            projected = inputs[number] @ projection.T
            if self.task == "distance":
                said = (projected[:, None] - projected[None]).square().sum(-1)
            else:
                said = projected.square().sum(-1)
            errors.append((said - targets[number]).abs().mean())
        return torch.stack(errors).mean()

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
        from probes.trees import score_trees

        activity, _ = _prepared(sentences, heads, self.task)
        said = [self.predict(each) for each in activity]
        return StructuralScore(*score_trees(said, heads, punctuation, self.task))


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
