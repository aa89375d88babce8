"""Planted labels: probes, controls, code lengths and splits tell them apart."""

from __future__ import annotations

import numpy as np
import pytest

from probes import (
    LinearProbe,
    MeanDifferenceProbe,
    MLPProbe,
    NearestNeighbourProbe,
    SparseProbe,
    control_task,
    evaluate,
    group_folds,
    online_code_length,
    probeless_ranking,
    selectivity,
)
from probes.splits import refuse_leakage
from workbench.errors import UsageError


@pytest.fixture(scope="module")
def planted():
    """Rows of 60 documents and 150 word types with a linear, an XOR and a random label."""
    generator = np.random.default_rng(0)
    n = 1500
    words = generator.integers(0, 150, n)
    x = generator.normal(size=(n, 16))
    return {
        "x": x,
        "words": words,
        "documents": generator.integers(0, 60, n),
        "linear": (x @ generator.normal(size=16) > 0).astype(int),
        "xor": ((x[:, 0] > 0) ^ (x[:, 1] > 0)).astype(int),
        "none": generator.integers(0, 2, n),
    }


def accuracy(probe, planted, label):
    return evaluate(probe, planted["x"], planted[label], planted["documents"])


def test_a_linear_probe_reads_what_is_linear_and_an_mlp_what_is_not(planted):
    mlp = MLPProbe(hidden=32, learning_rate=0.01, max_epochs=60)
    assert accuracy(LinearProbe(), planted, "linear").value > 0.95
    assert accuracy(LinearProbe(), planted, "xor").value < 0.6
    assert accuracy(mlp, planted, "xor").value > 0.85
    for probe in (LinearProbe(), mlp):
        undecodable = accuracy(probe, planted, "none")
        assert undecodable.value < 0.56
        assert undecodable.null.p_value > 0.01


def test_a_score_carries_chance_null_interval_and_sizes(planted):
    score = accuracy(LinearProbe(), planted, "linear")
    assert score.interval[0] < score.value < score.interval[1]
    assert 0.4 < score.chance < 0.6
    assert abs(score.null.mean - 0.5) < 0.05
    assert (score.n, score.n_groups, score.n_units) == (1500, 60, 16)
    assert "60 groups" in str(score)


def test_selectivity_exposes_a_memoriser():
    generator = np.random.default_rng(1)
    types = generator.normal(size=(60, 30))
    words = generator.integers(0, 60, 1200)
    x = types[words] + 0.1 * generator.normal(size=(1200, 30))
    # The real label is one direction of the types; the control task is not.
    y = (types[:, 0] > 0).astype(int)[words]
    documents = generator.integers(0, 40, 1200)
    few = selectivity(SparseProbe(k=1), x, y, words, documents)
    memoriser = selectivity(
        MLPProbe(hidden=128, patience=0, max_epochs=30, learning_rate=0.01), x, y, words, documents
    )
    assert few.task.value > 0.95
    assert memoriser.task.value > 0.95
    assert few.value > 0.2
    assert memoriser.control.value > 0.9
    assert memoriser.value < 0.1
    assert few.interval[0] > memoriser.interval[1]


def test_a_control_label_belongs_to_a_word_and_follows_the_distribution():
    generator = np.random.default_rng(2)
    words = generator.integers(0, 4000, 20_000)
    labels = generator.choice(["a", "b"], p=[0.9, 0.1], size=20_000)
    made = control_task(words, labels)
    for word in range(50):
        assert len(set(made[words == word])) <= 1
    assert abs(np.mean(made == "a") - 0.9) < 0.03
    assert abs(np.mean(control_task(words, labels, "uniform") == "a") - 0.5) < 0.05
    order = generator.permutation(20_000)
    assert np.array_equal(control_task(words[order], labels[order]), made[order])
    assert not np.array_equal(control_task(words, labels, seed=1), made)


def test_code_lengths_order_labels_by_how_easily_they_are_read(planted):
    x, documents = planted["x"], planted["documents"]
    found = {
        name: online_code_length(LinearProbe(C=0.1), x, planted[name], documents)
        for name in ("linear", "xor", "none")
    }
    assert found["linear"].bits < 0.6 * found["xor"].bits
    assert found["none"].bits > 0.95 * found["none"].uniform_bits
    assert found["linear"].compression > 1.8
    assert found["linear"].bits < found["linear"].shuffled_bits
    assert found["linear"].uniform_bits == 1500
    mlp = MLPProbe(hidden=32, learning_rate=0.01, max_epochs=40)
    assert online_code_length(mlp, x, planted["xor"]).bits < 0.8 * found["xor"].bits


def test_a_code_length_is_the_sum_of_its_blocks(planted):
    found = online_code_length(LinearProbe(C=0.1), planted["x"], planted["linear"])
    assert np.isclose(found.block_bits.sum(), found.bits)
    assert found.ends[-1] == found.n
    assert found.block_bits[0] == found.ends[0]
    one = online_code_length(LinearProbe(C=0.1), planted["x"], planted["linear"], portions=[1.0])
    assert one.bits == one.uniform_bits


