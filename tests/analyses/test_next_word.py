"""The next-word study: a grammar that is known, a network that must find it, and its controls."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from analyses.word_classes import (
    Recipe,
    class_pictures,
    cluster_agreement,
    conditional_gdv,
    gdv,
    gdv_by_layer,
    make_corpus,
    picture_points,
    read_tagged_words,
    run_next_word_experiment,
    train_next_word,
)
from analyses.word_classes.next_word_corpus import most_frequent_class, windows
from analyses.word_classes.next_word_network import LAYERS, activity_of_layers, make_network
from workbench.errors import UsageError

SMALL = Recipe(
    embedding=12, middle=16, dense=16, window=4, epochs=6, windows_per_epoch=4000, dropout=0.0,
    learning_rate=1e-2,
)  # fmt: skip


def sentences(n, seed):
    """DET NOUN VERB DET (ADJ) NOUN: what follows a noun depends on what came before it."""
    generator = np.random.default_rng(seed)
    words = {name: [f"{name.lower()}{k}" for k in range(6)] for name in ("ADJ", "NOUN", "VERB")}
    words["DET"] = ["the", "a"]
    made = []
    while len(made) < n:
        adjective = ["ADJ"] if generator.random() < 0.5 else []
        order = ["DET", "NOUN", "VERB", "DET", *adjective, "NOUN"]
        made += [(str(generator.choice(words[name])), name) for name in order]
    return made


@pytest.fixture(scope="module")
def corpora():
    corpus = make_corpus(sentences(6000, 0))
    return corpus, make_corpus(sentences(3000, 1), corpus.vocabulary)


@pytest.fixture(scope="module")
def experiment(corpora):
    return run_next_word_experiment(*corpora, SMALL, seeds=(0, 1, 2), n_per_class=80)


def test_training_lowers_the_loss_below_that_of_word_frequencies(corpora, experiment):
    corpus, held_out = corpora
    counts = np.bincount(corpus.words, minlength=len(corpus.vocabulary)) + 1
    unigram = -np.log(counts / counts.sum())[held_out.words].mean()
    assert (experiment.training["loss"] < unigram - 0.5).all()


def test_classes_of_the_next_word_emerge_and_controls_do_not(experiment):
    table = experiment.table.set_index(["layer", "network", "labels"]).sort_index()
    value = table["gdv"]
    trained, untrained = (value["dense", name] for name in ("trained", "untrained"))
    assert trained["class of the next word"] < untrained["class of the next word"] - 0.1
    assert table["high"]["dense", "trained", "class of the next word"] < -0.2
    assert abs(trained["shuffled classes"]) < 0.02
    fixed = "class of the next word, that of the last fixed"
    # Within one last class the next one still depends on the word before: the network holds it.
    assert trained[fixed] < untrained[fixed] - 0.02
    assert trained["one random class for every next word"] > trained["class of the next word"] / 2


def test_every_layer_label_and_seed_is_in_the_table(experiment):
    assert len(experiment.table) == 4 * 2 * 6
    assert len(experiment.by_seed) == 3 * 4 * 2 * 6
    assert (experiment.table["low"] <= experiment.table["gdv"]).all()
    assert experiment.most_frequent_class == 1.0
    assert experiment.n_rows == experiment.n_classes * 80


def test_layers_are_drawn_before_and_after_training_beside_their_controls(experiment):
    figure = gdv_by_layer(experiment)
    lines = {(trace.name, trace.xaxis): list(trace.y) for trace in figure.data}
    assert len(lines) == 2 * 6
    table = experiment.table.set_index(["network", "labels", "layer"])["gdv"]
    for axis, network in (("x", "untrained"), ("x2", "trained")):
        expected = [table[network, "class of the next word", layer] for layer in LAYERS]
        assert lines["class of the next word", axis] == pytest.approx(expected)


def test_pictures_place_the_same_windows_in_every_layer(corpora, experiment):
    points = picture_points(experiment.networks[0], corpora[1], n_rows=80, seed=1)
    assert len(points) == 2 * 4 * 80
    assert np.isfinite(points[["x", "y"]]).all(axis=None)
    kinds = dict(sentences(3000, 1))
    for name in ("next", "last"):
        classes = [kinds[word] for word in points[f"{name} word"]]
        assert classes == points[f"{name} class"].tolist()
    assert points.groupby(["network", "layer"])["next word"].agg(tuple).nunique() == 1
    # The plane shows what the table says: the trained dense layer separates, the untrained not.
    spread = {}
    for network in ("untrained", "trained"):
        dense = points[(points["network"] == network) & (points["layer"] == "dense")]
        spread[network] = gdv(dense[["x", "y"]], dense["next class"])
    assert spread["trained"] < spread["untrained"] - 0.1
    figure = class_pictures(points, "last")
    assert len(figure.data) == 2 * 4 * 4
    assert sum(len(trace.x) for trace in figure.data) == len(points)


def test_pictures_of_nothing_are_refused(corpora, experiment):
    with pytest.raises(UsageError, match="method 'pca'"):
        picture_points(experiment.networks[0], corpora[1], "pca")
    with pytest.raises(UsageError, match="no class with 99999"):
        picture_points(experiment.networks[0], corpora[1], min_per_class=99_999)


def test_the_same_seed_trains_the_same_network(corpora):
    recipe = Recipe(**{**SMALL.__dict__, "epochs": 1, "windows_per_epoch": 500})
    first, second = (train_next_word(*corpora, recipe, seed=3) for _ in range(2))
    for one, other in zip(
        first.trained.state_dict().values(), second.trained.state_dict().values(), strict=True
    ):
        assert torch.equal(one, other)
    fresh = make_network(len(corpora[0].vocabulary), recipe, seed=3).state_dict()
    assert all(torch.equal(first.untrained.state_dict()[k], v) for k, v in fresh.items())


@pytest.mark.parametrize("kind", ["lstm", "gru", "dense"])
def test_every_kind_of_middle_layer_says_something(corpora, kind):
    network = make_network(20, Recipe(kind=kind, window=3), seed=0)
    said = activity_of_layers(network, np.zeros((5, 3), dtype=np.int64))
    assert {name: values.shape[1] for name, values in said.items()} == {
        "embeddings": 300,
        "last embedding": 100,
        "middle": 128,
        "dense": 128,
    }


def test_a_fixed_label_takes_away_what_follows_from_it():
    generator = np.random.default_rng(0)
    last = generator.integers(0, 2, 600)
    following = np.where(generator.random(600) < 0.9, last, 1 - last)
    x = last[:, None] + 0.1 * generator.standard_normal((600, 4))
    assert gdv(x, following) < -0.4
    assert abs(conditional_gdv(x, following, last)) < 0.05
    y = following[:, None] + 0.1 * generator.standard_normal((600, 4))
    assert conditional_gdv(y, following, last) < -0.7
    with pytest.raises(UsageError, match="no fixed label"):
        conditional_gdv(x, following, np.arange(600))


@pytest.mark.parametrize("method", ["kmeans", "hdbscan"])
def test_clusters_agree_with_planted_classes_and_not_with_noise(method):
    generator = np.random.default_rng(0)
    labels = np.repeat(["a", "b", "c"], 80)
    centres = 12 * np.eye(3)[np.repeat(range(3), 80)]
    x = centres + generator.standard_normal((240, 3))
    found = cluster_agreement(x, labels, method)
    assert found.value > 0.9
    assert found.null.p_value < 0.01
    assert found.n_clusters == 3
    other = cluster_agreement(x, generator.permutation(labels), method)
    assert abs(other.value) < 0.05
    assert other.null.p_value > 0.01


def test_clusters_of_slow_noise_do_not_beat_classes_shifted_in_time():
    alarms = 0
    for seed in range(20):
        generator = np.random.default_rng(seed)
        x = np.cumsum(generator.standard_normal((300, 3)), axis=0)
        labels = np.sign(np.cumsum(generator.standard_normal(300)))
        if len(np.unique(labels)) < 2:
            continue
        found = cluster_agreement(x, labels, groups=np.zeros(300), in_time=True, n_permutations=60)
        alarms += found.null.p_value < 0.05
    assert alarms <= 4


def test_bad_input_is_refused(corpora):
    corpus, held_out = corpora
    with pytest.raises(UsageError, match="two vocabularies"):
        train_next_word(corpus, make_corpus(sentences(50, 2)), SMALL)
    with pytest.raises(UsageError, match="kind 'transformer'"):
        make_network(5, Recipe(kind="transformer"), 0)
    with pytest.raises(UsageError, match="Found 1 seed"):
        run_next_word_experiment(corpus, held_out, SMALL, seeds=(0,))
    with pytest.raises(UsageError, match="0 classes with 99999"):
        run_next_word_experiment(corpus, held_out, SMALL, min_per_class=99_999)
    with pytest.raises(UsageError, match="no word with a class"):
        make_corpus([])
    with pytest.raises(UsageError, match="Found 2 words; expected more than 3"):
        windows(np.arange(2), 3)
    with pytest.raises(UsageError, match="method 'spectral'"):
        cluster_agreement(np.eye(4), [0, 0, 1, 1], "spectral")
    with pytest.raises(UsageError, match="one class only"):
        cluster_agreement(np.eye(4), [1, 1, 1, 1])


def test_gold_words_are_read_and_their_most_frequent_class_is_a_baseline(data):
    folder = data / "text" / "UD_English-EWT"
    known = make_corpus(read_tagged_words(folder / "en_ewt-ud-train.conllu"))
    unseen = make_corpus(read_tagged_words(folder / "en_ewt-ud-test.conllu"), known.vocabulary)
    # The study's page counts 179,859 words and a vocabulary of 4,742.
    assert abs(len(known) - 179_859) < 2_000
    assert abs(len(known.vocabulary) - 4_742) < 150
    share = np.mean(most_frequent_class(known, unseen.words) == unseen.classes)
    assert 0.78 < share < 0.9
