"""The captioner: what it learns, how it searches, what it must never do again."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from analyses.neuron_labels.captioner import CaptionerDescriber
from analyses.neuron_labels.captioner_decoding import beam, greedy, log_conditional, log_prior
from analyses.neuron_labels.captioner_encoder import (
    PyramidEncoder,
    demo_encoder,
    masked_mean,
    scene_encoder,
)
from analyses.neuron_labels.captioner_networks import Decoder, LanguageModel, uneven_attention
from analyses.neuron_labels.captioner_sets import rendered_sets, shortened
from analyses.neuron_labels.captioner_training import (
    Best,
    CaptionerSettings,
    split_sets,
    train_decoder,
)
from analyses.neuron_labels.captioner_words import Vocabulary, bleu
from analyses.neuron_labels.reranking import rerank
from analyses.neuron_labels.types import Describer, UnitExemplars
from workbench.demo.scene_language import parse
from workbench.demo.scenes import render
from workbench.errors import UsageError, WorkbenchError

COLOURS, SHAPES = ("red", "green", "blue", "cyan"), ("disc", "square", "ring", "cross")
SMALL = CaptionerSettings(
    embedding=16,
    hidden=48,
    layers=1,
    dropout=0.1,
    epochs=25,
    learning_rate=5e-3,
    criterion="likelihood",
)
K = 5


def encoder(seed: int = 0) -> PyramidEncoder:
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, 2, 1))
    return PyramidEncoder(network, ("1", "2"), 16)


def planted_sets(n: int, seed: int) -> tuple[NDArray[np.float32], list[list[list[str]]], list[str]]:
    """Features that hold a colour and a shape, and annotators who mention half of that."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(4, size=(n, 2))
    codes = np.concatenate([np.eye(4)[truth[:, 0]], np.eye(4)[truth[:, 1]]], axis=1)
    features = codes[:, None] + generator.normal(0, 0.3, (n, K, 8))
    captions, full = [], []
    for colour, shape in truth:
        words = [COLOURS[colour], SHAPES[shape]]
        said = [[word for word in words if generator.random() < 0.5] for _ in range(3)]
        captions.append([each or [words[generator.integers(2)]] for each in said])
        full.append(" ".join(words))
    return features.astype(np.float32), captions, full


@pytest.fixture(scope="module")
def trained() -> CaptionerDescriber:
    features, captions, _ = planted_sets(500, seed=0)
    return CaptionerDescriber.train(encoder(), features, captions, SMALL, beam=20)


def unit_of(features: NDArray[np.float32], unit: int = 0) -> UnitExemplars:
    k = len(features)
    values = np.ones(k, np.float32)
    return UnitExemplars(
        unit, "s", "vision", np.arange(k), values, np.ones((k, 4, 4), bool), features=features
    )


def test_information_finds_what_likelihood_leaves_out(trained: CaptionerDescriber) -> None:
    features, _, full = planted_sets(60, seed=1)
    right = {}
    for weight in (0.0, 0.5):
        best = [
            rerank(trained.propose(unit_of(each), n=20), weight=weight)[0].text for each in features
        ]
        right[weight] = np.mean([one == other for one, other in zip(best, full, strict=True)])
    assert right[0.5] > 0.8
    assert right[0.5] > right[0.0] + 0.3


def test_beam_search_of_full_width_is_exhaustive() -> None:
    torch.manual_seed(1)
    decoder = Decoder(7, 6, 8, 12, 0.0).eval()
    vocabulary = Vocabulary.of([["a", "b", "c"]])
    features = torch.randn(3, 6)
    captions = [
        list(words) for length in range(3) for words in itertools.product("abc", repeat=length)
    ]
    wanted = log_conditional(decoder, vocabulary, features, captions)
    found = {
        tuple(vocabulary.decode(numbers)): score
        for numbers, score in beam(decoder, features, width=100, longest=2)
    }
    assert found.keys() == {tuple(caption) for caption in captions}
    for caption, score in zip(captions, wanted, strict=True):
        assert found[tuple(caption)] == pytest.approx(score, abs=1e-5)
    narrow = beam(decoder, features, width=3, longest=2)
    assert [score for _, score in narrow] == sorted((s for _, s in narrow), reverse=True)
    assert len(greedy(decoder, features[None], longest=2)[0]) <= 2


def test_nothing_behind_the_stop_is_scored() -> None:
    torch.manual_seed(2)
    vocabulary = Vocabulary.of([["a", "b", "c"]])
    model = LanguageModel(len(vocabulary), 8, 12, 2, 0.0).eval()
    decoder = Decoder(len(vocabulary), 6, 8, 12, 0.0).eval()
    features = torch.randn(3, 6)
    short, long = ["a"], ["b", "c", "a", "b", "c"]
    assert log_prior(model, vocabulary, [short, long])[0] == pytest.approx(
        log_prior(model, vocabulary, [short])[0], abs=1e-6
    )
    assert log_conditional(decoder, vocabulary, features, [short, long])[0] == pytest.approx(
        log_conditional(decoder, vocabulary, features, [short])[0], abs=1e-6
    )


