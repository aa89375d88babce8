"""A language model together with its texts, as a source of shards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.capturing.request import CaptureRequest
from workbench.capturing.source import SHARD_TOKENS, SiteInfo, Source, rows_per_shard
from workbench.errors import UsageError
from workbench.recording.manifest import STIMULI, SiteSpec
from workbench.subjects.language.gathering import RowBuffers, make_batch
from workbench.subjects.language.model import LanguageModel
from workbench.subjects.language.plan import TOKENS, StoredText, TextStore, plan_texts
from workbench.subjects.language.rows import row_table
from workbench.subjects.language.texts import Text
from workbench.subjects.language.tokens import (
    TokenizedText,
    read_token_array,
    token_texts,
    tokenize,
)
from workbench.subjects.language.windows import (
    TokenRows,
    Windows,
    batch_windows,
    shard_windows,
    token_rows,
)

if TYPE_CHECKING:
    import pandas as pd

LANGUAGE_OPTIONS = ("text_field", "tagger", "context", "model_dtype", "shard_tokens")


def whole_number(request: CaptureRequest, name: str, default: int) -> int:
    """A positive whole number among the options.

    Parameters
    ----------
    request : CaptureRequest
    name : str
    default : int

    Returns
    -------
    int

    Raises
    ------
    UsageError
        If what was given is none.

    Examples
    --------
    >>> whole_number(CaptureRequest("hf:gpt2", options={"context": "64"}), "context", 1024)
    64
    """
    given = request.option(name)
    if given is None:
        return default
    try:
        number = int(str(given))
    except ValueError:
        number = 0
    if number < 1:
        raise UsageError(f"Found {name} '{given}'; expected a whole number of at least 1.")
    return number


_AVERAGES = ("word", "mean")


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
    notes : mapping, optional
        What a reader must know of the texts, such as where their labels come from.
    """

    def __init__(
        self,
        request: CaptureRequest,
        model: LanguageModel,
        texts: Iterable[Text] | None,
        staging: Path | None,
        notes: Mapping[str, Any] | None = None,
    ) -> None:
        request.allow_positions("all", "last", "word", "mean", "indices")
        self.request = request
        self.model = model
        chosen = model.choose(request.sites)
        self._names = [site.name for site in chosen]
        self._heads = {s.name: s.shape for s in chosen if len(s.shape) > 1}
        self._plan = plan_texts(
            self._tokenized(texts), staging, request.positions, self._context(), request.max_rows
        )
        windows = self._plan.windows
        longest = int(windows.length.max())
        self.sites = tuple(self._spec(site, longest) for site in chosen)
        most = whole_number(request, "shard_tokens", SHARD_TOKENS)
        n_rows = rows_per_shard(self.sites, request.shard_rows or most)
        self._shards = shard_windows(windows, n_rows, most)
        self.plan = tuple(int(windows[part].rows.sum()) for part in self._shards)
        self.notes = {**self._plan.notes, **self._decoder_note(), **(notes or {})}
        self.subject = self._about()
        self._store = self._plan.store

    def _spec(self, site: SiteInfo, longest: int) -> SiteSpec:
        dtype = self.request.storage_dtype(site.dtype)
        if self.model.is_attention(site.name):
            return SiteSpec(site.name, (site.shape[0], longest), dtype, ("row", "unit", "key"))
        return SiteSpec(site.name, (int(np.prod(site.shape)),), dtype)

    def _decoder_note(self) -> dict[str, str]:
        if not self.model.has_decoder_input:
            return {}
        return {
            "decoder": "reads the tokens of the text one later, behind its start token: at the row "
            "of a token it has seen the tokens before"
        }

    def _context(self) -> int:
        most = self.model.context
        wanted = whole_number(self.request, "context", most)
        if wanted > most:
            raise UsageError(f"Found context {wanted}; the model takes 1 to {most} tokens.")
        return wanted

    def _tokenized(self, texts: Iterable[Text] | None) -> Iterable[TokenizedText]:
        if self.request.tokens is not None:
            if self.request.positions == "word":
                raise UsageError(
                    "Token ids have no words; use other --positions, or give a --text."
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
                "cannot be aligned; use other --positions."
            )
        return tokenize(texts, tokenizer)

    def _about(self) -> dict[str, Any]:
        return {
            "address": self.request.subject,
            "kind": "language",
            "vocabulary": self.model.vocabulary,
            **self.model.description,
        }

    @cached_property
    def ingredients(self) -> dict[str, Any]:
        """All that changes the numbers."""
        positions = self.request.positions
        return {
            "subject": self.model.ingredients(self._names),
            "stimuli": self._plan.digest,
            "positions": positions if isinstance(positions, str) else sorted(positions),
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
        """Table of units; with head, and dimension, where a site has heads."""
        import pandas as pd

        table = pd.DataFrame({"unit": np.arange(site.shape[0])})
        if self.model.is_attention(site.name):
            table["head"] = table["unit"]
        elif site.name in self._heads:
            shape = self._heads[site.name]
            head, dimension = np.unravel_index(table["unit"], (shape[0], int(np.prod(shape[1:]))))
            table["head"], table["dimension"] = head, dimension
        return table

    def rows(self, number: int) -> pd.DataFrame:
        """Row table of one shard."""
        windows, texts, found = self._shard(number)
        return row_table(
            texts,
            windows,
            found,
            self._plan.label_names,
            self._token_texts,
            self.request.positions,
        )

    def activity(self, number: int, sites: Sequence[str]) -> dict[str, NDArray]:
        """Activity of one shard."""
        return self._activity(*self._shard(number), sites)

    def trial(self) -> int:
        """Compute one batch."""
        windows, texts, found = self._shard(0)
        fitting = np.searchsorted(np.cumsum(windows.length), self.request.batch_tokens, "right")
        part = slice(max(1, int(fitting)))
        self._activity(windows[part], texts, found[part], self._names)
        return int(windows[part].rows.sum())

    def _shard(self, number: int) -> tuple[Windows, dict[int, StoredText], list[TokenRows]]:
        windows = self._plan.windows[self._shards[number]]
        texts = self._store.read(np.unique(windows.text).tolist())
        found = []
        for i in range(len(windows)):
            text = texts[int(windows.text[i])]
            rows = token_rows(
                _part(text.words, windows, i),
                self.request.positions,
                int(windows.start[i]),
                len(text.ids),
            )
            found.append(rows.first(int(windows.rows[i])))
        return windows, texts, found

    @cached_property
    def _token_texts(self) -> NDArray[np.object_]:
        return token_texts(self.model.tokenizer, self.model.vocabulary)

    def _activity(
        self,
        windows: Windows,
        texts: dict[int, StoredText],
        found: list[TokenRows],
        sites: Sequence[str],
    ) -> dict[str, NDArray]:
        specs = [site for site in self.sites if site.name in sites]
        n_rows = int(windows.rows.sum())
        buffers = RowBuffers(specs, n_rows, self.request.positions in _AVERAGES, self.model)
        starts = np.cumsum(windows.rows) - windows.rows
        for batch in batch_windows(windows.length, self.request.batch_tokens):
            buffers.run(
                make_batch(
                    [_part(texts[int(windows.text[i])].ids, windows, i) for i in batch],
                    [found[i].token for i in batch],
                    [found[i].row + starts[i] for i in batch],
                )
            )
        return buffers.finish()


def _part(values: NDArray[np.int32], windows: Windows, i: int) -> NDArray[np.int32]:
    start = int(windows.start[i])
    return values[start : start + int(windows.length[i])]
