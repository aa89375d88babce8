"""The commands of the README, one after another, on a small real transformer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import workbench as wb
from workbench.cli import main

SITES = "blocks.*.hook_resid_post"
TAGS = ("DET", "NOUN", "VERB", "ADV")
WORDS = {
    "DET": ("the", "a", "this"),
    "NOUN": ("cat", "dog", "idea", "mat"),
    "VERB": ("sat", "ran", "slept", "sang"),
    "ADV": ("here", "well", "often"),
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sentences with gold word classes."""
    lines = []
    for i in range(60):
        words = [WORDS[tag][(i * 7 + j) % len(WORDS[tag])] for j, tag in enumerate(TAGS)]
        lines.append(f"# sent_id = {i}")
        lines += [
            f"{j + 1}\t{word}\t_\t{tag}\t_\t_\t0\t_\t_\t_"
            for j, (word, tag) in enumerate(zip(words, TAGS, strict=True))
        ]
        lines.append("")
    path = tmp_path_factory.mktemp("corpus") / "corpus.conllu"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_from_a_model_to_a_report(
    capsys: pytest.CaptureFixture[str], model: Path, corpus: Path, tmp_path: Path
) -> None:
    library = tmp_path / "library"
    out = library / "tiny"
    main(
        [
            *("capture", f"hf:{model}", "--text", str(corpus), "--sites", SITES),
            *("--positions", "word", "--out", str(out), "--json"),
        ]
    )
    captured = json.loads(capsys.readouterr().out)
    assert captured["rows"] == 240
    assert captured["sites"] == ["blocks.0.hook_resid_post", "blocks.1.hook_resid_post"]
    assert captured["identity"] == wb.open(out).identity

    arguments = ["--labels", "upos", "--n-per-class", "40", "--embeddings", "mds", "--json"]
    main(["analyze", "word_classes", str(out), *arguments])
    analysed = json.loads(capsys.readouterr().out)
    assert {m["where"]["site"] for m in analysed["measures"] if m["name"] == "gdv"} == set(
        captured["sites"]
    )
    assert all(m["null"] or m["why_no_null"] for m in analysed["measures"])
    result = wb.open(analysed["path"])
    assert result.summary()
    assert result.figures()

    before = (Path(analysed["path"]) / "meta.json").stat().st_mtime_ns
    main(["analyze", "word_classes", str(out), *arguments])
    again = json.loads(capsys.readouterr().out)
    assert again == analysed
    assert (Path(analysed["path"]) / "meta.json").stat().st_mtime_ns == before

    main(["report", analysed["path"], "--out", str(tmp_path / "report.html"), "--json"])
    assert json.loads(capsys.readouterr().out)["bytes"] < 10_000_000
    main(["verify", str(out)])
    assert "re-hashed" in capsys.readouterr().out

    main(["list", "recordings", str(library), "--json"])
    (recording,) = json.loads(capsys.readouterr().out)
    assert (recording["rows"], recording["state"]) == (240, "complete")
    main(["list", "results", str(library), "--json"])
    (listed,) = json.loads(capsys.readouterr().out)
    assert listed["analysis"] == "word_classes"


def test_list_sites_prints_name_shape_and_dtype(
    capsys: pytest.CaptureFixture[str], model: Path
) -> None:
    main(["capture", f"hf:{model}", "--list-sites", "--json"])
    sites = {each["site"]: each for each in json.loads(capsys.readouterr().out)}
    assert sites["blocks.0.hook_resid_post"]["shape"] == "24"
    assert sites["blocks.0.attn.hook_q"]["shape"] == "3x8"
    assert sites["blocks.1.mlp.hook_post"]["shape"] == "96"
    assert {each["dtype"] for each in sites.values()} == {"float32"}


def test_list_names_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    main(["list", "analyses", "--json"])
    names = [each["analysis"] for each in json.loads(capsys.readouterr().out)]
    assert "word_classes" in names
    main(["list", "subjects"])
    assert "demo:language" in capsys.readouterr().out


def test_a_recipe_run_again_gives_the_same_bytes(
    capsys: pytest.CaptureFixture[str], model: Path, corpus: Path, tmp_path: Path
) -> None:
    recipe = tmp_path / "recipe.yaml"
    (tmp_path / "corpus.conllu").write_bytes(corpus.read_bytes())
    recipe.write_text(
        f"""
title: Two layers
library: out
captures:
  tiny: {{subject: "hf:{model}", text: corpus.conllu, sites: "{SITES}", positions: word}}
analyses:
  - {{analysis: word_classes, recording: tiny, labels: upos, n_per_class: 40, embeddings: [mds]}}
  - {{analysis: word_classes, recording: tiny, labels: nothing}}
report: both.html
"""
    )

    def run(library: Path) -> dict[str, bytes]:
        with pytest.raises(SystemExit) as ended:
            main(["run", str(recipe), "--library", str(library)])
        assert ended.value.code == 1
        files = (path for path in library.rglob("*") if path.is_file())
        return {path.relative_to(library).as_posix(): path.read_bytes() for path in files}

    first, second = run(tmp_path / "one"), run(tmp_path / "two")
    assert first == second
    assert run(tmp_path / "one") == first
    report = first["both.html"].decode()
    assert "Found no row label" in report or "nothing" in report
    assert "1 analyses failed" in capsys.readouterr().err
