"""A language model together with its texts, as a source of shards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.capturing.request import CaptureRequest
from workbench.capturing.source import SHARD_TOKENS, Source, rows_per_shard
from workbench.errors import UsageError, WorkbenchError
from workbench.recording.manifest import STIMULI, SiteSpec
from workbench.subjects.language.model import LanguageModel
from workbench.subjects.language.plan import TOKENS, StoredText, TextStore, plan_texts
from workbench.subjects.language.rows import row_table, window_rows
from workbench.subjects.language.texts import Text
from workbench.subjects.language.tokens import (
    TokenizedText,
    read_token_array,
    token_texts,
    tokenize,
)
from workbench.subjects.language.windows import Windows, batch_windows, shard_windows

if TYPE_CHECKING:
    import pandas as pd
    import torch

LANGUAGE_OPTIONS = ("text_field", "context", "model_dtype", "shard_tokens")
_LARGEST_FLOAT16 = 65504.0


class LanguageSource(Source):
    """See `workbench.capturing.source.Source`.

    Parameters
    ----------
    request : CaptureRequest
    model : LanguageModel
    texts : iterable of Text, optional
        Used where the request names neither a text file nor token ids.
    staging : Path, optional
        Gets the tables of texts and tokens at once; they stay in memory without it.
    """

    def __init__(
        self,
        request: CaptureRequest,
        model: LanguageModel,
        texts: Iterable[Text] | None,
        staging: Path | None,
    ) -> None:
        request.allow_positions("all", "last", "word")
        self.request = request
        self.model = model
        chosen = model.choose(request.sites)
        self._names = [site.name for site in chosen]
        self._heads = {s.name: s.shape for s in chosen if len(s.shape) > 1}
        self.sites = tuple(
            SiteSpec(site.name, (int(np.prod(site.shape)),), request.storage_dtype(site.dtype))
            for site in chosen
        )
        self._plan = plan_texts(
            self._tokenized(texts), staging, request.positions, self._context(), request.max_rows
        )
        windows = self._plan.windows
        most = int(request.option("shard_tokens", SHARD_TOKENS))
        self._shards = shard_windows(windows, rows_per_shard(self.sites, most), most)
        self.plan = tuple(int(windows[part].rows.sum()) for part in self._shards)
        self.notes = self._plan.notes
        self.subject = self._about()
        self._store = self._plan.store

    def _context(self) -> int:
        wanted, most = self.request.option("context"), self.model.context
        if wanted is not None and not 1 <= int(wanted) <= most:
            raise UsageError(f"Found context {wanted}; the model takes 1 to {most} tokens.")
        return int(wanted or most)

    def _tokenized(self, texts: Iterable[Text] | None) -> Iterable[TokenizedText]:
        if self.request.tokens is not None:
            if self.request.positions == "word":
                raise UsageError(
                    "Token ids have no words; use --positions all or last, or give a --text."
                )
            return read_token_array(self.request.tokens, self.model.vocabulary)
        if texts is None:
            raise UsageError(
                f"Found no stimuli for '{self.request.subject}'; expected --text FILE or --tokens "
                "FILE.npy."
            )
        tokenizer = self.model.tokenizer
        if tokenizer is None:
            raise UsageError(
                f"The model '{self.model.name}' has no tokenizer; give token ids with --tokens "
                "FILE.npy."
            )
        if self.request.positions == "word" and not getattr(tokenizer, "is_fast", False):
            raise UsageError(
                "The model's tokenizer does not say where its tokens stand in the text, so words "
                "cannot be aligned; use --positions all or last."
            )
        return tokenize(texts, tokenizer)

    def _about(self) -> dict[str, Any]:
        config = self.model.bridge.cfg
        return {
            "address": self.request.subject,
            "kind": "language",
            "layers": int(config.n_layers),
            "units": int(config.d_model),
            "heads": int(config.n_heads),
            "vocabulary": self.model.vocabulary,
            "architecture": str(getattr(config, "architecture", "")),
        }

    @cached_property
    def ingredients(self) -> dict[str, Any]:
        """All that changes the numbers."""
        return {
            "subject": self.model.ingredients(self._names),
            "stimuli": self._plan.digest,
            "positions": self.request.positions,
            "context": self._plan.notes["context"],
            "max_rows": self.request.max_rows,
        }

    def write_stimuli(self, staging: Path) -> None:
        """Nothing to do: planning wrote the tables."""

    def stimulus_table(self) -> pd.DataFrame:
        """Table of texts."""
        return self._store.stimuli()

    def settle(self, root: Path) -> None:
        """Read texts from ``root`` from now on."""
        self._store = TextStore(root / STIMULI, root / TOKENS)

    def units(self, site: SiteSpec) -> pd.DataFrame:
        """Table of units; with head and dimension where a site has heads."""
        import pandas as pd

        table = pd.DataFrame({"unit": np.arange(site.shape[0])})
        if site.name in self._heads:
            shape = self._heads[site.name]
            head, dimension = np.unravel_index(table["unit"], (shape[0], int(np.prod(shape[1:]))))
            table["head"], table["dimension"] = head, dimension
        return table

    def rows(self, number: int) -> pd.DataFrame:
        """Row table of one shard."""
        windows, texts, row_of_token = self._shard(number)
        return row_table(
            texts, windows, row_of_token, self._plan.label_names, self._token_texts, self._by_word
        )

    def activity(self, number: int, sites: Sequence[str]) -> dict[str, NDArray]:
        """Activity of one shard."""
        return self._activity(*self._shard(number), sites)

    def trial(self) -> int:
        """Compute one batch."""
        windows, texts, row_of_token = self._shard(0)
        fitting = np.searchsorted(np.cumsum(windows.length), self.request.batch_tokens, "right")
        part = slice(max(1, int(fitting)))
        self._activity(windows[part], texts, row_of_token[part], self._names)
        return int(windows[part].rows.sum())

    def _shard(self, number: int) -> tuple[Windows, dict[int, StoredText], list[NDArray[np.int64]]]:
        windows = self._plan.windows[self._shards[number]]
        texts = self._store.read(np.unique(windows.text).tolist())
        row_of_token = [
            window_rows(_words(texts, windows, i), self.request.positions, int(windows.rows[i]))
            for i in range(len(windows))
        ]
        return windows, texts, row_of_token

    @property
    def _by_word(self) -> bool:
        return self.request.positions == "word"

    @cached_property
    def _token_texts(self) -> NDArray[np.object_]:
        return token_texts(self.model.tokenizer, self.model.vocabulary)

    def _activity(
        self,
        windows: Windows,
        texts: dict[int, StoredText],
        row_of_token: list[NDArray[np.int64]],
        sites: Sequence[str],
    ) -> dict[str, NDArray]:
        import torch

        specs = [site for site in self.sites if site.name in sites]
        starts = np.concatenate([[0], np.cumsum(windows.rows)])
        make = torch.zeros if self._by_word else torch.empty
        buffers = {
            s.name: make(
                (int(starts[-1]), *s.shape),
                dtype=torch.float32 if self._by_word else getattr(torch, s.dtype),
            )
            for s in specs
        }
        for batch in batch_windows(windows.length, self.request.batch_tokens):
            ids = [_ids(texts, windows, i) for i in batch]
            targets = [
                np.where(row_of_token[i] >= 0, row_of_token[i] + starts[i], -1) for i in batch
            ]
            self._run_batch(ids, targets, buffers)
        if self._by_word:
            self._divide(buffers, row_of_token, starts)
        return {s.name: _stored_bits(buffers[s.name], s.dtype, s.name) for s in specs}

    def _run_batch(
        self,
        ids: list[NDArray[np.int32]],
        targets: list[NDArray[np.int64]],
        buffers: dict[str, torch.Tensor],
    ) -> None:
        import torch

        longest = max(len(each) for each in ids)
        padded = np.zeros((len(ids), longest), dtype=np.int64)
        target = np.full((len(ids), longest), -1, dtype=np.int64)
        for i, (row, rows) in enumerate(zip(ids, targets, strict=True)):
            padded[i, : len(row)] = row
            target[i, : len(row)] = rows
        # Padding always stands on the right, where a causal model cannot see it and positions stay
        # right; encoders need the mask as well.
        lengths = np.array([len(each) for each in ids])
        mask = None
        if lengths.min() < longest:
            mask = torch.from_numpy((np.arange(longest) < lengths[:, None]).astype(np.int64))
            mask = mask.to(self.model.device)
        found = self.model.forward(
            torch.from_numpy(padded).to(self.model.device), mask, list(buffers)
        )
        wanted = np.flatnonzero(target.reshape(-1) >= 0)
        to_rows = torch.from_numpy(target.reshape(-1)[wanted])
        for name, value in found.items():
            flat = value.reshape(padded.size, -1)
            chosen = flat[torch.from_numpy(wanted).to(flat.device)].to("cpu", buffers[name].dtype)
            if self._by_word:
                buffers[name].index_add_(0, to_rows, chosen)
            else:
                buffers[name][to_rows] = chosen

    def _divide(
        self,
        buffers: dict[str, torch.Tensor],
        row_of_token: list[NDArray[np.int64]],
        starts: NDArray[np.int64],
    ) -> None:
        import torch

        counts = [
            np.bincount(rows[rows >= 0], minlength=int(starts[i + 1] - starts[i]))
            for i, rows in enumerate(row_of_token)
        ]
        divisor = torch.from_numpy(np.concatenate(counts)).to(torch.float32)[:, None]
        for value in buffers.values():
            value.div_(divisor)


def _words(texts: dict[int, StoredText], windows: Windows, i: int) -> NDArray[np.int32]:
    start = int(windows.start[i])
    return texts[int(windows.text[i])].words[start : start + int(windows.length[i])]


def _ids(texts: dict[int, StoredText], windows: Windows, i: int) -> NDArray[np.int32]:
    start = int(windows.start[i])
    return texts[int(windows.text[i])].ids[start : start + int(windows.length[i])]


def _stored_bits(values: torch.Tensor, dtype: str, site: str) -> NDArray:
    import torch

    if dtype == "float16":
        # Casting turns what is too large into infinity, without a word.
        lost = torch.isinf(values).any() if values.dtype == torch.float16 else None
        if lost or (lost is None and float(values.abs().max()) > _LARGEST_FLOAT16):
            raise WorkbenchError(
                f"Activity at site '{site}' exceeds {_LARGEST_FLOAT16:g}, the largest float16; "
                "capture with --dtype bfloat16 or float32."
            )
    target = values.to(getattr(torch, dtype))
    if dtype == "bfloat16":
        return target.view(torch.int16).numpy().view(np.uint16)
    return target.numpy()
