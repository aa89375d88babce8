"""A weighted graph as arrays: its edges, its neighbours, and normal scores of its weights."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError

if TYPE_CHECKING:
    import networkx as nx

_COLOUR_ROUNDS = 6


@dataclass(frozen=True)
class Edges:
    """Edges of a simple undirected graph, and for each node where its edges lie.

    Attributes
    ----------
    n_nodes : int
    left, right : ndarray (edges,) of int
        End points, ``left < right``.
    weights : ndarray (edges,)
        Positive.
    scores, squares : ndarray (edges,)
        Normal scores of the weights and their squares; tied weights share the mean of the scores,
        and of the squares, that they would have in any order.
    starts : ndarray (nodes + 1,) of int
        Node ``v`` owns the entries ``starts[v]:starts[v + 1]`` of the next two.
    neighbours, edge_of : ndarray (2 * edges,) of int
    """

    n_nodes: int
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    weights: NDArray[np.float64]
    scores: NDArray[np.float64]
    squares: NDArray[np.float64]
    starts: NDArray[np.int64]
    neighbours: NDArray[np.int64]
    edge_of: NDArray[np.int64]

    @property
    def degrees(self) -> NDArray[np.int64]:
        """Number of neighbours of each node, an array (nodes,)."""
        return np.diff(self.starts)


def make_edges(n_nodes: int, left: NDArray, right: NDArray, weights: NDArray[np.float64]) -> Edges:
    """Sort edges and find every node's own.

    Parameters
    ----------
    n_nodes : int
    left, right : ndarray (edges,) of int
        End points in any order; every pair at most once, no node with itself.
    weights : ndarray (edges,)
        Positive.

    Returns
    -------
    Edges

    Examples
    --------
    >>> edges = make_edges(3, np.array([1, 2]), np.array([0, 1]), np.array([5.0, 1.0]))
    >>> edges.left.tolist(), edges.right.tolist(), edges.degrees.tolist()
    ([0, 1], [1, 2], [1, 2, 1])
    """
    low, high = np.minimum(left, right), np.maximum(left, right)
    order = np.lexsort((high, low))
    low, high = low[order].astype(np.int64), high[order].astype(np.int64)
    weights = np.asarray(weights, dtype=np.float64)[order]
    ends = np.concatenate([low, high])
    by_node = np.argsort(ends, kind="stable")
    others, numbers = np.concatenate([high, low]), np.tile(np.arange(len(low)), 2)
    starts = np.concatenate([[0], np.cumsum(np.bincount(ends, minlength=n_nodes))])
    scores, squares = normal_scores(weights)
    return Edges(
        n_nodes, low, high, weights, scores, squares, starts, others[by_node], numbers[by_node]
    )


def normal_scores(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Replace values by what values of a standard normal of the same ranks would be.

    Whatever the distribution of the weights, and in whatever unit, weights placed at random then
    look like normal noise: a block model sees structure only in where weights lie.

    Parameters
    ----------
    values : ndarray (values,)

    Returns
    -------
    scores, squares : ndarray (values,)
        Mean and mean square over all orders of the ties. The mean square over all values is 1.

    Examples
    --------
    >>> scores, squares = normal_scores(np.array([3.0, 1.0, 2.0]))
    >>> scores.round(2).tolist()
    [1.22, -1.22, 0.0]
    >>> normal_scores(np.ones(4))[0].round(12).tolist()
    [0.0, 0.0, 0.0, 0.0]
    """
    from scipy.special import ndtri

    n_values = len(values)
    if not n_values:
        return np.zeros(0), np.zeros(0)
    grid = ndtri((np.arange(n_values) + 0.5) / n_values)
    spread = math.sqrt(np.mean(grid**2)) or 1.0
    grid = grid / spread
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    means = [np.add.reduceat(power, ends - counts) / counts for power in (grid, grid**2)]
    return means[0][group], means[1][group]


