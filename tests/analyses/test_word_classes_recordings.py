"""Any labelled recording: images, states of an animal, categories of trials, a real transformer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import workbench as wb
from workbench.cli import main

SETTINGS = {"embeddings": (), "n_permutations": 99, "n_bootstrap": 99, "threads": 1}


def by_name(result: wb.Result, name: str, **where: str) -> dict[str, wb.Measure]:
    return {
        each.where["site"]: each
        for each in result.measures
        if each.name == name and all(each.where[key] == text for key, text in where.items())
    }


def test_classes_of_images_separate_after_training_only(tmp_path: Path) -> None:
    states = [
        wb.capture(f"demo:vision@{state}", sites="relu1,answers", out=tmp_path / state, threads=1)
        for state in ("final", "initial")
    ]
    result = wb.analyze("word_classes", states[0], labels="digit", untrained=states[1], **SETTINGS)
    assert by_name(result, "gdv")["answers"].beats_null
    assert not by_name(result, "gdv untrained")["answers"].beats_null
    clusters = by_name(result, "agreement of k-means clusters")
    assert clusters["answers"].value > 0.3
    assert clusters["answers"].beats_null
    assert not by_name(result, "agreement of k-means clusters untrained")["answers"].beats_null


def test_categories_of_a_real_brains_stimuli_separate_over_trials() -> None:
    brain = wb.stream("demo:brain-spikes")
    result = wb.analyze("word_classes", brain, labels="stimulus_level", **SETTINGS)
    for measure in result.measures:
        assert measure.where["label"] == "own label"
        assert measure.null is not None
    assert "untrained" not in result.summary()


@pytest.mark.parametrize("planted", [True, False])
def test_states_of_an_animal_from_a_file_by_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], planted: bool
) -> None:
    generator = np.random.default_rng(0)
    steps = np.arange(1200)
    behaviour = np.where(np.sin(steps / 37.0) + 0.3 * np.sin(steps / 11.0) > 0, "run", "rest")
    traces = np.cumsum(generator.standard_normal((1200, 5)), axis=0)
    traces -= np.linspace(0, 1, 1200)[:, None] * traces[-1]
    traces += 60 * planted * (behaviour == "run")[:, None]
    header = ",".join(["time", *(f"cell{n}" for n in range(5)), "behaviour"])
    lines = [
        ",".join([f"{step / 10:.1f}", *(f"{value:.5f}" for value in row), state])
        for step, row, state in zip(steps, traces, behaviour, strict=True)
    ]
    path = tmp_path / "animal.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    labels = ["--option", "label_columns=behaviour"]
    main(["capture", f"csv:{path}", "--out", str(tmp_path / "rec"), *labels])
    arguments = ["--labels", "behaviour", "--embeddings", "mds", "--n-picture-rows", "40"]
    out = str(tmp_path / "result")
    main(["analyze", "word_classes", str(tmp_path / "rec"), *arguments, "--out", out])
    assert "Clusters found without labels" in capsys.readouterr().out
    found = {each.name: each for each in wb.open(out).measures}
    assert len(found) == 3
    for name in ("gdv", "agreement of k-means clusters"):
        assert "shifted in time" in found[name].null.method
        assert found[name].beats_null == planted


def test_gold_classes_in_every_layer_of_a_real_transformer(data: Path, tmp_path: Path) -> None:
    recording = wb.capture(
        f"hf:{data / 'language' / 'stories260K' / 'hf'}",
        text=data / "text" / "UD_English-EWT" / "en_ewt-ud-dev.conllu",
        sites="blocks.*.hook_resid_post",
        positions="word",
        max_rows=4000,
        threads=1,
        out=tmp_path / "stories",
    )
    sizes = {"min_per_class": 60, "n_per_class": 100, "n_cluster_rows": 400}
    result = wb.analyze("word_classes", recording, labels="upos", **sizes, **SETTINGS)
    own, following = (
        by_name(result, "gdv", label=label) for label in ("last input word", "next word")
    )
    assert len(own) == len(following) == 5
    assert all(measure.beats_null for measure in [*own.values(), *following.values()])
    # The last input word's class is what stands out, as the study's controls say.
    assert all(own[site].value < 2 * following[site].value for site in own)
    assert "gold" in result.data.attrs["labels_origin"]
    assert "labels_accuracy" not in result.data.attrs
    clusters = by_name(result, "agreement of k-means clusters", label="last input word")
    assert any(measure.beats_null for measure in clusters.values())
