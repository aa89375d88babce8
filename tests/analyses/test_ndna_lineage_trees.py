"""Neighbour joining, its supports, and comparison of trees."""

from __future__ import annotations

import itertools
from io import StringIO
from typing import Any

import networkx as nx
import numpy as np
import pytest
from Bio import Phylo
from Bio.Phylo import TreeConstruction
from numpy.typing import NDArray

from analyses import ndna
from analyses.ndna.curves import Curves, even_depth
from analyses.ndna.neighbour_joining import neighbour_joining
from analyses.ndna.splits import edge_splits, splits
from workbench.errors import UsageError


def random_tree(n: int, generator: np.random.Generator) -> nx.Graph:
    """A binary tree with ``n`` named leaves and random lengths."""
    tree = nx.Graph([("m0", 0), ("m1", 0), ("m2", 0)])
    for number in range(3, n):
        one, other = list(tree.edges)[generator.integers(tree.number_of_edges())]
        tree.remove_edge(one, other)
        tree.add_edges_from([(one, number - 2), (number - 2, other), (number - 2, f"m{number}")])
    for edge in tree.edges:
        tree.edges[edge]["length"] = float(generator.uniform(0.1, 2))
    return tree


def shuffled_paths(tree: nx.Graph, generator: np.random.Generator) -> ndna.DistanceMatrix:
    """Path lengths of a tree, models in random order."""
    found = ndna.path_lengths(tree)
    order = generator.permutation(len(found.names))
    return ndna.DistanceMatrix(
        tuple(found.names[place] for place in order), found.values[np.ix_(order, order)]
    )


def biopython_tree(names: tuple[str, ...], values: NDArray) -> Any:
    lower = [values[row, : row + 1].tolist() for row in range(len(names))]
    matrix = TreeConstruction.DistanceMatrix(list(names), lower)
    return TreeConstruction.DistanceTreeConstructor().nj(matrix)


def biopython_splits(tree: Any) -> set[frozenset[str]]:
    everyone = frozenset(leaf.name for leaf in tree.get_terminals())
    found = set()
    for clade in tree.get_nonterminals():
        side = frozenset(leaf.name for leaf in clade.get_terminals())
        side = everyone - side if min(everyone) in side else side
        if 2 <= len(side) <= len(everyone) - 2:
            found.add(side)
    return found


def family_curves(
    noise: float,
    seed: int,
    n_families: int = 4,
    n_members: int = 4,
    n_prompts: int = 12,
    spread: float = 1.0,
) -> dict[str, Curves]:
    """Curves of families: each family's own, each member's own change of it, noise by prompt."""
    generator = np.random.default_rng(seed)
    nodes = 7
    models = {}
    for family in range(n_families):
        middle = spread * generator.normal(size=(2, nodes))
        for member in range(n_members):
            own = middle + 0.1 * spread * generator.normal(size=(2, nodes))
            values = own[:, None] + noise * generator.normal(size=(2, n_prompts, nodes))
            name = f"{'ABCDEF'[family]}{member}"
            channels = {"step": values[0], "belief": values[1]}
            sites = tuple(map(str, range(nodes)))
            models[name] = Curves(name, sites, even_depth(nodes), channels, "words")
    return models


@pytest.mark.parametrize("n", [3, 4, 5, 8, 13, 30])
def test_a_tree_is_recovered_from_its_path_lengths(n: int) -> None:
    generator = np.random.default_rng(n)
    for _ in range(5):
        tree = random_tree(n, generator)
        given = shuffled_paths(tree, generator)
        found = ndna.family_tree(given)
        assert splits(found.graph) == splits(tree)
        assert ndna.robinson_foulds(found, tree) == 0
        again = ndna.path_lengths(found.graph)
        order = [again.names.index(name) for name in given.names]
        assert again.values[np.ix_(order, order)] == pytest.approx(given.values, abs=1e-9)


