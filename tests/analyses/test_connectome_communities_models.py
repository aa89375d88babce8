"""Block models: changes of description length are exact, and codes are codes."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.integrate import quad

from analyses.connectome.block_model import BlockModels
from analyses.connectome.block_model_baseline import TILTS, degree_baseline, uniform_baseline
from analyses.connectome.block_model_edges import Edges, make_edges
from analyses.connectome.block_model_general import GeneralState, partition_nats, weight_nats
from analyses.connectome.block_model_mixing import MixingState


def random_edges(generator: np.random.Generator, n_nodes: int = 24, share: float = 0.3) -> Edges:
    """A random graph with some tied weights."""
    joined = np.triu(generator.random((n_nodes, n_nodes)) < share, 1)
    left, right = np.nonzero(joined)
    return make_edges(n_nodes, left, right, generator.exponential(size=len(left)).round(1) + 0.1)


def test_changes_of_the_general_models_equal_recomputed_lengths(
    generator: np.random.Generator,
) -> None:
    edges = random_edges(generator)
    for name, evidence in BlockModels(edges).evidence.items():
        state = GeneralState(evidence, generator.integers(0, 4, edges.n_nodes))
        for _ in range(40):
            node, before = int(generator.integers(edges.n_nodes)), state.nats
            targets = np.arange(len(state.counts))
            changes, sums = state.moves(node, targets)
            target = int(generator.integers(len(targets)))
            state.apply(node, target, sums)
            again = GeneralState(evidence, state.blocks).nats
            assert math.isclose(state.nats, before + changes[target], abs_tol=1e-7), name
            assert math.isclose(state.nats, again, abs_tol=1e-7), name
        changes = state.merges()
        for one, two in itertools.combinations(np.flatnonzero(state.counts), 2):
            merged = np.where(state.blocks == two, one, state.blocks)
            again = GeneralState(evidence, merged).nats
            assert math.isclose(again, state.nats + changes[one, two], abs_tol=1e-7), name


@pytest.mark.parametrize("weighted", [True, False])
def test_changes_of_the_mixing_model_equal_recomputed_bounds(
    generator: np.random.Generator, weighted: bool
) -> None:
    edges = random_edges(generator)
    start = generator.integers(0, 4, edges.n_nodes)
    state = MixingState(edges, degree_baseline(edges), start, weighted)
    state.fit_effects()
    for _ in range(60):
        node = int(generator.integers(edges.n_nodes))
        own = state.blocks[node]
        targets = np.arange(len(state.counts))
        # The node's effects are fitted where it is, then it moves.
        state.apply(node, own, state.moves(node, targets)[1])
        before = state.nats
        changes, sums = state.moves(node, targets)
        target = int(generator.integers(len(targets)))
        state.apply(node, target, sums)
        assert math.isclose(state.nats, before + changes[target], abs_tol=1e-7)


def test_fitting_node_effects_never_raises_the_bound(generator: np.random.Generator) -> None:
    edges = random_edges(generator)
    state = MixingState(edges, uniform_baseline(edges), generator.integers(0, 3, edges.n_nodes))
    bounds = []
    for _ in range(15):
        state.fit_effects(1)
        bounds.append(state.nats)
    assert (np.diff(bounds) < 1e-7).all()


def test_the_bound_lies_above_the_marginal_likelihood(generator: np.random.Generator) -> None:
    edges = random_edges(generator, 12, 0.6)
    state = MixingState(edges, uniform_baseline(edges), generator.integers(0, 2, edges.n_nodes))
    state.fit_effects(20)
    design = np.zeros((len(edges.left), 2 * edges.n_nodes))
    side = np.where(state.inside, 0, 1)
    for ends in (edges.left, edges.right):
        design[np.arange(len(ends)), 2 * ends + side] = 1.0
    prior = np.kron(np.eye(edges.n_nodes), state.prior)
    covariance = design @ prior @ design.T + state.noise * np.eye(len(edges.left))
    rest = edges.scores - state.centres[side]
    exact = 0.5 * (np.linalg.slogdet(covariance)[1] + rest @ np.linalg.solve(covariance, rest))
    exact += 0.5 * ((edges.squares - edges.scores**2).sum() / state.noise - edges.squares.sum())
    penalty = 3.0 * np.log(len(edges.left))
    assert exact < state.weight_nats - penalty < exact + 0.5 * edges.n_nodes


def test_partition_code_sums_to_at_most_one() -> None:
    n_nodes, total = 5, 0.0
    seen = set()
    for labels in itertools.product(range(n_nodes), repeat=n_nodes):
        blocks = np.unique(labels, return_inverse=True)[1]
        # Blocks are told with their numbers: every numbering is a codeword of its own.
        if set(labels) == set(range(max(labels) + 1)) and labels not in seen:
            seen.add(labels)
            total += math.exp(-partition_nats(np.bincount(blocks)))
    assert total == pytest.approx(1.0)


def test_weight_code_is_a_density() -> None:
    def density(value: float) -> float:
        number, total, square = (np.array([each]) for each in (1.0, value, value**2))
        log_density = -weight_nats(number, total, square)[0] - 0.5 * value**2
        return math.exp(log_density) / math.sqrt(2 * math.pi)

    mass = quad(density, -60, 60, points=[-5, 0, 5], limit=200)[0]
    assert mass == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("baseline", [uniform_baseline, degree_baseline])
def test_edge_codes_of_all_small_graphs_sum_to_about_one(baseline) -> None:
    n_nodes, total = 4, 0.0
    pairs = list(itertools.combinations(range(n_nodes), 2))
    for chosen in itertools.product([False, True], repeat=len(pairs)):
        ends = np.array([pair for pair, taken in zip(pairs, chosen, strict=True) if taken])
        ends = ends.reshape(-1, 2).astype(int)
        edges = make_edges(n_nodes, ends[:, 0], ends[:, 1], np.ones(len(ends)))
        total += math.exp(-baseline(edges).nats)
    # Exact for the uniform code; the code of degrees also spends on sequences no graph has.
    assert total == pytest.approx(1.0) if baseline is uniform_baseline else total < 1.0


def test_expected_degrees_of_the_baseline_are_the_degrees(generator: np.random.Generator) -> None:
    edges = random_edges(generator, 40, 0.2)
    baseline = degree_baseline(edges)
    # exp of the tilted normaliser at tilt t is 1 - p + p exp(t).
    chance = np.expm1(baseline.tilted[:, :, 2]) / np.expm1(TILTS[2])
    table = chance[np.ix_(baseline.classes, baseline.classes)]
    np.fill_diagonal(table, 0.0)
    assert np.allclose(table.sum(axis=1), edges.degrees, atol=0.02)
