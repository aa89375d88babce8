"""Block model in which every pair of blocks has its own density and its own weights.

With ``p_ij`` the chance of an edge without communities, edges between blocks r and s have odds
``exp(d_rs) p_ij / (1 - p_ij)``, and their weights (as normal scores, less what the two nodes
explain) are normal with mean and variance of that pair of blocks, or standard normal like all.
Both are integrated over proper priors that give "as without communities" the chance 1/2, and the
partition is told as in Peixoto 2017, *Nonparametric Bayesian inference of the microcanonical
stochastic block model*, equation 14. The negative logarithm of it all is the description length.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from analyses.connectome.block_model_baseline import LOG_PRIOR, TILTS, Baseline
from analyses.connectome.block_model_edges import Edges

# Prior of a block pair's weights: means as wide as the noise times 1.4, variance about 1.
_KAPPA, _ALPHA, _BETA = 0.5, 2.0, 1.0
_N_TILTS = len(TILTS)
_TILT_COLUMN = TILTS[:, None, None]
_PRIOR_COLUMN = LOG_PRIOR[:, None, None]


@dataclass(frozen=True)
class Evidence:
    """What a block model looks at.

    Attributes
    ----------
    edges : Edges
    baseline : Baseline
    values, squares : ndarray (edges,)
        Standardised weights and their expected squares.
    nats : float
        Description length without communities.
    weighted : bool
        Whether weights are looked at.
    """

    edges: Edges
    baseline: Baseline
    values: NDArray[np.float64]
    squares: NDArray[np.float64]
    nats: float
    weighted: bool = True


def partition_nats(counts: NDArray) -> float:
    """Nats that tell the number of blocks, their sizes and who is in which.

    Parameters
    ----------
    counts : ndarray (blocks,) of int
        Nodes of every block; empty blocks count for nothing.

    Returns
    -------
    float

    Examples
    --------
    >>> round(partition_nats(np.array([4])), 3), round(partition_nats(np.array([2, 2])), 3)
    (1.386, 4.277)
    """
    counts = counts[counts > 0]
    n_nodes, n_blocks = counts.sum(), len(counts)
    sizes = gammaln(n_nodes) - gammaln(n_blocks) - gammaln(n_nodes - n_blocks + 1)
    return float(np.log(n_nodes) + sizes + gammaln(n_nodes + 1) - gammaln(counts + 1).sum())


def edge_nats(joined: NDArray, tilted: NDArray) -> NDArray[np.float64]:
    """Nats of the edges within groups of pairs, less those without communities.

    Parameters
    ----------
    joined : ndarray (rows, columns)
        Number of edges.
    tilted : ndarray (tilts, rows, columns)
        Sums of ``log(1 - p + p exp(tilt))`` over pairs.

    Returns
    -------
    ndarray (rows, columns)
    """
    return -logsumexp_first(_PRIOR_COLUMN + _TILT_COLUMN * joined - tilted)


def logsumexp_first(terms: NDArray) -> NDArray[np.float64]:
    """Logarithm of the sum of exponentials along the first axis, without scipy's checks.

    Parameters
    ----------
    terms : ndarray (terms, ...)

    Returns
    -------
    ndarray (...)

    Examples
    --------
    >>> bool(np.isclose(logsumexp_first(np.log(np.array([1.0, 3.0]))), np.log(4)))
    True
    """
    top = terms.max(axis=0)
    return top + np.log(np.exp(terms - top).sum(axis=0))


def weight_nats(number: NDArray, total: NDArray, square: NDArray) -> NDArray[np.float64]:
    """Nats of the weights within groups of edges, less those of standard normal ones.

    Parameters
    ----------
    number, total, square : ndarray (...)
        Count, sum and sum of squares of the standardised weights.

    Returns
    -------
    ndarray (...)
    """
    rate = _BETA + 0.5 * np.maximum(square - total**2 / (number + _KAPPA), 0.0)
    log_slab = _slab_table(number) - (_ALPHA + 0.5 * number) * np.log(rate) + 0.5 * square
    return _LOG_2 - np.maximum(log_slab, 0.0) - np.log1p(np.exp(-np.abs(log_slab)))


def _slab_table(number: NDArray) -> NDArray[np.float64]:
    """What the slab owes to the number of edges alone, looked up: counts are whole numbers."""
    return _SLAB[number.astype(np.int64)] if number.max() < _SLAB_SIZE else _slab(number)


def _slab(number: NDArray) -> NDArray[np.float64]:
    constant = _ALPHA * np.log(_BETA) - gammaln(_ALPHA)
    return constant + gammaln(_ALPHA + 0.5 * number) + 0.5 * np.log(_KAPPA / (_KAPPA + number))


_LOG_2 = float(np.log(2))
_SLAB_SIZE = 20_000
_SLAB = _slab(np.arange(float(_SLAB_SIZE)))


class GeneralState:
    """A partition, the sums of every pair of its blocks, and exact changes of description length.

    Parameters
    ----------
    evidence : Evidence
    blocks : ndarray (nodes,) of int
        Starting partition.
    """

    def __init__(self, evidence: Evidence, blocks: NDArray[np.int64]) -> None:
        self.evidence = evidence
        self.restart(blocks)

    def restart(self, blocks: NDArray[np.int64]) -> None:
        """Take another partition; numbers without nodes close up, and one empty block is kept."""
        edges, baseline = self.evidence.edges, self.evidence.baseline
        self.blocks = np.unique(blocks, return_inverse=True)[1].astype(np.int64)
        n_blocks = int(self.blocks.max()) + 2
        self.counts = np.bincount(self.blocks, minlength=n_blocks)
        n_classes = len(baseline.tilted)
        self.histogram = np.zeros((n_blocks, n_classes))
        np.add.at(self.histogram, (self.blocks, baseline.classes), 1.0)
        one, two = self.blocks[edges.left], self.blocks[edges.right]
        cells = np.concatenate([one * n_blocks + two, (two * n_blocks + one)[one != two]])
        self.sums = np.empty((3 + _N_TILTS, n_blocks, n_blocks))
        channels = (np.ones(len(one)), self.evidence.values, self.evidence.squares)
        for row, values in enumerate(channels):
            both = np.concatenate([values, values[one != two]])
            self.sums[row] = np.bincount(cells, both, n_blocks**2).reshape(n_blocks, n_blocks)
        tilted = np.tensordot(self.histogram, baseline.tilted, (1, 0))
        tables = np.einsum("rkg,sk->grs", tilted, self.histogram)
        own = np.einsum("kkg->kg", baseline.tilted)
        diagonal = np.arange(n_blocks)
        tables[:, diagonal, diagonal] -= (self.histogram @ own).T
        tables[:, diagonal, diagonal] /= 2
        self.sums[3:] = tables
        self.nats_of = self._nats(self.sums)

    @property
    def nats(self) -> float:
        """Description length of the graph."""
        pairs = np.triu(self.nats_of).sum()
        return float(self.evidence.nats + pairs + partition_nats(self.counts))

    def _nats(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        nats = edge_nats(sums[0], sums[3:])
        return nats + weight_nats(*sums[:3]) if self.evidence.weighted else nats

    def node_sums(self, node: int) -> NDArray[np.float64]:
        """Sums over the pairs of a node with every block, an array (channels, blocks)."""
        edges, baseline = self.evidence.edges, self.evidence.baseline
        own = slice(edges.starts[node], edges.starts[node + 1])
        near, numbers = self.blocks[edges.neighbours[own]], edges.edge_of[own]
        n_blocks = len(self.counts)
        sums = np.empty((3 + _N_TILTS, n_blocks))
        sums[0] = np.bincount(near, minlength=n_blocks)
        sums[1] = np.bincount(near, self.evidence.values[numbers], n_blocks)
        sums[2] = np.bincount(near, self.evidence.squares[numbers], n_blocks)
        kind = baseline.classes[node]
        sums[3:] = (self.histogram @ baseline.tilted[kind]).T
        sums[3:, self.blocks[node]] -= baseline.tilted[kind, kind]
        return sums

    def moves(self, node: int, targets: NDArray[np.int64]) -> tuple[NDArray, NDArray]:
        """Changes of description length if a node moved.

        Parameters
        ----------
        node : int
        targets : ndarray (targets,) of int
            Blocks to consider; its own gives 0.

        Returns
        -------
        changes : ndarray (targets,)
        sums : ndarray (channels, blocks)
            For `apply`.
        """
        own, sums = self.blocks[node], self.node_sums(node)
        left = self._nats((self.sums[:, own] - sums)[:, None])[0] - self.nats_of[own]
        joined = self.sums[:, targets] + sums[:, None]
        joined[:, :, own] = self.sums[:, targets, own] + sums[:, own, None] - sums[:, targets]
        changes = (
            (self._nats(joined) - self.nats_of[targets]).sum(axis=1) + left.sum() - left[targets]
        )
        changes += move_nats(self.counts, own, targets)
        changes[targets == own] = 0.0
        return changes, sums

    def apply(self, node: int, target: int, sums: NDArray[np.float64]) -> None:
        """Move a node, with the sums that `moves` gave."""
        own = self.blocks[node]
        if own == target:
            return
        for place, sign in ((own, -1.0), (target, 1.0)):
            diagonal = self.sums[:, place, place] + sign * sums[:, place]
            self.sums[:, place] += sign * sums
            self.sums[:, :, place] += sign * sums
            self.sums[:, place, place] = diagonal
        # The pair of both blocks was changed by what lies between node and both: right as it is.
        kind = self.evidence.baseline.classes[node]
        self.histogram[own, kind] -= 1
        self.histogram[target, kind] += 1
        self.counts[own] -= 1
        self.counts[target] += 1
        self.blocks[node] = target
        for place in (own, target):
            self.nats_of[place] = self.nats_of[:, place] = self._nats(self.sums[:, place][:, None])[
                0
            ]
        if self.counts.all():
            self.restart(self.blocks)

    def refit(self) -> None:
        """Nothing is fitted: all parameters of blocks are integrated."""

    def merges(self) -> NDArray[np.float64]:
        """Change of description length for merging every two blocks, inf on and below the diagonal.

        Returns
        -------
        ndarray (blocks, blocks)
        """
        n_blocks = len(self.counts)
        changes = np.full((n_blocks, n_blocks), np.inf)
        diagonal = np.einsum("crr->cr", self.sums)
        before = partition_nats(self.counts)
        for one in range(n_blocks - 1):
            two = np.arange(one + 1, n_blocks)
            rows = self.sums[:, one, None, :] + self.sums[:, two]
            inside = diagonal[:, one, None] + diagonal[:, two] + self.sums[:, one, two]
            places = np.arange(len(two))
            rows[:, places, two] = inside
            rows[:, :, one] = 0.0
            old = self.nats_of[one].sum() + self.nats_of[two].sum(axis=1) - self.nats_of[one, two]
            changes[one, two] = self._nats(rows).sum(axis=1) - old
            changes[one, two] += _merged_nats(self.counts, one, two) - before
        empty = self.counts == 0
        changes[empty] = changes[:, empty] = np.inf
        return changes


def move_nats(counts: NDArray, own: int, targets: NDArray[np.int64]) -> NDArray[np.float64]:
    """Change of `partition_nats` if one node left its block for others.

    Parameters
    ----------
    counts : ndarray (blocks,) of int
    own : int
        Block that it leaves.
    targets : ndarray (targets,) of int

    Returns
    -------
    ndarray (targets,)
    """
    n_nodes, n_blocks = int(counts.sum()), int(np.count_nonzero(counts))
    fewer = int(counts[own] == 1)
    there = counts[targets]
    now = _number_nats(n_nodes, n_blocks)
    joins = _number_nats(n_nodes, n_blocks - fewer) - now if fewer else 0.0
    opens = _number_nats(n_nodes, n_blocks + 1 - fewer) - now
    return math.log(counts[own]) - np.log(there + 1.0) + np.where(there == 0, opens, joins)


def _number_nats(n_nodes: int, n_blocks: int) -> float:
    if not 1 <= n_blocks <= n_nodes:
        return 0.0
    return -math.lgamma(n_blocks) - math.lgamma(n_nodes - n_blocks + 1)


def _merged_nats(counts: NDArray, one: int, two: NDArray) -> NDArray[np.float64]:
    merged = np.tile(counts, (len(two), 1))
    merged[:, one] += counts[two]
    merged[np.arange(len(two)), two] = 0
    return np.array([partition_nats(each) for each in merged])
