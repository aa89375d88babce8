"""Bad input: one clear sentence, the right exit code, and nothing already written is lost."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import workbench as wb
from workbench.cli import main
from workbench.recording.writer import write_recording

SITES = "blocks.*.hook_resid_post"


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """Exit code and what was printed as an error."""
    capsys.readouterr()
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as ended:
        code = int(ended.code or 0)
    else:
        code = 0
    return code, capsys.readouterr().err


def labelled(path: Path, labels: list[str], values: np.ndarray | None = None) -> Path:
    """A small labelled recording on disk."""
    values = np.random.default_rng(0).normal(size=(len(labels), 4)) if values is None else values
    return write_recording(wb.from_arrays({"layer": values}, {"upos": labels}), path)


def test_capture_says_what_is_wrong(
    capsys: pytest.CaptureFixture[str], model: Path, text_file: Path, tmp_path: Path
) -> None:
    empty, binary = tmp_path / "empty.txt", tmp_path / "binary.txt"
    empty.write_text("\n \n")
    binary.write_bytes(b"\xff\xfe\x00")
    bad_ids = tmp_path / "ids.npy"
    np.save(bad_ids, np.array([[1, 2, 4000]]))
    out = ("--out", tmp_path / "out")
    text = ("--text", text_file)
    cases = [
        ((f"hf:{tmp_path}/nowhere", *text, *out), "no such folder"),
        ((f"hf:{tmp_path}", *text, *out), "no config.json"),
        (("gpt2", *text, *out), "such as 'hf:gpt2'"),
        (("hg:gpt2", *text, *out), "did you mean 'hf'?"),
        (("demo:languge", *out), "did you mean 'language'"),
        ((f"hf:{model}", "--text", tmp_path / "none.txt", *out), "Found no text file"),
        ((f"hf:{model}", "--text", empty, *out), "holds no text"),
        ((f"hf:{model}", "--text", binary, *out), "not UTF-8"),
        ((f"hf:{model}", "--tokens", bad_ids, *out), "has token id 4000; the model knows 0 to 299"),
        ((f"hf:{model}", *out), "expected --text FILE or --tokens"),
        ((f"hf:{model}", *text), "Found no --out"),
        ((f"hf:{model}", *text, *out, "--positions", "wrd"), "did you mean 'word'?"),
        ((f"hf:{model}", *text, *out, "--dtype", "int8"), "Found dtype 'int8'"),
        ((f"hf:{model}", *text, *out, "--max-rows", "0"), "a whole number, at least 1"),
        (
            (f"hf:{model}", *text, *out, "--sites", "blocks.0.hook_resid_pots"),
            "did you mean 'blocks.0.hook_resid_post'",
        ),
    ]
    for arguments, message in cases:
        code, error = run(capsys, "capture", *arguments)
        assert code == 2, arguments
        assert message in error, (arguments, error)
        assert error.startswith("Error: "), error
        assert error.count("\n") == 1, error
        assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".*"))


def test_a_model_without_tokenizer_asks_for_token_ids(
    capsys: pytest.CaptureFixture[str], model: Path, text_file: Path, tmp_path: Path
) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("config.json", "model.safetensors"):
        (bare / name).write_bytes((model / name).read_bytes())
    code, error = run(
        capsys, "capture", f"hf:{bare}", "--text", text_file, "--out", tmp_path / "out"
    )
    assert code == 2
    assert "has no tokenizer; give token ids with --tokens" in error


def test_another_recording_in_the_folder_is_kept(
    capsys: pytest.CaptureFixture[str], model: Path, text_file: Path, tmp_path: Path
) -> None:
    base = ("capture", f"hf:{model}", "--text", text_file, "--out", tmp_path / "out")
    assert run(capsys, *base, "--sites", SITES)[0] == 0
    before = {p: p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    code, error = run(capsys, *base, "--sites", SITES, "--dtype", "float16")
    assert code == 2
    assert "holds another recording" in error
    assert "differs in sites" in error
    assert before == {p: p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    (tmp_path / "out2").mkdir()
    (tmp_path / "out2" / "notes.md").write_text("mine")
    code, error = run(capsys, *base[:-1], tmp_path / "out2", "--sites", SITES)
    assert code == 2
    assert "Found other files" in error


def test_a_full_disk_keeps_what_was_committed(model: Path, text_file: Path, tmp_path: Path) -> None:
    # A limit on file size stands in for a full disk: writing fails half-way with an OSError.
    script = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2);"
        "from workbench.cli import main; main(sys.argv[2:])"
    )
    arguments = [
        *("capture", f"hf:{model}", "--text", str(text_file), "--sites", SITES),
        *("--out", str(tmp_path / "out"), "--shard-tokens", "400"),
    ]

    def capture(limit: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", script, str(limit), *arguments],
            capture_output=True,
            text=True,
            check=False,
        )

    # Row tables are smaller than the limit, shards of 400 tokens x 24 units x 4 bytes larger.
    failed = capture(30_000)
    assert failed.returncode == 1, failed.stderr
    assert "The disk was full while writing" in failed.stderr
    assert "run the same command again" in failed.stderr
    assert not wb.open(tmp_path / "out").is_complete
    assert wb.verify(tmp_path / "out").ok
    assert not list(tmp_path.rglob("*.partial"))
    done = capture(resource.getrlimit(resource.RLIMIT_FSIZE)[1])
    assert done.returncode == 0, done.stderr
    assert wb.open(tmp_path / "out").is_complete


def test_analyze_says_what_is_wrong(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(80, 4))
    values[5, 2] = np.nan
    good = labelled(tmp_path / "good", ["NOUN", "VERB"] * 40)
    one = labelled(tmp_path / "one", ["NOUN"] * 80)
    broken = labelled(tmp_path / "nan", ["NOUN", "VERB"] * 40, values)
    cases = [
        (("word_clases", good), 2, "did you mean 'word_classes'"),
        (("word_classes", tmp_path / "none"), 1, "Found no recording at"),
        (("word_classes", good, "--labels", "upso"), 2, "did you mean 'upos'"),
        (("word_classes", good, "--lables", "upos"), 2, "did you mean 'labels'"),
        (("word_classes", good, "--seed", "many"), 2, "expected a whole number"),
        (("word_classes", one, "--labels", "upos"), 2, "class"),
        (("word_classes", broken, "--labels", "upos"), 1, "NaN"),
    ]
    for arguments, expected, message in cases:
        code, error = run(capsys, "analyze", *arguments)
        assert code == expected, (arguments, error)
        assert message in error, (arguments, error)
        assert error.count("\n") == 1, error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["good", "nan", "one"]


def test_verify_names_the_fault_and_fails(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = labelled(tmp_path / "rec", ["a", "b"] * 5)
    assert run(capsys, "verify", folder)[0] == 0
    (shard,) = folder.glob("sites/*/*.safetensors")
    content = bytearray(shard.read_bytes())
    content[-1] ^= 1
    shard.write_bytes(content)
    with pytest.raises(SystemExit) as ended:
        main(["verify", str(folder), "--json"])
    assert ended.value.code == 1
    (found,) = json.loads(capsys.readouterr().out)
    assert found["faults"][0].startswith("sites/layer/000000.safetensors")


def test_recipes_say_what_is_wrong(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    cases = [
        ("captures: [", "not valid YAML"),
        ("- 1", "Found no entries"),
        ("capture: {a: {subject: x}}", "did you mean 'captures'"),
        ("captures: {a: {text: x}}", "has no 'subject'"),
        (
            "captures: {a: {subject: x}}\nanalyses: [{analysis: word_classes, recording: b}]",
            "Found no capture 'b'",
        ),
    ]
    for content, message in cases:
        path.write_text(content)
        code, error = run(capsys, "run", path)
        assert code == 2
        assert message in error, error
    code, error = run(capsys, "run", tmp_path / "none.yaml")
    assert code == 2
    assert "Found no recipe" in error
