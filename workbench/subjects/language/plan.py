"""Planning a language capture: tables of texts and tokens on disk, windows in memory."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError, WorkbenchError
from workbench.recording.manifest import STIMULI
from workbench.subjects.language.tokens import TokenizedText
from workbench.subjects.language.windows import Windows, cut, positions_of, token_rows

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

TOKENS = "tokens.parquet"
_GROUP_TOKENS = 65_536


@dataclass
class TextPlan:
    """What is to be passed through the model.

    Attributes
    ----------
    windows : Windows
        Only those that give rows.
    digest : str
        Hash over all texts, token ids and labels that are used.
    label_names : tuple of str
    notes : dict
        Numbers of texts and tokens, words without a token, fields left out.
    store : TextStore
        Reads the texts back.
    """

    windows: Windows
    digest: str
    label_names: tuple[str, ...]
    notes: dict[str, Any]
    store: TextStore


@dataclass
class _Collector:
    policy: str | tuple[int, ...]
    context: int
    max_rows: int | None
    windows: list[tuple[int, int, int, int]] = field(default_factory=list)
    rows: int = 0
    n_texts: int = 0
    n_tokens: int = 0
    wordless: int = 0
    beyond: int = 0
    replaced: int = 0

    @property
    def is_full(self) -> bool:
        return self.max_rows is not None and self.rows >= self.max_rows

    def add(self, text: TokenizedText) -> None:
        """Cut one text; windows that go to no row need not be computed."""
        n_tokens = len(text.ids)
        for start, length in cut(text.words, self.context):
            part = text.words[start : start + length]
            found = token_rows(part, self.policy, start, n_tokens)
            n_rows = found.n_rows
            if self.max_rows is not None:
                n_rows = min(n_rows, self.max_rows - self.rows)
            if found.n_rows and not n_rows:
                break
            if len(found.token):
                self.windows.append((self.n_texts, start, length, n_rows))
                self.rows += n_rows
        self.n_texts += 1
        self.n_tokens += n_tokens
        n_words = len(np.unique(text.words[text.words >= 0]))
        self.wordless += len(text.source.spans) - n_words
        self.replaced += text.replaced
        if isinstance(self.policy, tuple):
            self.beyond += len(self.policy) - len(positions_of(self.policy, n_tokens))

    def notes(self) -> dict[str, Any]:
        """What a reader must know."""
        notes = {
            "texts": self.n_texts,
            "tokens": self.n_tokens,
            "context": self.context,
            "words_without_a_token_of_their_own": self.wordless,
        }
        if self.replaced:
            notes["characters_without_a_utf8_form_replaced"] = self.replaced
        if isinstance(self.policy, tuple):
            notes["positions_beyond_the_end_of_their_text"] = self.beyond
        return notes


def plan_texts(
    texts: Iterable[TokenizedText],
    staging: Path | None,
    policy: str | tuple[int, ...],
    context: int,
    max_rows: int | None = None,
) -> TextPlan:
    """Read all texts once: write their tables and remember only their windows.

    Parameters
    ----------
    texts : iterable of TokenizedText
    staging : Path, optional
        Folder that gets ``stimuli.parquet`` and ``tokens.parquet``; without it they stay in memory.
    policy : str or tuple of int
        As for `workbench.subjects.language.windows.token_rows`.
    context : int
        Tokens that the model can take at once.
    max_rows : int, optional
        Stop reading when so many rows are planned.

    Returns
    -------
    TextPlan

    Raises
    ------
    UsageError
        If no row comes out.
    """
    collector = _Collector(policy, context, max_rows)
    running = hashlib.sha256()
    with _TableWriter(staging) as writer:
        for text in texts:
            collector.add(text)
            writer.add(text)
            running.update(_content(text))
            if collector.is_full:
                break
    if not collector.windows:
        shown = policy if isinstance(policy, str) else ",".join(map(str, policy))
        expected = "words" if policy == "word" else "tokens there"
        raise UsageError(
            f"{collector.n_texts} texts gave no row under positions '{shown}'; expected text with "
            f"{expected}: use --positions all, or another text."
        )
    columns = np.asarray(collector.windows, dtype=np.int64).T
    notes = {**collector.notes(), "fields_left_out": sorted(writer.left_out)}
    return TextPlan(
        Windows(*columns), running.hexdigest(), writer.label_names, notes, writer.store()
    )


def _content(text: TokenizedText) -> bytes:
    source = text.source
    described = json.dumps([source.text, source.spans, source.labels, source.about])
    return described.encode() + text.ids.tobytes() + text.words.tobytes()


class _TableWriter:
    """Writes the two tables in row groups of bounded size."""

    def __init__(self, staging: Path | None) -> None:
        import pyarrow as pa

        self._staging = staging
        self._memory = [] if staging else [pa.BufferOutputStream() for _ in (STIMULI, TOKENS)]
        self._texts: list[TokenizedText] = []
        self._tokens = 0
        self._written = 0
        self._writers: list[Any] = []
        self._about: tuple[str, ...] = ()
        self.label_names: tuple[str, ...] = ()
        self.left_out: set[str] = set()

    def __enter__(self) -> _TableWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()
        for writer in self._writers:
            writer.close()

    def add(self, text: TokenizedText) -> None:
        """Take one text."""
        if not self._written and not self._texts:
            self._about = tuple(key for key in text.source.about if key not in _OWN_COLUMNS)
            self.label_names = tuple(text.source.labels)
        self.left_out |= set(text.source.about) - set(self._about)
        self._texts.append(text)
        self._tokens += len(text.ids)
        if self._tokens >= _GROUP_TOKENS:
            self._flush()

    def _flush(self) -> None:
        if not self._texts:
            return
        tables = (_stimulus_table(self._texts, self._about), _token_table(self._texts))
        try:
            if not self._writers:
                self._open(tables)
            for writer, table in zip(self._writers, tables, strict=True):
                writer.write_table(table, row_group_size=max(1, len(self._texts)))
        except OSError as error:
            raise WorkbenchError(
                f"Could not write the table of texts to '{self._staging}' ({error}); nothing was "
                "captured yet: free some space and run the same command again."
            ) from error
        self._written += len(self._texts)
        self._texts, self._tokens = [], 0

    def _open(self, tables: tuple[pa.Table, pa.Table]) -> None:
        import pyarrow.parquet as pq

        folder = self._staging
        targets = [folder / n for n in (STIMULI, TOKENS)] if folder is not None else self._memory
        for target, table in zip(targets, tables, strict=True):
            self._writers.append(pq.ParquetWriter(target, table.schema, compression="zstd"))

    def store(self) -> TextStore:
        """What reads the tables back, once they are closed."""
        if self._staging is not None:
            return TextStore(self._staging / STIMULI, self._staging / TOKENS)
        return TextStore(*(stream.getvalue() for stream in self._memory))


_OWN_COLUMNS = ("text", "n_tokens", "n_words")


def _stimulus_table(texts: Sequence[TokenizedText], about: Sequence[str]) -> pa.Table:
    import pyarrow as pa

    columns: dict[str, pa.Array] = {
        "text": pa.array([t.source.text for t in texts], pa.string()),
        "n_tokens": pa.array([len(t.ids) for t in texts], pa.int64()),
        "n_words": pa.array([len(t.source.spans) for t in texts], pa.int64()),
    }
    for key in about:
        columns[key] = pa.array([t.source.about.get(key) for t in texts], pa.string())
    return pa.table(columns)


def _token_table(texts: Sequence[TokenizedText]) -> pa.Table:
    import pyarrow as pa

    labels = [{k: list(v) for k, v in t.source.labels.items()} for t in texts]
    names = list(texts[0].source.labels)
    columns = {
        "ids": pa.array([t.ids for t in texts], pa.list_(pa.int32())),
        "words": pa.array([t.words for t in texts], pa.list_(pa.int32())),
        "span_starts": pa.array([[s for s, _ in t.source.spans] for t in texts], _INDEX()),
        "span_ends": pa.array([[e for _, e in t.source.spans] for t in texts], _INDEX()),
    }
    for name in names:
        values = [each.get(name, []) for each in labels]
        columns[f"label:{name}"] = pa.array(values, pa.list_(pa.string()))
    return pa.table(columns)


def _INDEX() -> pa.DataType:  # noqa: N802 - a type, spelt like one
    import pyarrow as pa

    return pa.list_(pa.int64())


@dataclass(frozen=True)
class StoredText:
    """A text read back from the tables.

    Attributes
    ----------
    ids, words : ndarray (tokens,)
    spans : ndarray (words, 2)
    """

    ids: NDArray[np.int32]
    words: NDArray[np.int32]
    spans: NDArray[np.int64]
    _texts: Any
    _labels: dict[str, Any]
    _row: int

    # What only tables of rows need is converted when they do.
    @cached_property
    def text(self) -> str:
        """The text itself."""
        return str(self._texts[self._row].as_py())

    @cached_property
    def labels(self) -> dict[str, list[str | None]]:
        """Labels by name, one value a word; empty where the text has none."""
        return {name: values[self._row].as_py() for name, values in self._labels.items()}


class TextStore:
    """Texts of a planned recording, read back a row group at a time.

    Parameters
    ----------
    stimuli, tokens : Path or pyarrow.Buffer
        The two tables.
    """

    def __init__(self, stimuli: Path | pa.Buffer, tokens: Path | pa.Buffer) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        opened = [
            pq.ParquetFile(each if isinstance(each, Path) else pa.BufferReader(each))
            for each in (stimuli, tokens)
        ]
        self._stimuli, self._tokens = opened
        sizes = [
            self._tokens.metadata.row_group(i).num_rows
            for i in range(self._tokens.metadata.num_row_groups)
        ]
        self._starts = np.concatenate([[0], np.cumsum(sizes)]).tolist()
        self._latest: tuple[int, _Group] | None = None

    def stimuli(self) -> pd.DataFrame:
        """The whole table of texts."""
        return self._stimuli.read().to_pandas()

    def read(self, numbers: Sequence[int]) -> dict[int, StoredText]:
        """Texts by number.

        Parameters
        ----------
        numbers : sequence of int
            0-based texts.

        Returns
        -------
        dict of int to StoredText
        """
        found = {}
        for number in numbers:
            place = bisect_right(self._starts, number) - 1
            found[number] = self._group(place).text(number - self._starts[place])
        return found

    def _group(self, place: int) -> _Group:
        # The last one is kept: a shard's rows and activity, and its neighbours, need it again.
        if self._latest is None or self._latest[0] != place:
            texts = self._stimuli.read_row_group(place, columns=["text"])
            self._latest = (place, _Group(texts, self._tokens.read_row_group(place)))
        return self._latest[1]


class _Group:
    """A row group of the tables, as flat arrays."""

    def __init__(self, texts: pa.Table, tokens: pa.Table) -> None:
        self._texts = texts["text"].combine_chunks()
        lists = {name: tokens[name].combine_chunks() for name in tokens.column_names}
        self._ids, self._token_at = _flat(lists.pop("ids"))
        self._words, _ = _flat(lists.pop("words"))
        starts, self._word_at = _flat(lists.pop("span_starts"))
        ends, _ = _flat(lists.pop("span_ends"))
        self._spans = np.stack([starts, ends], axis=1)
        self._labels = {name.removeprefix("label:"): values for name, values in lists.items()}

    def text(self, row: int) -> StoredText:
        """One text of the group."""
        tokens = slice(self._token_at[row], self._token_at[row + 1])
        words = slice(self._word_at[row], self._word_at[row + 1])
        return StoredText(
            self._ids[tokens],
            self._words[tokens],
            self._spans[words],
            self._texts,
            self._labels,
            row,
        )


def _flat(lists: pa.ListArray) -> tuple[NDArray, list[int]]:
    offsets = lists.offsets.to_numpy()
    return lists.values.to_numpy(zero_copy_only=False), offsets.tolist()
