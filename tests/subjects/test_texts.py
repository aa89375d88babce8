"""Readers of text: the same texts from every format, and clear words about bad files."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import workbench as wb
from workbench.subjects.language.conllu import read_sentences
from workbench.subjects.language.texts import read_texts

TEXTS = ["One line.", "Two  spaces, naïve 🙂", "tab\tinside"]


def test_the_same_texts_from_every_format(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\n\n".join(TEXTS) + "\n", encoding="utf-8")
    lines = [json.dumps({"body": text, "id": i}) for i, text in enumerate(TEXTS)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    pd.DataFrame({"body": TEXTS, "id": [0, 1, 2]}).to_parquet(tmp_path / "a.parquet")
    for name in ("a.txt", "a.jsonl", "a.parquet"):
        found = list(read_texts(tmp_path / name, "body"))
        assert [each.text for each in found] == TEXTS, name
        for each in found:
            assert [each.text[a:b] for a, b in each.spans] == each.text.split()
    assert found[1].about == {"id": "1"}


def test_windows_line_ends_do_not_reach_the_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\r\ntwo\r\n")
    assert [each.text for each in read_texts(tmp_path / "a.txt")] == ["one", "two"]


def test_contractions_keep_their_place_in_the_text(tmp_path: Path) -> None:
    rows = [
        ("1", "Er", "PRON", "_"),
        ("2", "geht", "VERB", "_"),
        ("3-4", "zum", "_", "_"),
        ("3", "zu", "ADP", "_"),
        ("4", "dem", "DET", "_"),
        ("5", "Bahnhof", "NOUN", "SpaceAfter=No"),
        ("6", ".", "PUNCT", "_"),
    ]
    body = "".join(f"{i}\t{f}\t_\t{u}\t_\t_\t_\t_\t_\t{m}\n" for i, f, u, m in rows)
    (tmp_path / "a.conllu").write_text("# sent_id = 1\n" + body)
    (sentence,) = read_sentences(tmp_path / "a.conllu")
    assert sentence.text == "Er geht zum Bahnhof."
    words = [sentence.text[a:b] for a, b in sentence.spans]
    assert words == ["Er", "geht", "zum", "zum", "Bahnhof", "."]
    assert sentence.labels["upos"] == ("PRON", "VERB", "ADP", "DET", "NOUN", "PUNCT")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.pdf", b"x", "expected one of .txt, .jsonl, .conllu, .parquet"),
        ("a.jsonl", b'{"text": "a"}\n{', "Line 2 of"),
        ("a.jsonl", b'{"txt": "a"}', "did you mean 'txt'"),
        ("a.jsonl", b'{"text": 3}', "is int; expected text"),
        ("a.parquet", b"nothing", "not a readable Parquet file"),
        ("a.conllu", b"1\tword\n", "has 2 columns; CoNLL-U has ten"),
        ("a.conllu", b"one\tword" + b"\t_" * 8 + b"\n", "begins with 'one'"),
        ("a.txt", b"", "holds no text"),
        ("a.txt", b"caf\xe9\n", "is not UTF-8 text"),
        ("a.txt", b" \n\t\n", "holds no text"),
        ("a.jsonl", b"[1, 2]", "Found no field 'text' in line 1"),
    ],
)
def test_bad_files(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(wb.UsageError) as caught:
        list(read_texts(tmp_path / name))
    assert message in str(caught.value)


def test_a_parquet_file_that_is_damaged_inside(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    frame = pd.DataFrame({"text": [f"text {i} of many" for i in range(5000)]})
    frame.to_parquet(path, compression="zstd")
    content = bytearray(path.read_bytes())
    content[1000:3000] = bytes(2000)
    path.write_bytes(bytes(content))
    with pytest.raises(wb.UsageError) as caught:
        list(read_texts(path))
    assert "is damaged" in str(caught.value)
    path.write_bytes(bytes(content[:-200]))
    with pytest.raises(wb.UsageError) as caught:
        list(read_texts(path))
    assert "not a readable Parquet file" in str(caught.value)


def test_nul_and_emoji_are_text(tmp_path: Path) -> None:
    text = "a\0b 👩🏽‍🚀 e\u0301"
    (tmp_path / "a.txt").write_text(text + "\n", encoding="utf-8")
    (found,) = read_texts(tmp_path / "a.txt")
    assert found.text == text
    assert [text[start:end] for start, end in found.spans] == text.split()
