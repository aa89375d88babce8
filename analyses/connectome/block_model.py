"""Fit block models to a weighted graph and keep the one, and the partition, that tell it shortest.

What nodes explain alone is told first: their degrees, and their effects on weights, each if it
makes the graph shorter without communities. Classes of degree or strength are then not taken for
communities. Three families compete over what is left: blocks seen in the edges alone; blocks of
which every pair has its own density and weights (`block_model_general`); and nodes that divide
strength between their block and the rest (`block_model_mixing`). All are description lengths of the
same graph in nats, in which weights placed at random cost nothing, so that the shortest one wins,
and one block is always among them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analyses.connectome.block_model_baseline import degree_baseline, uniform_baseline
from analyses.connectome.block_model_edges import Edges
from analyses.connectome.block_model_general import Evidence, GeneralState
from analyses.connectome.block_model_mixing import MixingState
from analyses.connectome.block_model_search import (
    COOLING,
    agglomerate,
    anneal,
    settle,
    spectral_starts,
)

_FIT_ROUNDS = 20
# Partitions start with the square root of the number of nodes, at most so many blocks.
_MOST_BLOCKS = 40


@dataclass(frozen=True)
class BlockFit:
    """A partition and how short it makes the graph.

    Attributes
    ----------
    blocks : ndarray (nodes,) of int
        Numbered from 0, largest block first.
    nats : float
        Description length.
    null_nats : float
        Description length with a single block, under the model that tells it shortest.
    model : str
        Which model won.
    """

    blocks: NDArray[np.int64]
    nats: float
    null_nats: float
    model: str


class BlockModels:
    """The models that compete over one graph.

    Parameters
    ----------
    edges : Edges
    """

    def __init__(self, edges: Edges) -> None:
        self.edges = edges
        baselines = uniform_baseline(edges), degree_baseline(edges)
        self.baseline = min(baselines, key=lambda baseline: baseline.nats)
        self.weighted = bool(len(edges.weights) and np.ptp(edges.weights))
        self.alone = np.zeros(edges.n_nodes, dtype=np.int64)
        ones = np.ones_like(edges.scores)
        only_edges = Evidence(edges, self.baseline, ones, ones, self.baseline.nats, False)
        self.evidence = {"edges": only_edges}
        if self.weighted:
            self.evidence["weights"] = self._weights()

    def _weights(self) -> Evidence:
        """Weights, less what nodes explain of them if that is shorter without communities."""
        edges, baseline = self.edges, self.baseline
        plain = Evidence(edges, baseline, edges.scores, edges.squares, baseline.nats)
        state = self.mixing(self.alone)
        state.fit_effects(_FIT_ROUNDS)
        values, squares = state.residuals()
        nats = baseline.nats + state.weight_nats
        less = Evidence(edges, baseline, values, squares, nats)
        both = [GeneralState(each, self.alone).nats for each in (plain, less)]
        return less if both[1] < both[0] else plain

    def mixing(self, blocks: NDArray[np.int64]) -> MixingState:
        """Mixing model whose node effects are not yet fitted."""
        return MixingState(self.edges, self.baseline, blocks, self.weighted)

    def nats(self, blocks: NDArray[np.int64]) -> tuple[float, str]:
        """Least description length of a partition, and under which model."""
        found = [(GeneralState(each, blocks).nats, name) for name, each in self.evidence.items()]
        state = self.mixing(blocks)
        state.fit_effects(_FIT_ROUNDS)
        return min([*found, (state.nats, "mixing")])


def fit_blocks(edges: Edges, seed: int = 0, n_starts: int = 6) -> BlockFit:
    """Find the partition and the model that tell a weighted graph shortest.

    Parameters
    ----------
    edges : Edges
    seed : int
        The same seed gives the same partition.
    n_starts : int
        How many partitions the mixing model is annealed from; more take longer and find more.

    Returns
    -------
    BlockFit
    """
    generator = np.random.default_rng(seed)
    models = BlockModels(edges)
    null_nats, null_model = models.nats(models.alone)
    found = [(null_nats, null_model, models.alone)]
    if edges.n_nodes > 2 and len(edges.left):
        found += [_general_fit(models, name, generator) for name in models.evidence]
        found += _mixing_fits(models, [each[2] for each in sorted_fits(found)], n_starts, generator)
    nats, model, blocks = sorted_fits(found)[0]
    return BlockFit(by_size(blocks), nats, null_nats, model)


Fit = tuple[float, str, NDArray[np.int64]]


def sorted_fits(fits: list[Fit]) -> list[Fit]:
    """Shortest first; of equals the one that was found first."""
    return sorted(fits, key=lambda fit: fit[0])


def by_size(blocks: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number blocks from 0, largest first; of equals the one with the earliest node.

    Parameters
    ----------
    blocks : ndarray (nodes,) of int

    Returns
    -------
    ndarray (nodes,) of int

    Examples
    --------
    >>> by_size(np.array([7, 3, 3, 9])).tolist()
    [1, 0, 0, 2]
    """
    _, first, inverse, counts = np.unique(
        blocks, return_index=True, return_inverse=True, return_counts=True
    )
    rank = np.empty(len(counts), dtype=np.int64)
    rank[np.lexsort((first, -counts))] = np.arange(len(counts))
    return rank[inverse]


def _general_fit(models: BlockModels, name: str, generator: np.random.Generator) -> Fit:
    edges, evidence = models.edges, models.evidence[name]
    most = int(min(max(4, 1.1 * np.sqrt(edges.n_nodes)), _MOST_BLOCKS))
    seen = (evidence.values, 1 + evidence.values) if evidence.weighted else (evidence.values,)
    starts = [
        start for values in seen for start in spectral_starts(edges, values, (most,), generator)
    ]
    blocks = agglomerate(evidence, starts, generator)
    return GeneralState(evidence, blocks).nats, name, blocks


def _mixing_fits(
    models: BlockModels, starts: list[NDArray], n_starts: int, generator: np.random.Generator
) -> Iterator[Fit]:
    edges = models.edges
    starts = [*starts, *spectral_starts(edges, edges.scores, (2, 4), generator)]
    starts += [generator.integers(2 + number % 4, size=edges.n_nodes) for number in range(n_starts)]
    annealed: list[tuple[float, int, NDArray[np.int64]]] = []
    for number, start in enumerate(starts):
        state = models.mixing(start)
        state.fit_effects(2)
        # What is best so far needs no heat.
        nats = anneal(state, edges, generator, COOLING if number else ())
        annealed.append((nats, number, state.blocks.copy()))
    for _, _, blocks in sorted(annealed)[:2]:
        state = models.mixing(blocks)
        state.fit_effects(3)
        settle(state, edges, generator)
        state.fit_effects(_FIT_ROUNDS)
        yield state.nats, "mixing", state.blocks.copy()
