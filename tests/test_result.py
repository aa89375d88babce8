"""Results on disk: what was saved is what is opened, and nothing else is overwritten."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import workbench as wb


@pytest.fixture(scope="module")
def result() -> wb.Result:
    """A small result."""
    generator = np.random.default_rng(0)
    labels = np.repeat(["a", "b"], 40)
    activity = generator.normal(size=(80, 5)) + (labels == "b")[:, None]
    rec = wb.from_arrays({"layer": activity}, {"label": labels}, address="hf:some/model")
    return wb.analyze("word_classes", rec, embeddings=("mds",), n_permutations=50)


def test_saved_without_a_path_it_is_named_after_what_went_in(
    result: wb.Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = result.save()
    assert folder.name == f"hf_some_model.word_classes-{result.identity[:10]}"
    found = wb.open(folder)
    assert found.identity == result.identity
    assert found.measures == result.measures
    assert found.summary() == result.summary()
    assert list(found.figures()) == list(result.figures())
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    result.save()
    assert before == {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_other_files_are_not_overwritten(result: wb.Result, tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("mine")
    with pytest.raises(wb.WorkbenchError, match="Found other files"):
        result.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.md"]


def test_results_of_a_newer_version_say_so(result: wb.Result, tmp_path: Path) -> None:
    folder = result.save(tmp_path / "result")
    content = json.loads((folder / "meta.json").read_text())
    content["schema"] = 99
    (folder / "meta.json").write_text(json.dumps(content))
    with pytest.raises(wb.WorkbenchError, match="pip install --upgrade workbench"):
        wb.open(folder)


def test_identity_follows_data_and_parameters(result: wb.Result) -> None:
    rec = wb.from_arrays(
        {"layer": np.random.default_rng(1).normal(size=(80, 5))},
        {"label": np.repeat(["a", "b"], 40)},
    )
    first, again, other = (
        wb.analyze("word_classes", rec, embeddings=(), seed=seed) for seed in (0, 0, 1)
    )
    assert first.identity == again.identity
    assert len({first.identity, other.identity, result.identity}) == 3


def test_a_measure_needs_a_null_or_a_reason() -> None:
    with pytest.raises(ValueError, match="why_no_null"):
        wb.Measure("count", 1.0, "1", 1)
    with pytest.raises(ValueError, match="both a null and beats_null"):
        wb.Measure("x", 1.0, "1", 1, null=wb.Null("shuffled", 0.0, 1.0, 9, 0.1))
