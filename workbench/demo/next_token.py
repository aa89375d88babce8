"""Held-out loss of a causal language model on documents of token ids."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


def document_windows(
    ids: Sequence[int], context: int, stride: int
) -> Iterator[tuple[Sequence[int], int]]:
    """Cut a document into overlapping windows that score every token but the first once.

    Yields
    ------
    (window, scored)
        At most ``context + 1`` ids, of which the last ``scored`` are the ones to score here.
    """
    done = 1
    start = 0
    while done < len(ids):
        end = min(start + context + 1, len(ids))
        yield ids[start:end], end - done
        done = end
        start = max(start + stride, end - context)


def token_losses(
    model: nn.Module,
    documents: Sequence[Sequence[int]],
    context: int = 128,
    stride: int = 64,
    batch_size: int = 16,
) -> list[float]:
    """Loss of every token but each document's first, in nats, in order.

    Parameters
    ----------
    model : torch.nn.Module
        A Hugging Face causal language model, in evaluation mode.
    documents : sequence of sequences of int
        Token ids, each document with its start token first.
    context : int
        Tokens that the model sees at most.
    stride : int
        Step of the windows: a token late in a document sees at least ``context - stride``
        tokens before it.
    batch_size : int
        Windows per forward pass; short ones are padded at the end, where a causal model
        cannot see it.

    Returns
    -------
    list of float
        One loss a scored token.
    """
    import torch
    from torch.nn.functional import cross_entropy

    windows = [w for ids in documents for w in document_windows(ids, context, stride)]
    losses: list[float] = []
    with torch.no_grad():
        for first in range(0, len(windows), batch_size):
            batch = windows[first : first + batch_size]
            longest = max(len(window) for window, _ in batch)
            ids = torch.zeros(len(batch), longest, dtype=torch.long)
            for row, (window, _) in enumerate(batch):
                ids[row, : len(window)] = torch.tensor(list(window))
            logits = model(input_ids=ids[:, :-1]).logits.float()  # (batch, time, vocabulary)
            nats = cross_entropy(logits.transpose(1, 2), ids[:, 1:], reduction="none")
            for row, (window, scored) in enumerate(batch):
                losses += nats[row, len(window) - 1 - scored : len(window) - 1].tolist()
    return losses


def mean_loss(model: nn.Module, documents: Sequence[Sequence[int]], context: int = 128) -> float:
    """Mean of `token_losses`, in nats per token, with windows that overlap by half."""
    losses = token_losses(model, documents, context, stride=context // 2)
    return math.fsum(losses) / len(losses)
