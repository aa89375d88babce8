"""What each model of a family does on held-out prompts, and distances of models from it.

Every distance gives one matrix over all prompts and one for each bootstrap draw of prompts, so that
curves, activity, outputs and weights are held against each other with the same prompts drawn. All
but CKA and Nei's distance are squares: of independent changes, squares add up, as a tree needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from analyses import ndna
from workbench.demo.corpus import Document
from workbench.demo.train_language import encode
from workbench.statistics.bootstrap import bootstrap_weights

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import GPT2LMHeadModel

N_TOKENS = 48
# Last positions of a prompt whose outputs and whose activity are compared.
N_OUTPUT = 8
N_ACTIVITY = 4


@dataclass(frozen=True)
class Reading:
    """What one model does on the prompts."""

    curves: ndna.Curves
    loss: float
    outputs: NDArray[np.float32]  # (prompts, positions, classes), probabilities
    activity: NDArray[np.float32]  # (nodes, prompts x positions, units)
    weights: NDArray[np.float32]  # (parameters,)


class Distances(NamedTuple):
    """Distances between models (models, models), and over draws of prompts (draws, ...)."""

    whole: NDArray[np.float64]
    draws: NDArray[np.float64]


def prompts(
    documents: Mapping[str, Sequence[Document]], tokenizer: Tokenizer, n: int
) -> NDArray[np.int64]:
    """Token ids (prompts, tokens + 1) from held-out documents, the genres in turn."""
    found: dict[str, list[list[int]]] = {}
    for genre, texts in documents.items():
        if genre != "all":
            ids = encode(tokenizer, [document.text for document in texts])
            found[genre] = [
                each[start : start + N_TOKENS + 1]
                for each in ids
                for start in range(0, len(each) - N_TOKENS, 2 * N_TOKENS)
            ]
    generator = np.random.default_rng(0)
    queues = [[each[i] for i in generator.permutation(len(each))] for each in found.values()]
    taken: list[list[int]] = []
    while len(taken) < n and any(queues):
        taken += [queue.pop() for queue in queues if queue][: n - len(taken)]
    return np.array(taken)


def read(name: str, model: GPT2LMHeadModel, tokens: NDArray[np.int64]) -> Reading:
    """Run a model over the prompts."""
    import torch
    from torch.nn.functional import cross_entropy

    curves = ndna.NDNA().curves(model, list(tokens), name=name)
    ids = torch.as_tensor(tokens)
    with torch.inference_mode():
        inside = model.transformer(ids[:, :-1], output_hidden_states=True).hidden_states
        entropy = torch.stack([_entropy(model, inside, each) for each in range(len(inside))], -1)
        # transformers has normalised the last state already.
        logits = model.lm_head(inside[-1])
        loss = float(cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten()))
        outputs = logits[:, -N_OUTPUT:].softmax(-1).numpy()
        activity = torch.stack([state[:, -N_ACTIVITY:].flatten(0, 1) for state in inside])
    channels = {**curves.prompts, "entropy": entropy.double().numpy()}
    curves = replace(curves, prompts=channels)
    flat = torch.cat([each.detach().flatten() for each in model.parameters()]).numpy()
    return Reading(curves, loss, outputs, activity.numpy(), flat)


def _entropy(model: GPT2LMHeadModel, inside: Sequence[Any], node: int) -> Any:
    """Mean entropy (prompts,) of what the logit lens reads at a node, at the last positions."""
    import torch

    state = inside[node][:, -N_OUTPUT:]
    late = state if node == len(inside) - 1 else model.transformer.ln_f(state)
    return torch.special.entr(model.lm_head(late).softmax(-1)).sum(-1).mean(-1)


def all_distances(readings: Mapping[str, Reading], n_draws: int, seed: int) -> dict[str, Distances]:
    """Distances by every method, ours first."""
    curves = {name: each.curves for name, each in readings.items()}
    # The draws of `Curves.draws`, so that every method sees the same prompts.
    n_prompts = next(iter(curves.values())).n_prompts
    weights = bootstrap_weights(np.arange(n_prompts), n_draws, np.random.default_rng(seed))

    def by_curves(*channels: str) -> Distances:
        whole = ndna.distance_matrix(curves, channels).values
        return Distances(whole, ndna.drawn_distances(curves, n_draws, seed, channels))

    outputs = np.stack([each.outputs for each in readings.values()])
    activity = np.stack([each.activity for each in readings.values()])
    flat = np.stack([each.weights for each in readings.values()])
    return {
        "nDNA: length and belief": by_curves("step", "belief"),
        "nDNA: length": by_curves("step"),
        "nDNA: belief": by_curves("belief"),
        "nDNA: turning": by_curves("turning"),
        "nDNA: length, belief, turning": by_curves("step", "belief", "turning"),
        "the same, prompt by prompt": _weighted(
            prompt_by_prompt(curves, ("step", "belief", "turning")), weights, lambda mean: mean
        ),
        "residual turning": by_curves("residual_turning"),
        "product score": _by_score(curves, n_draws, seed),
        "entropy profile": by_curves("entropy"),
        "final-layer Fisher-Rao": _weighted(final_layer(outputs), weights, lambda mean: mean),
        "output Nei": _weighted(output_products(outputs), weights, _nei),
        "CKA": cka(activity, weights),
        "weights": Distances(*_squared(flat, n_draws)),
    }


def _by_score(curves: Mapping[str, ndna.Curves], n_draws: int, seed: int) -> Distances:
    """Differences of the published scalar: the sum over layers of the product of mean curves."""

    def score(values: Callable[[ndna.Curves, str], NDArray]) -> NDArray:
        return np.stack(
            [
                np.nansum(
                    np.prod([values(each, c) for c in ("curvature", "step", "belief")], 0), -1
                )
                for each in curves.values()
            ],
            axis=-1,
        )  # (..., models)

    whole = score(lambda each, channel: each.mean(channel))
    draws = score(lambda each, channel: each.draws(channel, n_draws, seed))
    return Distances(*(np.abs(each[..., :, None] - each[..., None, :]) for each in (whole, draws)))


def prompt_by_prompt(
    curves: Mapping[str, ndna.Curves], channels: Sequence[str]
) -> NDArray[np.float64]:
    """Mean squared differences (prompts, models, models) of curves that are not averaged first.

    Nodes and channels are scaled by their spread over models and prompts, so that the first step,
    by far the longest, does not outweigh the others; without warping.
    """
    found = []
    for channel in channels:
        values = np.stack([each.values(channel) for each in curves.values()])
        values = values[..., np.isfinite(values).all(axis=(0, 1))]  # (models, prompts, nodes)
        scaled = values / values.std(axis=(0, 1))
        gaps = scaled[:, None] - scaled[None]
        found.append(np.moveaxis((gaps**2).mean(axis=-1), 2, 0))
    return np.mean(found, axis=0)


def final_layer(outputs: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean squared Fisher-Rao distance of outputs (prompts, models, models), by prompt."""
    found = []
    for prompt in np.moveaxis(outputs, 0, 2):  # (positions, models, classes)
        probs = prompt.astype(np.float64)
        roots = np.sqrt(probs / probs.sum(-1, keepdims=True))
        shared = np.clip(roots @ roots.transpose(0, 2, 1), 0, 1)
        found.append(((2 * np.arccos(shared)) ** 2).mean(axis=0))
    return np.stack(found)


