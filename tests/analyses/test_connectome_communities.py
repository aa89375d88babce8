"""Communities: planted blocks are found, noise is one block, and nothing depends on names."""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Callable

import networkx as nx
import numpy as np
import pytest
from sklearn.metrics import adjusted_mutual_info_score

from analyses.connectome.block_model_edges import make_edges, normal_scores, read_graph
from analyses.connectome.communities import Hierarchy, communities, description_length
from analyses.connectome.communities_null import compression_gain, rewired
from workbench.errors import UsageError


def planted(
    seed: int,
    sizes: tuple[int, ...] = (20, 20, 20),
    inside: float = 0.3,
    between: float = 0.3,
    shift: float = 0.0,
) -> tuple[nx.Graph, list[int]]:
    """Random graph whose edges are denser, or heavier by a factor exp(shift), inside blocks."""
    generator = np.random.default_rng(seed)
    truth = np.repeat(np.arange(len(sizes)), sizes)
    same = truth[:, None] == truth
    joined = np.triu(generator.random(same.shape) < np.where(same, inside, between), 1)
    weights = np.exp(generator.normal(size=same.shape) + shift * same) * joined
    return nx.from_numpy_array(weights + weights.T), truth.tolist()


def agreement(truth: list[int], found: dict) -> float:
    """Adjusted mutual information with the planted blocks."""
    return float(adjusted_mutual_info_score(truth, [found[node] for node in range(len(truth))]))


def groups(found: dict) -> set[frozenset]:
    """A partition without its numbers."""
    return {frozenset(n for n in found if found[n] == block) for block in set(found.values())}


@pytest.mark.parametrize(
    "options",
    [
        {"inside": 0.6, "between": 0.05},
        {"inside": 0.05, "between": 0.6},
        {"shift": 2.5},
        {"inside": 1.0, "between": 1.0, "shift": 1.5},
        {"inside": 0.4, "between": 0.2, "shift": 2.0},
    ],
    ids=["edges", "fewer edges inside", "weights", "complete graph", "both"],
)
def test_planted_blocks_are_found(options: dict) -> None:
    graph, truth = planted(0, **options)
    assert agreement(truth, communities(graph, n_starts=1)) > 0.95


def test_one_heavy_group_in_a_complete_graph_is_found() -> None:
    generator = np.random.default_rng(3)
    weights = generator.exponential(size=(40, 40))
    weights[:10, :10] *= 8
    graph = nx.from_numpy_array(np.triu(weights, 1))
    found = communities(graph, n_starts=2)
    assert agreement([0] * 10 + [1] * 30, found) > 0.95


@pytest.mark.parametrize("share", [0.15, 1.0], ids=["sparse", "complete"])
def test_noise_is_one_block(share: float) -> None:
    numbers = []
    for seed in range(20):
        graph, _ = planted(seed, (24,), share, share)
        numbers.append(len(set(communities(graph, seed=seed, n_starts=0).values())))
    assert np.mean(np.array(numbers) == 1) >= 0.95


def test_degrees_and_strengths_alone_are_no_communities() -> None:
    generator = np.random.default_rng(0)
    degrees = [30] * 6 + [8] * 44
    graph = nx.expected_degree_graph(degrees, seed=1, selfloops=False)
    heavy = np.exp(generator.normal(size=50))
    for one, two in graph.edges:
        graph[one][two]["weight"] = heavy[one] * heavy[two] * np.exp(generator.normal() / 2)
    assert len(set(communities(graph, n_starts=0).values())) == 1


def test_nothing_depends_on_names_order_or_the_unit_of_weights() -> None:
    graph, _ = planted(4, (15, 15), 0.5, 0.2, 1.0)
    found = communities(graph, n_starts=1)
    generator = np.random.default_rng(0)
    order = generator.permutation(len(graph)).tolist()
    other = nx.Graph()
    other.add_nodes_from(("neuron", node) for node in order)
    edges = list(graph.edges(data="weight"))
    for place in generator.permutation(len(edges)):
        one, two, weight = edges[place]
        other.add_edge(("neuron", two), ("neuron", one), weight=1e-6 * weight**2)
    again = communities(other, n_starts=1)
    renamed = {frozenset(("neuron", node) for node in group) for group in groups(found)}
    assert groups(again) == renamed
    here = description_length(graph, found)
    there = description_length(other, again)
    assert math.isclose(here, there, rel_tol=1e-6)


