"""Dependency trees as distances and depths, and how well they were read."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
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


def score_trees(
    said: Sequence[NDArray[Any]],
    heads: Sequence[ArrayLike],
    punctuation: Sequence[ArrayLike] | None,
    task: str,
) -> tuple[float, float, float, int, float]:
    """Rank correlation by length, share of edges, share of roots, sentences, and the chain's share.

    Parameters
    ----------
    said : sequence of ndarray (words, words) or (words,)
        Predicted distances or depths.
    heads : sequence of array (words,) of int
    punctuation : sequence of array (words,) of bool, optional
    task : {"distance", "depth"}

    Returns
    -------
    tuple
    """
    from scipy.stats import spearmanr

    by_length: dict[int, list[float]] = {}
    found, chained, total, roots = 0, 0, 0, []
    for number, each in enumerate(said):
        tree = check_heads(heads[number])
        truth = tree_distances(tree) if task == "distance" else tree_depths(tree)
        length = len(tree)
        if SHORTEST <= length <= LONGEST:
            pairs = zip(np.atleast_2d(each), np.atleast_2d(truth), strict=True)
            ranks = [spearmanr(a, b).statistic for a, b in pairs if np.ptp(b) and np.ptp(a)]
            by_length.setdefault(length, []).append(float(np.mean(ranks)) if ranks else 0.0)
        words = np.ones(length, bool) if punctuation is None else ~np.asarray(punctuation[number])
        if task == "depth":
            roots.append(bool(tree[int(np.argmin(np.where(words, each, np.inf)))] == -1))
            continue
        edges = _edges_among(tree, np.flatnonzero(words))
        found += len(edges & _spanning_edges(each, np.flatnonzero(words)))
        kept = np.flatnonzero(words).tolist()
        chained += len(edges & {frozenset(pair) for pair in itertools.pairwise(kept)})
        total += len(edges)
    means = [float(np.mean(values)) for values in by_length.values()]
    spearman = float(np.mean(means)) if means else float("nan")
    share = (found / total, chained / total) if total else (float("nan"), float("nan"))
    root = float(np.mean(roots)) if roots else float("nan")
    return spearman, share[0], root, len(said), share[1]


def _edges_among(heads: NDArray[np.int64], words: NDArray[np.int64]) -> set[frozenset[int]]:
    kept = set(words.tolist())
    return {
        frozenset((word, int(heads[word])))
        for word in kept
        if heads[word] >= 0 and int(heads[word]) in kept
    }


def _spanning_edges(distances: NDArray[Any], words: NDArray[np.int64]) -> set[frozenset[int]]:
    from scipy.sparse.csgraph import minimum_spanning_tree

    if len(words) < 2:
        return set()
    # Zero means no edge there.
    among = distances[np.ix_(words, words)].astype(np.float64) + 1e-9
    rows, columns = minimum_spanning_tree(np.triu(among, 1)).nonzero()
    return {frozenset((int(words[a]), int(words[b]))) for a, b in zip(rows, columns, strict=True)}
