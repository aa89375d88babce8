"""Dependency trees as distances and depths, and how well they were read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import UsageError

SHORTEST, LONGEST = 5, 50


def check_heads(heads: ArrayLike) -> NDArray[np.int64]:
    """Heads of words, if they are a tree.

    Parameters
    ----------
    heads : array (words,) of int
        Head of every word, from 0; -1 at the root.

    Returns
    -------
    ndarray (words,) of int

    Raises
    ------
    UsageError
        If there is not one root, a head is no word, or heads run in a circle.
    """
    tree = np.asarray(heads, dtype=np.int64)
    if np.count_nonzero(tree == -1) != 1 or tree.min() < -1 or tree.max() >= len(tree):
        raise UsageError(
            f"Found heads {tree.tolist()}; expected the number of another word for each, from 0, "
            "and -1 for one root."
        )
    tree_depths(tree)
    return tree


def tree_depths(heads: NDArray[np.int64]) -> NDArray[np.int64]:
    """Edges between every word and the root.

    Parameters
    ----------
    heads : ndarray (words,) of int

    Returns
    -------
    ndarray (words,) of int

    Raises
    ------
    UsageError
        If heads run in a circle.

    Examples
    --------
    >>> tree_depths(np.array([1, -1, 1, 2])).tolist()
    [1, 0, 1, 2]
    """
    depths = np.zeros(len(heads), dtype=np.int64)
    at = heads.copy()
    for _ in range(len(heads)):
        below = at >= 0
        if not below.any():
            return depths
        depths += below
        at = np.where(below, heads[at], -1)
    raise UsageError(f"Found heads {heads.tolist()} that run in a circle; expected a tree.")


def tree_distances(heads: NDArray[np.int64]) -> NDArray[np.int64]:
    """Edges on the path between every two words.

    Parameters
    ----------
    heads : ndarray (words,) of int

    Returns
    -------
    ndarray (words, words) of int

    Examples
    --------
    >>> tree_distances(np.array([1, -1, 1])).tolist()
    [[0, 1, 2], [1, 0, 1], [2, 1, 0]]
    """
    depths = tree_depths(heads)
    above = np.eye(len(heads), dtype=bool)
    for word in np.argsort(depths, kind="stable").tolist():
        if heads[word] >= 0:
            above[word] |= above[heads[word]]
    # The words above both, each counted once, are as many as the depth of the lowest and one.
    shared = above.astype(np.int64) @ above.T.astype(np.int64) - 1
    return depths[:, None] + depths[None, :] - 2 * shared


@dataclass(frozen=True)
class TreeScores:
    """How well trees were read.

    Attributes
    ----------
    spearman : float
        Correlation of a word's predicted distances to all words of its sentence (itself included,
        as published) with the true ones, or of a sentence's depths: mean over sentences of a
        length, then over lengths from 5 to 50.
    uuas : float
        Share of the tree's undirected edges that the predicted minimum spanning tree has; NaN for
        depths.
    root : float
        Share of sentences whose root has the smallest predicted depth; NaN for distances.
    """

    spearman: float
    uuas: float
    root: float


def score_trees(
    said: Sequence[NDArray[Any]],
    trees: Sequence[NDArray[np.int64]],
    words: Sequence[NDArray[np.int64]],
) -> TreeScores:
    """Score predicted distances or depths.

    Parameters
    ----------
    said : sequence of ndarray (words, words) or (words,)
    trees : sequence of ndarray (words,) of int
        Heads.
    words : sequence of ndarray (kept,) of int
        Those of each sentence whose edges count.

    Returns
    -------
    TreeScores
    """
    by_length: dict[int, list[float]] = {}
    for each, tree in zip(said, trees, strict=True):
        if SHORTEST <= len(tree) <= LONGEST:
            by_length.setdefault(len(tree), []).append(_correlation(each, tree))
    means = [float(np.mean(values)) for values in by_length.values()]
    spearman = float(np.mean(means)) if means else float("nan")
    if said[0].ndim == 1:
        return TreeScores(spearman, float("nan"), _share_of_roots(said, trees, words))
    return TreeScores(spearman, _share_of_edges(said, trees, words), float("nan"))


def chain(tree: NDArray[np.int64]) -> NDArray[np.int64]:
    """Distances of words in the order of the sentence: what knows no syntax says."""
    place = np.arange(len(tree))
    return np.abs(place[:, None] - place[None])


def _correlation(said: NDArray[Any], tree: NDArray[np.int64]) -> float:
    from scipy.stats import spearmanr

    truth = tree_distances(tree) if said.ndim == 2 else tree_depths(tree)
    pairs = zip(np.atleast_2d(said), np.atleast_2d(truth), strict=True)
    ranks = [float(spearmanr(a, b).statistic) for a, b in pairs if np.ptp(b) and np.ptp(a)]
    return float(np.mean(ranks)) if ranks else 0.0


def _share_of_edges(
    said: Sequence[NDArray[Any]],
    trees: Sequence[NDArray[np.int64]],
    words: Sequence[NDArray[np.int64]],
) -> float:
    found, total = 0, 0
    for each, tree, kept in zip(said, trees, words, strict=True):
        edges = edges_among(tree, kept)
        found += len(edges & spanning_edges(each, kept))
        total += len(edges)
    return found / total if total else float("nan")


def _share_of_roots(
    said: Sequence[NDArray[Any]],
    trees: Sequence[NDArray[np.int64]],
    words: Sequence[NDArray[np.int64]],
) -> float:
    right = [
        tree[kept[np.argmin(each[kept])]] == -1
        for each, tree, kept in zip(said, trees, words, strict=True)
        if len(kept)
    ]
    return float(np.mean(right)) if right else float("nan")


def edges_among(heads: NDArray[np.int64], words: NDArray[np.int64]) -> set[frozenset[int]]:
    """Pairs of a word and its head, both among some words of a sentence.

    Parameters
    ----------
    heads : ndarray (words,) of int
    words : ndarray (kept,) of int

    Returns
    -------
    set of frozenset of int

    Examples
    --------
    >>> edges_among(np.array([1, -1, 1]), np.array([0, 1]))
    {frozenset({0, 1})}
    """
    kept = set(words.tolist())
    return {
        frozenset((word, int(heads[word])))
        for word in kept
        if heads[word] >= 0 and int(heads[word]) in kept
    }


def spanning_edges(distances: NDArray[Any], words: NDArray[np.int64]) -> set[frozenset[int]]:
    """Edges of the shortest tree that joins some words of a sentence.

    Parameters
    ----------
    distances : ndarray (words, words)
    words : ndarray (kept,) of int

    Returns
    -------
    set of frozenset of int

    Examples
    --------
    >>> distances = np.array([[0, 1, 3], [1, 0, 1], [3, 1, 0]])
    >>> sorted(sorted(edge) for edge in spanning_edges(distances, np.arange(3)))
    [[0, 1], [1, 2]]
    """
    from scipy.sparse.csgraph import minimum_spanning_tree

    if len(words) < 2:
        return set()
    # Zero means no edge there.
    among = distances[np.ix_(words, words)].astype(np.float64) + 1e-9
    rows, columns = minimum_spanning_tree(np.triu(among, 1)).nonzero()
    return {frozenset((int(words[a]), int(words[b]))) for a, b in zip(rows, columns, strict=True)}
