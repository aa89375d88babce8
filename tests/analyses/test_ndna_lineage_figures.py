"""The picture of a family tree says what the tree says."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from analyses import ndna
from analyses.ndna.figures_tree import tree_figure
from analyses.ndna.splits import splits
from analyses.ndna.tree_layout import placed
from workbench.errors import UsageError

GROUPS = {"a": "first", "a2": "first", "a3": "first", "b": "second", "b2": "second"}


def tree_of_two_families() -> ndna.FamilyTree:
    place = {"a": 0.0, "a2": 0.2, "a3": 0.5, "b": 5.0, "b2": 5.3}
    values = np.array([[abs(one - other) for other in place.values()] for one in place.values()])
    return ndna.family_tree(values, list(place))


def test_horizontal_lengths_are_path_lengths_and_rows_are_models() -> None:
    tree = tree_of_two_families()
    nodes = placed(tree.graph)
    tips = {each.node: each for each in nodes if isinstance(each.node, str)}
    assert sorted(each.y for each in tips.values()) == [0, 1, 2, 3, 4]
    for each in nodes:
        if each.above is not None:
            assert each.x >= each.above.x
            assert each.models <= each.above.models
    # The origin is in the middle of the longest path.
    assert max(each.x for each in tips.values()) == pytest.approx(5.3 / 2)
    assert min(tips["a"].x, tips["b2"].x) == pytest.approx(5.3 / 2)


def test_branches_hold_the_splits_of_the_tree() -> None:
    tree = tree_of_two_families()
    everyone = frozenset(GROUPS)
    drawn = {
        min(each.models, everyone - each.models, key=lambda s: min(everyone) in s)
        for each in placed(tree.graph)
    }
    assert splits(tree.graph) <= drawn


def test_colours_follow_groups_and_supports_are_written() -> None:
    generator = np.random.default_rng(0)
    curves = {}
    for name, group in GROUPS.items():
        middle = np.linspace(0, 1, 6) ** (1 if group == "first" else 4)
        values = middle + 0.05 * generator.normal() + 0.02 * generator.normal(size=(8, 6))
        curves[name] = ndna.Curves(
            name, tuple("012345"), np.linspace(0, 1, 6), {"step": values}, "words"
        )
    figure = tree_figure(ndna.family_tree(curves, n_bootstrap=20), GROUPS, "Two families")
    named = {trace.name: set(trace.text) for trace in figure.data if trace.name}
    assert named == {"first": {" a", " a2", " a3"}, "second": {" b", " b2"}}
    supports = next(
        trace for trace in figure.data if trace.hovertext and "support" in trace.hovertext[0]
    )
    assert "100" in supports.text
    assert figure.layout.title.text == "Two families"
    assert "mean squared distance" in figure.layout.xaxis.title.text


def test_trees_without_groups_supports_or_lengths_are_drawn_too() -> None:
    two = tree_figure(ndna.family_tree(np.array([[0, 1.0], [1.0, 0]]), ["a", "b"]))
    same = tree_figure(ndna.family_tree({name: [0.0, 1.0] for name in "abcd"}))
    pedigree = tree_figure(ndna.pedigree_tree({"r": (), "c": ("r",)}))
    for figure, n in ((two, 2), (same, 4), (pedigree, 2)):
        assert sum(len(trace.text) for trace in figure.data if trace.mode == "markers+text") >= n
        assert np.isfinite(figure.layout.xaxis.range).all()


def test_negative_lengths_are_drawn_as_none() -> None:
    graph = nx.Graph()
    for name, length in {"a": 1.0, "b": -0.5, "c": 2.0}.items():
        graph.add_edge(0, name, length=length)
    by_name = {each.node: each for each in placed(graph)}
    assert by_name["b"].x == by_name[0].x


def test_models_without_a_group_are_refused() -> None:
    with pytest.raises(UsageError, match="Found no group for model 'a', and 1 more; expected one"):
        tree_figure(tree_of_two_families(), {k: v for k, v in GROUPS.items() if k not in "a3a"})