def test_blocks_of_a_code_end_between_documents(planted):
    documents = planted["documents"]
    found = online_code_length(LinearProbe(C=0.1), planted["x"], planted["linear"], documents)
    counts = {int(n) for n in found.ends}
    assert len(counts) < 12
    assert found.n == len(documents)


def test_folds_keep_groups_together_and_balance_classes():
    generator = np.random.default_rng(3)
    groups = generator.integers(0, 100, 3000)
    labels = generator.choice(3, p=[0.7, 0.2, 0.1], size=3000)
    folds = group_folds(groups, 5, labels)
    for group in range(100):
        assert len(set(folds[groups == group])) == 1
    for label in range(3):
        shares = np.bincount(folds[labels == label], minlength=5) / np.sum(labels == label)
        assert shares.min() > 0.15
    refuse_leakage(groups, folds != 0, folds == 0)


def test_a_split_that_leaks_is_refused(planted):
    leaky = np.arange(1500) % 5
    with pytest.raises(UsageError, match="among the training rows and among the test rows"):
        evaluate(LinearProbe(), planted["x"], planted["linear"], planted["documents"], folds=leaky)
    with pytest.raises(UsageError, match="groups for 5 folds"):
        group_folds([0, 0, 1], 5)


def test_leakage_is_what_it_says():
    generator = np.random.default_rng(4)
    groups = np.repeat(np.arange(50), 8)
    x = generator.normal(size=(50, 20))[groups] + 0.01 * generator.normal(size=(400, 20))
    labels = generator.integers(0, 2, 50)[groups]
    memory = NearestNeighbourProbe(1)
    assert evaluate(memory, x, labels).value > 0.95
    assert evaluate(memory, x, labels, groups).value < 0.75


def test_mean_differences_find_the_planted_direction():
    generator = np.random.default_rng(5)
    y = np.tile([0, 1], 200)
    direction = generator.normal(size=10)
    x = generator.normal(size=(400, 10)) + y[:, None] * direction * 2
    probe = MeanDifferenceProbe().fit(x, y)
    cosine = probe.direction_ @ direction / np.linalg.norm(probe.direction_)
    assert cosine / np.linalg.norm(direction) > 0.97
    stretched = x @ np.diag([30, *np.ones(9)])
    plain = evaluate(MeanDifferenceProbe(), stretched, y).value
    assert evaluate(MeanDifferenceProbe("within"), stretched, y).value >= plain


def test_within_class_whitening_is_linear_discriminant_analysis():
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    generator = np.random.default_rng(6)
    y = np.repeat([0, 1, 2], 100)
    x = generator.normal(size=(300, 5)) @ generator.normal(size=(5, 5)) + y[:, None]
    ours = MeanDifferenceProbe("within", shrinkage=0.0).fit(x, y)
    theirs = LinearDiscriminantAnalysis(solver="lsqr").fit(x, y)
    assert np.array_equal(ours.predict(x), theirs.predict(x))


def test_few_units_are_ranked_by_what_they_say():
    generator = np.random.default_rng(7)
    y = np.tile([0, 1, 2], 100)
    x = generator.normal(size=(300, 30))
    x[:, 7] += 4 * y
    x[:, 11] += 2 * (y == 1)
    for ranking in ("mean difference", "probeless"):
        assert SparseProbe(k=2, ranking=ranking).fit(x, y).units_.tolist() == [7, 11]
    means = np.stack([x[y == each].mean(0) for each in range(3)])
    pairs = sum(np.abs(means[a] - means[b]) for a, b in ((0, 1), (0, 2), (1, 2)))
    assert np.allclose(probeless_ranking(x, y), pairs)


def test_an_mlp_gives_the_same_numbers_for_the_same_seed(planted):
    x, y = planted["x"][:300], planted["xor"][:300]
    first, second = (MLPProbe(max_epochs=3).fit(x, y).predict_proba(x) for _ in range(2))
    assert np.array_equal(first, second)
    regressed = MLPProbe(hidden=64, max_epochs=100, learning_rate=0.01).fit(x, x[:, 0] ** 2)
    assert regressed.score(planted["x"][300:], planted["x"][300:, 0] ** 2) > 0.5


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda x, y: SparseProbe(k=99).fit(x, y), "Found k=99 for 16 units"),
        (lambda x, y: SparseProbe(ranking="best").fit(x, y), "ranking='best'"),
        (lambda x, y: NearestNeighbourProbe(0).fit(x, y), "n_neighbours=0"),
        (lambda x, y: NearestNeighbourProbe(metric="far").fit(x, y), "metric 'far'"),
        (lambda x, y: MeanDifferenceProbe("all").fit(x, y), "spread='all'"),
        (lambda x, y: MLPProbe(batch_size=0).fit(x, y), "batch_size=0"),
        (lambda _, y: control_task(y[:3], y), "one of each a row"),
        (lambda _, y: control_task(y, y, "normal"), "distribution 'normal'"),
        (lambda x, y: online_code_length(SparseProbe(), x, y, portions=[0.5]), "rise to 1"),
        (lambda x, y: online_code_length(MeanDifferenceProbe(), x, y), "predict_proba"),
    ],
)
def test_bad_input_is_refused(planted, make, said):
    with pytest.raises(UsageError, match=said):
        make(planted["x"], planted["linear"])