def test_one_seed_gives_one_answer() -> None:
    graph, _ = planted(5, (15, 15), 0.4, 0.25, 0.5)
    for method in ("sbm", "leiden", "louvain"):
        one = communities(graph, method=method, seed=3, n_starts=1)
        assert one == communities(graph, method=method, seed=3, n_starts=1)


def test_small_graphs() -> None:
    for graph in (nx.path_graph(2), nx.complete_graph(12), nx.empty_graph(5), nx.path_graph(1)):
        assert set(communities(graph).values()) == {0}
    assert len(set(communities(nx.star_graph(10)).values())) <= 2
    cliques = nx.barbell_graph(8, 0)
    assert groups(communities(cliques)) == {frozenset(range(8)), frozenset(range(8, 16))}
    apart = nx.disjoint_union(nx.complete_graph(9), nx.complete_graph(9))
    assert groups(communities(apart)) == {frozenset(range(9)), frozenset(range(9, 18))}


def test_isolated_nodes_and_zero_weights_are_allowed() -> None:
    graph = nx.barbell_graph(8, 0)
    graph.add_node("alone")
    graph.add_edge(0, 15, weight=0.0)
    graph.add_edge(3, 3, weight=9.0)
    found = communities(graph)
    assert set(found) == set(graph)
    assert found[0] == found[7] != found[8] == found[15]


def test_factions_of_the_karate_club_are_not_torn_at_random() -> None:
    graph = nx.karate_club_graph()
    truth = [graph.nodes[node]["club"] for node in graph]
    found = communities(graph)
    assert 1 <= len(set(found.values())) <= 6
    labels = [found[node] for node in graph]
    random = np.random.default_rng(0).permutation(labels)
    assert adjusted_mutual_info_score(truth, labels) > adjusted_mutual_info_score(truth, random)


@pytest.mark.parametrize("method", ["leiden", "louvain"])
def test_peers_find_dense_blocks_of_high_modularity(method: str) -> None:
    graph, truth = planted(0, inside=0.6, between=0.05)
    found = communities(graph, method=method, weight=None)
    assert agreement(truth, found) == 1.0
    found = communities(graph, method=method)
    blocks = [{node for node in graph if truth[node] == block} for block in set(truth)]
    reached = nx.community.modularity(graph, [set(group) for group in groups(found)])
    assert reached > 0.95 * nx.community.modularity(graph, blocks)


@pytest.mark.parametrize("method", ["sbm", "leiden", "louvain"])
def test_levels_are_nested_and_end_in_one(method: str) -> None:
    graph, _ = planted(1, (12, 12, 12, 12), 0.8, 0.1)
    found = communities(graph, method=method, hierarchy=True, n_starts=1)
    assert isinstance(found, Hierarchy)
    assert found.communities == communities(graph, method=method, n_starts=1)
    assert len(found.description_length) == len(found.levels)
    assert set(found.levels[-1].values()) == {0}
    for fine, coarse in itertools.pairwise(found.levels):
        assert all(any(group <= over for over in groups(coarse)) for group in groups(fine))
    if method == "sbm":
        assert found.level == int(np.argmin(found.description_length))


def test_the_partition_found_is_shorter_than_others() -> None:
    graph, truth = planted(2, (15, 15), 0.5, 0.1)
    found = communities(graph, n_starts=1)
    least = description_length(graph, found)
    alone, each = dict.fromkeys(graph, 0), {node: node for node in graph}
    assert least < description_length(graph, alone) < description_length(graph, each)
    assert least <= description_length(graph, dict(enumerate(truth))) + 1e-6


