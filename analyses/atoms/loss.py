"""What a language model loses when a site is replaced by its reconstruction from atoms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError, nearest

if TYPE_CHECKING:
    import torch

    from analyses.atoms.sae import ThresholdSAE
    from workbench.subjects.language.loading import Network

WAYS = ("as it is", "reconstruction", "zero", "mean")
_TOKENS_AT_ONCE = 4096
_DRAWS = 1000
Replace = Callable[["torch.Tensor"], "torch.Tensor"]


@dataclass(frozen=True)
class LossRecovered:
    """Cross-entropy of the next token, with a site as it is and replaced, in nats a token.

    Attributes
    ----------
    loss : dict of str to float
        By way: ``as it is``, ``reconstruction``, ``zero`` and ``mean``, which puts the site's mean
        over these texts everywhere.
    recovered, recovered_from_mean : float
        ``(ablated - reconstruction) / (ablated - as it is)`` against zero and mean: 1 if nothing is
        lost, 0 if the reconstruction is worth no more than the ablation.
    interval, interval_from_mean : pair of float
        95 % of a bootstrap over texts.
    n_tokens, n_texts : int
        Predicted tokens, and texts.
    by_text : ndarray (texts, ways)
        Summed cross-entropy of each text.
    """

    loss: dict[str, float]
    recovered: float
    recovered_from_mean: float
    interval: tuple[float, float]
    interval_from_mean: tuple[float, float]
    n_tokens: int
    n_texts: int
    by_text: NDArray[np.float64] = field(repr=False)


@dataclass(frozen=True)
class _Site:
    """A place in a model, and rows of tokens to pass through it."""

    network: Network
    module: torch.nn.Module
    name: str
    windows: list[tuple[int, NDArray[np.int64]]]
    n_texts: int


def loss_recovered(
    subject: str,
    site: str,
    sae: ThresholdSAE,
    texts: Sequence[str] | str | Path,
    *,
    device: str = "auto",
    seed: int = 0,
) -> LossRecovered:
    """Measure how much of a language model's prediction survives a reconstruction.

    Parameters
    ----------
    subject : str
        Address of a causal language model: ``hf:NAME_OR_FOLDER`` or ``demo:language``.
    site : str
        Whose activity is replaced, at every token.
    sae : ThresholdSAE
        Trained on that site.
    texts : sequence of str, or path of a text
        Best such that it has not seen. Longer ones than the model's context are cut.
    device : str
    seed : int
        Of the bootstrap.

    Returns
    -------
    LossRecovered

    Raises
    ------
    UsageError
        If the subject predicts no next token, the site does not exist or cannot be replaced, or
        the autoencoder is of another site or width.

    Examples
    --------
    >>> from analyses.atoms.sae import ThresholdSAE
    >>> rows = np.random.default_rng(0).standard_normal((300, 128)).astype(np.float32)
    >>> sae = ThresholdSAE(16, target_l0=4, n_steps=20, batch_size=64).fit(rows)
    >>> texts = ["The dog sees the cat.", "A bird sings."]
    >>> found = loss_recovered("demo:language", "blocks.0.hook_resid_post", sae, texts)
    >>> found.loss["as it is"] < found.loss["reconstruction"]
    True
    """
    _check_site(site, sae)
    place = _opened(subject, site, texts, device)
    mean, untouched = _first_pass(place, sae)
    replacements: tuple[Replace, ...] = (
        lambda rows: _reconstructed(sae, rows),
        lambda rows: rows.new_zeros(rows.shape),
        lambda rows: mean.to(rows).expand_as(rows),
    )
    others = [_losses(place, replace) for replace in replacements]
    by_text = np.stack([untouched, *others], axis=1)
    return _summed(by_text, sum(len(ids) - 1 for _, ids in place.windows), seed)


def _summed(by_text: NDArray[np.float64], n_tokens: int, seed: int) -> LossRecovered:
    from workbench.statistics.bootstrap import percentile_interval

    totals = by_text.sum(axis=0)
    generator = np.random.default_rng([seed, 31])
    drawn = by_text[generator.integers(len(by_text), size=(_DRAWS, len(by_text)))].sum(axis=1)
    found = [_share(totals[None], way)[0] for way in (2, 3)]
    intervals = [percentile_interval(_share(drawn, way)) for way in (2, 3)]
    return LossRecovered(
        loss={way: float(total / n_tokens) for way, total in zip(WAYS, totals, strict=True)},
        recovered=float(found[0]),
        recovered_from_mean=float(found[1]),
        interval=intervals[0],
        interval_from_mean=intervals[1],
        n_tokens=n_tokens,
        n_texts=len(by_text),
        by_text=by_text,
    )


def _share(totals: NDArray[np.float64], way: int) -> NDArray[np.float64]:
    share: NDArray[np.float64] = (totals[:, way] - totals[:, 1]) / (totals[:, way] - totals[:, 0])
    return share


def _check_site(site: str, sae: ThresholdSAE) -> None:
    trained = getattr(sae, "site_", None)
    if trained is not None and trained != site:
        raise UsageError(
            f"Found an autoencoder of site '{trained}'; expected one of '{site}', whose activity "
            "is to be replaced: name its own site, or train another one."
        )


def _opened(subject: str, site: str, texts: Sequence[str] | str | Path, device: str) -> _Site:
    from workbench.subjects.language.loading import (
        load_network,
        load_tokenizer,
        resolve_device,
        without_bridge,
    )
    from workbench.subjects.language.passing import has_decoder_input
    from workbench.subjects.language.probing import is_faithful

    name = _model_name(subject)
    network = load_network(name, resolve_device(device), "float32")
    if not is_faithful(network):
        network = without_bridge(network.plain, network.missing)
    model: Any = network.plain
    architecture = type(model).__name__
    if "Masked" in architecture or has_decoder_input(model) or not model.get_output_embeddings():
        raise UsageError(
            f"Found '{subject}' ({architecture}), which predicts no next token; expected a causal "
            "language model."
        )
    if site not in network.points:
        raise UsageError(f"Found no site '{site}' in '{subject}'; {nearest(site, network.points)}")
    windows, n_texts = _windows(texts, load_tokenizer(name), network.context)
    return _Site(network, network.points[site].module, site, windows, n_texts)


def _model_name(subject: str) -> str:
    from workbench.demo.language import folder

    scheme, _, name = subject.partition(":")
    demo, _, checkpoint = name.partition("@")
    if (scheme, demo) == ("demo", "language"):
        return str(folder(checkpoint or "final"))
    if scheme != "hf" or not name:
        raise UsageError(
            f"Found subject '{subject}'; expected a causal language model, 'hf:NAME_OR_FOLDER' or "
            "'demo:language'."
        )
    return name


def _windows(
    texts: Sequence[str] | str | Path, tokenizer: Any, context: int
) -> tuple[list[tuple[int, NDArray[np.int64]]], int]:
    """Token ids (tokens,) with the number of their text; each window at least two tokens long."""
    from workbench.subjects.language.texts import open_texts
    from workbench.subjects.language.tokens import tokenize

    given = open_texts(Path(texts) if isinstance(texts, (str, Path)) else texts)
    windows, kept = [], 0
    for text in tokenize(given, tokenizer):
        ids = text.ids.astype(np.int64)
        pieces = [ids[start : start + context] for start in range(0, len(ids), context)]
        pieces = [piece for piece in pieces if len(piece) > 1]
        windows += [(kept, piece) for piece in pieces]
        kept += bool(pieces)
    if kept < 2:
        raise UsageError(f"Found {kept} texts of two tokens or more; expected at least two texts.")
    return sorted(windows, key=lambda pair: len(pair[1])), kept


def _batches(place: _Site) -> Iterator[tuple[list[int], torch.Tensor]]:
    """Windows of equal length together, so that nothing is padded."""
    import torch

    numbers: list[int] = []
    ids: list[NDArray[np.int64]] = []
    for number, window in place.windows:
        if ids and (len(window) != len(ids[0]) or len(ids) * len(window) >= _TOKENS_AT_ONCE):
            yield numbers, torch.from_numpy(np.stack(ids)).to(place.network.device)
            numbers, ids = [], []
        numbers.append(number)
        ids.append(window)
    yield numbers, torch.from_numpy(np.stack(ids)).to(place.network.device)


def _first_pass(place: _Site, sae: ThresholdSAE) -> tuple[torch.Tensor, NDArray[np.float64]]:
    """Mean activity (units,), and losses of the texts, with the site as it is."""
    import torch

    total: list[torch.Tensor] = []
    n_rows = 0

    def watch(rows: torch.Tensor) -> torch.Tensor:
        nonlocal n_rows
        if rows.shape[1] != sae.decoder_.shape[1]:
            raise UsageError(
                f"Found {rows.shape[1]} units at '{place.name}'; expected "
                f"{sae.decoder_.shape[1]}, as the autoencoder has: pass the one of this site."
            )
        total[:] = [rows.double().sum(0) + (total[0] if total else 0)]
        n_rows += len(rows)
        return rows

    sae._check_learned()
    losses = _losses(place, watch)
    with torch.inference_mode():
        return (total[0] / n_rows).float(), losses


def _losses(place: _Site, replace: Replace) -> NDArray[np.float64]:
    """Summed cross-entropy (texts,) with the rows of a site replaced."""
    import torch

    from workbench.subjects.language.passing import pass_through
    from workbench.subjects.language.points import first_output

    losses = np.zeros(place.n_texts)
    for numbers, ids in _batches(place):

        def hook(_module: Any, inputs: Any, output: Any, ids: torch.Tensor = ids) -> Any:
            value = first_output(inputs, output)
            if not hasattr(value, "numel") or value.numel() % ids.numel() or value.ndim < 2:
                raise UsageError(
                    f"The activity at '{place.name}' is not one row a token; expected such a site, "
                    "as the residual stream is."
                )
            made = replace(value.reshape(ids.numel(), -1)).reshape(value.shape)
            return made if hasattr(output, "numel") else (made, *tuple(output)[1:])

        handle = place.module.register_forward_hook(hook)
        try:
            logits = pass_through(place.network.watched, ids, None)
        finally:
            handle.remove()
        with torch.inference_mode():
            assert logits is not None  # noqa: S101 - nothing ends this pass early
            each = torch.nn.functional.cross_entropy(
                logits[:, :-1].flatten(0, 1).float(), ids[:, 1:].flatten(), reduction="none"
            )
            sums = each.view(len(ids), -1).double().sum(1).cpu().numpy()
        np.add.at(losses, numbers, sums)
    return losses


def _reconstructed(sae: ThresholdSAE, rows: torch.Tensor) -> torch.Tensor:
    import torch

    made = sae.inverse_transform(sae.transform(rows.float().cpu().numpy()))
    return torch.from_numpy(made).to(rows)
