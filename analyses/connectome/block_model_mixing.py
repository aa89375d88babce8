"""Block model in which every node divides its strength between its own block and the rest.

The odds of edges are raised by one factor inside blocks and by one factor between them. Weights
(as normal scores) are additive: an edge inside a block weighs ``m_in + a_i + a_j``, one between
blocks ``m_out + b_i + b_j``, with noise of one variance and node effects ``(a, b)`` from a normal
prior. Of all distributions with a given variance this is the one of largest entropy in which every
node has a given strength inside its block and a given strength outside: nodes may be heavy or
light, and mix with other blocks as they like. Node effects are integrated out by a factorised
normal approximation, whose free energy bounds the description length from above and changes
exactly when one node moves.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analyses.connectome.block_model_baseline import LOG_PRIOR, TILTS, Baseline
from analyses.connectome.block_model_edges import Edges
from analyses.connectome.block_model_general import (
    edge_nats,
    logsumexp_first,
    move_nats,
    partition_nats,
)

_LEAST_VARIANCE = 1e-6
_N_PARAMETERS = 6


class MixingState:
    """A partition, node effects under it, and exact changes of the bound when one node moves.

    Parameters
    ----------
    edges : Edges
    baseline : Baseline
    blocks : ndarray (nodes,) of int
    weighted : bool
        Whether weights are looked at.
    """

    def __init__(
        self, edges: Edges, baseline: Baseline, blocks: NDArray[np.int64], weighted: bool = True
    ) -> None:
        self.edges, self.baseline = edges, baseline
        self.weighted = weighted and len(edges.left) > 1
        n_nodes = edges.n_nodes
        self.means = np.zeros((n_nodes, 2))
        self.covariances = np.tile(0.25 * np.eye(2), (n_nodes, 1, 1))
        self.centres = np.zeros(2)
        self.noise = 0.5
        self._set_prior(0.25 * np.eye(2) + 0.15)
        self.restart(blocks)

    def restart(self, blocks: NDArray[np.int64]) -> None:
        """Take another partition and keep the node effects; one empty block is kept."""
        self.blocks = np.unique(blocks, return_inverse=True)[1].astype(np.int64)
        n_blocks = int(self.blocks.max()) + 2
        self.counts = np.bincount(self.blocks, minlength=n_blocks)
        tilted = self.baseline.tilted
        self.histogram = np.zeros((n_blocks, len(tilted)))
        np.add.at(self.histogram, (self.blocks, self.baseline.classes), 1.0)
        own = np.einsum("kkg->kg", tilted)
        blockwise = np.einsum("bk,klg,bl->g", self.histogram, tilted, self.histogram)
        alone = self.histogram.sum(axis=0)
        everything = np.einsum("k,klg,l->g", alone, tilted, alone)
        self.tilted_in = (blockwise - alone @ own) / 2
        self.tilted_all = (everything - alone @ own) / 2
        self.inside = self.blocks[self.edges.left] == self.blocks[self.edges.right]
        self.joined_in = float(self.inside.sum())

    # ------------------------------------------------------------------ description length

    @property
    def nats(self) -> float:
        """Bound on the description length of the graph."""
        joined = np.array([[self.joined_in, len(self.edges.left) - self.joined_in]])
        tilted = np.stack([self.tilted_in, self.tilted_all - self.tilted_in], axis=-1)
        nats = self.baseline.nats + edge_nats(joined, tilted[:, None, :]).sum()
        nats += partition_nats(self.counts)
        return float(nats + self.weight_nats)

    @property
    def weight_nats(self) -> float:
        """Bound on the nats of the weights, less those of standard normal ones."""
        if not self.weighted:
            return 0.0
        n_edges = len(self.edges.left)
        squares = self._errors()[1].sum()
        # The same zero as in the general model: standard normal weights.
        nats = 0.5 * n_edges * np.log(self.noise) + 0.5 * squares / self.noise
        nats -= 0.5 * self.edges.squares.sum()
        inverse = np.linalg.inv(self.prior)
        spread = np.einsum("ab,vab->", inverse, self.covariances)
        spread += np.einsum("va,ab,vb->", self.means, inverse, self.means)
        determinants = np.linalg.slogdet(self.covariances)[1].sum()
        n_nodes = self.edges.n_nodes
        log_prior = n_nodes * np.linalg.slogdet(self.prior)[1]
        nats += 0.5 * (spread - 2 * n_nodes + log_prior - determinants)
        return float(nats + 0.5 * _N_PARAMETERS * np.log(n_edges))

    def residuals(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What node effects leave of the weights.

        Returns
        -------
        values, squares : ndarray (edges,)
            In standard deviations of the noise, with their expected squares.
        """
        errors, squares = self._errors()
        return errors / np.sqrt(self.noise), squares / self.noise

    def _errors(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        edges = self.edges
        side = np.where(self.inside, 0, 1)
        effects = self.means[edges.left, side] + self.means[edges.right, side]
        variances = self.covariances[edges.left, side, side]
        variances = variances + self.covariances[edges.right, side, side]
        errors = edges.scores - self.centres[side] - effects
        return errors, errors**2 + (edges.squares - edges.scores**2) + variances

    # ------------------------------------------------------------------ node effects

    def refit(self) -> None:
        """Fit what all nodes share: centres, noise and prior; a sweep of moves fits the nodes."""
        if self.weighted:
            self._fit_shared()

    def fit_effects(self, n_rounds: int = 3) -> None:
        """Improve node effects and their prior for the present partition; the bound never rises."""
        if not self.weighted:
            return
        for _ in range(n_rounds):
            for node in range(self.edges.n_nodes):
                self._fit_node(node)
            self._fit_shared()

    def _fit_node(self, node: int) -> None:
        own = slice(self.edges.starts[node], self.edges.starts[node + 1])
        near, numbers = self.edges.neighbours[own], self.edges.edge_of[own]
        inside = self.blocks[near] == self.blocks[node]
        side = np.where(inside, 0, 1)
        rest = self.edges.scores[numbers] - self.centres[side] - self.means[near, side]
        n_in, all_rest, rest_in = int(inside.sum()), float(rest.sum()), float(rest[inside].sum())
        one, two, cross = self._inverse_prior
        first, second = one + n_in / self.noise, two + (len(near) - n_in) / self.noise
        determinant = first * second - cross**2
        total_in, total_out = rest_in / self.noise, (all_rest - rest_in) / self.noise
        self.covariances[node] = ((second, -cross), (-cross, first))
        self.covariances[node] /= determinant
        self.means[node, 0] = (second * total_in - cross * total_out) / determinant
        self.means[node, 1] = (first * total_out - cross * total_in) / determinant

    def _fit_shared(self) -> None:
        edges = self.edges
        for side, chosen in enumerate((self.inside, ~self.inside)):
            if chosen.any():
                left, right = edges.left[chosen], edges.right[chosen]
                rest = edges.scores[chosen] - self.means[left, side] - self.means[right, side]
                self.centres[side] = rest.mean()
        self.noise = max(float(self._errors()[1].mean()), _LEAST_VARIANCE)
        products = self.means.T @ self.means + self.covariances.sum(axis=0)
        self._set_prior(products / edges.n_nodes + _LEAST_VARIANCE * np.eye(2))

    def _set_prior(self, covariance: NDArray[np.float64]) -> None:
        self.prior = covariance
        inverse = np.linalg.inv(covariance)
        self._inverse_prior = float(inverse[0, 0]), float(inverse[1, 1]), float(inverse[0, 1])

    # ------------------------------------------------------------------ moves

    def moves(self, node: int, targets: NDArray[np.int64]) -> tuple[NDArray, tuple]:
        """Changes of the bound if a node moved and its own effects were fitted there.

        Parameters
        ----------
        node : int
        targets : ndarray (targets,) of int
            Blocks to consider; its own may be among them.

        Returns
        -------
        changes : ndarray (targets,)
            Relative to its present block with its effects fitted.
        sums : tuple
            For `apply`.
        """
        n_blocks, own = len(self.counts), self.blocks[node]
        mine = slice(self.edges.starts[node], self.edges.starts[node + 1])
        near = self.edges.neighbours[mine]
        around = self.blocks[near]
        joined = np.bincount(around, minlength=n_blocks).astype(float)
        kind = self.baseline.classes[node]
        tilted = self.histogram @ self.baseline.tilted[kind]
        tilted[own] -= self.baseline.tilted[kind, kind]
        joined_in = self.joined_in + joined - joined[own]
        tilted_in = self.tilted_in + tilted - tilted[own]
        nats = self._two_sided(joined_in, tilted_in)
        if self.weighted:
            nats = nats + self._node_nats(near, self.edges.edge_of[mine], around)
        changes = (
            nats[targets] - nats[own] + move_nats(self.counts, own, targets) * (targets != own)
        )
        return changes, (joined_in, tilted_in)

    def _two_sided(self, joined_in: NDArray, tilted_in: NDArray) -> NDArray[np.float64]:
        joined_out = len(self.edges.left) - joined_in
        tilted_out = self.tilted_all - tilted_in
        inside = logsumexp_first((LOG_PRIOR + np.outer(joined_in, TILTS) - tilted_in).T)
        return -inside - logsumexp_first((LOG_PRIOR + np.outer(joined_out, TILTS) - tilted_out).T)

    def _node_nats(self, near: NDArray, numbers: NDArray, around: NDArray) -> NDArray[np.float64]:
        """Nats of a node's weights in every block, its own effects integrated."""
        n_blocks, edges = len(self.counts), self.edges
        score = edges.scores[numbers, None]
        rest = score - self.centres - self.means[near]
        loose = (edges.squares - edges.scores**2)[numbers, None]
        square = rest**2 + loose + np.einsum("vaa->va", self.covariances[near])
        columns = [np.ones(len(near)), rest[:, 0], square[:, 0], rest[:, 1], square[:, 1]]
        n_in, s_in, q_in, s_near, q_near = (np.bincount(around, c, n_blocks) for c in columns)
        n_out, s_out = len(near) - n_in, rest[:, 1].sum() - s_near
        q_out = square[:, 1].sum() - q_near
        one, two, r = self._inverse_prior
        p, q = one + n_in / self.noise, two + n_out / self.noise
        determinant = p * q - r**2
        h_in, h_out = s_in / self.noise, s_out / self.noise
        gain = (q * h_in**2 - 2 * r * h_in * h_out + p * h_out**2) / determinant
        return 0.5 * ((q_in + q_out) / self.noise - gain + np.log(determinant))

    def apply(self, node: int, target: int, sums: tuple) -> None:
        """Move a node, with the sums that `moves` gave, and fit its effects."""
        own = self.blocks[node]
        if own != target:
            self.joined_in = float(sums[0][target])
            self.tilted_in = sums[1][target]
            kind = self.baseline.classes[node]
            self.histogram[own, kind] -= 1
            self.histogram[target, kind] += 1
            self.counts[own] -= 1
            self.counts[target] += 1
            self.blocks[node] = target
            mine = slice(self.edges.starts[node], self.edges.starts[node + 1])
            inside = self.blocks[self.edges.neighbours[mine]] == target
            self.inside[self.edges.edge_of[mine]] = inside
        if self.weighted:
            self._fit_node(node)
        if self.counts.all():
            self.restart(self.blocks)
