"""Fit block models to a weighted graph and keep the one, and the partition, that tell it shortest.

Three families compete, each with and without degrees told beforehand: blocks seen in the edges
alone; blocks of which every pair has its own density and weights, with or without node effects on
the weights (`block_model_general`); and nodes that divide strength between their block and the
rest (`block_model_mixing`). All are description lengths of the same graph in nats, in which weights
placed at random cost nothing, so that the shortest one wins and one block is always among them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analyses.connectome.block_model_baseline import (
    Baseline,
    degree_baseline,
    uniform_baseline,
)
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
        self.baselines = {"uniform": uniform_baseline(edges), "degrees": degree_baseline(edges)}
        self.weighted = bool(np.ptp(edges.weights)) if len(edges.weights) else False
        self.alone = np.zeros(edges.n_nodes, dtype=np.int64)
        self.evidence = dict(self._evidence())

    def _evidence(self) -> Iterator[tuple[str, Evidence]]:
        edges = self.edges
        ones = np.ones_like(edges.scores)
        for name, baseline in self.baselines.items():
            yield f"{name}, edges", Evidence(edges, baseline, ones, ones, baseline.nats, False)
            if self.weighted:
                scores, squares = edges.scores, edges.squares
                yield f"{name}, weights", Evidence(edges, baseline, scores, squares, baseline.nats)
                yield f"{name}, weights less node effects", self._residual(baseline)

    def _residual(self, baseline: Baseline) -> Evidence:
        state = MixingState(self.edges, baseline, self.alone)
        state.fit_effects(_FIT_ROUNDS)
        values, squares = state.residuals()
        nats = baseline.nats + state.weight_nats
        return Evidence(self.edges, baseline, values, squares, nats)

    def mixing(self, name: str, blocks: NDArray[np.int64]) -> MixingState:
        """Mixing model over a baseline, its node effects not yet fitted."""
        return MixingState(self.edges, self.baselines[name], blocks, self.weighted)

    def nats(self, blocks: NDArray[np.int64]) -> tuple[float, str]:
        """Least description length of a partition, and under which model."""
        found = [(GeneralState(each, blocks).nats, name) for name, each in self.evidence.items()]
        for name in self.baselines:
            state = self.mixing(name, blocks)
            state.fit_effects(_FIT_ROUNDS)
            found.append((state.nats, f"{name}, mixing"))
        return min(found)


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
        found += _general_fits(models, generator)
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


def _general_fits(models: BlockModels, generator: np.random.Generator) -> list[Fit]:
    """Fit edges alone over both baselines, and weights too over the one that suits the edges."""
    names = [f"{each}, edges" for each in models.baselines]
    fits = sorted_fits([_general_fit(models, name, generator) for name in names])
    suited = fits[0][1].partition(",")[0]
    names = [name for name in models.evidence if name.startswith(suited) and name not in names]
    return fits + [_general_fit(models, name, generator) for name in names]


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
    name = min(models.baselines, key=lambda each: models.baselines[each].nats)
    first: list[tuple[float, int, NDArray]] = []
    for number, start in enumerate(starts):
        state = models.mixing(name, start)
        state.fit_effects(2)
        first.append(
            (
                anneal(state, edges, generator, COOLING if number else ()),
                number,
                state.blocks.copy(),
            )
        )
    for _, _, blocks in sorted(first)[:2]:
        for each in models.baselines:
            state = models.mixing(each, blocks)
            state.fit_effects(3)
            settle(state, edges, generator)
            state.fit_effects(_FIT_ROUNDS)
            yield state.nats, f"{each}, mixing", state.blocks.copy()
