"""Motifs as weighted graphs of neurons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analyses.connectome.pairs import n_pairs, square

if TYPE_CHECKING:
    import networkx as nx

# Loadings below this share of the largest are what the factorisation has not brought to zero.
_LEAST_LOADING = 0.01


def pair_weights(loadings: NDArray, n_neurons: int) -> tuple[NDArray, NDArray | None]:
    """Weights of pairs, and which sign they have where same and opposite signs are apart.

    Parameters
    ----------
    loadings : ndarray (pairs,), or (2 pairs,) with signed affinity
    n_neurons : int

    Returns
    -------
    weights : ndarray (pairs,)
        Sum over both signs.
    sign : ndarray (pairs,), optional
        1 where all weight is on the same sign, -1 on opposite signs; 0 without weight.

    Examples
    --------
    >>> weights, sign = pair_weights(np.array([3.0, 0, 0, 1.0, 2.0, 0]), 3)
    >>> weights.tolist(), sign.tolist()
    ([4.0, 2.0, 0.0], [0.5, -1.0, 0.0])
    """
    pairs = n_pairs(n_neurons)
    if len(loadings) == pairs:
        return loadings, None
    same, opposite = loadings[:pairs], loadings[pairs:]
    weights = same + opposite
    sign = np.divide(same - opposite, weights, out=np.zeros_like(weights), where=weights > 0)
    return weights, sign


def motif_graph(
    loadings: NDArray,
    neurons: Sequence[str],
    peak: float = 1.0,
    positions: Mapping[str, Sequence[float]] | None = None,
) -> nx.Graph:
    """Graph of a motif.

    Parameters
    ----------
    loadings : ndarray (pairs,), or (2 pairs,) with signed affinity
    neurons : sequence of str
    peak : float
        Affinity of a pair with loading 1 in the frame and animal where the motif is strongest.
    positions : mapping of str to sequence of float, optional
        Coordinates of neurons.

    Returns
    -------
    networkx.Graph
        Every neuron is a node, with its ``strength`` (sum of weights) and, if known, ``position``;
        every pair with at least a hundredth of the largest loading an edge, with ``weight`` (its
        affinity at the motif's peak) and, with signed affinity, ``sign``.

    Examples
    --------
    >>> graph = motif_graph(np.array([0.8, 0.0, 0.6]), ["AVA", "AVB", "RIM"])
    >>> sorted(graph.edges(data="weight"))
    [('AVA', 'AVB', 0.8), ('AVB', 'RIM', 0.6)]
    """
    import networkx as nx

    weights, sign = pair_weights(np.asarray(loadings, dtype=np.float64), len(neurons))
    weights = weights * peak
    graph = nx.Graph()
    strength = square(weights).sum(axis=1)
    for name, value in zip(neurons, strength, strict=True):
        graph.add_node(name, strength=float(value))
        if positions is not None and name in positions:
            graph.nodes[name]["position"] = tuple(float(each) for each in positions[name])
    first, second = np.triu_indices(len(neurons), 1)
    for pair in np.flatnonzero(weights > _LEAST_LOADING * weights.max()):
        edge = (neurons[first[pair]], neurons[second[pair]])
        graph.add_edge(*edge, weight=float(weights[pair]))
        if sign is not None:
            graph.edges[edge]["sign"] = float(sign[pair])
    return graph
