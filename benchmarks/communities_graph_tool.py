"""Nested weighted block model of graph-tool on LFR graphs, for an interpreter that has graph-tool.

``python benchmarks/communities.py`` starts it; it needs graph-tool, numpy and nothing of this
project. Every edge once, both degree-corrected and not, weights real-exponential, the smaller
description length kept, as in the notebook of Dyballa et al. 2024. Without the truth the level is
the lowest one of the hierarchy, or the one of least description length as a flat model.
"""

from __future__ import annotations

import json
import sys

import graph_tool.all as gt
import numpy as np


def fit(adjacency):
    """Partition at the lowest level and at the level best as a flat model, by degree correction."""
    left, right = np.nonzero(np.triu(adjacency, 1))
    graph = gt.Graph(directed=False)
    graph.add_vertex(len(adjacency))
    weight = graph.new_edge_property("double")
    for one, two in zip(left, right, strict=True):
        weight[graph.add_edge(one, two)] = adjacency[one, two]
    best = None
    for corrected in (True, False):
        gt.seed_rng(13)
        np.random.seed(13)  # noqa: NPY002 - graph-tool draws from it
        options = {"deg_corr": corrected, "recs": [weight], "rec_types": ["real-exponential"]}
        state = gt.minimize_nested_blockmodel_dl(graph, state_args=options)
        if best is None or state.entropy() < best[0].entropy():
            best = state, options
    state, options = best
    levels, flat = [], []
    for number in range(len(state.get_levels())):
        blocks = state.project_partition(number, 0).a
        levels.append([int(each) for each in blocks])
        flat.append(gt.BlockState(graph, b=graph.new_vp("int", vals=blocks), **options).entropy())
    return {"lowest": levels[0], "best": levels[int(np.argmin(flat))]}


if __name__ == "__main__":
    archive = np.load(sys.argv[1], allow_pickle=False)
    for number in [int(each) for each in sys.argv[2:]]:
        found = fit(archive["adjacency"][number].astype(float))
        print(json.dumps({"graph": number, **found}), flush=True)
