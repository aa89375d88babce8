"""What trees of models say: which models each edge sets apart, and how far two trees agree."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from workbench.errors import UsageError

if TYPE_CHECKING:
    import networkx as nx

Split = frozenset[str]


def leaves_of(tree: nx.Graph) -> tuple[str, ...]:
    """Models of a tree: its nodes with a name.

    Parameters
    ----------
    tree : networkx.Graph

    Returns
    -------
    tuple of str
        In order of name.
    """
    return tuple(sorted(node for node in tree if isinstance(node, str)))


def edge_splits(tree: nx.Graph) -> dict[tuple[Any, Any], Split]:
    """Models on one side of every edge of a tree.

    Parameters
    ----------
    tree : networkx.Graph
        Named nodes are models, wherever they stand.

    Returns
    -------
    dict of (node, node) to frozenset of str
        The side without the first model by name.

    Raises
    ------
    UsageError
        If the graph is no tree, or has no models.
    """
    import networkx as nx

    names = leaves_of(tree)
    if not names or not nx.is_tree(tree):
        raise UsageError(
            f"Found a graph of {len(tree)} nodes with {len(names)} models that is no tree; "
            "expected one connected graph without cycles, its models named."
        )
    below: dict[Any, set[str]] = {node: {node} if isinstance(node, str) else set() for node in tree}
    found = {}
    # From the first model outwards, so that no side holds it.
    for parent, child in reversed(list(nx.bfs_edges(tree, names[0]))):
        found[parent, child] = frozenset(below[child])
        below[parent] |= below[child]
    return found


def splits(tree: nx.Graph) -> set[Split]:
    """Splits that say something: at least two models on either side.

    Parameters
    ----------
    tree : networkx.Graph

    Returns
    -------
    set of frozenset of str

    Raises
    ------
    UsageError
        As `edge_splits`.
    """
    n = len(leaves_of(tree))
    return {each for each in edge_splits(tree).values() if 2 <= len(each) <= n - 2}


def robinson_foulds(tree_a: Any, tree_b: Any, normalised: bool = True) -> float:
    """Robinson-Foulds distance: splits that only one of two trees has.

    Parameters
    ----------
    tree_a, tree_b : FamilyTree, or networkx.Graph
        Over the same models; lengths play no part.
    normalised : bool
        Whether to divide by the number of splits of both trees: 0 for equal trees, 1 for trees
        that share none. A tree that leaves relations open (several children at one node) has fewer
        splits, so that a fully resolved tree cannot reach 0 from it.

    Returns
    -------
    float
        0 where neither tree has a split.

    Raises
    ------
    UsageError
        If the trees are over different models, or are no trees.

    Notes
    -----
    Robinson and Foulds (1981).

    Examples
    --------
    >>> from analyses.ndna.neighbour_joining import neighbour_joining
    >>> near, far = 1.0, 4.0
    >>> pairs = [[0, near, far, far], [near, 0, far, far], [far, far, 0, near], [far, far, near, 0]]
    >>> tree = neighbour_joining(pairs, ["a", "b", "c", "d"])
    >>> robinson_foulds(tree, tree), robinson_foulds(tree, neighbour_joining(pairs, list("acbd")))
    (0.0, 1.0)
    """
    first, second = graph_of(tree_a), graph_of(tree_b)
    _check_same(leaves_of(first), leaves_of(second))
    one, other = splits(first), splits(second)
    apart = len(one ^ other)
    return apart / max(1, len(one) + len(other)) if normalised else float(apart)


def shared_splits(tree: Any, truth: Any) -> float:
    """Share of the splits of a true tree that another tree has.

    Unlike `robinson_foulds` it does not count what the truth leaves open.

    Parameters
    ----------
    tree, truth : FamilyTree, or networkx.Graph

    Returns
    -------
    float
        0 to 1; 1 where the truth has no split.

    Raises
    ------
    UsageError
        As `robinson_foulds`.
    """
    first, second = graph_of(tree), graph_of(truth)
    _check_same(leaves_of(first), leaves_of(second))
    wanted = splits(second)
    return len(wanted & splits(first)) / len(wanted) if wanted else 1.0


def graph_of(tree: Any) -> nx.Graph:
    """The graph of a `FamilyTree`, or a graph as it is."""
    return tree.graph if hasattr(tree, "newick") else tree


def newick(tree: nx.Graph) -> str:
    """A tree as text that other programs read.

    Parameters
    ----------
    tree : networkx.Graph
        Edges have a ``length`` and perhaps a ``support``, as `neighbour_joining` and `family_tree`
        give them.

    Returns
    -------
    str
        Newick, rooted at the last node that was joined, which means nothing: the tree has no
        direction. Supports, in percent, are the labels of inner nodes.

    Examples
    --------
    >>> from analyses.ndna.neighbour_joining import neighbour_joining
    >>> newick(neighbour_joining([[0, 3, 5], [3, 0, 6], [5, 6, 0]], ["a", "b", "c d"]))
    "(a:1.0,b:2.0,'c d':4.0);"
    """
    inner = [node for node in tree if not isinstance(node, str)]
    if not inner:
        first, second = tree
        return f"({_quoted(first)}:0.0,{_quoted(second)}:{tree.edges[first, second]['length']!r});"
    return f"{_written(tree, max(inner), None)};"


def _written(tree: nx.Graph, node: Any, above: Any) -> str:
    below = [
        f"{_written(tree, each, node)}:{tree.edges[node, each]['length']!r}"
        for each in tree[node]
        if each != above
    ]
    inside = f"({','.join(below)})" if below else ""
    if isinstance(node, str):
        return inside + _quoted(node)
    support = math.nan if above is None else tree.edges[node, above].get("support", math.nan)
    return inside if math.isnan(support) else f"{inside}{100 * support:.0f}"


def _quoted(name: str) -> str:
    if re.fullmatch(r"[\w.+-]+", name):
        return name
    return "'" + name.replace("'", "''") + "'"


def _check_same(first: Sequence[str], second: Sequence[str]) -> None:
    if set(first) != set(second):
        alone = sorted(set(first) ^ set(second))
        raise UsageError(
            f"Found '{alone[0]}' in one tree only, and {len(alone) - 1} more; expected two trees "
            "over the same models."
        )
