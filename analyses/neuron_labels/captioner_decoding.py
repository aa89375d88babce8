"""Most likely captions of a set of exemplars, and what a language model thinks of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analyses.neuron_labels.captioner_words import PAD, START, STOP, UNKNOWN, Vocabulary

if TYPE_CHECKING:
    import torch

    from analyses.neuron_labels.captioner_networks import Decoder, LanguageModel


def beam(
    decoder: Decoder, features: torch.Tensor, width: int, longest: int
) -> list[tuple[list[int], float]]:
    """Captions by beam search.

    A caption that has stopped leaves the beam: it is not scored further, and it does not take the
    place of one that goes on.

    Parameters
    ----------
    decoder : Decoder
        In evaluation mode.
    features : Tensor (k, features)
        One set's exemplars.
    width : int
        Captions that are kept at every step, and that are returned at most.
    longest : int
        In words, without the stop.

    Returns
    -------
    list of (list of int, float)
        Words' numbers without the stop, and their log probability with it, the best first.
    """
    import torch

    with torch.inference_mode():
        standard = decoder.standardised(features)[None]
        state = decoder.begin(standard)
        words = torch.tensor([START])
        scores = torch.zeros(1)
        paths: list[list[int]] = [[]]
        ended: list[tuple[list[int], float]] = []
        for length in range(longest + 1):
            after, state, _ = decoder.step(words, state, standard.expand(len(words), -1, -1))
            after = after + scores[:, None]
            ended += [(path, float(s)) for path, s in zip(paths, after[:, STOP], strict=True)]
            ended = sorted(ended, key=lambda each: -each[1])[:width]
            after[:, [PAD, START, STOP, UNKNOWN]] = -torch.inf
            scores, chosen = after.flatten().topk(min(width, after[after > -torch.inf].numel()))
            worst = ended[-1][1] if len(ended) == width else -np.inf
            # What goes on only gets less likely: below the worst of a full list it never enters.
            going = scores > worst
            if length == longest or not going.any():
                break
            scores, chosen = scores[going], chosen[going]
            rows, words = chosen // after.shape[1], chosen % after.shape[1]
            state = state.take(rows)
            pairs = zip(rows.tolist(), words.tolist(), strict=True)
            paths = [[*paths[row], word] for row, word in pairs]
    return ended


def greedy(decoder: Decoder, features: torch.Tensor, longest: int) -> list[list[int]]:
    """The likeliest next word, again and again, for many sets at once.

    Parameters
    ----------
    decoder : Decoder
    features : Tensor (sets, k, features)
    longest : int

    Returns
    -------
    list of list of int
        Words' numbers up to the stop, without it.
    """
    import torch

    with torch.inference_mode():
        standard = decoder.standardised(features)
        state = decoder.begin(standard)
        words = torch.full((len(features),), START)
        columns = []
        for _ in range(longest):
            scores, state, _ = decoder.step(words, state, standard)
            scores[:, [PAD, START, UNKNOWN]] = -torch.inf
            words = scores.argmax(dim=-1)
            columns.append(words)
    rows = torch.stack(columns, dim=1).tolist()
    return [row[: row.index(STOP)] if STOP in row else row for row in rows]


def log_prior(
    model: LanguageModel, vocabulary: Vocabulary, captions: Sequence[Sequence[str]]
) -> NDArray[np.float64]:
    """Log probability of captions, stop included, each the same in whatever company it is.

    Parameters
    ----------
    model : LanguageModel
        In evaluation mode.
    vocabulary : Vocabulary
    captions : sequence of sequence of str

    Returns
    -------
    ndarray (captions,)
    """
    import torch

    from analyses.neuron_labels.captioner_networks import said, shifted

    targets = torch.from_numpy(vocabulary.encode(captions))
    with torch.inference_mode():
        return said(model(shifted(targets)), targets).double().numpy()


def log_conditional(
    decoder: Decoder,
    vocabulary: Vocabulary,
    features: torch.Tensor,
    captions: Sequence[Sequence[str]],
) -> NDArray[np.float64]:
    """Log probability of any captions for one set of exemplars, stop included.

    Parameters
    ----------
    decoder : Decoder
        In evaluation mode.
    vocabulary : Vocabulary
    features : Tensor (k, features)
    captions : sequence of sequence of str

    Returns
    -------
    ndarray (captions,)
    """
    import torch

    from analyses.neuron_labels.captioner_networks import said, shifted

    targets = torch.from_numpy(vocabulary.encode(captions))
    with torch.inference_mode():
        scores, _ = decoder(features[None].expand(len(targets), -1, -1), shifted(targets))
        return said(scores, targets).double().numpy()
