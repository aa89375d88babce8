"""A causal language model with texts: scores of its next tokens while activity is edited."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.editing.targets import Edit, Metric, Scores, Watch, known_site, metric_of
from workbench.errors import UsageError

if TYPE_CHECKING:
    import torch

    from workbench.subjects.language.loading import Network

_TOKENS_AT_ONCE = 4096


class LanguageTarget:
    """A causal language model with texts; scores are those of its next tokens.

    Parameters
    ----------
    subject : str
        ``hf:NAME_OR_FOLDER`` or ``demo:language``.
    texts : sequence of str, or path
    metric : {"loss", "accuracy"} or callable
        Cross-entropy in nats a token, the share of next tokens that come first, or a function of
        logits (tokens, vocabulary) and next tokens that gives one number a token.
    device : str

    Raises
    ------
    UsageError
        If the subject predicts no next token, or there are fewer than two texts.
    """

    def __init__(
        self, subject: str, texts: Sequence[str] | str | Path, metric: str | Metric = "loss",
        device: str = "auto",
    ) -> None:  # fmt: skip
        from workbench.subjects.language.loading import (
            load_network,
            load_tokenizer,
            resolve_device,
            without_bridge,
        )
        from workbench.subjects.language.passing import has_decoder_input
        from workbench.subjects.language.probing import is_faithful

        name = model_name(subject)
        network = load_network(name, resolve_device(device), "float32")
        if not is_faithful(network):
            network = without_bridge(network.plain, network.missing)
        plain: Any = network.plain
        if (
            "Masked" in type(plain).__name__
            or has_decoder_input(plain)
            or not plain.get_output_embeddings()
        ):
            raise UsageError(
                f"Found '{subject}' ({type(plain).__name__}), which predicts no next token; "
                "expected a causal language model."
            )
        self._network: Network = network
        self._metric, self._tokenizer = metric_of(metric), load_tokenizer(name)
        self._windows, self._n_texts = _windows(texts, self._tokenizer, network.context)

    def scores(self, edits: Mapping[str, Edit], metric: str | Metric | None = None) -> Scores:
        """See `Target`."""
        measure = self._metric if metric is None else metric_of(metric)
        values, weights = np.zeros(self._n_texts), np.zeros(self._n_texts)
        for numbers, ids in self._batches():
            each = self._measured(ids, edits, measure)
            np.add.at(values, numbers, each.sum(1))
            np.add.at(weights, numbers, ids.shape[1] - 1)
        return Scores(values, weights)

    def scores_of_each(
        self, site: str, edits: Sequence[Edit], metric: str | Metric | None = None
    ) -> list[Scores]:
        """See `Target`."""
        measure = self._metric if metric is None else metric_of(metric)
        values, weights = np.zeros((self._n_texts, len(edits))), np.zeros(self._n_texts)
        for numbers, ids in self._batches():
            size = max(1, _TOKENS_AT_ONCE // ids.numel())
            parts = [edits[start : start + size] for start in range(0, len(edits), size)]
            sums = [
                self._measured(ids.repeat(len(part), 1), {site: _Beside(part)}, measure)
                .sum(1)
                .reshape(len(part), len(ids))
                for part in parts
            ]
            np.add.at(values, numbers, np.concatenate(sums).T)
            np.add.at(weights, numbers, ids.shape[1] - 1)
        return [Scores(column, weights) for column in values.T]

    def _measured(
        self, ids: torch.Tensor, edits: Mapping[str, Edit], measure: Metric
    ) -> NDArray[np.float64]:
        """Metric of every next token (windows, tokens - 1)."""
        import torch

        logits = self._logits(ids, edits)
        with torch.inference_mode():
            flat = logits[:, :-1].flatten(0, 1).float()
            each = measure(flat, ids[:, 1:].flatten()).view(len(ids), -1)
        found: NDArray[np.float64] = each.double().cpu().numpy()
        return found

    def _logits(self, ids: torch.Tensor, edits: Mapping[str, Edit]) -> torch.Tensor:
        from workbench.subjects.language.passing import pass_through

        with self._hooked(edits, ids):
            logits = pass_through(self._network.watched, ids, None)
        assert logits is not None  # noqa: S101 - nothing ends this pass early
        return logits

    def moments(self, site: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """See `Target`."""
        watch = Watch()
        self.scores({site: watch})
        return watch.moments()

    def next_token(self, text: str, site: str, edits: Sequence[Edit]) -> NDArray[np.float64]:
        """Log-probabilities in nats (edits, vocabulary) of what follows a text under each edit.

        Raises
        ------
        UsageError
            If the text has no token.
        """
        import torch

        tokens = self._tokenizer(text)["input_ids"][-self._network.context :]
        if not tokens:
            raise UsageError("Found a text without a token; expected at least one to go on from.")
        ids = torch.tensor([tokens] * len(edits), device=self._network.device)
        logits = self._logits(ids, {site: _Beside(edits)})
        with torch.inference_mode():
            last = logits[:, -1].double().log_softmax(-1)
        found: NDArray[np.float64] = last.cpu().numpy()
        return found

    def token(self, text: str) -> int:
        """Number of the token that a text is.

        Raises
        ------
        UsageError
            If it is none or several.
        """
        ids = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        if len(ids) != 1:
            raise UsageError(
                f"Found answer '{text}' of {len(ids)} tokens; expected texts of one token each, "
                "with the space before them that the tokenizer has."
            )
        return int(ids[0])

    def tokens(self) -> list[str]:
        """Readable text of every token (vocabulary,)."""
        return [str(self._tokenizer.decode([number])) for number in range(len(self._tokenizer))]

    def _batches(self) -> Iterator[tuple[list[int], torch.Tensor]]:
        """Windows of equal length together, so that nothing is padded."""
        import torch

        by_length: dict[int, list[tuple[int, NDArray[np.int64]]]] = {}
        for number, window in self._windows:
            by_length.setdefault(len(window), []).append((number, window))
        for length, group in sorted(by_length.items()):
            size = max(1, _TOKENS_AT_ONCE // length)
            for start in range(0, len(group), size):
                part = group[start : start + size]
                ids = torch.from_numpy(np.stack([window for _, window in part]))
                yield [number for number, _ in part], ids.to(self._network.device)

    @contextmanager
    def _hooked(self, edits: Mapping[str, Edit], ids: torch.Tensor) -> Iterator[None]:
        from workbench.subjects.language.points import first_output

        def hook_of(site: str, edit: Edit) -> Callable[[Any, Any, Any], Any]:
            def hook(_module: Any, inputs: Any, output: Any) -> Any:
                value = first_output(inputs, output)
                if not hasattr(value, "numel") or value.numel() % ids.numel() or value.ndim < 2:
                    raise UsageError(
                        f"The activity at '{site}' is not one row a token; expected such a site, "
                        "as the residual stream or the units of an MLP."
                    )
                made = edit(value.reshape(ids.numel(), -1)).reshape(value.shape)
                return made if hasattr(output, "numel") else (made, *tuple(output)[1:])

            return hook

        points = self._network.points
        modules = {site: points[known_site(site, points)].module for site in edits}
        handles = [
            modules[site].register_forward_hook(hook_of(site, edit)) for site, edit in edits.items()
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


@dataclass(frozen=True)
class _Beside:
    """Edits of as many parts of the rows, which follow each other."""

    edits: Sequence[Edit]

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        import torch

        parts = rows.chunk(len(self.edits))
        return torch.cat([edit(part) for edit, part in zip(self.edits, parts, strict=True)])


def model_name(subject: str) -> str:
    """Folder or hub name of a language model's address.

    Raises
    ------
    UsageError
        If it is none.
    """
    from workbench.demo.language import folder

    scheme, _, name = subject.partition(":")
    demo, _, checkpoint = name.partition("@")
    if (scheme, demo) == ("demo", "language"):
        return str(folder(checkpoint or "final"))
    if scheme != "hf" or not name:
        raise UsageError(
            f"Found subject '{subject}'; expected a causal language model, 'hf:NAME_OR_FOLDER' or "
            "'demo:language', or a network, 'torch:MODULE:FACTORY', 'hf-vision:NAME_OR_FOLDER' or "
            "'demo:vision'."
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
    return windows, kept
