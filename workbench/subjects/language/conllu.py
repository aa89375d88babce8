"""CoNLL-U: sentences with gold word classes, and where each word stands in the text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import UsageError

LABELS = {"upos": 3, "xpos": 4, "lemma": 2, "deprel": 7, "head": 6}
_COLUMNS = 10
_IDENTIFIER = re.compile(r"\d+([-.]\d+)?")


@dataclass(frozen=True)
class Sentence:
    """One sentence.

    Attributes
    ----------
    text : str
        Written as the treebank's spacing says.
    spans : tuple of (int, int)
        Half-open span of every syntactic word. The words of a contraction whose spelling differs
        from its parts (German ``zum`` = ``zu dem``) share the span of the contraction.
    labels : dict of str to tuple of str or None
        ``upos``, ``xpos``, ``lemma``, ``deprel``, ``head``; None where the file has ``_``.
    document, name : str
        From ``# newdoc id`` and ``# sent_id``.
    """

    text: str
    spans: tuple[tuple[int, int], ...]
    labels: dict[str, tuple[str | None, ...]]
    document: str
    name: str


def read_sentences(path: Path) -> Iterator[Sentence]:
    """Sentences of a CoNLL-U file.

    Parameters
    ----------
    path : Path

    Yields
    ------
    Sentence

    Raises
    ------
    UsageError
        If a line has not ten columns or does not begin with a number; the line is named.
    """
    lines: list[tuple[int, list[str]]] = []
    document, name = "", ""
    with path.open(encoding="utf-8") as handle:
        for number, raw in enumerate(handle, start=1):
            line = raw.rstrip("\r\n")
            if line.startswith("#"):
                key, _, value = line[1:].partition("=")
                document = value.strip() if key.strip() == "newdoc id" else document
                name = value.strip() if key.strip() == "sent_id" else name
            elif line.strip():
                lines.append((number, _columns(line, number, path)))
            elif lines:
                yield _sentence(lines, document, name)
                lines = []
    if lines:
        yield _sentence(lines, document, name)


def _columns(line: str, number: int, path: Path) -> list[str]:
    columns = line.split("\t")
    if len(columns) != _COLUMNS:
        raise UsageError(
            f"Line {number} of '{path}' has {len(columns)} columns; CoNLL-U has ten, separated by "
            "tabs: mend the file."
        )
    if not _IDENTIFIER.fullmatch(columns[0]):
        raise UsageError(
            f"Line {number} of '{path}' begins with '{columns[0]}'; CoNLL-U has the number of the "
            "word there, such as 3, 3-4 or 3.1: mend the file."
        )
    return columns


def _sentence(lines: list[tuple[int, list[str]]], document: str, name: str) -> Sentence:
    pieces: list[str] = []
    spans: list[tuple[int, int]] = []
    words: list[list[str]] = []
    position, inside_until = 0, 0
    for _, columns in lines:
        identifier, form = columns[0], columns[1]
        if "." in identifier:
            continue
        if "-" in identifier:
            first, last = (int(part) for part in identifier.split("-"))
            parts = [c[1] for _, c in lines if c[0].isdigit() and first <= int(c[0]) <= last]
            spans += _part_spans(form, parts, position)
            inside_until = last
        elif int(identifier) <= inside_until:
            words.append(columns)
            continue
        else:
            spans.append((position, position + len(form)))
            words.append(columns)
        gap = "" if "SpaceAfter=No" in columns[9] else " "
        pieces += [form, gap]
        position += len(form) + len(gap)
    labels = {key: _column(words, index) for key, index in LABELS.items()}
    return Sentence("".join(pieces).rstrip(), tuple(spans), labels, document, name)


def _part_spans(form: str, parts: Iterable[str], start: int) -> list[tuple[int, int]]:
    parts = list(parts)
    if "".join(parts) != form:
        return [(start, start + len(form))] * len(parts)
    spans = []
    for part in parts:
        spans.append((start, start + len(part)))
        start += len(part)
    return spans


def _column(words: list[list[str]], index: int) -> tuple[str | None, ...]:
    return tuple(None if word[index] == "_" else word[index] for word in words)
