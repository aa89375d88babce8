"""Planning a language capture: tables of texts and tokens on disk, windows in memory."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError, WorkbenchError
from workbench.recording.manifest import STIMULI
from workbench.subjects.language.tokens import TokenizedText
from workbench.subjects.language.windows import Windows, count_rows, cut

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

    @property
    def is_full(self) -> bool:
        return self.max_rows is not None and self.rows >= self.max_rows

    def add(self, text: TokenizedText) -> None:
        """Cut one text; windows without rows need not be computed."""
        for start, length in cut(text.words, self.context):
            if self.is_full:
                break
            part = text.words[start : start + length]
            n_rows = count_rows(part, self.policy, start + length == len(text.ids))
            if self.max_rows is not None:
                n_rows = min(n_rows, self.max_rows - self.rows)
            if n_rows:
                self.windows.append((self.n_texts, start, length, n_rows))
                self.rows += n_rows
        self.n_texts += 1
        self.n_tokens += len(text.ids)
        n_words = len(np.unique(text.words[text.words >= 0]))
        self.wordless += len(text.source.spans) - n_words


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
    policy : str
        ``all``, ``last`` or ``word``.
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
        raise UsageError(
            f"{collector.n_texts} texts gave no row under positions '{policy}'; expected text with "
            "words: use --positions all, or another text."
        )
    columns = np.asarray(collector.windows, dtype=np.int64).T
    notes = {
        "texts": collector.n_texts,
        "tokens": collector.n_tokens,
        "context": context,
        "words_without_a_token_of_their_own": collector.wordless,
        "fields_left_out": sorted(writer.left_out),
    }
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
        "text": pa.array([_valid(t.source.text) for t in texts], pa.string()),
        "n_tokens": pa.array([len(t.ids) for t in texts], pa.int64()),
        "n_words": pa.array([len(t.source.spans) for t in texts], pa.int64()),
    }
    for key in about:
        columns[key] = pa.array([t.source.about.get(key) for t in texts], pa.string())
    return pa.table(columns)


def _valid(text: str) -> str:
    # Lone surrogates, which JSON can spell, have no UTF-8 form and so no place in a table.
    return text.encode("utf-8", "replace").decode("utf-8")


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
    text : str
    ids, words : ndarray (tokens,)
    spans : ndarray (words, 2)
    labels : dict of str to list
    """

    text: str
    ids: NDArray[np.int32]
    words: NDArray[np.int32]
    spans: NDArray[np.int64]
    labels: dict[str, list[str | None]]


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
        wanted: dict[int, list[int]] = {}
        for number in numbers:
            wanted.setdefault(bisect_right(self._starts, number) - 1, []).append(number)
        found = {}
        for group, members in wanted.items():
            start = self._starts[group]
            texts = self._stimuli.read_row_group(group, columns=["text"])
            tokens = self._tokens.read_row_group(group)
            for number in members:
                found[number] = _stored(texts, tokens, number - start)
        return found


def _stored(texts: pa.Table, tokens: pa.Table, row: int) -> StoredText:
    def values(column: str) -> NDArray:
        return tokens[column][row].values.to_numpy(zero_copy_only=False)

    labels = {
        name.removeprefix("label:"): tokens[name][row].as_py()
        for name in tokens.column_names
        if name.startswith("label:")
    }
    spans = np.stack([values("span_starts"), values("span_ends")], axis=1)
    return StoredText(texts["text"][row].as_py(), values("ids"), values("words"), spans, labels)
