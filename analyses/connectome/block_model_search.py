"""Search for the partition of least description length: starts, sweeps, merges, annealing."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from analyses.connectome.block_model_edges import Edges
from analyses.connectome.block_model_general import Evidence, GeneralState

# Few candidates are enough where there are many blocks: those of neighbours, and a few others.
_FEW_BLOCKS = 12
_N_STRANGERS = 3
COOLING = (6.0, 4.0, 2.5, 1.7, 1.0, 0.5)


class State(Protocol):
    """A partition whose description length changes exactly when one node moves."""

    blocks: NDArray[np.int64]
    counts: NDArray[np.int64]

    @property
    def nats(self) -> float:
        """Description length."""

    def moves(self, node: int, targets: NDArray[np.int64]) -> tuple[NDArray, Any]:
        """Changes of description length, and what `apply` needs."""

    def apply(self, node: int, target: int, sums: Any) -> None:
        """Move a node."""

    def restart(self, blocks: NDArray[np.int64]) -> None:
        """Take another partition."""

    def refit(self) -> None:
        """Fit what does not belong to a node."""


def sweep(
    state: State,
    edges: Edges,
    generator: np.random.Generator,
    temperature: float = 0.0,
    grow: bool = True,
) -> int:
    """Offer every node, in random order, a move to another block.

    Parameters
    ----------
    state : State
    edges : Edges
    generator : numpy.random.Generator
    temperature : float
        Blocks are drawn with chance ``exp(-change / temperature)``; 0 takes the best.
    grow : bool
        Whether a node may open a new block.

    Returns
    -------
    int
        Number of nodes that moved.
    """
    moved = 0
    for node in generator.permutation(edges.n_nodes):
        targets = _targets(state, edges, node, generator, grow)
        changes, sums = state.moves(node, targets)
        if temperature > 0:
            odds = np.exp((changes.min() - changes) / temperature)
            place = int(np.searchsorted(np.cumsum(odds), generator.random() * odds.sum()))
            place = min(place, len(targets) - 1)
        else:
            place = int(changes.argmin())
        # Ties and rounding must not make a node wander for ever.
        if temperature == 0 and changes[place] > -1e-9:
            place = int(np.flatnonzero(targets == state.blocks[node])[0])
        moved += int(targets[place] != state.blocks[node])
        state.apply(node, int(targets[place]), sums)
    state.refit()
    return moved


def _targets(
    state: State, edges: Edges, node: int, generator: np.random.Generator, grow: bool
) -> NDArray[np.int64]:
    occupied = state.counts > 0
    chosen = occupied
    if len(occupied) > _FEW_BLOCKS:
        chosen = np.zeros_like(occupied)
        near = edges.neighbours[edges.starts[node] : edges.starts[node + 1]]
        chosen[state.blocks[near]] = True
        chosen[generator.integers(len(occupied), size=_N_STRANGERS)] = True
        chosen[state.blocks[node]] = True
        chosen &= occupied
    places = np.flatnonzero(chosen)
    return np.append(places, np.flatnonzero(~occupied)[:1]) if grow else places


def settle(
    state: State,
    edges: Edges,
    generator: np.random.Generator,
    most: int = 30,
    grow: bool = True,
) -> float:
    """Sweep without chance until nothing moves.

    Parameters
    ----------
    state : State
    edges : Edges
    generator : numpy.random.Generator
    most : int
        Sweeps at most.
    grow : bool
        Whether a node may open a new block.

    Returns
    -------
    float
        Description length reached.
    """
    for _ in range(most):
        if not sweep(state, edges, generator, grow=grow):
            break
    return state.nats


def anneal(
    state: State,
    edges: Edges,
    generator: np.random.Generator,
    temperatures: Iterable[float] = COOLING,
) -> float:
    """Sweep at falling temperatures, then settle.

    Parameters
    ----------
    state : State
    edges : Edges
    generator : numpy.random.Generator
    temperatures : iterable of float

    Returns
    -------
    float
        Description length reached.
    """
    for temperature in temperatures:
        sweep(state, edges, generator, temperature)
    return settle(state, edges, generator)


def agglomerate(
    evidence: Evidence, starts: Sequence[NDArray[np.int64]], generator: np.random.Generator
) -> NDArray[np.int64]:
    """Best partition under a general block model, by merging from every start and annealing.

    Parameters
    ----------
    evidence : Evidence
    starts : sequence of ndarray (nodes,) of int
    generator : numpy.random.Generator

    Returns
    -------
    ndarray (nodes,) of int
    """
    best = np.zeros(evidence.edges.n_nodes, dtype=np.int64)
    least = GeneralState(evidence, best).nats
    for start in starts:
        for nats, blocks in _merging(evidence, start, generator):
            if nats < least - 1e-9:
                least, best = nats, blocks
    state = GeneralState(evidence, best)
    if anneal(state, evidence.edges, generator, (1.0, 0.5)) < least - 1e-9:
        best = state.blocks
    return best.copy()


def _merging(
    evidence: Evidence, start: NDArray[np.int64], generator: np.random.Generator
) -> Iterator[tuple[float, NDArray[np.int64]]]:
    state = GeneralState(evidence, start)
    sweep(state, evidence.edges, generator, grow=False)
    while True:
        nats = settle(state, evidence.edges, generator, 2, grow=False)
        yield nats, state.blocks.copy()
        n_blocks = int(np.count_nonzero(state.counts))
        if n_blocks < 2:
            return
        state.restart(_merge_best(state, max(1, n_blocks // 4)))


def _merge_best(state: GeneralState, n_merges: int) -> NDArray[np.int64]:
    """Merge the pairs that cost least, no block twice."""
    changes = state.merges()
    blocks, used = state.blocks.copy(), set[int]()
    for flat in np.argsort(changes, axis=None):
        one, two = divmod(int(flat), len(changes))
        if len(used) >= 2 * n_merges or not np.isfinite(changes[one, two]):
            break
        if one not in used and two not in used:
            used |= {one, two}
            blocks[blocks == two] = one
    return blocks


def spectral_starts(
    edges: Edges,
    values: NDArray[np.float64],
    numbers: Sequence[int],
    generator: np.random.Generator,
) -> list[NDArray[np.int64]]:
    """Partitions by k-means on leading eigenvectors of the graph.

    Parameters
    ----------
    edges : Edges
    values : ndarray (edges,)
        What stands for an edge in the matrix: ones, standardised weights, or their sum.
    numbers : sequence of int
        Numbers of blocks to start with.
    generator : numpy.random.Generator

    Returns
    -------
    list of ndarray (nodes,) of int
    """
    rows = _embedding(edges, values, min(max(numbers), 16))
    few = [number for number in numbers if number < edges.n_nodes and rows.any()]
    return [_clusters(rows[:, : max(number, 2)], number, generator) for number in few]


def _embedding(edges: Edges, values: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    from scipy.sparse import coo_array
    from scipy.sparse.linalg import eigsh

    n_nodes = edges.n_nodes
    scale = 1 / np.sqrt(np.maximum(edges.degrees, 1))
    scaled = values * scale[edges.left] * scale[edges.right]
    both = np.concatenate([scaled, scaled])
    places = (
        np.concatenate([edges.left, edges.right]),
        np.concatenate([edges.right, edges.left]),
    )
    matrix = coo_array((both, places), shape=(n_nodes, n_nodes)).tocsr()
    if n_nodes <= max(300, 2 * size):
        roots, vectors = np.linalg.eigh(matrix.toarray())
    else:
        # A fixed start keeps the answer the same for one seed.
        start = np.full(n_nodes, n_nodes**-0.5)
        roots, vectors = eigsh(matrix, k=size, which="LM", v0=start)
    order = np.argsort(-np.abs(roots), kind="stable")[:size]
    return vectors[:, order] * roots[order]


def _clusters(
    rows: NDArray[np.float64], number: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    from scipy.cluster.vq import kmeans2

    with warnings.catch_warnings():
        # An empty cluster is a smaller number of blocks, no fault.
        warnings.simplefilter("ignore")
        labels = kmeans2(rows, number, minit="++", rng=generator)[1]
    return labels.astype(np.int64)
