from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from workbench.errors import UsageError
from workbench.library import (
    default_library,
    find_recordings,
    find_results,
    recording_summaries,
    result_summaries,
)


def test_finds_recordings_and_results_sorted(library: Path) -> None:
    assert [path.name for path in find_recordings(library)] == [
        "broken",
        "newer",
        "noise",
        "trained",
    ]
    assert [path.name for path in find_results(library)] == ["mean_gap_noise", "mean_gap_trained"]


def test_a_recording_is_a_library_of_itself(library: Path) -> None:
    folder = library / "recordings" / "noise"
    assert find_recordings(folder) == [folder]


def test_nothing_below_the_depth_or_in_hidden_folders(library: Path, tmp_path: Path) -> None:
    deep, hidden = tmp_path / "a" / "b" / "c", tmp_path / ".hidden"
    for target in (deep, hidden):
        shutil.copytree(library / "recordings" / "noise", target / "noise")
    assert [path.parent for path in find_recordings(tmp_path, depth=4)] == [deep]
    assert find_recordings(tmp_path, depth=3) == []


def test_never_descends_into_a_recording(library: Path, tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    shutil.copytree(library / "recordings" / "noise", outer)
    shutil.copytree(library / "recordings" / "trained", outer / "inner")
    assert find_recordings(tmp_path) == [outer]


def test_summaries_name_subject_rows_and_sites(library: Path) -> None:
    found = {each.name: each for each in recording_summaries(library)}
    trained = found["trained"]
    assert (trained.kind, trained.address, trained.state) == ("language", "tiny", "complete")
    assert trained.rows == trained.planned > 64
    assert len(trained.sites) == 3


def test_unreadable_recordings_are_entries_with_their_error(library: Path) -> None:
    found = {each.name: each for each in recording_summaries(library)}
    assert "not valid JSON" in found["broken"].error
    assert "newer version" in found["newer"].error
    assert {found[name].state for name in ("broken", "newer")} == {"unreadable"}


def test_a_missing_shard_makes_a_recording_incomplete(library: Path, tmp_path: Path) -> None:
    copy = tmp_path / "noise"
    shutil.copytree(library / "recordings" / "noise", copy)
    (copy / "commits" / "000001.json").unlink()
    (summary,) = recording_summaries(tmp_path)
    assert summary.state == "incomplete"
    assert summary.planned - summary.rows == 64


def test_result_summaries_count_what_beats_its_null(library: Path) -> None:
    noise, trained = result_summaries(library)
    assert (noise.tested, noise.recording, noise.analysis) == (3, "noise", "mean_gap")
    assert trained.beaten == 2
    assert noise.beaten == 0


def test_results_of_a_newer_or_broken_schema_say_so(library: Path, tmp_path: Path) -> None:
    for name, old, new in (("newer", '"schema": 1', '"schema": 9'), ("cut", '"measures"', '"x"')):
        shutil.copytree(library / "results" / "mean_gap_noise", tmp_path / name)
        meta = tmp_path / name / "meta.json"
        meta.write_text(meta.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    cut, newer = result_summaries(tmp_path)
    assert "run the analysis again" in cut.error
    assert "schema 9" in newer.error


def test_default_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORKBENCH_LIBRARY", raising=False)
    assert default_library() == Path()
    monkeypatch.setenv("WORKBENCH_LIBRARY", "/some/where")
    assert default_library() == Path("/some/where")


def test_a_missing_folder_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"Found no folder .*check the path"):
        find_recordings(tmp_path / "nowhere")
