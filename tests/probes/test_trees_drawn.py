"""Gold trees and trees that were read, drawn."""

from __future__ import annotations

import numpy as np
import pytest

from probes import draw_tree
from probes.trees import edges_among, spanning_edges, tree_distances
from workbench.errors import UsageError

WORDS = ["The", "old", "dog", "sleeps", "."]
HEADS = np.array([2, 2, 3, -1, 3])
PUNCTUATION = np.array([False, False, False, False, True])


def shown(figure):
    return [trace.name for trace in figure.data if trace.showlegend]


def test_true_distances_give_the_gold_tree():
    distances = tree_distances(HEADS)
    words = np.arange(5)
    assert spanning_edges(distances, words) == edges_among(HEADS, words)
    figure = draw_tree(WORDS, HEADS, distances, PUNCTUATION, title="layer 3")
    assert shown(figure) == ["edge of both trees"]
    assert "3 of 3 gold edges" in figure.layout.title.subtitle.text
    assert list(figure.data[-1].text) == WORDS


def test_a_chain_is_told_from_the_gold_tree():
    place = np.arange(5)
    figure = draw_tree(WORDS, HEADS, np.abs(place[:, None] - place), PUNCTUATION)
    assert set(shown(figure)) == {
        "edge of both trees",
        "gold edge that was not read",
        "edge read that is not gold",
    }
    heights = {trace.name: np.array(trace.y, float) for trace in figure.data[:3]}
    assert np.nanmin(heights["gold edge that was not read"]) > 0
    assert np.nanmax(heights["edge read that is not gold"]) < 0
    assert "2 of 3 gold edges" in figure.layout.title.subtitle.text


@pytest.mark.parametrize(
    ("words", "heads", "n"), [(WORDS[:4], HEADS, 5), (WORDS, HEADS, 4), (WORDS, HEADS * 0, 5)]
)
def test_what_does_not_fit_is_refused(words, heads, n):
    with pytest.raises(UsageError, match="expected"):
        draw_tree(words, heads, np.ones((n, n)))
