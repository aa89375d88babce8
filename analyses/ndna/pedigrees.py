"""Known descent of models: its tree, and the lengths of paths on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from analyses.ndna.distances import DistanceMatrix
from workbench.errors import UsageError, nearest

if TYPE_CHECKING:
    import networkx as nx


def pedigree_tree(parents: Mapping[str, Sequence[str]], origin_length: float = 1.0) -> nx.Graph:
    """True tree of models whose descent is known, to compare a recovered tree with.

    Parameters
    ----------
    parents : mapping of str to sequence of str
        Parents of every model, none for a root. A model with two parents (a merge) stands under the
        first: no tree can say both.
    origin_length : float
        Of the edges from an origin, that none has seen, to every root where there are several.

    Returns
    -------
    networkx.Graph
        Every model is a leaf, by an edge of length 0, at a node of its own; edges from parent to
        child have length 1.

    Raises
    ------
    UsageError
        If a parent is not among the models, or a model descends from itself.

    Examples
    --------
    >>> tree = pedigree_tree({"root": (), "child": ("root",), "grandchild": ("child",)})
    >>> sorted(tree["child"]), [node for node in tree if isinstance(node, str)]
    ([1], ['root', 'child', 'grandchild'])
    """
    import networkx as nx

    check_parents(parents)
    places = {name: number for number, name in enumerate(parents)}
    n_roots = sum(not above for above in parents.values())
    tree = nx.Graph()
    for name, place in places.items():
        tree.add_edge(place, name, length=0.0)
        if parents[name]:
            tree.add_edge(places[parents[name][0]], place, length=1.0)
        elif n_roots > 1:
            tree.add_edge(len(places), place, length=float(origin_length))
    return tree


def check_parents(parents: Mapping[str, Sequence[str]]) -> None:
    """Refuse a pedigree that contradicts itself.

    Raises
    ------
    UsageError
        If a parent is not among the models, or a model descends from itself.
    """
    import networkx as nx

    for name, above in parents.items():
        if isinstance(above, str):
            raise UsageError(
                f"Found text as the parents of '{name}'; expected a sequence of names, such as "
                f"('{above}',)."
            )
        for parent in above:
            if parent not in parents:
                raise UsageError(
                    f"Found parent '{parent}' of '{name}', which is none of the models; "
                    f"{nearest(parent, parents)}"
                )
    edges = [(parent, name) for name, above in parents.items() for parent in above]
    if not nx.is_directed_acyclic_graph(nx.DiGraph(edges)):
        raise UsageError(
            "Found a model that descends from itself; expected parents before children."
        )


def path_lengths(tree: Any) -> DistanceMatrix:
    """Lengths of the paths between the models of a tree.

    Parameters
    ----------
    tree : networkx.Graph
        As `pedigree_tree` and `neighbour_joining` give it.

    Returns
    -------
    DistanceMatrix
        Models in the order in which the tree has them.

    Examples
    --------
    >>> path_lengths(pedigree_tree({"a": (), "a2": ("a",), "b": ()})).values[0].tolist()
    [0.0, 1.0, 2.0]
    """
    import networkx as nx

    names = tuple(node for node in tree if isinstance(node, str))
    values = np.zeros((len(names), len(names)))
    for row, start in enumerate(names):
        reached = {start: 0.0}
        for near, far in nx.bfs_edges(tree, start):
            reached[far] = reached[near] + tree.edges[near, far]["length"]
        values[row] = [reached[name] for name in names]
    return DistanceMatrix(names, values)
