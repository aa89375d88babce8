"""Simulators: learned ones agree with truth they never saw; exact ones are exact."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from analyses.neuron_labels.brain import BrainDescriber, project
from analyses.neuron_labels.brain_encoding import (
    fit_encoder,
    noise_ceiling,
    normalised_correlation,
)
from analyses.neuron_labels.reranking import rerank
from analyses.neuron_labels.scene_segmenting import (
    load_segmenter,
    save_segmenter,
    scene_words,
    train_segmenter,
    word_maps,
)
from analyses.neuron_labels.simulators import LabelMapSimulator, SceneSimulator
from analyses.neuron_labels.simulators_rows import (
    LabelSimulator,
    TokenSimulator,
    WordVectors,
    label_names,
)
from analyses.neuron_labels.soft_scenes import compose, presence, soft_mask, understood
from analyses.neuron_labels.types import (
    Candidate,
    Describer,
    Simulator,
    Stimuli,
    UnitExemplars,
)
from workbench.demo.scene_language import parse
from workbench.demo.scenes import Scenes, render
from workbench.errors import UsageError, WorkbenchError

TEXTS = (
    "red",
    "striped cross",
    "dotted blue ring",
    "green circle at the top",
    "red square or cyan",
    "yellow but not square",
)


@pytest.fixture(scope="module")
def scenes() -> Scenes:
    return render(500, seed=11)


@pytest.fixture(scope="module")
def shown(scenes: Scenes) -> Stimuli:
    return Stimuli("vision", images=scenes.images)


@pytest.fixture(scope="module")
def learned() -> SceneSimulator:
    return SceneSimulator()


@pytest.mark.parametrize("text", TEXTS)
def test_the_learned_simulator_sees_what_is_there(
    text: str, scenes: Scenes, shown: Stimuli, learned: SceneSimulator
) -> None:
    predicted = learned.predict(text, shown)
    assert ((predicted >= 0) & (predicted <= 1)).all()
    present = parse(text).present(scenes)
    assert np.corrcoef(predicted, present)[0, 1] > 0.85
    where = learned.predict(text, shown, spatial=True) > 0.5
    truth = parse(text).mask(scenes)
    assert (where & truth).sum() / (where | truth).sum() > 0.75


def test_the_right_description_beats_its_neighbours(
    scenes: Scenes, shown: Stimuli, learned: SceneSimulator
) -> None:
    generator = np.random.default_rng(0)
    real = parse("striped red square").present(scenes) * generator.uniform(0.7, 1.3, len(scenes))
    real = real + generator.normal(0, 0.1, len(scenes))
    near = ["red", "square", "red square", "striped red", "dotted red square", "red ring"]
    pool = [Candidate(text, -1.0, -1.0, "") for text in [*near, "striped red square"]]
    best = rerank(pool, simulator=learned, stimuli=shown, activity=real)
    assert best[0].text == "striped red square"
    assert best[0].simulated is not None
    assert best[0].simulated > 0.7


def test_no_label_map_and_no_other_image_takes_part(
    scenes: Scenes, shown: Stimuli, learned: SceneSimulator
) -> None:
    alone = learned.predict("red square", shown.take(np.arange(7)))
    np.testing.assert_allclose(alone, learned.predict("red square", shown)[:7], atol=1e-3)
    wrong = {word: ~each for word, each in scenes.label_maps.items()}
    misled = Stimuli("vision", images=scenes.images, label_maps=wrong)
    np.testing.assert_array_equal(learned.predict("red", misled), learned.predict("red", shown))


def test_predictions_are_kept_by_what_images_show(shown: Stimuli, learned: SceneSimulator) -> None:
    assert shown.images is not None
    images = shown.images[:20].copy()
    first = learned.predict("red", Stimuli("vision", images=images)).copy()
    # The same array, with other contents: a cache by name or by object would be stale.
    images[:] = shown.images[20:40]
    second = learned.predict("red", Stimuli("vision", images=images))
    fresh = learned.predict("red", shown.take(np.arange(20, 40)))
    np.testing.assert_allclose(second, fresh, atol=1e-3)
    assert not np.allclose(first, second)


def test_what_is_not_understood_predicts_nothing(shown: Stimuli, learned: SceneSimulator) -> None:
    assert not learned.predict("a photograph of happiness", shown).any()
    assert learned.predict("happiness", shown, spatial=True).shape == (500, 32, 32)
    with pytest.raises(UsageError, match="without images"):
        learned.predict("red", Stimuli("language", texts=[["red"]]))


def test_soft_composition_of_certain_maps_is_the_language_itself(scenes: Scenes) -> None:
    maps = scenes.label_maps
    for text in (*TEXTS, "object at the left", "red above blue", "ring beside object"):
        wanted = parse(text).on_maps(maps)
        np.testing.assert_array_equal(soft_mask(parse(text), maps) > 0.5, wanted, err_msg=text)
    with pytest.raises(UsageError, match="no map of 'zero'"):
        soft_mask(parse("zero"), maps)
    assert understood("nonsense") is None


def test_what_is_left_out_in_vain_changes_nothing(shown: Stimuli, learned: SceneSimulator) -> None:
    same = learned.predict("ring", shown), learned.predict("ring but not red square", shown)
    np.testing.assert_array_equal(*same)
    other = learned.predict("ring but not red", shown)
    assert not np.array_equal(same[0], other)


def test_training_lowers_the_loss_and_weights_survive_the_disk(tmp_path: Path) -> None:
    network, losses = train_segmenter(600, seed=5, width=2, batch_size=20)
    assert len(losses) == 10
    assert losses[-1] < losses[0]
    images = render(3, seed=1).images
    loaded = load_segmenter(save_segmenter(network, tmp_path / "weights.safetensors"))
    for word, each in word_maps(loaded, images).items():
        np.testing.assert_allclose(each, word_maps(network, images)[word], atol=0.02)
    assert SceneSimulator(loaded).fingerprint() != SceneSimulator().fingerprint()
    assert set(render(2, seed=0).words) <= set(scene_words())
    with pytest.raises(UsageError, match="one batch"):
        train_segmenter(5)
    with pytest.raises(UsageError, match="train_segmenter"):
        load_segmenter(tmp_path / "none.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"nothing")
    with pytest.raises(WorkbenchError, match="write it again"):
        load_segmenter(tmp_path / "broken.safetensors")


def test_label_maps_are_read_exactly(scenes: Scenes) -> None:
    stimuli = Stimuli("vision", images=scenes.images, label_maps=scenes.label_maps)
    simulator = LabelMapSimulator()
    for text in TEXTS:
        found = simulator.predict(text, stimuli, spatial=True) > 0.5
        np.testing.assert_array_equal(found, parse(text).on_maps(scenes.label_maps))
    own = {"cat": np.eye(3, dtype=bool)[None], "tree top": ~np.eye(3, dtype=bool)[None]}
    other = Stimuli("vision", label_maps=own)
    assert simulator.predict("cat and tree top", other)[0] == 0
    assert simulator.predict("tree top but not cat", other, spatial=True).sum() == 6
    assert not simulator.predict("cow", other).any()
    with pytest.raises(UsageError, match="no label maps"):
        simulator.predict("cat", Stimuli("vision", images=scenes.images))


def test_presence_does_not_add_up_doubts() -> None:
    assert presence(np.full((1, 32, 32), 0.2)).tolist() == [0.0]
    assert presence(np.ones((2, 8, 8))).tolist() == [1.0, 1.0]


def test_tokens_are_found_where_they_are_read() -> None:
    texts = [["Ġthe", "Ġold", "Ġcat"], ["Ġcat", "##s", "Ġor", "Ġthe"], ["Ġold", "Ġman"]]
    stimuli = Stimuli("language", texts=texts)
    simulator = TokenSimulator()
    assert simulator.predict("'cat'", stimuli).tolist() == [0, 0, 1, 1, 0, 0, 0, 0, 0]
    assert simulator.predict("the old", stimuli).tolist() == [0, 1, 0, 0, 0, 0, 0, 0, 0]
    # The last text begins with "old" after "the": no n-gram reaches over the end of a text.
    assert simulator.predict("the old", stimuli)[7] == 0
    assert simulator.predict("cat, man", stimuli).tolist() == [0, 0, 1, 1, 0, 0, 0, 0, 1]
    assert simulator.predict("or", stimuli)[5] == 1
    assert TokenSimulator("text").predict("old but not man", stimuli).tolist() == [1, 0, 1]
    assert simulator.fingerprint() != TokenSimulator("text").fingerprint()
    with pytest.raises(UsageError, match="without texts"):
        simulator.predict("cat", Stimuli("vision", images=np.zeros((1, 2, 2, 3), np.uint8)))
    with pytest.raises(UsageError, match="level 'word'"):
        TokenSimulator("word")  # type: ignore[arg-type]


def test_learned_words_are_also_true_where_like_words_are() -> None:
    generator = np.random.default_rng(0)
    animals, stones = ["cat", "dog", "cow"], ["rock", "sand", "clay"]
    texts = [
        ["the", *generator.permutation(animals), "eats"]
        if generator.random() < 0.5
        else ["some", *generator.permutation(stones), "lies"]
        for _ in range(300)
    ]
    vectors = WordVectors.learn(texts, dimensions=3)
    stimuli = Stimuli("language", texts=[["cat", "dog", "rock"]])
    cat, dog, rock = TokenSimulator(vectors=vectors).predict("cat", stimuli)
    assert cat == 1
    assert dog > 0.7
    assert rock < 0.3
    assert TokenSimulator().predict("cat", stimuli).tolist() == [1, 0, 0]
    with pytest.raises(UsageError, match="more than the"):
        WordVectors.learn(texts, dimensions=30)


def test_labels_of_rows_have_names() -> None:
    labels = pd.DataFrame(
        {
            "image": ["face", "house", "face", "tool"],
            "block": ["face", "house", "house", "tool"],
            "running": [True, False, False, True],
            "count": [1, 2, 2, 1],
        }
    ).loc[np.repeat(np.arange(4), 8)]
    labels["speed"] = np.arange(32.0)
    names = label_names(labels.reset_index(drop=True))
    assert {"image face", "running", "count 2", "high speed", "low speed"} <= set(names)
    # Two columns have a face: its name alone would be ambiguous.
    assert "face" not in names
    stimuli = Stimuli("brain", labels=labels)
    simulator = LabelSimulator()
    found = simulator.predict("image face but not running", stimuli)
    assert np.flatnonzero(found).tolist() == list(range(16, 24))
    assert np.all(np.diff(simulator.predict("high speed", stimuli)) > 0)
    assert not simulator.predict("image cow", stimuli).any()
    with pytest.raises(UsageError, match="without labels"):
        simulator.predict("face", Stimuli("brain", texts=[["a"]]))


def test_all_simulators_keep_to_the_protocol(learned: SceneSimulator) -> None:
    for each in (learned, LabelMapSimulator(), TokenSimulator(), LabelSimulator()):
        assert isinstance(each, Simulator)
        assert each.fingerprint()
        with pytest.raises(UsageError, match="of type 'ndarray'; expected Stimuli"):
            each.predict("red", np.zeros((2, 8, 8, 3), np.uint8))


def test_pictures_may_be_tensors() -> None:
    import torch

    given = Stimuli("vision", images=torch.zeros(3, 8, 8, 3, dtype=torch.uint8))
    assert isinstance(given.take([0, 2]).images, np.ndarray)
    with pytest.raises(UsageError, match="put channels last, and scale to 0 to 255"):
        Stimuli("vision", images=torch.zeros(3, 3, 8, 8))


def test_alternatives_bind_less_than_exceptions() -> None:
    values = {"a": np.array([1.0, 0, 0]), "b": np.array([0.0, 1, 1]), "c": np.array([0.0, 0, 1])}
    found = compose("a or b but not c", values.get)
    assert found is not None
    assert found.tolist() == [1, 1, 0]


def planted_brain(noise: float = 0.5) -> tuple[np.ndarray, ...]:
    """Features in which four concepts are directions, a bank, and voxels of single concepts."""
    generator = np.random.default_rng(0)
    concepts = np.linalg.qr(generator.normal(size=(12, 12)))[0][:4]
    bank = np.repeat(concepts, 50, axis=0) * 3 + generator.normal(0, 0.3, (200, 12))
    features = concepts[generator.integers(4, size=400)] * 3 + generator.normal(0, 0.3, (400, 12))
    clean = features @ concepts.T
    return concepts, bank, features, clean, clean + generator.normal(0, noise, clean.shape)


def test_voxels_get_the_words_of_their_directions() -> None:
    concepts, bank, features, _, activity = planted_brain()
    encoder = fit_encoder(features, activity)
    words = ["face", "food", "place", "word"]
    describer = BrainDescriber(encoder, bank, words, concepts)
    assert isinstance(describer, Describer)
    for unit, word in enumerate(words):
        assert rerank(describer.propose(brain_unit(unit)), weight=1.0)[0].text == word
    # A word that fits most stimuli is likely for any unit; the prior says so.
    many = BrainDescriber(encoder, np.concatenate([bank, bank[:50], bank[:50]]), words, concepts)
    priors = {each.text: each.log_prior for each in many.propose(brain_unit(2))}
    assert max(priors, key=lambda text: priors[text]) == "face"
    assert sum(np.exp(list(priors.values()))) == pytest.approx(1)
    few = BrainDescriber(fit_encoder(features, activity[:, :1]), bank, words, concepts)
    for one, other in zip(
        few.propose(brain_unit(0)), describer.propose(brain_unit(0)), strict=True
    ):
        assert one.text == other.text
        assert one.log_conditional == pytest.approx(other.log_conditional)
        assert one.log_prior == other.log_prior


def brain_unit(unit: int) -> UnitExemplars:
    return UnitExemplars(
        unit, "area", "brain", np.arange(1), np.ones(1, np.float32), np.ones((1, 2), bool)
    )


def test_voxels_are_described_by_other_describers_too(scenes: Scenes, shown: Stimuli) -> None:
    class Colours:
        name = "colours"

        def propose(self, exemplars: UnitExemplars, n: int = 50) -> list[Candidate]:
            shares = {
                word: scenes.label_maps[word][exemplars.stimuli].any(axis=(1, 2)).mean()
                for word in ("red", "green", "blue")
            }
            ranked = sorted(shares, key=lambda word: -shares[word])
            return [Candidate(word, np.log(shares[word] + 0.01), 0.0, "") for word in ranked][:n]

        def fingerprint(self) -> str:
            return "colours"

    words = list(scenes.words)
    bank = np.stack([scenes.label_maps[word].any(axis=(1, 2)) for word in words], axis=1) - 0.3
    encoder = fit_encoder(bank, bank[:, [words.index("red"), words.index("blue")]])
    describer = BrainDescriber(encoder, bank, describer=Colours(), stimuli=shown)
    assert describer.propose(brain_unit(0))[0].text == "red"
    assert describer.propose(brain_unit(1))[0].text == "blue"
    with pytest.raises(UsageError, match="one of the encoder's 2"):
        describer.propose(brain_unit(2))
    with pytest.raises(UsageError, match="words with a vector each"):
        BrainDescriber(encoder, bank)
    with pytest.raises(UsageError, match="the same features"):
        BrainDescriber(encoder, bank[:, :3], describer=Colours(), stimuli=shown)


def test_projection_is_decoupled_and_ignores_the_length_of_weights() -> None:
    _, bank, _, _, _ = planted_brain()
    weights = np.random.default_rng(1).normal(size=(3, 12))
    one, other = project(weights, bank), project(weights * 7, bank)
    np.testing.assert_allclose(one.vectors, other.vectors)
    np.testing.assert_allclose(one.shares.sum(axis=1), 1)
    lengths = np.linalg.norm(bank, axis=1)
    np.testing.assert_allclose(np.linalg.norm(one.vectors, axis=1), one.shares @ lengths)
    far = project(weights, bank, temperature=1e6)
    nearest = (bank / lengths[:, None] @ weights.T).argmax(axis=0)
    np.testing.assert_allclose(far.vectors, bank[nearest], rtol=1e-6)
    with pytest.raises(UsageError, match="same features"):
        project(weights, bank[:, :3])
    with pytest.raises(UsageError, match="all zero"):
        project(np.zeros((1, 12)), bank)


def test_the_encoder_is_ridge_regression_with_a_penalty_a_unit() -> None:
    from sklearn.linear_model import Ridge

    _, _, features, _, activity = planted_brain(noise=3)
    activity = np.concatenate([activity, np.random.default_rng(2).normal(size=(400, 2))], axis=1)
    encoder = fit_encoder(features, activity)
    scale = np.square(features - features.mean(axis=0)).sum() / features.shape[1]
    for unit in range(6):
        model = Ridge(alpha=encoder.alphas[unit] * scale).fit(features, activity[:, unit])
        np.testing.assert_allclose(encoder.weights[unit], model.coef_, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(encoder.predict(features)[:, unit], model.predict(features))
    assert encoder.scores[:4].min() > 0.3
    assert np.abs(encoder.scores[4:]).max() < 0.2
    with pytest.raises(UsageError, match="2 groups of stimuli for 5 folds"):
        fit_encoder(features, activity, groups=np.arange(400) % 2)
    with pytest.raises(UsageError, match="not finite"):
        fit_encoder(features, np.full((400, 1), np.nan))
    with pytest.raises(UsageError, match="the same stimuli"):
        fit_encoder(features, activity[:3])


def test_scores_are_shares_of_what_repeats() -> None:
    generator = np.random.default_rng(3)
    signal = generator.normal(size=(2000, 3))
    repeats = signal + generator.normal(0, [0.5, 2.0, 1.0], (4, 2000, 3))
    repeats[:, :, 2] = generator.normal(size=(4, 2000))
    ceiling = noise_ceiling(repeats)
    np.testing.assert_allclose(ceiling[:2], [(1 / 1.0625) ** 0.5, 0.5**0.5], atol=0.02)
    share, same = normalised_correlation(signal, repeats)
    np.testing.assert_array_equal(same, ceiling)
    np.testing.assert_allclose(share[:2], 1, atol=0.03)
    assert np.isnan(normalised_correlation(signal * 0 + 1, np.zeros((2, 2000, 3)))[0]).all()
    with pytest.raises(UsageError, match="two or more repeats"):
        noise_ceiling(repeats[:1])


def test_models_do_not_touch_the_random_state() -> None:
    torch.manual_seed(0)
    wanted = torch.rand(3)
    torch.manual_seed(0)
    train_segmenter(40, width=1, batch_size=20)
    assert torch.equal(torch.rand(3), wanted)