def test_probabilities_of_all_captions_sum_to_at_most_one(trained: CaptionerDescriber) -> None:
    words = [*COLOURS, *SHAPES]
    texts = [" ".join(each) for n in (0, 1, 2) for each in itertools.product(words, repeat=n)]
    features, _, _ = planted_sets(1, seed=3)
    found = trained.score(unit_of(features[0]), texts)
    # It was trained on captions of one and two words, so those are almost all there is.
    for total in (
        np.exp([each.log_conditional for each in found]).sum(),
        np.exp([each.log_prior for each in found]).sum(),
    ):
        assert 0.85 < total <= 1 + 1e-5


def test_proposals_are_scored_as_single_captions_are(trained: CaptionerDescriber) -> None:
    features, _, _ = planted_sets(2, seed=4)
    unit = unit_of(features[0])
    proposed = trained.propose(unit, n=12)
    again = trained.score(unit, [each.text for each in proposed])
    for one, other in zip(proposed, again, strict=True):
        assert one.log_conditional == pytest.approx(other.log_conditional, abs=1e-4)
        assert one.log_prior == pytest.approx(other.log_prior, abs=1e-4)
    assert isinstance(trained, Describer)
    # "square red" is no caption that anyone wrote, whatever the weight of the prior.
    orders = [each.text.split() for each in trained.propose(unit, n=20)]
    assert all(len(each) == 1 or each[0] in COLOURS for each in orders)


def test_neither_other_units_nor_the_order_of_exemplars_matter(trained: CaptionerDescriber) -> None:
    features, _, _ = planted_sets(2, seed=5)
    alone = trained.propose(unit_of(features[0]))
    trained.propose(unit_of(features[1], unit=1))
    assert trained.propose(unit_of(features[0])) == alone
    turned = trained.score(unit_of(features[0][::-1].copy()), [each.text for each in alone[:5]])
    for one, other in zip(alone, turned, strict=False):
        assert one.log_conditional == pytest.approx(other.log_conditional, abs=1e-4)


def test_the_best_weights_are_kept_and_not_the_last() -> None:
    network = nn.Linear(2, 2)
    best = Best()
    best.offer(network, 1.0)
    kept = network.weight.detach().clone()
    with torch.no_grad():
        network.weight.add_(5)
    best.offer(network, 0.5)
    assert best.is_over(1)
    best.restore(network)
    assert torch.equal(network.weight, kept)


def test_training_ends_with_the_weights_of_the_best_epoch() -> None:
    features, captions, _ = planted_sets(60, seed=6)
    vocabulary = Vocabulary.of(caption for each in captions for caption in each)
    settings = CaptionerSettings(
        embedding=8, hidden=16, layers=1, learning_rate=0.3, epochs=12, patience=12, validation=0.3
    )
    decoder, history = train_decoder(features, captions, vocabulary, settings)
    _, test = split_sets(len(features), settings)
    said = greedy(decoder, torch.from_numpy(features[test]), longest=2)
    score = bleu([captions[i] for i in test], [vocabulary.decode(each) for each in said])
    assert np.ptp(history) > 0
    assert history[-1] < max(history)
    assert score == pytest.approx(max(history))


def test_masked_means_are_those_of_the_pixels_inside() -> None:
    generator = np.random.default_rng(0)
    level = torch.from_numpy(generator.normal(size=(3, 4, 8, 8)).astype(np.float32))
    masks = torch.from_numpy(generator.random((3, 8, 8)) > 0.6).float()
    found = masked_mean(level, masks).numpy()
    for image in range(3):
        inside = level[image][:, masks[image] > 0].mean(dim=1)
        np.testing.assert_allclose(found[image], inside, atol=1e-5)
    everything = masked_mean(level, torch.ones(3, 32, 32))
    torch.testing.assert_close(everything, level.mean(dim=(2, 3)))
    torch.testing.assert_close(masked_mean(level, torch.zeros(3, 32, 32)), everything)
    one_pixel = torch.zeros(1, 64, 64)
    one_pixel[0, 17, 33] = 1
    torch.testing.assert_close(masked_mean(level[:1], one_pixel)[0], level[0, :, 2, 4])


def test_uneven_attention_is_none_where_every_exemplar_is_seen_once() -> None:
    targets = torch.tensor([[4, 5, 2, 0]])
    attention = torch.full((1, 4, 3), 1 / 3)
    assert uneven_attention(attention, targets).item() == pytest.approx(0, abs=1e-6)
    attention[0, :, 0], attention[0, :, 1:] = 1, 0
    assert uneven_attention(attention, targets).item() == pytest.approx((4 + 1 + 1) / 3)