def in_own_order(edges: Edges) -> tuple[Edges, NDArray[np.int64]]:
    """Number nodes by their place in the graph, so that a search does not depend on their names.

    Nodes are told apart by sums over their edges, repeated over neighbours as in the test of
    Weisfeiler and Leman; only nodes that look alike from afar keep the order in which they came.

    Parameters
    ----------
    edges : Edges

    Returns
    -------
    edges : Edges
        The same graph with nodes renumbered.
    places : ndarray (nodes,) of int
        New number of every node.

    Examples
    --------
    >>> path = make_edges(3, np.array([2, 0]), np.array([0, 1]), np.array([1.0, 5.0]))
    >>> again = make_edges(3, np.array([0, 1]), np.array([1, 2]), np.array([5.0, 1.0]))
    >>> in_own_order(path)[0].left.tolist() == in_own_order(again)[0].left.tolist()
    True
    """
    weights = 2.0 + edges.scores / (1.0 + np.abs(edges.scores).max(initial=0.0))
    colours = edges.degrees / max(edges.n_nodes, 1)
    for _ in range(_COLOUR_ROUNDS):
        sums = np.bincount(edges.left, weights * np.cos(colours[edges.right]), edges.n_nodes)
        sums += np.bincount(edges.right, weights * np.cos(colours[edges.left]), edges.n_nodes)
        colours = np.round(sums / max(np.abs(sums).max(initial=0.0), 1.0), 9)
    order = np.argsort(colours, kind="stable")
    places = np.empty_like(order)
    places[order] = np.arange(len(order))
    moved = make_edges(edges.n_nodes, places[edges.left], places[edges.right], edges.weights)
    return moved, places


def read_graph(graph: nx.Graph[Any], weight: str | None = "weight") -> tuple[list[Any], Edges]:
    """Read nodes and edges of a networkx graph, and refuse what a community cannot be found in.

    Parameters
    ----------
    graph : networkx.Graph
        Undirected. Edges without the attribute weigh 1; edges of weight zero and from a node to
        itself are left out; parallel edges of a multigraph are added up.
    weight : str or None
        Attribute with the weight; with None every edge weighs 1.

    Returns
    -------
    nodes : list
        Names in the order of the graph.
    edges : Edges

    Raises
    ------
    UsageError
        If it is not an undirected networkx graph, has no node, or a weight is not a finite number
        of at least zero.

    Examples
    --------
    >>> import networkx as nx
    >>> nodes, edges = read_graph(nx.path_graph(["a", "b", "c"]))
    >>> nodes, edges.weights.tolist()
    (['a', 'b', 'c'], [1.0, 1.0])
    """
    import networkx as nx

    if not isinstance(graph, nx.Graph):
        raise UsageError(
            f"Found a {type(graph).__name__}; expected a networkx Graph: build one with "
            "networkx.from_numpy_array or from_scipy_sparse_array."
        )
    if graph.is_directed():
        raise UsageError(
            "Found a directed graph; expected an undirected one: use graph.to_undirected(), or add "
            "up the weights of both directions."
        )
    if not len(graph):
        raise UsageError("Found a graph without nodes; expected at least one node.")
    nodes = list(graph)
    number = {node: place for place, node in enumerate(nodes)}
    total: dict[tuple[int, int], float] = {}
    for one, two, attributes in graph.edges(data=True):
        value = 1.0 if weight is None else _weight(one, two, attributes.get(weight, 1.0))
        if value > 0 and one != two:
            first, second = sorted((number[one], number[two]))
            total[first, second] = total.get((first, second), 0.0) + value
    pairs = np.array(list(total), dtype=np.int64).reshape(-1, 2)
    values = np.fromiter(total.values(), dtype=np.float64, count=len(total))
    return nodes, make_edges(len(nodes), pairs[:, 0], pairs[:, 1], values)


def _weight(one: Any, two: Any, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or number < 0:
        raise UsageError(
            f"Found weight {value!r} on the edge from {one!r} to {two!r}; expected finite numbers "
            "of at least zero: leave such edges out, or use absolute values and keep the signs as "
            "two graphs."
        )
    return number
