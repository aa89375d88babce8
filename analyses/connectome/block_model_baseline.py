"""Graphs without communities: the chance of every edge given degrees, and what the graph costs.

A block model then says by how much the odds of edges between two blocks differ from this chance,
so that degrees alone never look like blocks. The soft configuration model (Park and Newman 2004,
*Statistical mechanics of networks*, equation 28) is exact for dense graphs too, where the usual
product of degrees exceeds one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from analyses.connectome.block_model_edges import Edges

# How much the odds of an edge may differ from chance, as logarithms; half of the prior on none.
TILTS = np.array([0.0, -0.4, 0.4, -0.9, 0.9, -1.7, 1.7, -3.0, 3.0, -6.0, 6.0])
LOG_PRIOR = np.log(np.concatenate([[0.5], np.full(len(TILTS) - 1, 0.5 / (len(TILTS) - 1))]))
_ALMOST = 1e-3


@dataclass(frozen=True)
class Baseline:
    """Chance of an edge between nodes of every two classes.

    Attributes
    ----------
    classes : ndarray (nodes,) of int
        Nodes of one class are alike: of one degree, or all of them.
    tilted : ndarray (classes, classes, tilts)
        ``log(1 - p + p exp(tilt))``, whose sum over pairs normalises the tilted chance of edges.
    nats : float
        Description length of the edges without communities.
    """

    classes: NDArray[np.int64]
    tilted: NDArray[np.float64]
    nats: float


def uniform_baseline(edges: Edges) -> Baseline:
    """Every pair of nodes is as likely to be joined; the number of edges is told first.

    Parameters
    ----------
    edges : Edges

    Returns
    -------
    Baseline
    """
    n_nodes, n_edges = edges.n_nodes, len(edges.left)
    n_pairs = n_nodes * (n_nodes - 1) // 2
    chance = np.full((1, 1), _inside((n_edges + 0.5) / (n_pairs + 1), n_nodes))
    nats = _log_choose(n_pairs, n_edges) + np.log(n_pairs + 1)
    return Baseline(np.zeros(n_nodes, dtype=np.int64), _tilted(chance), float(nats))


def degree_baseline(edges: Edges) -> Baseline:
    """Edges are placed at random given the degree of every node; the degrees are told first.

    Parameters
    ----------
    edges : Edges

    Returns
    -------
    Baseline
        Its ``nats`` count the graphs of given degrees by the Gaussian approximation to the chance
        that the soft model has exactly these degrees.
    """
    degrees, classes, counts = np.unique(edges.degrees, return_inverse=True, return_counts=True)
    fitness = _fitness(degrees.astype(float), counts, edges.n_nodes)
    odds = np.outer(fitness, fitness)
    chance = _inside(odds / (1 + odds), edges.n_nodes)
    nats = _degree_nats(degrees, counts, edges)
    nats += _graph_nats(chance, classes, counts, edges) - _typical_nats(chance, counts)
    return Baseline(classes.astype(np.int64), _tilted(chance), float(nats))


def _fitness(degrees: NDArray, counts: NDArray, n_nodes: int) -> NDArray[np.float64]:
    wanted = np.clip(degrees, 0.0, max(n_nodes - 1 - _ALMOST, 0.0))
    fitness = wanted / np.sqrt(max(float(counts @ wanted), 1.0))
    for _ in range(300):
        odds = np.outer(fitness, fitness)
        factors = fitness[None, :] / (1 + odds)
        expected = factors @ counts - np.diag(factors)
        new = wanted / np.maximum(expected, 1e-12)
        change = np.abs(new - fitness).max(initial=0.0)
        fitness = np.sqrt(fitness * new)
        if change < 1e-9 * (1 + fitness.max(initial=0.0)):
            break
    return fitness


def _degree_nats(degrees: NDArray, counts: NDArray, edges: Edges) -> float:
    """Least of two codes: all sequences of this sum alike, or their histogram and an order."""
    n_nodes, total = edges.n_nodes, 2 * len(edges.left)
    alike = _log_choose(total + n_nodes - 1, total)
    top = int(degrees.max(initial=0))
    histogram = _log_choose(n_nodes + top, top) + np.log(n_nodes)
    histogram += gammaln(n_nodes + 1) - gammaln(counts + 1).sum()
    return float(min(alike, histogram) + np.log(2) + np.log(n_nodes * (n_nodes - 1) / 2 + 1))


def _graph_nats(chance: NDArray, classes: NDArray, counts: NDArray, edges: Edges) -> float:
    pairs = _pairs(counts)
    joined = np.zeros_like(chance)
    np.add.at(joined, (classes[edges.left], classes[edges.right]), 1.0)
    logit = np.log(chance) - np.log1p(-chance)
    return float(-(joined * logit).sum() - (pairs * np.log1p(-chance)).sum())


def _typical_nats(chance: NDArray, counts: NDArray) -> float:
    """Nats saved because degrees are already told: minus the log chance of just these degrees."""
    spread = chance * (1 - chance)
    own = np.diag(spread)
    # Covariance of the degrees: a diagonal, and a part that is constant on classes.
    diagonal = np.maximum(spread @ counts - 2 * own, 1 / (2 * np.pi))
    mixing = np.eye(len(counts)) + spread * (counts / diagonal)
    log_determinant = counts @ np.log(2 * np.pi * diagonal) + np.linalg.slogdet(mixing)[1]
    return float(max(0.5 * log_determinant, 0.0))


def _pairs(counts: NDArray) -> NDArray[np.float64]:
    """Number of pairs of every two classes, each pair once when summed over the whole table."""
    pairs = np.outer(counts, counts).astype(float)
    np.fill_diagonal(pairs, counts * (counts - 1.0))
    return pairs / 2


def _tilted(chance: NDArray) -> NDArray[np.float64]:
    return np.log1p(chance[:, :, None] * np.expm1(TILTS))


def _inside(chance: NDArray | float, n_nodes: int) -> NDArray[np.float64]:
    least = 0.01 / max(n_nodes, 2) ** 2
    return np.clip(chance, least, 1 - least)


def _log_choose(n: float, k: float) -> float:
    return float(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))