def test_gain_beats_rewired_graphs_only_where_there_are_blocks() -> None:
    graph, _ = planted(0, (15, 15), 0.6, 0.1)
    found = compression_gain(graph, n_null=4, n_starts=0)
    assert found.nats > found.draws.max()
    assert found.null.p_value == pytest.approx(0.2)
    assert found.nats_per_edge == pytest.approx(found.nats / graph.number_of_edges())
    noise, _ = planted(0, (30,))
    assert compression_gain(noise, n_null=1, n_starts=0).nats < 3.0


def test_rewired_graphs_keep_degrees_and_weights_and_lose_edges() -> None:
    graph, _ = planted(0)
    edges = read_graph(graph)[1]
    other = rewired(edges, np.random.default_rng(0))
    assert (other.degrees == edges.degrees).all()
    assert sorted(other.weights) == sorted(edges.weights)
    pairs = [set(zip(e.left.tolist(), e.right.tolist(), strict=True)) for e in (edges, other)]
    assert len(pairs[1]) == len(edges.left)
    assert len(pairs[0] & pairs[1]) < 0.6 * len(edges.left)


def test_scores_share_ties_and_keep_their_spread() -> None:
    values = np.random.default_rng(0).integers(1, 4, 500).astype(float)
    scores, squares = normal_scores(values)
    assert len(set(scores)) == 3
    assert squares.mean() == pytest.approx(1.0)
    assert (
        np.sign(np.subtract.outer(values, values))
        == np.sign(np.round(np.subtract.outer(scores, scores), 12))
    ).all()
    same = make_edges(3, np.array([0, 1]), np.array([1, 2]), np.ones(2))
    assert np.allclose(same.scores, 0)


@pytest.mark.parametrize("dtype", [int, np.float32, bool])
def test_weights_of_any_real_type(dtype: Callable) -> None:
    graph = nx.barbell_graph(8, 0)
    nx.set_edge_attributes(graph, dtype(1), "weight")
    assert len(set(communities(graph).values())) == 2


def _directed() -> nx.DiGraph:
    return nx.DiGraph([(0, 1)])


def _weighing(value: object) -> nx.Graph:
    graph = nx.path_graph(3)
    graph[0][1]["weight"] = value
    return graph


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (_directed(), "Found a directed graph; expected an undirected one"),
        (_weighing(-1.0), r"Found weight -1.0 on the edge from 0 to 1; expected finite numbers"),
        (_weighing(math.nan), "Found weight nan on the edge"),
        (_weighing(math.inf), "Found weight inf on the edge"),
        (_weighing("heavy"), "Found weight 'heavy' on the edge"),
        (nx.Graph(), "Found a graph without nodes"),
        (np.ones((3, 3)), "Found a ndarray; expected a networkx Graph"),
    ],
)
def test_graphs_without_communities_are_refused(graph: nx.Graph, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        communities(graph)
    with pytest.raises(UsageError, match=message):
        description_length(graph, {})


def test_unknown_methods_and_missing_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = nx.path_graph(3)
    with pytest.raises(UsageError, match="Found no method 'leidn'; did you mean 'leiden'"):
        communities(graph, method="leidn")
    monkeypatch.setitem(sys.modules, "leidenalg", None)
    with pytest.raises(UsageError, match=r"workbench\[communities\]"):
        communities(graph, method="leiden")
    monkeypatch.setitem(sys.modules, "graph_tool", None)
    with pytest.raises(UsageError, match="Found no graph-tool"):
        communities(graph, method="graph-tool")
    with pytest.raises(UsageError, match="Found no community for 2 nodes, such as 1"):
        description_length(graph, {0: 1})
    with pytest.raises(UsageError, match="n_starts=-1"):
        communities(graph, n_starts=-1)
    with pytest.raises(UsageError, match="Found n_null=0"):
        compression_gain(graph, n_null=0)
    with pytest.raises(UsageError, match="without edges of positive weight"):
        compression_gain(nx.empty_graph(3))