def test_trees_of_noisy_distances_agree_with_biopython() -> None:
    generator = np.random.default_rng(3)
    for n in (4, 6, 11):
        given = shuffled_paths(random_tree(n, generator), generator)
        noise = np.triu(generator.uniform(0, 1.5, (n, n)), 1)
        values = given.values + noise + noise.T
        ours = neighbour_joining(values, given.names)
        theirs = biopython_tree(given.names, values)
        assert splits(ours) == biopython_splits(theirs)
        lengths = sorted(data["length"] for *_, data in ours.edges(data=True))
        clades = (c for c in theirs.find_clades() if c is not theirs.root)
        assert lengths == pytest.approx(sorted(clade.branch_length for clade in clades), abs=1e-5)


def test_newick_is_read_by_biopython_with_lengths_supports_and_odd_names() -> None:
    models = {f"model {name}'s": each for name, each in family_curves(0.2, 1, 2, 3).items()}
    tree = ndna.family_tree(models, n_bootstrap=20)
    read = Phylo.read(StringIO(tree.newick), "newick")
    assert {leaf.name.replace("\\'", "'") for leaf in read.get_terminals()} == set(models)
    total = sum(data["length"] for *_, data in tree.graph.edges(data=True))
    assert read.total_branch_length() == pytest.approx(total)
    said = sorted(round(100 * each) for each in tree.supports.values())
    found = [clade.confidence for clade in read.get_nonterminals() if clade.confidence is not None]
    assert sorted(found) == pytest.approx(said)


def test_two_models_have_one_edge_and_three_a_star() -> None:
    two = ndna.family_tree(np.array([[0, 2.0], [2.0, 0]]), ["a", "b"])
    assert list(two.graph.edges(data="length")) == [("a", "b", 2.0)]
    assert two.newick == "(a:0.0,b:2.0);"
    three = ndna.family_tree({"a": [0.0, 1.0], "b": [0.0, 2.0], "c": [0.0, 4.0]})
    assert sorted(map(len, three.graph.adj.values()), reverse=True) == [3, 1, 1, 1]
    assert three.supports == {}


def test_identical_models_make_a_tree_of_no_length() -> None:
    same = {name: np.linspace(0, 1, 5) for name in "abcde"}
    tree = ndna.family_tree(same)
    assert nx.is_tree(tree.graph)
    assert ndna.path_lengths(tree.graph).values == pytest.approx(np.zeros((5, 5)))


def test_planted_families_are_found_with_high_support() -> None:
    models = family_curves(noise=0.05, seed=2)
    tree = ndna.family_tree(models, n_bootstrap=50)
    reference = min(models)
    for family in "ABCD":
        side = frozenset(name for name in models if name.startswith(family))
        side = frozenset(models) - side if reference in side else side
        assert tree.supports[side] > 0.9
    assert tree.n_bootstrap == 50


def test_families_are_not_found_in_noise() -> None:
    found = []
    for seed in range(20):
        models = family_curves(noise=1.0, seed=seed, spread=0.0)
        roots = [name[0] for name in models]
        matrix = ndna.distance_matrix(models)
        found.append(ndna.same_root_auc(matrix, roots, n_permutations=99, n_bootstrap=50))
    values = [each.value for each in found]
    assert abs(np.mean(values) - 0.5) < 0.03
    assert sum(each.null.p_value <= 0.05 for each in found) <= 4
    tree = ndna.family_tree(models, n_bootstrap=50)
    assert np.median(list(tree.supports.values())) < 0.5


def test_order_of_models_and_seed_of_other_draws_do_not_matter() -> None:
    models = family_curves(noise=0.3, seed=4, n_members=3)
    backwards = dict(reversed(models.items()))
    first, second = (ndna.family_tree(each, n_bootstrap=30) for each in (models, backwards))
    assert ndna.robinson_foulds(first, second) == 0
    assert first.supports == second.supports
    other = ndna.family_tree(models, n_bootstrap=30, seed=1)
    assert first.newick.count("(") == other.newick.count("(")
    assert first.supports.keys() == other.supports.keys()


def test_supports_are_drawn_by_default_only_where_there_are_prompts() -> None:
    models = family_curves(noise=0.3, seed=4, n_families=2, n_members=2)
    assert ndna.family_tree(models).n_bootstrap == 200
    arrays = {name: curves.mean("step")[1:] for name, curves in models.items()}
    alone = ndna.family_tree(arrays)
    assert alone.n_bootstrap == 0
    assert all(np.isnan(each) for each in alone.supports.values())
    single = {name: curves.chosen(np.array([0])) for name, curves in models.items()}
    assert ndna.family_tree(single).n_bootstrap == 0


