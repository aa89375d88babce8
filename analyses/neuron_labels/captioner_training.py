"""Training of the captioner and of its language model, stopped early with the best weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from analyses.neuron_labels.captioner_words import Vocabulary, bleu
from workbench.errors import UsageError

if TYPE_CHECKING:
    import torch
    from torch import nn

    from analyses.neuron_labels.captioner_networks import Decoder, LanguageModel

Caption = Sequence[str]


@dataclass(frozen=True)
class CaptionerSettings:
    """How large the networks are and how they are trained.

    Attributes
    ----------
    embedding, hidden, layers : int
        Of words, of states, and layers of the language model. MILAN: 128, 512, 2.
    dropout : float
        MILAN: 0.5.
    attention_penalty : float
        Weight of `uneven_attention`. MILAN: 1.
    batch_size, epochs, patience : int
        MILAN: 64, at most 100, 4.
    learning_rate : float
        Of AdamW; MILAN takes torch's own.
    criterion : {"bleu", "likelihood"}
        On which the decoder's training is stopped. MILAN: BLEU of greedy captions, which jumps
        about where there are few validation sets or short captions.
    longest : int
        Words of a caption. MILAN: 15.
    validation : float
        Share of the sets on which training is stopped.
    seed : int
    """

    embedding: int = 64
    hidden: int = 192
    layers: int = 2
    dropout: float = 0.3
    attention_penalty: float = 1.0
    batch_size: int = 64
    epochs: int = 100
    patience: int = 4
    learning_rate: float = 1e-3
    criterion: Literal["bleu", "likelihood"] = "bleu"
    longest: int = 15
    validation: float = 0.1
    seed: int = 0


@dataclass(eq=False)
class Best:
    """The best weights so far, as copies.

    A state dictionary holds the tensors that training goes on to change; kept as it is, it would
    give back the last weights instead of the best.

    Attributes
    ----------
    score : float
        Higher is better.
    history : list of float
        Every score.
    """

    score: float = -np.inf
    history: list[float] = field(default_factory=list)
    _state: dict[str, torch.Tensor] = field(default_factory=dict)
    _since: int = 0

    def offer(self, network: nn.Module, score: float) -> None:
        """Keep a copy of the weights if none had so good a score."""
        self.history.append(score)
        self._since += 1
        if score > self.score:
            state = network.state_dict()
            self._state = {name: value.detach().clone() for name, value in state.items()}
            self.score, self._since = score, 0

    def is_over(self, patience: int) -> bool:
        """Whether the last ``patience`` offers were no better."""
        return self._since >= patience

    def restore(self, network: nn.Module) -> None:
        """Put the best weights back."""
        network.load_state_dict(self._state)


def train_decoder(
    features: NDArray[np.float32],
    captions: Sequence[Sequence[Caption]],
    vocabulary: Vocabulary,
    settings: CaptionerSettings,
) -> tuple[Decoder, list[float]]:
    """Learn p(d | E) from sets of exemplars and what people would say of them.

    Parameters
    ----------
    features : array (sets, k, features)
    captions : sequence of sequence of sequence of str
        One or more for each set; each epoch takes one of them at random.
    vocabulary : Vocabulary
    settings : CaptionerSettings

    Returns
    -------
    Decoder
        In evaluation mode, with the weights of the best validation score.
    list of float
        BLEU, or mean log probability of a caption, after each epoch.

    Raises
    ------
    UsageError
        If there are fewer than ten sets.
    """
    import torch

    from analyses.neuron_labels.captioner_networks import Decoder, said, shifted, uneven_attention

    train, test = split_sets(len(features), settings)
    generator = np.random.default_rng(settings.seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        sizes = (settings.embedding, settings.hidden, settings.dropout)
        decoder = Decoder(len(vocabulary), features.shape[-1], *sizes)
        decoder.mean.copy_(torch.from_numpy(features[train].mean(axis=(0, 1))))
        decoder.scale.copy_(torch.from_numpy(features[train].std(axis=(0, 1)) + 1e-6))

        def loss(rows: NDArray[np.int64]) -> torch.Tensor:
            given = [captions[int(row)] for row in rows]
            chosen = [each[int(generator.integers(len(each)))] for each in given]
            targets = torch.from_numpy(vocabulary.encode(chosen))
            seen = torch.from_numpy(features[rows])
            scores, attention = decoder(seen, shifted(targets))
            penalty = settings.attention_penalty * uneven_attention(attention, targets)
            return (penalty - said(scores, targets)).mean()

        def score() -> float:
            references = [captions[row] for row in test]
            judge = _validation_bleu if settings.criterion == "bleu" else _validation_likelihood
            return judge(decoder, features[test], references, vocabulary)

        history = _fit(decoder, loss, score, train, settings, generator)
    return decoder, history


def train_language_model(
    captions: Sequence[Caption], vocabulary: Vocabulary, settings: CaptionerSettings
) -> tuple[LanguageModel, list[float]]:
    """Learn p(d) from captions alone.

    Parameters
    ----------
    captions : sequence of sequence of str
    vocabulary : Vocabulary
    settings : CaptionerSettings

    Returns
    -------
    LanguageModel
        In evaluation mode, with the best validation likelihood.
    list of float
        Mean log probability of a held-out caption after each epoch.

    Raises
    ------
    UsageError
        If there are fewer than ten captions.
    """
    import torch

    from analyses.neuron_labels.captioner_networks import LanguageModel, said, shifted

    train, test = split_sets(len(captions), settings)
    generator = np.random.default_rng(settings.seed)
    targets = torch.from_numpy(vocabulary.encode(captions))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        sizes = (settings.embedding, settings.hidden, settings.layers, settings.dropout)
        model = LanguageModel(len(vocabulary), *sizes)

        def log_probability(rows: NDArray[np.int64]) -> torch.Tensor:
            return said(model(shifted(targets[rows])), targets[rows]).mean()

        def score() -> float:
            with torch.inference_mode():
                return float(log_probability(test))

        history = _fit(
            model, lambda rows: -log_probability(rows), score, train, settings, generator
        )
    return model, history


def _fit(
    network: nn.Module,
    loss: Callable[[NDArray[np.int64]], torch.Tensor],
    score: Callable[[], float],
    rows: NDArray[np.int64],
    settings: CaptionerSettings,
    generator: np.random.Generator,
) -> list[float]:
    """Train until the score stops rising; leave the best weights in the network."""
    import torch

    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate)
    best = Best()
    for _ in range(settings.epochs):
        network.train()
        for batch in _batches(rows, settings.batch_size, generator):
            optimizer.zero_grad()
            loss(batch).backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimizer.step()
        network.eval()
        best.offer(network, score())
        if best.is_over(settings.patience):
            break
    best.restore(network)
    return best.history


def split_sets(n: int, settings: CaptionerSettings) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sets to learn from, and sets to stop on; every run of one seed gets the same.

    Parameters
    ----------
    n : int
    settings : CaptionerSettings

    Raises
    ------
    UsageError
        If there are fewer than ten.

    Examples
    --------
    >>> train, test = split_sets(20, CaptionerSettings())
    >>> len(train), len(test), len(set(train) & set(test))
    (18, 2, 0)
    """
    if n < 10:
        raise UsageError(
            f"Found {n} captioned sets; expected at least 10, of which some are held out: give "
            "more."
        )
    order = np.random.default_rng(settings.seed).permutation(n)
    held = max(1, round(settings.validation * n))
    return np.sort(order[held:]), np.sort(order[:held])


def _batches(
    rows: NDArray[np.int64], size: int, generator: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    order = generator.permutation(rows)
    for start in range(0, len(order), size):
        yield order[start : start + size]


def _validation_bleu(
    decoder: Decoder,
    features: NDArray[np.float32],
    references: Sequence[Sequence[Caption]],
    vocabulary: Vocabulary,
) -> float:
    import torch

    from analyses.neuron_labels.captioner_decoding import greedy

    longest = max(len(caption) for each in references for caption in each)
    said = greedy(decoder, torch.from_numpy(features), longest)
    return bleu(references, [vocabulary.decode(numbers) for numbers in said])


def _validation_likelihood(
    decoder: Decoder,
    features: NDArray[np.float32],
    references: Sequence[Sequence[Caption]],
    vocabulary: Vocabulary,
) -> float:
    import torch

    from analyses.neuron_labels.captioner_networks import said, shifted

    rows = np.repeat(np.arange(len(features)), [len(each) for each in references])
    every = [caption for each in references for caption in each]
    targets = torch.from_numpy(vocabulary.encode(every))
    with torch.inference_mode():
        scores, _ = decoder(torch.from_numpy(features[rows]), shifted(targets))
        return float(said(scores, targets).mean())
