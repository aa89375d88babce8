"""The captioner's networks: show, attend and tell over exemplars, and a language model.

Xu et al. 2015 (1502.03044) attend over places of one image; MILAN (Hernandez et al. 2022,
2201.11114, section 3) over the vectors of a unit's exemplars, which is what this does.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from analyses.neuron_labels.captioner_words import PAD, START


@dataclass(frozen=True)
class State:
    """Of a decoder or language model, between two words.

    Attributes
    ----------
    hidden, cell : Tensor (captions, layers, hidden)
    """

    hidden: Tensor
    cell: Tensor

    def take(self, rows: Tensor) -> State:
        """The state of some captions, in that order."""
        return State(self.hidden[rows], self.cell[rows])


class Decoder(nn.Module):
    """Writes a caption word by word, each time looking at some exemplars more than at others.

    Parameters
    ----------
    n_words, n_features : int
        Size of the vocabulary, and of an exemplar's vector.
    embedding, hidden : int
        MILAN has 128 and 512.
    dropout : float
    """

    mean: Tensor
    scale: Tensor

    def __init__(
        self, n_words: int, n_features: int, embedding: int, hidden: int, dropout: float
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("scale", torch.ones(n_features))
        self.embedding = nn.Embedding(n_words, embedding, padding_idx=PAD)
        self.begin_hidden = nn.Linear(n_features, hidden)
        self.begin_cell = nn.Linear(n_features, hidden)
        self.query = nn.Linear(hidden, hidden)
        self.key = nn.Linear(n_features, hidden)
        self.attention = nn.Linear(hidden, 1)
        self.gate = nn.Linear(hidden, n_features)
        self.cell = nn.LSTMCell(embedding + n_features, hidden)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden, n_words)

    def standardised(self, features: Tensor) -> Tensor:
        """Exemplars' vectors ``(sets, k, features)`` in the units of the training set."""
        return (features - self.mean) / self.scale

    def begin(self, features: Tensor) -> State:
        """State before the first word, from the mean of standardised vectors."""
        mean = features.mean(dim=1)
        hidden, cell = torch.tanh(self.begin_hidden(mean)), torch.tanh(self.begin_cell(mean))
        return State(hidden[:, None], cell[:, None])

    def step(self, words: Tensor, state: State, features: Tensor) -> tuple[Tensor, State, Tensor]:
        """One word further.

        Parameters
        ----------
        words : Tensor (sets,)
            The words before.
        state : State
        features : Tensor (sets, k, features)
            Standardised.

        Returns
        -------
        Tensor (sets, words)
            Log probabilities of the next word.
        State
        Tensor (sets, k)
            Attention; sums to one.
        """
        hidden, cell = state.hidden[:, 0], state.cell[:, 0]
        keys = torch.tanh(self.query(hidden)[:, None] + self.key(features))
        attention = self.attention(keys).squeeze(-1).softmax(dim=-1)
        context = torch.einsum("sk,skf->sf", attention, features)
        context = context * torch.sigmoid(self.gate(hidden))
        given = torch.cat([self.embedding(words), context], dim=-1)
        hidden, cell = self.cell(given, (hidden, cell))
        scores = self.output(self.dropout(hidden)).log_softmax(dim=-1)
        return scores, State(hidden[:, None], cell[:, None]), attention

    def forward(self, features: Tensor, words: Tensor) -> tuple[Tensor, Tensor]:
        """Log probabilities at every place of captions that are read as they are.

        Parameters
        ----------
        features : Tensor (sets, k, features)
        words : Tensor (sets, length)
            The words before each place.

        Returns
        -------
        Tensor (sets, length, words)
        Tensor (sets, length, k)
            Attention.
        """
        standard = self.standardised(features)
        state, scores, looks = self.begin(standard), [], []
        for place in range(words.shape[1]):
            score, state, attention = self.step(words[:, place], state, standard)
            scores.append(score)
            looks.append(attention)
        return torch.stack(scores, dim=1), torch.stack(looks, dim=1)


class LanguageModel(nn.Module):
    """An LSTM over captions alone: p(d).

    Parameters
    ----------
    n_words : int
    embedding, hidden, layers : int
        MILAN has 128, 512 and 2.
    dropout : float
    """

    def __init__(
        self, n_words: int, embedding: int, hidden: int, layers: int, dropout: float
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(n_words, embedding, padding_idx=PAD)
        between = dropout if layers > 1 else 0.0
        self.recurrent = nn.LSTM(embedding, hidden, layers, batch_first=True, dropout=between)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden, n_words)

    def forward(self, words: Tensor) -> Tensor:
        """Log probabilities (captions, length, words) after each word (captions, length)."""
        states, _ = self.recurrent(self.embedding(words))
        scores: Tensor = self.output(self.dropout(states)).log_softmax(dim=-1)
        return scores


def said(scores: Tensor, targets: Tensor) -> Tensor:
    """Log probability of each caption: its words and its stop, and nothing behind that.

    Parameters
    ----------
    scores : Tensor (captions, length, words)
        Log probabilities.
    targets : Tensor (captions, length)
        Words, one stop, padding.

    Returns
    -------
    Tensor (captions,)
    """
    each = scores.gather(-1, targets[..., None]).squeeze(-1)
    return (each * (targets != PAD)).sum(dim=1)


def shifted(targets: Tensor) -> Tensor:
    """The words before each target, from the start on; both ``(captions, length)``."""
    start = targets.new_full((len(targets), 1), START)
    return torch.cat([start, targets[:, :-1]], dim=1)


def uneven_attention(attention: Tensor, targets: Tensor) -> Tensor:
    """How far the exemplars are from being looked at equally: doubly stochastic attention.

    Parameters
    ----------
    attention : Tensor (sets, length, k)
    targets : Tensor (sets, length)

    Returns
    -------
    Tensor (sets,)
        Mean over exemplars of ``(1 - sum over words of attention) ** 2`` (1502.03044, eq. 14).
    """
    seen = (attention * (targets != PAD)[..., None]).sum(dim=1)
    return (1 - seen).square().mean(dim=-1)
