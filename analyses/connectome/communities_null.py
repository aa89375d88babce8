"""How much communities shorten a graph, beside graphs of the same degrees and weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analyses.connectome.block_model import fit_blocks
from analyses.connectome.block_model_edges import Edges, in_own_order, make_edges, read_graph
from workbench.errors import UsageError
from workbench.statistics.permutation import permutation_null

if TYPE_CHECKING:
    import networkx as nx

    from workbench.analysis.measure import Null

# Swaps that are tried for every edge; ten are customary (Milo et al. 2003, arXiv cond-mat/0312028).
_SWAPS_PER_EDGE = 10


@dataclass(frozen=True)
class CompressionGain:
    """What communities save, beside the same search on rewired graphs.

    Attributes
    ----------
    nats : float
        Description length with one community less that with the communities found; at least 0.
    nats_per_edge : float
    draws : ndarray (draws,)
        The same for rewired graphs.
    null : Null
    """

    nats: float
    nats_per_edge: float
    draws: NDArray[np.float64]
    null: Null


def compression_gain(
    graph: nx.Graph[Any],
    weight: str | None = "weight",
    n_null: int = 19,
    seed: int = 0,
    n_starts: int = 2,
) -> CompressionGain:
    """Nats that communities save, and what they save in graphs rewired at random.

    Rewired graphs have the degree of every node and the same weights, on other edges. Where the
    degrees leave no other graph, as in a complete one, only weights change places.

    Parameters
    ----------
    graph : networkx.Graph
        As for `communities`.
    weight : str or None
        Edge attribute that holds the weight.
    n_null : int
        Rewired graphs; with 19 the least p-value is .05.
    seed : int
    n_starts : int
        As in `communities`, for the graph and its rewired ones alike.

    Returns
    -------
    CompressionGain

    Raises
    ------
    UsageError
        As `communities`, or if there is no edge or no draw.

    Examples
    --------
    >>> import networkx as nx
    >>> found = compression_gain(nx.barbell_graph(8, 0), n_null=3, n_starts=0)
    >>> found.nats > 10, found.null.p_value
    (True, 0.25)
    """
    if n_null < 1:
        raise UsageError(f"Found n_null={n_null}; expected at least 1 rewired graph.")
    edges = in_own_order(read_graph(graph, weight)[1])[0]
    if not len(edges.left):
        raise UsageError(
            "Found a graph without edges of positive weight; expected at least one edge to rewire."
        )
    generator = np.random.default_rng(seed)
    nats = _gain(edges, seed, n_starts)
    draws = np.array([_gain(rewired(edges, generator), seed, n_starts) for _ in range(n_null)])
    method = "edges rewired with degrees kept, weights shuffled over edges"
    null = permutation_null(nats, draws, method, "greater")
    return CompressionGain(nats, nats / len(edges.left), draws, null)


def rewired(edges: Edges, generator: np.random.Generator) -> Edges:
    """Swap ends of random pairs of edges, and shuffle weights over edges.

    Parameters
    ----------
    edges : Edges
    generator : numpy.random.Generator

    Returns
    -------
    Edges
        Simple, of the same degrees.

    Examples
    --------
    >>> ring = make_edges(8, np.arange(8), (np.arange(8) + 1) % 8, np.arange(1.0, 9.0))
    >>> other = rewired(ring, np.random.default_rng(0))
    >>> other.degrees.tolist(), sorted(other.weights) == sorted(ring.weights)
    ([2, 2, 2, 2, 2, 2, 2, 2], True)
    """
    pairs = list(zip(edges.left.tolist(), edges.right.tolist(), strict=True))
    present, n_tries = set(pairs), _SWAPS_PER_EDGE * len(pairs)
    picks = generator.integers(len(pairs), size=(n_tries, 2)).tolist()
    turns = generator.integers(2, size=n_tries).tolist()
    for (first, second), turn in zip(picks, turns, strict=True):
        (a, b), (c, d) = pairs[first], pairs[second]
        if turn:
            c, d = d, c
        new = (min(a, d), max(a, d)), (min(c, b), max(c, b))
        if len({a, b, c, d}) == 4 and new[0] not in present and new[1] not in present:
            present -= {pairs[first], pairs[second]}
            present |= set(new)
            pairs[first], pairs[second] = new
    ends = np.array(pairs, dtype=np.int64)
    weights = generator.permutation(edges.weights)
    return make_edges(edges.n_nodes, ends[:, 0], ends[:, 1], weights)


def _gain(edges: Edges, seed: int, n_starts: int) -> float:
    fit = fit_blocks(edges, seed, n_starts)
    return fit.null_nats - fit.nats
