"""Reading texts: plain lines, JSON lines, CoNLL-U with gold word classes, Parquet."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from workbench.errors import UsageError, nearest

_WORD = re.compile(r"\S+")


@dataclass(frozen=True)
class Text:
    """One text, with its words.

    Attributes
    ----------
    text : str
    spans : tuple of (int, int)
        Half-open character span of every word.
    labels : dict of str to tuple of str or None
        One value a word for every label, such as ``upos``.
    about : dict of str to str
        Columns of the stimulus table, such as ``document``.
    """

    text: str
    spans: tuple[tuple[int, int], ...]
    labels: dict[str, tuple[str | None, ...]] = field(default_factory=dict)
    about: dict[str, str] = field(default_factory=dict)


def plain(text: str, **about: str) -> Text:
    """A text whose words are what white space separates.

    Examples
    --------
    >>> plain("Two words").spans
    ((0, 3), (4, 9))
    """
    return Text(text, tuple(match.span() for match in _WORD.finditer(text)), about=about)


def open_texts(given: Path | Sequence[str], text_field: str = "text") -> Iterator[Text]:
    """Texts of a file, or those given as they are; the first is read at once.

    Parameters
    ----------
    given : Path or sequence of str
    text_field : str
        As for `read_texts`.

    Returns
    -------
    iterator of Text

    Raises
    ------
    UsageError
        As `read_texts`, or if a text is not a string or there is none.
    """
    if isinstance(given, Path):
        # A missing or empty file is found before a model is loaded for it.
        texts = read_texts(given, text_field)
        return chain([next(texts)], texts)
    for text in given:
        if not isinstance(text, str):
            raise UsageError(f"Found {type(text).__name__} among the texts; expected strings.")
    if not any(text.strip() for text in given):
        raise UsageError("Found no text; expected at least one string that is not blank.")
    return (plain(text) for text in given)


def read_texts(path: Path, text_field: str = "text") -> Iterator[Text]:
    """Texts of a file, one after another in bounded memory.

    Parameters
    ----------
    path : Path
        ``.txt``: every line that is not blank is a text. ``.jsonl``: one object a line.
        ``.conllu``: one text a sentence, with its word labels. ``.parquet``: one text a row.
    text_field : str
        Field or column that holds the text, in ``.jsonl`` and ``.parquet``.

    Yields
    ------
    Text

    Raises
    ------
    UsageError
        If the file does not exist, is of another kind, is garbled, or holds no text.
    """
    if not path.is_file():
        raise UsageError(f"Found no text file '{path}'; expected a file: check the path.")
    readers: dict[str, Callable[[Path, str], Iterator[Text]]] = {
        ".txt": _read_lines,
        ".jsonl": _read_json_lines,
        ".conllu": _read_conllu,
        ".parquet": _read_parquet,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise UsageError(
            f"Found text file '{path.name}'; expected one of {', '.join(readers)}: rename or "
            "convert it."
        )
    count = 0
    try:
        for text in reader(path, text_field):
            if text.text.strip():
                count += 1
                yield text
    except UnicodeDecodeError as error:
        raise UsageError(
            f"'{path}' is not UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8."
        ) from error
    if count == 0:
        raise UsageError(f"'{path}' holds no text; expected at least one line that is not blank.")


def _read_lines(path: Path, _: str) -> Iterator[Text]:
    with path.open(encoding="utf-8", newline="\n") as handle:
        for line in handle:
            yield plain(line.rstrip("\r\n"))


def _read_json_lines(path: Path, text_field: str) -> Iterator[Text]:
    with path.open(encoding="utf-8") as handle:
        for number, line in enumerate(handle, start=1):
            if not line.strip():
                continue
            try:
                content = json.loads(line)
            except ValueError as error:
                raise UsageError(f"Line {number} of '{path}' is not JSON ({error}).") from error
            yield _from_fields(content, text_field, f"line {number} of '{path}'")


def _read_parquet(path: Path, text_field: str) -> Iterator[Text]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise UsageError(f"'{path}' is not a readable Parquet file ({error}).") from error
    if text_field not in table.schema_arrow.names:
        known = table.schema_arrow.names
        raise UsageError(
            f"Found no column '{text_field}' in '{path}'; {nearest(text_field, known)}"
        )
    batches = table.iter_batches(batch_size=1024)
    while True:
        try:
            batch = next(batches, None)
        except (pa.ArrowException, OSError) as error:
            raise UsageError(f"'{path}' is damaged ({error}); copy or write it again.") from error
        if batch is None:
            return
        for content in batch.to_pylist():
            yield _from_fields(content, text_field, f"a row of '{path}'")


def _from_fields(content: Any, text_field: str, where: str) -> Text:
    if not isinstance(content, dict) or text_field not in content:
        known = content if isinstance(content, dict) else []
        raise UsageError(
            f"Found no field '{text_field}' in {where}; {nearest(text_field, known)}: name it with "
            "--text-field."
        )
    if not isinstance(content[text_field], str):
        found = type(content[text_field]).__name__
        raise UsageError(f"Field '{text_field}' in {where} is {found}; expected text.")
    about = {
        str(key): str(value)
        for key, value in content.items()
        if key != text_field and isinstance(value, (str, int, float, bool))
    }
    return plain(content[text_field], **about)


def _read_conllu(path: Path, _: str) -> Iterator[Text]:
    from workbench.subjects.language.conllu import read_sentences

    for sentence in read_sentences(path):
        about = {"document": sentence.document, "sentence": sentence.name}
        yield Text(sentence.text, sentence.spans, sentence.labels, about)
