"""The main job of a fresh installation, whole: every embedded subject, every analysis, a report."""

from __future__ import annotations

from importlib.metadata import distribution
from pathlib import Path

import pytest

import workbench as wb
from workbench.cli import main
from workbench.library import find_recordings, find_results


def test_the_demo_ends_in_a_report(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    library = tmp_path / "demo"
    main(["demo", "--library", str(library)])
    said = capsys.readouterr().out
    assert said.rstrip().endswith(f"workbench dashboard {library}")
    assert str(library / "report.html") in said
    assert (library / "report.html").stat().st_size < 10_000_000

    recordings = {path.name: wb.open(path) for path in find_recordings(library)}
    assert {rec.kind for rec in recordings.values()} == {"language", "vision", "network", "brain"}
    assert all(rec.is_complete for rec in recordings.values())

    results = [wb.open(path) for path in find_results(library)]
    installed = distribution("workbench").entry_points.select(group="workbench.analyses")
    assert {r.analysis for r in results} == set(installed.names)
    (language,) = [
        r
        for r in results
        if (r.analysis, r.meta["recording"]["name"]) == ("word_classes", "language")
    ]
    gained = [m for m in language.measures if m.name == "gdv minus untrained"]
    # The model has learnt: classes lie further apart than before training, in every layer's
    # representation of the word just read.
    read = [m for m in gained if m.where["label"] == "last input word"]
    assert len(read) == 4
    assert all(m.value < 0 and m.beats_null for m in read)
