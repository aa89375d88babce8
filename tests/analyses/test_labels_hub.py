"""Describers of local folders: BLIP, GIT and CLIP, made here and loaded as users do."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tiny_captioners import WORDS, make_captioner, make_clip

from analyses.neuron_labels.clip import ClipDescriber, ClipSimulator, set_likelihood
from analyses.neuron_labels.huggingface import HuggingFaceDescriber
from analyses.neuron_labels.types import Describer, Simulator, Stimuli, UnitExemplars
from workbench.demo.scene_layout import Choices
from workbench.demo.scenes import Scenes, render
from workbench.errors import UsageError

COLOURS = WORDS[:6]


@pytest.fixture(scope="module")
def scenes() -> Scenes:
    return render(
        600,
        seed=4,
        choices=Choices(objects=(1, 1), textures=("plain",), radius=(0.3, 0.4)),
    )


@pytest.fixture(scope="module", params=["blip", "git"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp(request.param)
    make_captioner(made, request.param)
    return made


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory, scenes: Scenes) -> Path:
    made = tmp_path_factory.mktemp("clip")
    texts = [COLOURS[each] for each in scenes.layout.colour[:400, 0]]
    make_clip(made, scenes.images[:400], texts, steps=150)
    return made


def unit_of(scenes: Scenes, rows: NDArray[np.int64], unit: int = 0) -> UnitExemplars:
    return UnitExemplars(
        unit,
        "layer",
        "vision",
        rows,
        np.linspace(2, 1, len(rows), dtype=np.float32),
        scenes.objects[rows] >= 0,
        scenes.images[rows],
    )


def test_probabilities_are_those_of_the_models_own_loss(folder: Path, scenes: Scenes) -> None:
    import torch

    describer = HuggingFaceDescriber(folder, scenes.images[:3])
    text = "red square or circle"
    found = describer.log_probabilities(describer._look(scenes.images[:1]), text)
    network, kind = describer.model.network, describer.model.kind
    start, stop = describer._ends()
    words = describer.model.tokenizer(text, add_special_tokens=False)["input_ids"]
    given = torch.tensor([[start, *words, stop]])
    pixels = describer.model.pixels(scenes.images[:1])
    with torch.inference_mode():
        if kind == "blip":
            seen = network.vision_model(pixel_values=pixels)[0]
            logits = network.text_decoder(input_ids=given, encoder_hidden_states=seen).logits
            wanted = logits[0, :-1].log_softmax(-1).gather(-1, given[0, 1:, None]).sum()
        else:
            wanted = -network(input_ids=given, pixel_values=pixels, labels=given).loss
            wanted = wanted * (given.shape[1] - 1)
    assert found[0] == pytest.approx(float(wanted), abs=1e-4)


def test_captions_are_probable_and_probabilities_sum_to_less_than_one(
    folder: Path, scenes: Scenes
) -> None:
    describer = HuggingFaceDescriber(folder, scenes.images[:4], longest=1)
    seen = describer._look(scenes.images[:2])
    each = np.exp([describer.log_probabilities(seen, word) for word in ("", *WORDS)])
    assert (each.sum(axis=0) <= 1 + 1e-6).all()
    assert isinstance(describer, Describer)


def test_the_set_is_scored_by_the_mean_over_masked_exemplars(folder: Path, scenes: Scenes) -> None:
    describer = HuggingFaceDescriber(folder, scenes.images[:4], longest=4, texts=["a red square"])
    unit = unit_of(scenes, np.arange(3))
    found = {each.text: each for each in describer.propose(unit, n=8)}
    masked = scenes.images[:3] * (scenes.objects[:3] >= 0)[..., None]
    alone = describer.log_probabilities(describer._look(masked.astype(np.uint8)), "a red square")
    (scored,) = describer.score(unit, ["a red square"])
    assert scored.log_conditional == pytest.approx(alone.mean())
    bank = describer.log_probabilities(describer._look(scenes.images[:4]), "a red square")
    assert scored.log_prior == pytest.approx(np.log(np.exp(bank).mean()))
    order = [each.log_conditional for each in found.values()]
    assert order == sorted(order, reverse=True)
    assert len(order) <= 8


def test_labels_do_not_depend_on_other_units(folder: Path, clip: Path, scenes: Scenes) -> None:
    bank = scenes.images[:5]
    for make in (
        lambda: HuggingFaceDescriber(folder, bank, longest=3),
        lambda: ClipDescriber(clip, COLOURS, bank),
    ):
        alone = make().propose(unit_of(scenes, np.arange(3)), n=4)
        shared = make()
        shared.propose(unit_of(scenes, np.arange(10, 14), unit=1), n=4)
        assert shared.propose(unit_of(scenes, np.arange(3)), n=4) == alone


def test_fingerprints_follow_contents_not_places(
    folder: Path, scenes: Scenes, tmp_path: Path
) -> None:
    bank = scenes.images[:2]
    here = HuggingFaceDescriber(folder, bank)
    moved = shutil.copytree(folder, tmp_path / "elsewhere")
    assert HuggingFaceDescriber(moved, bank).fingerprint() == here.fingerprint()
    assert HuggingFaceDescriber(folder, scenes.images[2:4]).fingerprint() != here.fingerprint()
    make_captioner(moved, here.model.kind, seed=1)
    assert HuggingFaceDescriber(moved, bank).fingerprint() != here.fingerprint()


def test_clip_names_the_colour_that_exemplars_share(clip: Path, scenes: Scenes) -> None:
    from analyses.neuron_labels.reranking import rerank

    describer = ClipDescriber(clip, COLOURS, scenes.images[400:500])
    right = 0
    for number, colour in enumerate(COLOURS):
        rows = 500 + np.flatnonzero(scenes.layout.colour[500:, 0] == number)[:8]
        best = rerank(describer.propose(unit_of(scenes, rows), n=6), weight=1.0)[0]
        right += best.text == colour
    assert right >= 5


def test_soft_wpmi_is_the_published_formula() -> None:
    generator = np.random.default_rng(0)
    matches = generator.dirichlet(np.ones(4), size=(2, 5))
    membership = np.linspace(0.998, 0.97, 5)
    wanted = [
        [
            sum(np.log(1 + p * (row[j] - 1)) for p, row in zip(membership, each, strict=True))
            for j in range(4)
        ]
        for each in matches
    ]
    np.testing.assert_allclose(set_likelihood(matches), wanted)


def test_a_calibrated_clip_simulator_predicts_what_images_show(clip: Path, scenes: Scenes) -> None:
    known = Stimuli("vision", images=scenes.images[400:500])
    present = scenes.layout.colour[400:500] == np.arange(6)
    simulator = ClipSimulator(clip).calibrate(COLOURS, known, present)
    assert isinstance(simulator, Simulator)
    predicted = simulator.predict("red", Stimuli("vision", images=scenes.images[500:]))
    assert ((predicted >= 0) & (predicted <= 1)).all()
    assert np.corrcoef(predicted, scenes.layout.colour[500:, 0] == 0)[0, 1] > 0.5


def test_what_cannot_be_loaded_is_said(clip: Path, scenes: Scenes, tmp_path: Path) -> None:
    bank = scenes.images[:2]
    with pytest.raises(UsageError, match=r"no folder.*local folder"):
        HuggingFaceDescriber(tmp_path / "none", bank)
    with pytest.raises(UsageError, match=r"type 'clip'.*expected blip or git"):
        HuggingFaceDescriber(clip, bank)
    broken = shutil.copytree(clip, tmp_path / "broken")
    (broken / "preprocessor_config.json").unlink()
    with pytest.raises(UsageError, match=r"preprocessor_config.json in one folder"):
        ClipDescriber(broken, COLOURS, bank)
    (broken / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(UsageError, match="Could not load"):
        ClipSimulator(broken)


def test_wrong_input_is_refused(clip: Path, folder: Path, scenes: Scenes) -> None:
    with pytest.raises(UsageError, match="reference bank"):
        HuggingFaceDescriber(folder, scenes.images[:0])
    with pytest.raises(UsageError, match="two or more different"):
        ClipDescriber(clip, ["red", "red"], scenes.images[:2])
    blind = UnitExemplars(
        3, "s", "brain", np.arange(2), np.ones(2, np.float32), np.ones((2, 4), bool)
    )
    with pytest.raises(UsageError, match="no images among the exemplars of unit 3"):
        ClipDescriber(clip, COLOURS, scenes.images[:2]).propose(blind)
    stimuli = Stimuli("vision", images=scenes.images[:2])
    with pytest.raises(UsageError, match="some true and some not"):
        ClipSimulator(clip).calibrate(COLOURS, stimuli, np.zeros((2, 6), bool))