def test_robinson_foulds_counts_splits_of_either_tree_alone() -> None:
    generator = np.random.default_rng(8)
    one, other = (random_tree(9, generator) for _ in range(2))
    apart = len(splits(one) ^ splits(other))
    assert ndna.robinson_foulds(one, other, normalised=False) == apart
    assert ndna.robinson_foulds(one, other) == apart / 12
    assert ndna.robinson_foulds(one, other) == ndna.robinson_foulds(other, one)
    assert ndna.shared_splits(one, other) == len(splits(one) & splits(other)) / 6


def test_random_trees_share_few_splits() -> None:
    generator = np.random.default_rng(9)
    pairs = [(random_tree(12, generator), random_tree(12, generator)) for _ in range(20)]
    assert np.mean([ndna.robinson_foulds(*pair) for pair in pairs]) > 0.8


def test_splits_are_those_of_edges_cut_one_by_one() -> None:
    tree = random_tree(7, np.random.default_rng(10))
    for edge, side in edge_splits(tree).items():
        cut = tree.copy()
        cut.remove_edge(*edge)
        sides = [
            {node for node in part if isinstance(node, str)}
            for part in nx.connected_components(cut)
        ]
        assert side in [frozenset(each) for each in sides]
        assert min(itertools.chain(*sides)) not in side


def test_the_tree_of_a_pedigree_has_parents_as_leaves() -> None:
    parents = {"r": (), "a": ("r",), "a1": ("a",), "a2": ("a",), "s": (), "s1": ("s",)}
    tree = ndna.pedigree_tree(parents)
    found = splits(tree)
    assert found == {frozenset({"s", "s1"}), frozenset({"r", "s", "s1"})}
    lengths = ndna.path_lengths(tree)
    row = dict(zip(lengths.names, lengths.values[lengths.names.index("a1")], strict=True))
    assert row == {"r": 2, "a": 1, "a1": 0, "a2": 2, "s": 4, "s1": 5}


@pytest.mark.parametrize(
    ("parents", "message"),
    [
        ({"a": ("b",)}, "Found parent 'b' of 'a', which is none of the models"),
        ({"a": ("b",), "b": ("a",)}, "descends from itself"),
        ({"a": (), "b": "a"}, r"Found text as the parents of 'b'; .* such as \('a',\)"),
    ],
)
def test_pedigrees_that_contradict_themselves_are_refused(parents: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ndna.pedigree_tree(parents)


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        (np.zeros((3, 3)), {}, r"Found an array of shape \(3, 3\) without names"),
        (np.zeros((1, 1)), {"names": ["a"]}, "Found 1 model; expected at least two"),
        (np.zeros((3, 2)), {"names": list("abc")}, r"Found distances of shape \(3, 2\)"),
        (np.zeros((2, 2)), {"names": list("ab"), "n_bootstrap": 9}, "bootstrap asked of distances"),
        ({"a": [1, 2], "b": [2, 1]}, {"names": ["a", "b"]}, "Found names beside named models"),
        ({"a": [1.0, 2.0], "b": [2.0, 1.0]}, {"n_bootstrap": 9}, "without prompts to draw from"),
        ({"a": [1.0, 2.0]}, {}, "Found 1 named models; expected a mapping from at least two"),
    ],
)
def test_trees_of_too_little_are_refused(given: Any, options: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ndna.family_tree(given, **options)


def test_trees_that_cannot_be_compared_are_refused() -> None:
    three = neighbour_joining(np.ones((3, 3)) - np.eye(3), list("abc"))
    four = neighbour_joining(np.ones((4, 4)) - np.eye(4), list("abcd"))
    with pytest.raises(UsageError, match="Found 'd' in one tree only, and 0 more; expected two"):
        ndna.robinson_foulds(three, four)
    with pytest.raises(UsageError, match="that is no tree; expected one connected graph"):
        ndna.robinson_foulds(nx.cycle_graph(["a", "b", "c"]), three)