def test_rendered_sets_show_what_their_captions_say() -> None:
    sets = rendered_sets(12, seed=1, k=4, n_scenes=300, strangers=0.0)
    for concept, members, masks, captions in zip(
        sets.concepts, sets.members, sets.masks, sets.captions, strict=True
    ):
        truth = concept.mask(sets.scenes[members])
        assert truth.any(axis=(1, 2)).all()
        assert (truth & masks).any(axis=(1, 2)).all()
        for caption in captions:
            assert set(parse(" ".join(caption)).words) <= set(concept.words)
    whole = encoder()(sets.scenes.images[sets.members[2]], sets.masks[2])
    np.testing.assert_allclose(sets.features(encoder())[2], whole, atol=1e-5)
    again = rendered_sets(12, seed=1, k=4, n_scenes=300, strangers=0.0)
    assert again.captions == sets.captions
    generator = np.random.default_rng(0)
    short = {shortened(parse("red square at the top"), 0.3, generator).text for _ in range(60)}
    assert {"red", "square"} <= {word for text in short for word in text.split()}


def test_saved_and_loaded_it_says_the_same(trained: CaptionerDescriber, tmp_path: Path) -> None:
    features, _, _ = planted_sets(1, seed=7)
    trained.save(tmp_path / "one")
    loaded = CaptionerDescriber.load(tmp_path / "one", encoder())
    assert loaded.propose(unit_of(features[0])) == trained.propose(unit_of(features[0]))
    (tmp_path / "one").rename(tmp_path / "other")
    moved = CaptionerDescriber.load(tmp_path / "other", encoder())
    assert moved.fingerprint() == trained.fingerprint()
    with torch.no_grad():
        moved.decoder.output.bias.add_(0.01)
    assert moved.fingerprint() != trained.fingerprint()


def test_what_does_not_fit_is_refused(trained: CaptionerDescriber, tmp_path: Path) -> None:
    folder = trained.save(tmp_path)
    with pytest.raises(UsageError, match="another encoder"):
        CaptionerDescriber.load(folder, encoder(seed=1))
    with pytest.raises(UsageError, match="another encoder"):
        CaptionerDescriber.load(folder)
    with pytest.raises(UsageError, match=r"no 'captioner.json'"):
        CaptionerDescriber.load(tmp_path / "none", encoder())
    facts = json.loads((folder / "captioner.json").read_text())
    (folder / "captioner.json").write_text(json.dumps({**facts, "format": 99}))
    with pytest.raises(WorkbenchError, match="format 99"):
        CaptionerDescriber.load(folder, encoder())
    with pytest.raises(UsageError, match="no layer '7'"):
        PyramidEncoder(nn.Sequential(nn.ReLU()), ("7",), 8)
    flat = PyramidEncoder(nn.Sequential(nn.Flatten(), nn.Linear(192, 2)), ("1",), 8)
    with pytest.raises(UsageError, match="choose a convolutional layer"):
        flat.maps(np.zeros((1, 8, 8, 3), np.uint8))
    with pytest.raises(UsageError, match="no images and no features of size 8"):
        trained.propose(unit_of(np.zeros((2, 3), np.float32)))
    with pytest.raises(UsageError, match="at least 10"):
        split_sets(4, SMALL)
    with pytest.raises(UsageError, match="captions of 1 sets"):
        CaptionerDescriber.train(encoder(), np.zeros((2, 3, 4), np.float32), [[["a"]]])


def test_an_encoder_takes_weights_of_a_local_file(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 255, (2, 16, 16, 3), dtype=np.uint8)
    masks = np.ones((2, 16, 16), bool)
    wanted = encoder(seed=3)
    torch.save(wanted.network.state_dict(), tmp_path / "weights.pth")
    found = encoder().load_state(tmp_path / "weights.pth")
    np.testing.assert_array_equal(found(images, masks), wanted(images, masks))
    assert found.fingerprint() == wanted.fingerprint() != encoder().fingerprint()
    with pytest.raises(UsageError, match="no file"):
        encoder().load_state(tmp_path / "none.pth")
    torch.save({"other": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(WorkbenchError, match="this very network"):
        encoder().load_state(tmp_path / "other.pth")


@pytest.mark.parametrize("make", [demo_encoder, scene_encoder])
def test_encoders_that_come_along_need_no_mention(
    make: Callable[[], PyramidEncoder], tmp_path: Path
) -> None:
    brief = CaptionerSettings(embedding=4, hidden=6, layers=1, epochs=1)
    made = CaptionerDescriber.from_scenes(make(), 30, 0, brief, k=3, n_scenes=120)
    scenes = render(20, seed=9)
    rows = np.flatnonzero(scenes.having("red").any(axis=1))[:3]
    masks = scenes.paint(scenes.having("red"))[rows]
    unit = UnitExemplars(0, "s", "vision", rows, np.ones(3, np.float32), masks, scenes.images[rows])
    found = CaptionerDescriber.load(made.save(tmp_path)).propose(unit, n=5)
    assert found == made.propose(unit, n=5)
    assert 0 < len(found) <= 5


def test_bleu_counts_shared_ngrams_and_punishes_brevity() -> None:
    full = [["a", "red", "square", "at", "the", "top"]]
    assert bleu([full], [full[0]]) == pytest.approx(1)
    assert bleu([full], [full[0][:3]]) == pytest.approx(np.exp(1 - 2))
    assert bleu([full], [["the"] * 6]) < bleu([full], [["a", "red", "square", "at", "a", "top"]])
    assert bleu([[["red"], ["square"]]], [["square"]]) == pytest.approx(1)
