"""Coarser levels above a partition: the two blocks whose union costs least become one."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from analyses.connectome.block_model import BlockFit, BlockModels
from analyses.connectome.block_model_edges import Edges
from analyses.connectome.block_model_general import GeneralState

_MERGE_ROUNDS = 3


def coarser_levels(edges: Edges, fit: BlockFit) -> list[NDArray[np.int64]]:
    """Merge blocks under the model that won until one is left.

    Parameters
    ----------
    edges : Edges
    fit : BlockFit

    Returns
    -------
    list of ndarray (nodes,) of int
        The partition itself first, each nested in the next.
    """
    levels = [fit.blocks]
    if not fit.blocks.any():
        return levels
    models = BlockModels(edges)
    while levels[-1].any():
        one, two = _cheapest(models, fit.model, levels[-1])
        merged = np.where(levels[-1] == two, one, levels[-1])
        levels.append(np.unique(merged, return_inverse=True)[1].astype(np.int64))
    return levels


def _cheapest(models: BlockModels, name: str, blocks: NDArray[np.int64]) -> tuple[int, int]:
    if name in models.evidence:
        changes = GeneralState(models.evidence[name], blocks).merges()
        return divmod(int(changes.argmin()), len(changes))
    costs = {}
    for one, two in itertools.combinations(range(int(blocks.max()) + 1), 2):
        state = models.mixing(np.where(blocks == two, one, blocks))
        state.fit_effects(_MERGE_ROUNDS)
        costs[one, two] = state.nats
    return min(costs, key=lambda pair: costs[pair])
