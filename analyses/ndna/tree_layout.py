"""Where the nodes of a family tree are drawn: one row a model, lengths along x."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from analyses.ndna.splits import leaves_of

if TYPE_CHECKING:
    import networkx as nx

# Nodes between models count from 0.
ORIGIN = -1


@dataclass(frozen=True)
class Placed:
    """One node of a tree as it is drawn.

    Attributes
    ----------
    node : str or int
    x, y : float
        Distance from the origin, and row.
    above : Placed, optional
        Node that it hangs from; none for the origin.
    models : frozenset of str
        Models at the node and beyond it.
    support : float
        Of the edge above; NaN where it has none.
    """

    node: Any
    x: float
    y: float
    above: Placed | None
    models: frozenset[str]
    support: float


def placed(tree: nx.Graph) -> list[Placed]:
    """Place the nodes of a tree, from its midpoint outwards.

    Parameters
    ----------
    tree : networkx.Graph
        Models are named; edges have a ``length``; negative ones are drawn as 0.

    Returns
    -------
    list of Placed
        Nodes before those that hang from them. The origin is the middle of the longest path, which
        is for the eye only: distances do not say where a tree began.

    Examples
    --------
    >>> from analyses.ndna.neighbour_joining import neighbour_joining
    >>> tree = neighbour_joining([[0, 3, 5], [3, 0, 6], [5, 6, 0]], ["a", "b", "c"])
    >>> {each.node: (each.x, each.y) for each in placed(tree) if isinstance(each.node, str)}
    {'c': (3.0, 0.0), 'a': (2.0, 1.0), 'b': (3.0, 2.0)}
    """
    rooted, origin = _rooted(tree)
    order = _outwards(rooted, origin)
    models: dict[Any, frozenset[str]] = {}
    for node, above in reversed(order):
        below = [models[each] for each in rooted[node] if each != above]
        own = {node} if node in tree and isinstance(node, str) else set()
        models[node] = frozenset(own).union(*below)
    rows = _rows(order, rooted, models)
    found: dict[Any, Placed] = {}
    for node, above in order:
        before = found.get(above)
        edge = {} if before is None else rooted.edges[above, node]
        x = 0.0 if before is None else before.x + edge["length"]
        support = float(edge.get("support", float("nan")))
        found[node] = Placed(node, x, rows[node], before, models[node], support)
    return list(found.values())


def _rooted(tree: nx.Graph) -> tuple[nx.Graph, Any]:
    """The tree with a node in the middle of its longest path, and that node."""
    drawn = tree.copy()
    for edge in drawn.edges:
        drawn.edges[edge]["length"] = max(0.0, drawn.edges[edge]["length"])
    names = leaves_of(tree)
    first = max(names[1:], key=_reached(drawn, names[0]).__getitem__)
    reached = _reached(drawn, first)
    last = max((name for name in names if name != first), key=reached.__getitem__)
    half = reached[last] / 2
    near, far = _edge_over(drawn, first, last, reached, half)
    data = drawn.edges[near, far]
    drawn.remove_edge(near, far)
    drawn.add_edge(ORIGIN, near, **{**data, "length": half - reached[near]})
    drawn.add_edge(ORIGIN, far, **{**data, "length": reached[far] - half})
    return drawn, ORIGIN


def _edge_over(
    tree: nx.Graph, first: Any, last: Any, reached: dict[Any, float], half: float
) -> tuple[Any, Any]:
    """Edge of the path from first to last that passes the middle."""
    import networkx as nx

    path = nx.shortest_path(tree, first, last)
    edges = list(pairwise(path))
    return next((edge for edge in edges if reached[edge[1]] >= half), edges[-1])


def _reached(tree: nx.Graph, start: Any) -> dict[Any, float]:
    import networkx as nx

    found = {start: 0.0}
    for near, far in nx.bfs_edges(tree, start):
        found[far] = found[near] + tree.edges[near, far]["length"]
    return found


def _outwards(tree: nx.Graph, origin: Any) -> list[tuple[Any, Any]]:
    """Nodes with the one that each hangs from, nearest first."""
    import networkx as nx

    return [(origin, None), *((far, near) for near, far in nx.bfs_edges(tree, origin))]


def _rows(
    order: list[tuple[Any, Any]], tree: nx.Graph, models: dict[Any, frozenset[str]]
) -> dict[Any, float]:
    """Row of each node: leaves in turn, smaller branches first, others in the middle."""
    above = dict(order)
    rows: dict[Any, float] = {}
    waiting = [order[0][0]]
    n_rows = 0
    while waiting:
        node = waiting.pop()
        below = [each for each in tree[node] if each != above[node]]
        if not below:
            rows[node] = float(n_rows)
            n_rows += 1
        waiting += sorted(
            below, key=lambda each: (len(models[each]), min(models[each], default="")), reverse=True
        )
    for node, _ in reversed(order):
        below = [each for each in tree[node] if each != above[node]]
        if below:
            rows[node] = (min(rows[each] for each in below) + max(rows[each] for each in below)) / 2
    return rows
