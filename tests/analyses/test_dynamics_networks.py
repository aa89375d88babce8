"""Branching, reservoirs, balance, thinking ticks, codes, attention and subspaces."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import linalg, stats
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score

from analyses import brain_dynamics as bd
from workbench.errors import UsageError


def plain_branching(spikes: np.ndarray, adjacency: np.ndarray, window: int, cut: int) -> float:
    """The published loop: every spike of every unit."""
    n_steps, ratios = len(spikes), []
    kept = spikes.copy()
    kept[:cut] = kept[n_steps - cut :] = 0
    for unit in range(spikes.shape[1]):
        after, before = adjacency[:, unit] != 0, adjacency[unit] != 0
        for t in range(cut + window, n_steps - cut - window):
            if kept[t, unit]:
                posts = kept[t + 1 : t + 1 + window, after].sum()
                ratios.append(posts / max(1, kept[t - window : t, before].sum()))
    return float(np.mean(ratios))


def test_branching_factor_agrees_with_the_published_loop() -> None:
    run = bd.branching_network(1.0, 40, out_degree=5, n_steps=60, n_first=8, drive=1.0)
    spikes = run.spikes.astype(int)
    for window, cut in ((1, 0), (4, 5)):
        expected = plain_branching(spikes, run.adjacency, window, cut)
        found = bd.branching_factor(spikes, run.adjacency, window, cut)
        assert found == pytest.approx(expected, abs=1e-12)
        in_ms = bd.branching_factor(spikes, run.adjacency, window * 2.0, cut * 2.0, step=2.0)
        assert in_ms == found
    assert bd.branching_factor(
        torch.tensor(run.spikes), torch.tensor(run.adjacency), 4, 5
    ) == pytest.approx(found)


@pytest.mark.parametrize("ratio", [0.8, 1.0, 1.2])
def test_branching_factor_finds_the_planted_ratio_in_transients(ratio: float) -> None:
    runs = [bd.branching_network(ratio, 3000, 10, 14, 10, seed=seed) for seed in range(8)]
    found = np.mean([bd.branching_factor(r.spikes, r.adjacency, 1, 0) for r in runs])
    assert found == pytest.approx(ratio, abs=0.1)


@pytest.mark.parametrize("ratio", [0.8, 1.2])
def test_trap_all_to_all_reads_the_square(ratio: float) -> None:
    found = []
    for seed in range(6):
        run = bd.branching_network(ratio, 1500, None, 9, 30, seed=seed)
        found.append(bd.branching_factor(run.spikes, run.adjacency, 1, 0))
    assert abs(np.mean(found) - ratio**2) < abs(np.mean(found) - ratio)


def test_trap_stationary_runs_read_one() -> None:
    for ratio in (0.5, 0.9):
        activity = bd.driven_branching(ratio, 20.0, 5000)
        before, after = activity[:-2], activity[2:]
        assert after.sum() / before.sum() == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("ratio", [0.5, 0.8, 0.9, 0.98])
def test_slopes_find_the_ratio_and_many_lags_find_it_in_part_of_the_units(ratio: float) -> None:
    activity = bd.driven_branching(ratio, 100 * (1 - ratio), 20_000, seed=1)
    assert bd.branching_slope(activity) == pytest.approx(ratio, abs=0.015)
    part = np.random.default_rng(0).binomial(activity, 0.1)
    assert bd.branching_slope(part) < 0.8 * ratio
    found = bd.multistep_branching(part, 20)
    if ratio > 0.5:
        assert found.ratio == pytest.approx(ratio, abs=0.04)
    assert found.share < 0.9
    assert bd.multistep_branching(activity, 20).ratio == pytest.approx(ratio, abs=0.03)


def test_slope_agrees_with_scipy_and_takes_batches() -> None:
    activity = np.random.default_rng(0).poisson(4, (3, 80))
    for lag in (1, 3):
        expected = [stats.linregress(each[:-lag], each[lag:]).slope for each in activity]
        assert np.allclose(bd.branching_slope(activity, lag), expected)
    assert bd.branching_slope(np.ones(5)) == 0.0


def test_memory_rises_towards_criticality_as_the_recipe_says() -> None:
    expected = {0.1: (9.4, 16.6, 26.8, 30.3), 1.0: (7.3, 9.4, 11.6, 12.1)}
    for scale, values in expected.items():
        found = []
        for radius in (0.3, 0.6, 0.9, 0.99):
            runs = [bd.echo_state(6000, 100, radius, scale, seed=seed) for seed in range(3)]
            assert all(run.input_scale == scale for run in runs)
            capacities = [bd.memory_capacity(run.states, run.inputs) for run in runs]
            assert max(each.total for each in capacities) <= 100
            found.append(np.mean([each.total for each in capacities]))
        assert found == sorted(found)
        assert found == pytest.approx(values, abs=1.0)


def test_memory_of_a_delay_line_is_its_length_and_that_of_noise_is_chance() -> None:
    u = np.random.default_rng(0).uniform(-1, 1, 3000)
    line = np.stack([np.roll(u, k) for k in range(1, 6)], axis=1)
    found = bd.memory_capacity(line, u, delays=range(1, 21))
    assert found.r2[:5] == pytest.approx(1.0)
    assert found.total == pytest.approx(5, abs=0.1)
    blind = bd.memory_capacity(np.random.default_rng(1).normal(size=(3000, 5)), u, range(1, 101))
    assert blind.total == pytest.approx(blind.chance, rel=0.5)


def test_readouts_agree_with_one_ridge_regression_a_delay() -> None:
    run = bd.echo_state(700, 20, 0.8, 0.5)
    found = bd.memory_capacity(run.states, run.inputs, [1, 4, 9], washout=100, ridge=1e-3)
    for delay, r2 in zip(found.delays, found.r2, strict=True):
        x, y = run.states[100:], run.inputs[100 - delay : 700 - delay]
        model = Ridge(alpha=1e-3).fit(x[:420], y[:420])
        assert r2 == pytest.approx(np.corrcoef(model.predict(x[420:]), y[420:])[0, 1] ** 2)


def test_balance_is_zero_in_balance_and_shuffled_signs_show_chance() -> None:
    weights = np.array([[0.0, 2.0, -2.0], [1.0, 0.0, -3.0], [0, 0, 0]])
    assert bd.excitation_inhibition_balance(weights[:1]) == 0.0
    per_unit = bd.excitation_inhibition_balance(weights, per_unit=True)
    assert per_unit.tolist() == [0.0, -0.5, 0.0]
    assert bd.excitation_inhibition_balance(weights, index="ratio") == pytest.approx(3 / 5)
    busy = np.array([[1.0, 4.0, 1.0], [1.0, 2.0, 1.0]])
    assert bd.excitation_inhibition_balance(weights[:1], busy) == pytest.approx(0.5)
    own = bd.excitation_inhibition_balance(weights, index=lambda e, i: e - i)
    assert own == -2.0
    draws = bd.sign_shuffled_balance(weights, n_draws=50)
    assert draws.shape == (50,)
    assert (np.abs(draws) <= 1).all()
    assert abs(draws.mean()) < 0.2


@pytest.mark.parametrize("decay", [0.0, 0.3, "pairs"])
def test_both_forms_of_synchronisation_agree(decay) -> None:
    generator = np.random.default_rng(0)
    z = generator.standard_normal((2, 3, 40, 6))
    rate = generator.uniform(0, 2, (6, 6)) if decay == "pairs" else decay
    for every in (False, True):
        direct = bd.synchronisation(z, rate, "direct", every)
        recurrent = bd.synchronisation(torch.tensor(z), rate, "recurrent", every)
        assert direct.shape == ((2, 3, 40, 6, 6) if every else (2, 3, 6, 6))
        assert np.abs(direct - recurrent).max() < 1e-12
    weights = np.exp(-np.asarray(rate)[..., None] * np.arange(40)[::-1])
    one = np.broadcast_to(weights, (6, 6, 40))[1, 4]
    by_hand = (one * z[0, 0, :, 1] * z[0, 0, :, 4]).sum() / np.sqrt(one.sum())
    assert bd.synchronisation(z, rate)[0, 0, 1, 4] == pytest.approx(by_hand, abs=1e-12)


def test_synchronisation_is_no_mean_and_decay_is_clamped() -> None:
    for ticks in (1, 4, 100):
        assert bd.synchronisation(2 * np.ones((ticks, 1))) == pytest.approx(4 * math.sqrt(ticks))
    z = np.random.default_rng(0).standard_normal((9, 3))
    assert np.allclose(bd.synchronisation(z, -3.0), bd.synchronisation(z, 0.0))
    assert np.allclose(bd.synchronisation(z, 99.0), bd.synchronisation(z, 15.0))
    assert np.allclose(bd.synchronisation(z, 15.0), np.outer(z[-1], z[-1]), atol=1e-5)


def test_certainty_runs_from_equal_logits_to_one_class() -> None:
    assert bd.certainty(np.zeros((3, 10))) == pytest.approx([0, 0, 0], abs=1e-12)
    assert bd.certainty([500.0, 0, 0]) == pytest.approx(1.0)
    assert bd.certainty([0.0, -np.inf]) == pytest.approx(1.0)
    logits = np.random.default_rng(0).normal(size=(5, 7))
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    expected = 1 - stats.entropy(shares, axis=1) / np.log(7)
    assert np.allclose(bd.certainty(torch.tensor(logits)), expected)
    assert np.allclose(bd.certainty(logits.T, axis=0), expected)


@pytest.mark.parametrize(
    ("numbers", "expected", "digits"),
    [
        ((10_000, 300, 24, 12), 8.376e-13, 4),
        ((100_000, 2000, 6, 6), 6.353e-11, 4),
        ((10_000, 64, 24, 12), 4.04e-21, 3),
        ((2000, 40, 20, 10), 4.94e-13, 3),
    ],
)
def test_match_probability_is_exact(numbers, expected: float, digits: int) -> None:
    n, a, s, theta = numbers
    found = bd.match_probability(*numbers)
    assert float(f"{found:.{digits - 1}e}") == expected
    assert found == pytest.approx(stats.hypergeom.sf(theta - 1, n, s, a), rel=1e-8)


def test_match_probability_of_grids_limits_and_draws() -> None:
    grid = bd.match_probability(100, np.array([[5], [20]]), 10, np.arange(12))
    assert grid.shape == (2, 12)
    assert np.allclose(grid, stats.hypergeom.sf(np.arange(12) - 1, 100, 10, [[5], [20]]))
    assert (grid[:, 0] == 1).all()
    assert (grid[:, 11] == 0).all()
    for seed in range(3):
        estimate, (low, high) = bd.simulated_match_probability(60, 12, 9, 3, 4000, seed)
        assert low < estimate < high
        assert low - 0.01 < bd.match_probability(60, 12, 9, 3) < high + 0.01


def test_codes_that_share_structure_match_more_than_chance_and_random_ones_do_not() -> None:
    generator = np.random.default_rng(0)
    random = np.argsort(generator.random((200, 100)), axis=1) < 10
    found = bd.match_rate(random, 8, 3, n_pairs=4000)
    assert found.rate == pytest.approx(found.chance, abs=4 * np.sqrt(found.chance / 4000))
    crowded = random.copy()
    crowded[:, :10] = generator.random((200, 10)) < 0.7
    found = bd.match_rate(torch.tensor(crowded), 8, 3, n_pairs=2000)
    assert found.rate > 3 * found.chance


def test_rollout_is_what_neuroformer_computes() -> None:
    attention = np.random.default_rng(0).dirichlet(np.ones(5), size=(3, 2, 5))
    tensor = torch.tensor(attention)
    rollout = torch.eye(5, dtype=torch.float64)
    for layer in tensor[1:]:
        mixed = (layer.max(dim=0)[0] + torch.eye(5)) / 2
        rollout = mixed / mixed.sum(-1, keepdim=True) @ rollout
    found = bd.attention_connectivity(tensor)
    assert np.allclose(found, rollout.numpy())
    assert np.allclose(found.sum(axis=1), 1)
    assert not np.allclose(found, bd.attention_connectivity(attention, skip_first=False))
    assert np.allclose(bd.attention_connectivity(attention, "max"), attention.max(axis=(0, 1)))
    assert np.allclose(bd.attention_connectivity(attention, "mean"), attention.mean(axis=(0, 1)))


def test_agreement_with_truth_stands_beside_the_cross_correlation() -> None:
    generator = np.random.default_rng(0)
    truth = (generator.random((12, 12)) < 0.2) * generator.uniform(0.2, 0.4, (12, 12))
    np.fill_diagonal(truth, 0)
    truth *= 0.7 / max(0.7, np.abs(np.linalg.eigvals(truth)).max())
    activity = np.zeros((3000, 12))
    for step in range(1, 3000):
        activity[step] = truth @ activity[step - 1] + generator.standard_normal(12)
    poor = truth + 0.3 * generator.standard_normal((12, 12))
    found = bd.attention_agreement(poor, activity, truth)
    off = ~np.eye(12, dtype=bool)
    expected = roc_auc_score(truth[off] > 0, poor[off])
    assert found.attention.auroc == pytest.approx(expected)
    rank = stats.spearmanr(poor[off], truth[off]).statistic
    assert found.attention.rank_correlation == pytest.approx(rank)
    assert found.cross_correlation.auroc > 0.9
    chance = bd.connectivity_agreement(generator.random((12, 12)), truth)
    assert abs(chance.auroc - 0.5) < 0.2


def test_planted_subspaces_separate_and_agree_with_scipy() -> None:
    basis = np.linalg.qr(np.random.default_rng(0).normal(size=(30, 6)))[0]
    mix = np.array([[2.0, 1], [0.5, 3]])
    assert np.allclose(bd.principal_angles(basis[:, :2], basis[:, :2] @ mix), 0, atol=1e-7)
    assert np.allclose(bd.principal_angles(basis[:, :2], basis[:, 2:4]), np.pi / 2)
    a, b = (np.random.default_rng(seed).normal(size=(9, 4 - seed)) for seed in (0, 1))
    assert np.allclose(bd.principal_angles(a, b), np.sort(linalg.subspace_angles(a, b)))
    assert np.allclose(bd.principal_angles(b, a), bd.principal_angles(a, b))
    near = a[:, :1] + 1e-9 * b[:, :1]
    exact = linalg.subspace_angles(a[:, :1], near)
    assert np.allclose(bd.principal_angles(a[:, :1], near), exact, rtol=1e-4)
    assert bd.random_angles(200, 2, 2, n_draws=20).min() > 1.2


SPIKES = np.eye(4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bd.branching_factor(SPIKES, np.eye(3)), r"expected \(4, 4\), as \(to, from\)"),
        (lambda: bd.branching_factor(SPIKES - 0.5, np.eye(4)), "negative or not whole"),
        (lambda: bd.branching_factor(SPIKES, np.eye(4)), "lower cut or window"),
        (lambda: bd.branching_factor(np.zeros((9, 4)), np.eye(4), 1, 0), "Found no spike between"),
        (lambda: bd.branching_factor(SPIKES, np.eye(4), 1, 0, step=5), "at least 1 steps long"),
        (lambda: bd.branching_slope([1, 2]), "expected at least 3 for a lag of 1"),
        (lambda: bd.multistep_branching(np.ones(50)), "never varies"),
        (lambda: bd.multistep_branching(np.ones(9)), "at least 22 steps for 20 lags"),
        (lambda: bd.driven_branching(1.0, 1.0, 9), "n_start for a ratio of 1 or more"),
        (lambda: bd.branching_network(11, out_degree=10), "expected a ratio of 0 to 10"),
        (lambda: bd.memory_capacity(SPIKES, np.ones(3)), "of the same length"),
        (lambda: bd.memory_capacity(SPIKES, np.ones(4)), "record longer"),
        (lambda: bd.memory_capacity(SPIKES, np.ones(4), [-1]), "none negative"),
        (lambda: bd.memory_capacity(SPIKES, np.ones(4), test_fraction=1), "expected a share"),
        (lambda: bd.echo_state(9, spectral_radius=0), "spectral_radius=0; expected a positive"),
        (lambda: bd.excitation_inhibition_balance(SPIKES, index="rato"), "did you mean 'ratio'"),
        (lambda: bd.excitation_inhibition_balance(SPIKES, -SPIKES), "Found negative activity"),
        (lambda: bd.synchronisation(SPIKES, form="sum"), "there are 'recurrent', 'direct'"),
        (lambda: bd.synchronisation(SPIKES, np.ones(4)), r"one number or \(4, 4\)"),
        (lambda: bd.certainty([[1.0]]), "expected at least two"),
        (lambda: bd.match_probability(10, 11, 2, 1), "0 <= a <= n"),
        (lambda: bd.match_probability(10, 2.5, 2, 1), "Found a=2.5; expected whole numbers"),
        (lambda: bd.match_rate(SPIKES, 2, 1), "lower n_synapses"),
        (lambda: bd.attention_connectivity(np.ones((3, 3))), "expected at least 4 axes"),
        (lambda: bd.attention_connectivity(np.ones((1, 1, 3, 3))), "skip_first=False"),
        (
            lambda: bd.attention_between_units(SPIKES, [0] * 4, [9] * 4, 3),
            "whole numbers of 0 to 2",
        ),
        (lambda: bd.connectivity_agreement(SPIKES, SPIKES), "some of each to tell apart"),
        (lambda: bd.principal_angles(SPIKES, np.ones(3)), "expected the same units"),
        (lambda: bd.principal_angles(SPIKES, np.zeros(4)), "Found only zeros in b"),
    ],
)
def test_bad_input_is_named(call, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        call()
