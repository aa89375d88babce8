"""The plugin keeps its contract, labels what was planted in any kind of recording, and shows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analyses.neuron_labels.analysis import NeuronLabels
from analyses.neuron_labels.arrays import labels_in
from analyses.neuron_labels.backends import backend_name
from analyses.neuron_labels.montages import montage
from analyses.neuron_labels.planted import planted_units
from workbench.demo.scenes import Scenes, render
from workbench.errors import UsageError
from workbench.recording.arrays import from_arrays
from workbench.recording.recording import Recording
from workbench.testing import check_analysis

QUICK: dict[str, Any] = {"n_permutations": 199, "n_bootstrap": 39}
WORDS = ["cat", "dog", "bird", "tree", "house", "rain", "sun", "road"]


def test_the_contract_is_kept() -> None:
    outcome = check_analysis(NeuronLabels)
    assert set(outcome.values()) == {"passed"}


def _companion(scenes: Scenes) -> Recording:
    maps = {word: each[:, None] for word, each in scenes.label_maps.items()}
    return from_arrays({"images": scenes.images.transpose(0, 3, 1, 2), **maps}, kind="vision")


@pytest.fixture(scope="module")
def vision() -> tuple[NeuronLabels, list[str | None]]:
    """A result on planted maps of scenes with label maps, and the truth."""
    scenes = render(600, seed=3)
    planted = planted_units(scenes, {"single": 8, "noise": 4, "random_set": 2}, seed=1)
    plugin = NeuronLabels(backend="segments", **QUICK)
    plugin.fit(planted.recording(), stimuli=_companion(scenes))
    return plugin, planted.truth


def test_units_of_images_get_their_label_and_noise_abstains(
    vision: tuple[NeuronLabels, list[str | None]],
) -> None:
    plugin, truth = vision
    labels = labels_in(plugin.result_.data, "planted")
    kept = [not label.abstains for label in labels]
    right = [truth[label.unit] is not None for label in labels]
    assert np.mean([k for k, r in zip(kept, right, strict=True) if r]) >= 0.75
    assert not any(k for k, r in zip(kept, right, strict=True) if not r)
    told = [truth[label.unit] for label in labels if not label.abstains]
    said = [label.text for label in labels if not label.abstains]
    # "red object" and "red" are one label.
    same = [t.replace(" object", "") in s for t, s in zip(told, said, strict=True) if t]
    assert np.mean(same) >= 0.8
    assert "beat" in plugin.result_.summary() or "have a label" in plugin.result_.summary()


def test_a_gallery_shows_pictures_labels_runners_up_and_abstention(
    vision: tuple[NeuronLabels, list[str | None]],
) -> None:
    data = vision[0].result_.data
    pages = NeuronLabels.pages(data)["planted"]
    assert len(pages) == data.sizes["unit"]
    abstaining = [name for name in pages if ": no label (proposed: " in name]
    assert abstaining
    assert pages.index(abstaining[0]) == len(pages) - len(abstaining)
    for item in (pages[0], abstaining[0]):
        unit = item.partition(":")[0]
        page = NeuronLabels.page(data, "planted", item)
        figure = page[unit.capitalize()]
        kinds = [trace.type for trace in figure.data]
        assert kinds == ["image", "table", "table"]
        assert figure.data[0].source.startswith("data:image/png;base64,")
        rank = figure.data[1].cells.values[0][0]
        assert rank == ("proposed" if item in abstaining else "label")
        assert ("abstains" in figure.layout.title.subtitle.text) == (item in abstaining)


def test_montages_darken_what_is_outside_the_mask() -> None:
    images = np.full((2, 64, 64, 3), 200, np.uint8)
    masks = np.zeros((2, 64, 64), dtype=bool)
    masks[0, :32] = True
    sheet = montage(images, masks, columns=2)
    assert sheet.shape == (64, 130, 3)
    assert (sheet[:32, :64] == 200).all()
    assert (sheet[32:, :64] == 50).all()
    assert (sheet[:, 66:] == 50).all()


@pytest.fixture(scope="module")
def language() -> NeuronLabels:
    """A result on texts in which the first units follow one word each."""
    generator = np.random.default_rng(5)
    n_texts, length = 240, 12
    tokens = generator.choice([*WORDS, "the", "a", "of", "and"], size=(n_texts, length))
    flat = tokens.ravel()
    activity = 0.3 * generator.standard_normal((flat.size, 14)).astype(np.float32)
    for unit, word in enumerate(WORDS):
        activity[:, unit] += 2 * (flat == word)
    rows = {
        "stimulus": np.repeat(np.arange(n_texts), length),
        "position": np.tile(np.arange(length), n_texts),
        "token": np.char.add(" ", flat),
    }
    order = generator.permutation(flat.size)
    shuffled = {name: column[order] for name, column in rows.items()}
    recording = from_arrays({"codes": activity[order]}, shuffled, kind="language")
    return NeuronLabels(**QUICK).fit(recording)


def test_atoms_of_texts_get_their_word_whatever_the_order_of_rows(language: NeuronLabels) -> None:
    labels = labels_in(language.result_.data, "codes")
    assert [label.text for label in labels[:8]] == WORDS
    assert not any(label.abstains for label in labels[:8])
    assert sum(not label.abstains for label in labels[8:]) <= 1
    page = NeuronLabels.page(language.result_.data, "codes", "unit 0: cat")["Unit 0"]
    texts = page.data[-1].cells.values[2]
    assert np.mean(["<b>⟦ cat⟧</b>" in text for text in texts]) >= 0.6


def test_units_of_a_brain_are_described_by_the_labels_of_their_spans() -> None:
    generator = np.random.default_rng(8)
    n_rows = 3000
    shown = np.repeat(generator.choice(["face", "house", "tool"], 150), 20)
    running = np.repeat(generator.random(150) < 0.4, 20)
    kernel = np.exp(-np.arange(8) / 3)
    signals = [shown == "face", shown == "house", running]
    noise = generator.standard_normal((10, n_rows + 7))
    activity = np.stack([np.convolve(each, kernel, "valid") for each in noise], axis=1) * 0.3
    for unit, signal in enumerate(signals):
        activity[:, unit] += 2 * signal
    rows = {
        "stimulus": np.zeros(n_rows, int),
        "time": np.arange(n_rows) / 10,
        "image": shown,
        "running": running,
    }
    recording = from_arrays({"V1": activity}, rows, kind="brain")
    result = NeuronLabels(**QUICK).fit(recording).result_
    labels = labels_in(result.data, "V1")
    assert [label.text for label in labels[:3]] == ["face", "house", "running"]
    assert [label.abstains for label in labels[:3]] == [False] * 3
    assert sum(not label.abstains for label in labels[3:]) <= 1
    assert str(result.data["example_text"].values[0, 0, 0]).startswith("time ")


def test_slow_noise_of_a_brain_gets_no_label() -> None:
    generator = np.random.default_rng(1)
    slow = np.empty((1600, 46))
    slow[0] = generator.standard_normal(46)
    for step in range(1, 1600):
        slow[step] = 0.97 * slow[step - 1] + 0.24 * generator.standard_normal(46)
    rows = {"time": np.arange(1600) / 2, **{f"signal {n}": slow[:, n] for n in range(6)}}
    recording = from_arrays({"area": slow[:, 6:]}, rows, kind="brain")
    labels = labels_in(NeuronLabels(**QUICK).fit(recording).result_.data, "area")
    assert len(labels) == 40
    assert sum(not label.abstains for label in labels) <= 2


def test_labels_of_pictures_are_known_beside_the_pictures() -> None:
    generator = np.random.default_rng(2)
    shown = generator.choice(["cat", "dog", "ship", "frog"], 500)
    activity = generator.standard_normal((500, 8, 3, 3)).astype(np.float32)
    for unit, name in enumerate(("cat", "dog", "ship", "frog")):
        activity[shown == name, unit, 1, 1] += 3
    recording = from_arrays({"conv": activity}, {"object": shown}, kind="vision")
    pictures = generator.integers(0, 255, (500, 3, 8, 8)).astype(np.uint8)
    companion = from_arrays({"images": pictures}, kind="vision")
    plugin = NeuronLabels(backend="labels", **QUICK).fit(recording, stimuli=companion)
    labels = labels_in(plugin.result_.data, "conv")
    assert [label.text for label in labels[:4]] == ["cat", "dog", "ship", "frog"]
    # Four labels alone: no rank among them is small, and the others are negatively related.
    assert [label.abstains for label in labels] == [False] * 4 + [True] * 4
    assert plugin.result_.data["picture"].shape[1:] == (8, 8, 3)
    page = NeuronLabels.page(plugin.result_.data, "conv", "unit 0: cat")["Unit 0"]
    assert page.data[0].type == "image"


def test_labels_do_not_depend_on_which_other_units_there_are(language: NeuronLabels) -> None:
    data = language.result_.data
    recording = NeuronLabels.example("planted", 0).recording
    whole = NeuronLabels(**QUICK).fit(recording).result_.data
    part = NeuronLabels(**QUICK).fit(recording.select(units=[0, 1, 5, 6])).result_.data
    assert part["label"].values[0].tolist() == whole["label"].values[0, [0, 1, 5, 6]].tolist()
    np.testing.assert_allclose(part["pearson"][0], whole["pearson"].values[0, [0, 1, 5, 6]])
    assert data["candidate_text"].dims == ("site", "unit", "candidate")


def test_what_cannot_be_labelled_is_refused(tmp_path: Path) -> None:
    recording = NeuronLabels.example("planted", 0).recording
    with pytest.raises(UsageError, match="no backend 'gramar'; did you mean 'grammar'"):
        NeuronLabels(backend="gramar").fit(recording)
    with pytest.raises(UsageError, match="expected a folder behind it"):
        backend_name("clip", "vision", None)
    with pytest.raises(UsageError, match="k=0; expected a whole number of at least 1"):
        NeuronLabels(k=0).fit(recording)
    with pytest.raises(UsageError, match="expected a share between 0 and 1"):
        NeuronLabels(level=1.0).fit(recording)
    with pytest.raises(UsageError, match="no simulator 'oracle'"):
        NeuronLabels(simulator="oracle").fit(recording)
    bare = from_arrays({"a": np.random.default_rng(0).normal(size=(80, 3))}, kind="vision")
    with pytest.raises(UsageError, match="Found no labels among the columns"):
        NeuronLabels().fit(bare)
    still = from_arrays({"a": np.ones((80, 3))}, {"label": ["x", "y"] * 40})
    with pytest.raises(UsageError, match="of which none varies"):
        NeuronLabels().fit(still)
    np.savez(tmp_path / "images.npz", images=np.zeros((5, 8, 8, 3), np.uint8))
    with pytest.raises(UsageError, match=r"Found 5 pictures .* expected at least 80"):
        NeuronLabels(images=str(tmp_path / "images.npz")).fit(bare)
    few = from_arrays({"images": np.zeros((5, 3, 8, 8))}, kind="vision")
    with pytest.raises(UsageError, match="Found 5 stimuli in the companion"):
        NeuronLabels().fit(bare, stimuli=few)
