"""A network that is trained to say the next word: embedding, recurrent or dense layer, dense layer.

After Surendra et al. 2023 (arXiv 2302.07588); the sizes of the study are not public, so all are
parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analyses.word_classes.next_word_corpus import Corpus, windows
from workbench.errors import UsageError, nearest

if TYPE_CHECKING:
    from torch import Tensor, nn

KINDS = ("lstm", "gru", "dense")
LAYERS = ("embeddings", "last embedding", "middle", "dense")


@dataclass(frozen=True)
class Recipe:
    """Sizes and training of a next-word network.

    Attributes
    ----------
    kind : {"lstm", "gru", "dense"}
        Of the middle layer; its last step is read.
    window : int
        Words that it sees.
    embedding, middle, dense : int
        Units.
    dropout : float
        On embeddings and on the middle layer.
    epochs, windows_per_epoch, batch_size : int
    learning_rate : float
    """

    kind: str = "lstm"
    window: int = 9
    embedding: int = 100
    middle: int = 128
    dense: int = 128
    dropout: float = 0.3
    epochs: int = 8
    windows_per_epoch: int = 60_000
    batch_size: int = 256
    learning_rate: float = 1e-3


@dataclass(frozen=True)
class Trained:
    """A network before and after training.

    Attributes
    ----------
    untrained, trained : torch.nn.Module
    loss, accuracy : float
        Of the next word on held-out windows: nats, and share right.
    recipe : dict
    seed : int
    """

    untrained: nn.Module
    trained: nn.Module
    loss: float
    accuracy: float
    recipe: dict[str, Any]
    seed: int


def make_network(n_words: int, recipe: Recipe, seed: int) -> nn.Module:
    """An untrained network.

    Parameters
    ----------
    n_words : int
        Size of the vocabulary.
    recipe : Recipe
    seed : int

    Returns
    -------
    torch.nn.Module
        Windows (batch, window) of word numbers to logits (batch, words); `layers` gives what every
        layer says.

    Raises
    ------
    UsageError
        If there is no such kind of layer.
    """
    import torch
    from torch import nn

    if recipe.kind not in KINDS:
        raise UsageError(f"Found kind '{recipe.kind}'; {nearest(recipe.kind, KINDS)}")

    class NextWord(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(n_words, recipe.embedding)
            sizes = recipe.embedding, recipe.middle
            self.middle: nn.Module = {
                "lstm": lambda: nn.LSTM(*sizes, batch_first=True),
                "gru": lambda: nn.GRU(*sizes, batch_first=True),
                "dense": lambda: nn.Linear(sizes[0] * recipe.window, sizes[1]),
            }[recipe.kind]()
            self.dense = nn.Linear(recipe.middle, recipe.dense)
            self.answers = nn.Linear(recipe.dense, n_words)
            self.dropout = nn.Dropout(recipe.dropout)

        def layers(self, words: Tensor) -> dict[str, Tensor]:
            embedded = self.embed(words)
            kept = self.dropout(embedded)
            middle = (
                self.middle(kept.flatten(1)).relu()
                if recipe.kind == "dense"
                else self.middle(kept)[0][:, -1]
            )
            dense = self.dense(self.dropout(middle)).relu()
            values = embedded.flatten(1), embedded[:, -1], middle, dense
            return dict(zip(LAYERS, values, strict=True))

        def forward(self, words: Tensor) -> Tensor:
            return self.answers(self.layers(words)["dense"])

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return NextWord().eval()


def train_next_word(
    corpus: Corpus,
    held_out: Corpus,
    recipe: Recipe | None = None,
    seed: int = 0,
    progress: Callable[[int, float], None] | None = None,
) -> Trained:
    """Train a network to say the next word, and nothing else.

    Parameters
    ----------
    corpus, held_out : Corpus
        With one vocabulary.
    recipe : Recipe, optional
    seed : int
    progress : callable, optional
        Called with the epoch and its mean loss in nats.

    Returns
    -------
    Trained

    Raises
    ------
    UsageError
        If vocabularies differ, or a text is too short.
    """
    import torch

    if corpus.vocabulary != held_out.vocabulary:
        raise UsageError(
            "Found two vocabularies; expected one: make the held-out corpus with that of the "
            "training corpus."
        )
    plan = recipe or Recipe()
    known, unseen = (windows(each.words, plan.window) for each in (corpus, held_out))
    first = make_network(len(corpus.vocabulary), plan, seed)
    network = make_network(len(corpus.vocabulary), plan, seed)
    generator = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        optimiser = torch.optim.Adam(network.parameters(), lr=plan.learning_rate)
        for epoch in range(plan.epochs):
            loss = _epoch(network, known, optimiser, plan, generator)
            if progress is not None:
                progress(epoch, loss)
    loss, accuracy = _tested(network, unseen)
    return Trained(first, network, loss, accuracy, asdict(plan), seed)


def _epoch(
    network: nn.Module,
    known: NDArray[np.int64],
    optimiser: Any,
    plan: Recipe,
    generator: np.random.Generator,
) -> float:
    import torch

    network.train()
    n = min(plan.windows_per_epoch, len(known))
    order = generator.permutation(len(known))[:n]
    total = 0.0
    for start in range(0, n, plan.batch_size):
        batch = torch.from_numpy(known[np.sort(order[start : start + plan.batch_size])])
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(network(batch[:, :-1]), batch[:, -1])
        loss.backward()
        optimiser.step()
        total += loss.item() * len(batch)
    network.eval()
    return total / n


def _tested(network: nn.Module, unseen: NDArray[np.int64]) -> tuple[float, float]:
    import torch

    loss, right = 0.0, 0
    with torch.inference_mode():
        for start in range(0, len(unseen), 2048):
            batch = torch.from_numpy(unseen[start : start + 2048].copy())
            logits = network(batch[:, :-1])
            loss += float(torch.nn.functional.cross_entropy(logits, batch[:, -1], reduction="sum"))
            right += int((logits.argmax(1) == batch[:, -1]).sum())
    return loss / len(unseen), right / len(unseen)


def activity_of_layers(
    network: nn.Module, words: NDArray[np.int64]
) -> dict[str, NDArray[np.float32]]:
    """What every layer says of windows of words.

    Parameters
    ----------
    network : torch.nn.Module
        As `make_network` makes it.
    words : ndarray (windows, window) of int

    Returns
    -------
    dict of str to ndarray (windows, units)
        ``embeddings`` (of all words, joined), ``last embedding``, ``middle`` and ``dense``.
    """
    import torch

    layers: Any = network.layers
    with torch.inference_mode():
        said = layers(torch.from_numpy(np.ascontiguousarray(words)))
    return {name: values.numpy() for name, values in said.items()}