def output_products(outputs: NDArray[np.float32]) -> NDArray[np.float64]:
    """Sums of products of outputs (prompts, models, models), by prompt."""
    flat = outputs.reshape(*outputs.shape[:2], -1).swapaxes(0, 1).astype(np.float64)
    return flat @ flat.swapaxes(1, 2)


def _nei(products: NDArray[np.float64]) -> NDArray[np.float64]:
    own = np.sqrt(np.diagonal(products, axis1=-2, axis2=-1))
    return -np.log(np.clip(products / (own[..., :, None] * own[..., None, :]), 1e-300, 1))


def _weighted(
    by_prompt: NDArray[np.float64],
    weights: NDArray[np.float64],
    finish: Callable[[NDArray], NDArray],
) -> Distances:
    n = len(by_prompt)
    flat = by_prompt.reshape(n, -1)
    draws = (weights @ flat / n).reshape(len(weights), *by_prompt.shape[1:])
    return Distances(*(_clean(finish(each)) for each in (by_prompt.mean(axis=0), draws)))


def cka(activity: NDArray[np.float32], weights: NDArray[np.float64]) -> Distances:
    """One less linear CKA (models, nodes, rows, units), the mean over nodes.

    HSIC under weights w of rows that sum to 1 is ``w'(K*L)w - 2 sum_i w_i (Kw)_i (Lw)_i +
    (w'Kw)(w'Lw)``, so that no matrix has to be centred anew for a draw.
    """
    n_models, n_nodes, n_rows, _ = activity.shape
    by_row = np.repeat(weights, n_rows // weights.shape[1], axis=1)
    every = np.concatenate([np.ones((1, n_rows)), by_row]) / n_rows
    total = np.zeros((len(every), n_models, n_models))
    for node in range(n_nodes):
        rows = activity[:, node] - activity[:, node].mean(axis=1, keepdims=True)
        kernels = (rows @ rows.swapaxes(1, 2)).astype(np.float32)
        kernels /= np.linalg.norm(kernels, axis=(1, 2), keepdims=True)
        for number, weight in enumerate(every.astype(np.float32)):
            total[number] += _cka_of(kernels, weight) / n_nodes
    apart = _clean(1 - total)
    return Distances(apart[0], apart[1:])


def _cka_of(kernels: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float64]:
    chosen = np.flatnonzero(weight)
    if len(chosen) < len(weight):
        kernels, weight = kernels[:, chosen][:, :, chosen], weight[chosen]
    root = np.sqrt(weight)
    flat = (kernels * (root[:, None] * root)).reshape(len(kernels), -1)
    means = (kernels @ weight).astype(np.float64)  # (models, rows)
    overall = means @ weight
    hsic = (flat @ flat.T).astype(np.float64) - 2 * (means * weight) @ means.T
    hsic += np.outer(overall, overall)
    size = np.sqrt(np.diag(hsic))
    return hsic / np.outer(size, size)


def _squared(flat: NDArray[np.float32], n_draws: int) -> tuple[NDArray, NDArray]:
    from scipy.spatial.distance import pdist, squareform

    whole = squareform(pdist(flat.astype(np.float64), "sqeuclidean"))
    return whole, np.broadcast_to(whole, (n_draws, *whole.shape))


def _clean(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Without the traces of rounding: symmetric, zero on the diagonal, not negative."""
    both = np.maximum((distances + np.swapaxes(distances, -2, -1)) / 2, 0)
    return both * ~np.eye(both.shape[-1], dtype=bool)


def open_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer that all models share."""
    from tokenizers import Tokenizer as Opened

    return Opened.from_file(str(folder / "tokenizer.json"))
