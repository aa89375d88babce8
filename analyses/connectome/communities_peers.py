"""Other people's community detection on the same edges: Leiden, Louvain and graph-tool."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analyses.connectome.block_model_edges import Edges
from workbench.errors import UsageError


def leiden_blocks(edges: Edges, seed: int, resolution: float) -> NDArray[np.int64]:
    """Partition of highest weighted modularity that Leiden finds (Traag et al. 2019).

    Parameters
    ----------
    edges : Edges
    seed : int
    resolution : float

    Returns
    -------
    ndarray (nodes,) of int

    Raises
    ------
    UsageError
        If leidenalg or igraph is not installed.
    """
    try:
        import igraph
        import leidenalg
    except ImportError:
        raise UsageError(
            "Found no leidenalg and igraph for method 'leiden'; expected the extra: "
            "pip install 'workbench[communities]', or use method 'sbm' or 'louvain'."
        ) from None
    graph = igraph.Graph(
        edges.n_nodes, np.stack([edges.left, edges.right], axis=1).tolist(), directed=False
    )
    found = leidenalg.find_partition(
        graph,
        leidenalg.RBConfigurationVertexPartition,
        weights=edges.weights.tolist() if len(edges.weights) else None,
        resolution_parameter=resolution,
        seed=seed,
        n_iterations=-1,
    )
    return np.array(found.membership, dtype=np.int64)


def louvain_blocks(edges: Edges, seed: int, resolution: float) -> list[NDArray[np.int64]]:
    """Levels of networkx' Louvain, from fine to the one of highest modularity.

    Parameters
    ----------
    edges : Edges
    seed : int
    resolution : float

    Returns
    -------
    list of ndarray (nodes,) of int
    """
    import networkx as nx

    graph = nx.empty_graph(edges.n_nodes)
    graph.add_weighted_edges_from(
        zip(edges.left.tolist(), edges.right.tolist(), edges.weights.tolist(), strict=True)
    )
    if not len(edges.left):
        return [np.arange(edges.n_nodes)]
    levels = nx.community.louvain_partitions(graph, resolution=resolution, seed=seed)
    return [_from_sets(level, edges.n_nodes) for level in levels]


def graph_tool_levels(edges: Edges, seed: int) -> tuple[list[NDArray[np.int64]], int]:
    """Levels of graph-tool's nested block model, and the one shortest as a flat model.

    Parameters
    ----------
    edges : Edges
        Every edge is given once; Dyballa et al. 2024 gave it twice.
    seed : int

    Returns
    -------
    levels : list of ndarray (nodes,) of int
        From fine to coarse.
    chosen : int

    Raises
    ------
    UsageError
        If graph-tool is not installed.
    """
    try:
        import graph_tool.all as gt
    except ImportError:
        raise UsageError(
            "Found no graph-tool for method 'graph-tool'; expected it from conda-forge or the "
            "system's packages, as pip has none: use method 'sbm', which needs nothing else."
        ) from None
    graph = gt.Graph(directed=False)
    graph.add_vertex(edges.n_nodes)
    graph.add_edge_list(np.stack([edges.left, edges.right], axis=1))
    weight = graph.new_edge_property("double", vals=edges.weights)
    fits = []
    for corrected in (True, False):
        gt.seed_rng(seed + 1)
        np.random.seed(seed)  # noqa: NPY002 - graph-tool draws from it
        options = {"deg_corr": corrected, "recs": [weight], "rec_types": ["real-exponential"]}
        fits.append((gt.minimize_nested_blockmodel_dl(graph, state_args=options), options))
    state, options = min(fits, key=lambda fit: fit[0].entropy())
    numbers = range(len(state.get_levels()))
    levels = [np.array(state.project_partition(number, 0).a, dtype=np.int64) for number in numbers]
    flat = [
        gt.BlockState(graph, b=graph.new_vp("int", vals=blocks), **options).entropy()
        for blocks in levels
    ]
    return levels, int(np.argmin(flat))


def _from_sets(groups: list[set[int]], n_nodes: int) -> NDArray[np.int64]:
    blocks = np.zeros(n_nodes, dtype=np.int64)
    for number, group in enumerate(groups):
        blocks[list(group)] = number
    return blocks
