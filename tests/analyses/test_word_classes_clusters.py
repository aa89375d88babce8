"""Clusters found without labels: planted classes agree with them, noise and slow noise do not."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import adjusted_mutual_info_score

import workbench as wb
from analyses.word_classes import WordClasses, cluster_agreement
from analyses.word_classes.agreement import (
    adjusted_mutual_information,
    counts_of,
    redrawn_agreement,
)
from analyses.word_classes.clusters import find_clusters
from analyses.word_classes.distances import pair_distances
from workbench.analysis.result import open_result
from workbench.errors import UsageError

QUICK = {"embeddings": (), "n_permutations": 99, "n_bootstrap": 99}
METHODS = ("k-means", "HDBSCAN")


def blobs(seed, n=180, distance=12.0):
    generator = np.random.default_rng(seed)
    codes = np.arange(n) % 3
    return distance * np.eye(4)[codes] + generator.standard_normal((n, 4)), np.array(list("abc"))[
        codes
    ]


def agreements(result):
    return {
        (each.name, each.where["site"], each.where["label"]): each
        for each in result.measures
        if "agreement" in each.name
    }


@pytest.mark.parametrize("seed", range(5))
def test_adjusted_mutual_information_is_that_of_scikit_learn(seed):
    generator = np.random.default_rng(seed)
    clusters = generator.integers(0, 4, 200)
    codes = np.stack([clusters % 3, *(generator.integers(0, 3, 200) for _ in range(4))])
    ours = adjusted_mutual_information(counts_of(codes, clusters))
    theirs = [adjusted_mutual_info_score(each, clusters) for each in codes]
    assert ours == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize(
    ("codes", "clusters"),
    [
        ([0, 0, 1, 1], [0, 0, 0, 0]),
        ([0, 0, 1, 1], [0, 1, 2, 3]),
        ([0, 0, 1, 1], [1, 1, 0, 0]),
        ([0, 0, 0, 0], [0, 0, 0, 0]),
        ([0, 2, 2, 0], [0, 2, 2, 3]),
    ],
)
def test_extreme_partitions_agree_with_scikit_learn(codes, clusters):
    counts = counts_of(np.array([codes]), np.array(clusters))
    expected = adjusted_mutual_info_score(codes, clusters)
    assert adjusted_mutual_information(counts)[0] == pytest.approx(expected, abs=1e-12)


def test_weights_count_rows_as_often_as_they_were_drawn():
    codes, clusters = np.array([0, 1, 1]), np.array([1, 0, 1])
    weights = np.array([[2.0, 0.0, 1.0]])
    assert counts_of(codes[None], clusters, weights)[0].tolist() == [[0, 2], [0, 1]]


def test_redrawn_rows_scatter_about_the_value_of_all_rows_even_without_agreement():
    generator = np.random.default_rng(0)
    codes, clusters = generator.integers(0, 5, (2, 400))
    weights = generator.multinomial(400, np.full(400, 1 / 400), 300).astype(float)
    counts = counts_of(codes[None], clusters)[0]
    drawn = counts_of(np.broadcast_to(codes, weights.shape), clusters, weights)
    draws = redrawn_agreement(counts, drawn)
    assert draws.mean() == pytest.approx(adjusted_mutual_information(counts[None])[0])
    # Uncentred, copies of rows look like agreement.
    assert adjusted_mutual_information(drawn).mean() > draws.mean() + 0.005
    assert np.quantile(draws, 0.025) < 0 < np.quantile(draws, 0.975)


def test_planted_classes_are_found_as_clusters_and_shuffled_ones_are_not():
    x, labels = blobs(0)
    shuffled = np.random.default_rng(1).permutation(labels)
    rec = wb.from_arrays({"area": x}, {"label": labels, "other": shuffled})
    for measure in agreements(WordClasses(**QUICK).fit(rec).result_).values():
        assert measure.value > 0.95
        assert measure.beats_null
        assert abs(measure.null.mean) < 0.02
        assert "labels shuffled over rows" in measure.null.method
        assert "3 clusters" in measure.note
        assert measure.interval[0] <= measure.value <= measure.interval[1]
    for measure in agreements(WordClasses("other", **QUICK).fit(rec).result_).values():
        assert not measure.beats_null
        assert measure.interval[0] < 0.02


def test_both_labels_and_the_untrained_subject_have_their_own_agreement():
    example = WordClasses.example("planted", seed=0)
    result = WordClasses(**example.parameters).fit(example.recording, **example.companions).result_
    found = agreements(result)
    assert len(found) == 2 * 2 * 2 * 2
    name, untrained = "agreement of k-means clusters", "agreement of k-means clusters untrained"
    assert found[name, "second", "next word"].beats_null
    assert found[name, "first", "last input word"].beats_null
    assert not found[name, "first", "next word"].beats_null
    trained = found[name, "second", "next word"].value
    assert trained > found[untrained, "second", "next word"].value + 0.05
    assert "k-means, 3 clusters" in result.summary()
    assert "untrained" in result.summary().split("k-means")[1]


def test_rows_that_no_cluster_holds_are_counted_and_said():
    generator = np.random.default_rng(0)
    x = generator.standard_normal((200, 6))
    rec = wb.from_arrays({"area": x}, {"label": np.arange(200) % 2})
    result = WordClasses(**QUICK, clusters="hdbscan").fit(rec).result_
    (measure,) = agreements(result).values()
    share = float(result.data["unclustered"].squeeze())
    assert share > 0.5
    assert f"{100 * share:.0f} % of rows in none" in measure.note
    assert f"{100 * share:.0f} % of rows in none" in result.summary()
    assert not measure.beats_null


@pytest.mark.parametrize("given", [(), "", []])
def test_clusters_can_be_left_out(given):
    x, labels = blobs(0)
    result = WordClasses(**QUICK, clusters=given).fit(x, labels).result_
    assert not agreements(result)
    assert "agreement" not in result.data
    assert "Clusters" not in result.summary()
    assert "Clusters against classes" not in result.figures()


def test_rows_are_sub_sampled_class_by_class():
    x, labels = blobs(0, n=300)
    result = WordClasses(**QUICK, n_cluster_rows=61).fit(x, labels).result_
    assert result.data.attrs["n_clustered"] == 60
    assert all("60 rows" in measure.note for measure in agreements(result).values())


def test_slow_noise_does_not_beat_labels_shifted_in_time():
    alarms, naive = 0, 0
    for seed in range(12):
        generator = np.random.default_rng(seed)
        walk = np.cumsum(generator.standard_normal((600, 4)), axis=0)
        label = np.where(np.sin(np.arange(600) / generator.uniform(20, 60)) > 0, "up", "down")
        for time in (True, False):
            rows = {"label": label, "stimulus": np.zeros(600, dtype=int)}
            rows |= {"time": np.arange(600)} if time else {"position": np.arange(600)}
            rec = wb.from_arrays({"area": walk}, rows, kind="brain")
            result = WordClasses(**QUICK, clusters=("kmeans",)).fit(rec).result_
            (measure,) = agreements(result).values()
            if time:
                assert "shifted in time" in measure.null.method
                alarms += measure.beats_null
            else:
                naive += measure.beats_null
    assert alarms <= 3
    assert naive >= 6


def test_the_plugin_gives_what_the_function_gives():
    x, labels = blobs(3, distance=2.0)
    result = WordClasses(**QUICK, clusters="kmeans").fit(x, labels).result_
    (measure,) = agreements(result).values()
    assert measure.value == pytest.approx(cluster_agreement(x, labels).value, abs=1e-12)


@pytest.mark.parametrize("rows_at_once", [40, 4001])
def test_hdbscan_of_pairs_and_of_rows_find_the_same(monkeypatch, rows_at_once):
    monkeypatch.setattr("analyses.word_classes.clusters._MOST_PAIRED", rows_at_once)
    x, labels = blobs(0)
    found = find_clusters(x, "hdbscan", 3)
    assert adjusted_mutual_info_score(labels, found) > 0.95


def test_distances_are_symmetric_even_between_copies_of_a_row():
    generator = np.random.default_rng(0)
    rows = generator.standard_normal((30, 200)).astype(np.float32)
    x = np.repeat(rows, 4, axis=0) + 1e-6 * generator.standard_normal((120, 200))
    distances = pair_distances(x.astype(np.float32))
    assert (distances == distances.T).all()
    assert not distances.diagonal().any()


def test_clusters_survive_the_disk_and_are_drawn(tmp_path):
    x, labels = blobs(0)
    result = WordClasses(**QUICK).fit(x, labels).result_
    again = open_result(result.save(tmp_path / "result"))
    assert again.measures == result.measures
    figure = again.figures()["Clusters against classes"]
    lines = [trace for trace in figure.data if trace.name == "own label"]
    values = [float(trace.y[0]) for trace in lines]
    assert values == [float(each) for each in again.data["agreement"].values.ravel()]
    assert [note.text.split(",")[0] for note in figure.layout.annotations] == list(METHODS)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"clusters": ("spectral",)}, "clusters='spectral'"),
        ({"clusters": "kmean"}, "did you mean 'kmeans'"),
        ({"n_cluster_rows": 1}, "n_cluster_rows=1"),
        ({"min_cluster_size": 1}, "min_cluster_size=1"),
    ],
)
def test_bad_parameters_are_refused(parameters, said):
    with pytest.raises(UsageError, match=said):
        WordClasses(**{**QUICK, **parameters}).fit(*blobs(0))


def test_too_few_rows_for_clusters_are_refused():
    with pytest.raises(UsageError, match="Found 4 rows; expected at least 15 for hdbscan"):
        cluster_agreement(np.eye(4), [0, 0, 1, 1], "hdbscan")
    with pytest.raises(UsageError, match="Found 4 rows; expected at least 9 for kmeans"):
        cluster_agreement(np.eye(4), [0, 0, 1, 1], n_clusters=9)
