"""Trees that were planted in activity are read; those that were not are not."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from probes import StructuralProbe
from probes.trees import check_heads, tree_depths, tree_distances
from workbench.errors import UsageError


def random_tree(n, generator):
    order = generator.permutation(n)
    heads = np.full(n, -1)
    for place in range(1, n):
        heads[order[place]] = order[generator.integers(0, place)]
    return heads


def sentences(n=120, d=40, noise=0.05, planted=True, seed=0):
    """Words as sums of one random direction for every edge on their way to the root."""
    generator = np.random.default_rng(seed)
    mixing = np.linalg.qr(generator.normal(size=(d, d)))[0]
    activity, trees = [], []
    for _ in range(n):
        heads = random_tree(int(generator.integers(5, 14)), generator)
        steps = np.zeros((len(heads), d))
        edges = generator.permutation(d // 2)[: len(heads)]
        for word in np.argsort(tree_depths(heads)):
            if heads[word] >= 0:
                steps[word] = steps[heads[word]]
                steps[word, edges[word]] += 1
        steps[:, d // 2 :] = 3 * generator.normal(size=(len(heads), d - d // 2))
        values = steps @ mixing if planted else generator.normal(size=(len(heads), d))
        activity.append(values + noise * generator.normal(size=values.shape))
        trees.append(heads)
    return activity, trees


def test_distances_and_depths_are_those_of_networkx():
    generator = np.random.default_rng(0)
    for _ in range(20):
        heads = random_tree(int(generator.integers(2, 20)), generator)
        graph = nx.Graph((i, int(h)) for i, h in enumerate(heads) if h >= 0)
        lengths = dict(nx.all_pairs_shortest_path_length(graph))
        truth = [[lengths[i][j] for j in range(len(heads))] for i in range(len(heads))]
        assert np.array_equal(tree_distances(heads), truth)
        root = int(np.argmin(heads))
        assert np.array_equal(tree_depths(heads), truth[root])


def test_planted_trees_are_read_from_new_sentences_and_noise_is_not():
    activity, trees = sentences(n=200)
    probe = StructuralProbe(rank=20, n_steps=1500)
    found = probe.fit(activity[:150], trees[:150]).score(activity[150:], trees[150:])
    assert found.uuas > 0.85
    assert found.spearman > 0.85
    assert found.n_sentences == 50
    noise, trees = sentences(n=120, planted=False)
    probe = StructuralProbe(rank=20, n_steps=200)
    unread = probe.fit(noise[:80], trees[:80]).score(noise[80:], trees[80:])
    assert abs(unread.uuas - unread.shuffled.uuas) < 0.12
    assert abs(unread.spearman - unread.shuffled.spearman) < 0.1


def test_planted_depths_are_read():
    activity, trees = sentences(n=200)
    probe = StructuralProbe("depth", rank=20, n_steps=1000)
    found = probe.fit(activity[:150], trees[:150]).score(activity[150:], trees[150:])
    assert found.spearman > 0.8
    assert np.isnan(found.uuas)
    assert found.probe.root > 0.7
    assert found.probe.root > found.shuffled.root + 0.3


def test_the_chain_of_words_is_reported_beside():
    heads = [np.array([-1, 0, 1, 2, 3]), np.array([-1, 0, 0, 0, 0])]
    generator = np.random.default_rng(0)
    activity = [generator.normal(size=(5, 4)) for _ in heads]
    probe = StructuralProbe(n_steps=1).fit(activity, heads)
    assert probe.score(activity, heads).chain.uuas == 5 / 8
    marked = [np.array([False, False, False, False, True])] * 2
    assert probe.score(activity, heads, marked).chain.uuas == 4 / 6


def test_scale_and_shift_of_the_activity_do_not_matter():
    activity, trees = sentences(n=40)
    probe = StructuralProbe(rank=5, n_steps=50)
    first = probe.fit(activity, trees).predict(activity[0])
    moved = [1000 * each + 7 for each in activity]
    second = probe.fit(moved, trees).predict(moved[0])
    assert np.allclose(first, second, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize(
    ("heads", "said"),
    [
        ([0, 1], "-1 for one root"),
        ([-1, -1], "-1 for one root"),
        ([-1, 5], "-1 for one root"),
        ([-1, 2, 1], "run in a circle"),
    ],
)
def test_what_is_no_tree_is_refused(heads, said):
    with pytest.raises(UsageError, match=said):
        check_heads(heads)


def test_bad_input_is_refused():
    activity, trees = sentences(n=4)
    with pytest.raises(UsageError, match="sentences and 3 trees"):
        StructuralProbe().fit(activity, trees[:3])
    with pytest.raises(UsageError, match="heads in sentence 0"):
        StructuralProbe().fit([activity[0][:-1], *activity[1:]], trees)
    with pytest.raises(UsageError, match="rank 99"):
        StructuralProbe(rank=99).fit(activity, trees)
    with pytest.raises(UsageError, match="task 'length'"):
        StructuralProbe("length").fit(activity, trees)
