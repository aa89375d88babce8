"""Neighbour joining: the tree whose path lengths are given, and a tree near them otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.ndna.distances import check_distances
from workbench.errors import UsageError

if TYPE_CHECKING:
    import networkx as nx


def neighbour_joining(distances: ArrayLike, names: Sequence[str]) -> nx.Graph:
    """Unrooted tree of models from distances between them.

    Parameters
    ----------
    distances : array (models, models)
        Symmetric, zero on the diagonal, at least two models.
    names : sequence of str
        Of the models; they are the leaves.

    Returns
    -------
    networkx.Graph
        A tree. Leaves are the names, the nodes between them whole numbers; each edge has a
        ``length`` in the unit of the distances. Exact if distances are path lengths on a tree;
        otherwise single lengths may be negative.

    Raises
    ------
    UsageError
        If there is one model only, or distances are not such.

    Notes
    -----
    Saitou and Nei (1987), with the criterion of Studier and Keppler (1988). Time grows with the
    cube of the number of models.

    Examples
    --------
    >>> tree = neighbour_joining([[0, 3, 5], [3, 0, 6], [5, 6, 0]], ["a", "b", "c"])
    >>> {end: data["length"] for _, end, data in tree.edges(data=True)}
    {'a': 1.0, 'b': 2.0, 'c': 4.0}
    """
    import networkx as nx

    matrix = check_distances(distances, names)
    if len(names) < 2:
        raise UsageError(f"Found {len(names)} model; expected at least two to join.")
    tree, n_joined = nx.Graph(), 0
    nodes: list[str | int] = [str(name) for name in names]
    while len(nodes) > 3:
        first, second = _closest(matrix)
        for place, length in zip((first, second), _limbs(matrix, first, second), strict=True):
            tree.add_edge(n_joined, nodes[place], length=float(length))
        rest = [place for place in range(len(nodes)) if place not in (first, second)]
        matrix = _with_joined(matrix, first, second, rest)
        nodes = [*(nodes[place] for place in rest), n_joined]
        n_joined += 1
    _close(tree, nodes, matrix, n_joined)
    return tree


def _closest(matrix: NDArray) -> tuple[int, int]:
    n = len(matrix)
    sums = matrix.sum(axis=1)
    criterion = (n - 2) * matrix - sums[:, None] - sums[None, :]
    np.fill_diagonal(criterion, np.inf)
    first, second = divmod(int(np.argmin(criterion)), n)
    return min(first, second), max(first, second)


def _limbs(matrix: NDArray, first: int, second: int) -> tuple[float, float]:
    """Lengths of the two edges from a pair to the node that joins it."""
    gap = (matrix[first].sum() - matrix[second].sum()) / (2 * (len(matrix) - 2))
    half = matrix[first, second] / 2
    return half + gap, half - gap


def _with_joined(matrix: NDArray, first: int, second: int, rest: list[int]) -> NDArray:
    """Distances of the nodes that remain, and of the joining node behind them."""
    to_joined = (matrix[first, rest] + matrix[second, rest] - matrix[first, second]) / 2
    joined = np.zeros((len(rest) + 1, len(rest) + 1))
    joined[:-1, :-1] = matrix[np.ix_(rest, rest)]
    joined[-1, :-1] = joined[:-1, -1] = to_joined
    return joined


def _close(tree: nx.Graph, nodes: list[str | int], matrix: NDArray, n_joined: int) -> None:
    """Join the last two or three nodes."""
    if len(nodes) == 2:
        tree.add_edge(*nodes, length=float(matrix[0, 1]))
        return
    pairs = matrix.sum() / 2
    for node, own in zip(nodes, matrix.sum(axis=1), strict=True):
        # Half of the two distances that touch this node, less half of the one that does not.
        tree.add_edge(n_joined, node, length=float(own - pairs / 2))
