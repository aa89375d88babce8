"""Communities of a weighted graph, by our block model, Leiden, Louvain or graph-tool."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from analyses.connectome.block_model import BlockModels, by_size, fit_blocks
from analyses.connectome.block_model_edges import Edges, in_own_order, read_graph
from analyses.connectome.block_model_levels import coarser_levels
from analyses.connectome.communities_peers import graph_tool_levels, leiden_blocks, louvain_blocks
from workbench.errors import UsageError, nearest

if TYPE_CHECKING:
    import networkx as nx

Partition = dict[Hashable, int]
Levels = tuple[list[NDArray[np.int64]], int]


@dataclass(frozen=True)
class Options:
    """Choices of a method; each uses those that it knows."""

    seed: int
    n_starts: int
    resolution: float
    hierarchy: bool


@dataclass(frozen=True)
class Hierarchy:
    """Nested communities of a graph.

    Attributes
    ----------
    levels : list of dict
        Partitions ``{node: community}`` from fine to coarse, each nested in the next; the last has
        one community.
    level : int
        Which level was chosen, without any truth: the one of least description length for block
        models, of highest modularity for Leiden and Louvain.
    description_length : list of float
        Of every level, in nats, as `description_length` gives it; the partition's own.
    """

    levels: list[Partition]
    level: int
    description_length: list[float]

    @property
    def communities(self) -> Partition:
        """The level chosen."""
        return self.levels[self.level]


@overload
def communities(
    graph: nx.Graph[Any],
    method: str = ...,
    weight: str | None = ...,
    hierarchy: Literal[False] = ...,
    seed: int = ...,
    n_starts: int = ...,
    resolution: float = ...,
) -> Partition: ...
@overload
def communities(
    graph: nx.Graph[Any],
    method: str = ...,
    weight: str | None = ...,
    *,
    hierarchy: Literal[True],
    seed: int = ...,
    n_starts: int = ...,
    resolution: float = ...,
) -> Hierarchy: ...
def communities(
    graph: nx.Graph[Any],
    method: str = "sbm",
    weight: str | None = "weight",
    hierarchy: bool = False,
    seed: int = 0,
    n_starts: int = 6,
    resolution: float = 1.0,
) -> Partition | Hierarchy:
    """Find groups of nodes that connect alike, by number and weight of their edges.

    Parameters
    ----------
    graph : networkx.Graph
        Undirected; nodes may be any hashables, and be isolated. Weights are finite and at least
        zero; edges of weight zero and from a node to itself are left out, edges without the
        attribute weigh 1.
    method : {"sbm", "leiden", "louvain", "graph-tool"}
        ``"sbm"`` is a weighted stochastic block model chosen by description length
        (`block_model`): invariant under any increasing change of the weights, one community for
        noise. ``"leiden"`` (extra ``communities``) and ``"louvain"`` (networkx) maximise weighted
        modularity. ``"graph-tool"``, where installed, is the nested block model with
        real-exponential weights of Dyballa et al. 2024 (arXiv 2402.14102).
    weight : str or None
        Edge attribute that holds the weight; None looks at edges alone.
    hierarchy : bool
        Whether to return nested levels instead of the level chosen.
    seed : int
        The same seed gives the same communities.
    n_starts : int
        Random starts of ``"sbm"``, beside some that are computed.
    resolution : float
        Of the modularity of ``"leiden"`` and ``"louvain"``.

    Returns
    -------
    dict or Hierarchy
        ``{node: community}``, communities numbered from 0, largest first.

    Raises
    ------
    UsageError
        If the graph is no undirected networkx graph with nodes, a weight is negative or not finite,
        there is no such method, or its package is missing.

    Examples
    --------
    >>> import networkx as nx
    >>> found = communities(nx.barbell_graph(8, 0))
    >>> [found[node] for node in range(16)]
    [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]
    """
    if method not in METHODS:
        raise UsageError(f"Found no method '{method}'; {nearest(method, METHODS)}.")
    if n_starts < 0:
        raise UsageError(f"Found n_starts={n_starts}; expected at least 0 random starts.")
    nodes, edges = read_graph(graph, weight)
    ordered, places = in_own_order(edges)
    levels, chosen = METHODS[method](ordered, Options(seed, n_starts, resolution, hierarchy))
    levels = [by_size(blocks[places]) for blocks in levels]
    named = [_named(nodes, blocks) for blocks in levels]
    if not hierarchy:
        return named[chosen]
    models = BlockModels(edges)
    return Hierarchy(named, chosen, [models.nats(blocks)[0] for blocks in levels])


def description_length(
    graph: nx.Graph[Any], partition: Mapping[Any, int], weight: str | None = "weight"
) -> float:
    """Nats that tell a partition, the edges given it, and where on them the weights lie.

    The least over the models of `block_model`. Weights placed at random over the edges cost
    nothing, whatever their values.

    Parameters
    ----------
    graph : networkx.Graph
        As for `communities`.
    partition : mapping
        Community of every node; any labels.
    weight : str or None
        Edge attribute that holds the weight.

    Returns
    -------
    float
        In nats; less is better. Compare partitions of one graph only.

    Raises
    ------
    UsageError
        As `communities`, or if a node has no community.

    Examples
    --------
    >>> import networkx as nx
    >>> graph = nx.barbell_graph(8, 0)
    >>> halves, one = {node: node // 8 for node in graph}, dict.fromkeys(graph, 0)
    >>> description_length(graph, halves) < description_length(graph, one)
    True
    """
    nodes, edges = read_graph(graph, weight)
    missing = [node for node in nodes if node not in partition]
    if missing:
        raise UsageError(
            f"Found no community for {len(missing)} nodes, such as {missing[0]!r}; expected one "
            "for every node of the graph."
        )
    blocks = np.unique([str(partition[node]) for node in nodes], return_inverse=True)[1]
    return BlockModels(edges).nats(blocks.astype(np.int64))[0]


def _named(nodes: list[Any], blocks: NDArray[np.int64]) -> Partition:
    return {node: int(block) for node, block in zip(nodes, blocks, strict=True)}


def _sbm(edges: Edges, options: Options) -> Levels:
    fit = fit_blocks(edges, options.seed, options.n_starts)
    return coarser_levels(edges, fit) if options.hierarchy else [fit.blocks], 0


def _leiden(edges: Edges, options: Options) -> Levels:
    return _with_top([leiden_blocks(edges, options.seed, options.resolution)]), 0


def _louvain(edges: Edges, options: Options) -> Levels:
    levels = louvain_blocks(edges, options.seed, options.resolution)
    return _with_top(levels), len(levels) - 1


def _graph_tool(edges: Edges, options: Options) -> Levels:
    levels, chosen = graph_tool_levels(edges, options.seed)
    return _with_top(levels), chosen


def _with_top(levels: list[NDArray[np.int64]]) -> list[NDArray[np.int64]]:
    return [*levels, np.zeros_like(levels[-1])] if np.ptp(levels[-1]) else levels


METHODS: dict[str, Callable[[Edges, Options], Levels]] = {
    "sbm": _sbm,
    "leiden": _leiden,
    "louvain": _louvain,
    "graph-tool": _graph_tool,
}
