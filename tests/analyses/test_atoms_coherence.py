"""Coherence, stability, recovery and the window of thresholds: tables, properties, limits."""

import tracemalloc
from itertools import permutations

import numpy as np
import pytest
from scipy import sparse
from scipy.stats import norm, ortho_group

from analyses import atoms
from analyses.atoms.directions import unit_atoms
from analyses.atoms.recoveries import support_scores
from analyses.atoms.stabilities import crossing
from workbench.errors import UsageError, WorkbenchError


def dictionary(n_atoms=70, units=16, seed=0):
    return np.random.default_rng(seed).standard_normal((n_atoms, units))


def pair_cosines(given):
    unit = given / np.linalg.norm(given, axis=1, keepdims=True)
    return np.abs(unit @ unit.T)[np.triu_indices(len(given), 1)]


@pytest.mark.parametrize("block", [1, 9, 70, 1000])
def test_blocks_agree_with_all_pairs(block):
    given = dictionary()
    cosines = pair_cosines(given)
    found = atoms.coherence(given, block=block)
    assert found.max == pytest.approx(cosines.max(), abs=1e-12)
    assert found.mean == pytest.approx(cosines.mean(), abs=1e-12)
    assert found.rms == pytest.approx(np.sqrt(np.mean(cosines**2)), abs=1e-12)
    assert found.histogram.sum() == found.n_pairs == 70 * 69 // 2
    expected = np.histogram(cosines, bins=len(found.histogram), range=(0, 1))[0]
    assert np.abs(found.histogram - expected).sum() <= 2
    for q in (0.0, 0.1, 0.5, 0.9, 0.999, 1.0):
        expected = np.quantile(cosines, q, method="inverted_cdf")
        assert found.quantile(q) == pytest.approx(expected, abs=2e-5)


def test_the_matrix_of_all_pairs_is_never_held():
    given = dictionary(5000, 16)
    tracemalloc.start()
    found = atoms.coherence(given, block=256)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.n_pairs == 5000 * 4999 // 2
    assert peak < 16e6 < 5000**2 * 8


def test_babel_and_largest_of_every_atom():
    given = dictionary()
    unit = unit_atoms(given)
    cosines = np.abs(unit @ unit.T) - np.eye(70)
    found = atoms.coherence(given)
    assert np.allclose(found.per_atom_max, cosines.max(axis=1))
    for k in (0, 1, 5, 69):
        expected = np.sort(cosines, axis=1)[:, 70 - k :].sum(axis=1).max() if k else 0.0
        assert found.babel(k) == pytest.approx(expected, abs=1e-12)
        assert found.babel(k) <= k * found.max + 1e-12
    with pytest.raises(UsageError, match="k=70 for 70 atoms"):
        found.babel(70)


def test_order_sign_length_and_rotation_of_atoms_do_not_matter():
    given, generator = dictionary(), np.random.default_rng(1)
    expected = atoms.coherence(given)
    for changed in (
        given[generator.permutation(70)],
        given * generator.uniform(-3, 3, (70, 1)),
        given @ ortho_group.rvs(16, random_state=0),
        given * 1e-150,
    ):
        found = atoms.coherence(changed)
        assert found.max == pytest.approx(expected.max, abs=1e-10)
        assert found.rms == pytest.approx(expected.rms, abs=1e-10)
        assert found.babel(3) == pytest.approx(expected.babel(3), abs=1e-10)
        assert found.quantile(0.3) == pytest.approx(expected.quantile(0.3), abs=2e-5)


def test_a_metric_is_an_object_or_its_matrix():
    x = np.random.default_rng(2).standard_normal((400, 16)) * np.arange(1, 17)
    inner = atoms.AtomicInnerProduct().fit(x)
    one, other = (atoms.coherence(dictionary(), metric) for metric in (inner, inner.metric_))
    assert one.rms == pytest.approx(other.rms, abs=1e-10)
    assert one.rms == pytest.approx(atoms.coherence(inner.whiten(dictionary())).rms, abs=1e-10)


def test_welch_is_reached_by_a_simplex_and_passed_by_none():
    corners = np.eye(9) - 1 / 9
    assert atoms.welch_bound(9, 8) == pytest.approx(1 / 8)
    assert atoms.coherence(corners).max == pytest.approx(1 / 8)
    for seed in range(5):
        found = atoms.coherence(dictionary(seed=seed))
        assert found.max > found.rms >= found.welch == atoms.welch_bound(70, 16)
    assert atoms.coherence(np.eye(5)).max == atoms.coherence(np.eye(5)).welch == 0


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        (np.ones((1, 3)), UsageError, "1 atoms"),
        (np.zeros((2, 3)), UsageError, "2 atoms of length zero"),
        (np.full((2, 3), np.nan), WorkbenchError, "NaN or infinite values in 2 of 2 atoms"),
        (np.ones(3), UsageError, r"shape \(3,\)"),
    ],
)
def test_what_is_no_dictionary_is_refused(given, kind, said):
    with pytest.raises(kind, match=said):
        atoms.coherence(given)


def test_other_refusals():
    with pytest.raises(UsageError, match="quantile 2"):
        atoms.coherence(np.eye(3)).quantile(2)
    with pytest.raises(UsageError, match="0 atoms and 3 units"):
        atoms.welch_bound(0, 3)


def half_normal(spread):
    return lambda q: float(spread * norm.ppf((1 + q) / 2))


@pytest.mark.parametrize(
    ("units", "percent"),
    [(2304, 0.83), (3584, 0.67), (4096, 0.62), (9216, 0.42), (14336, 0.33)],
)
def test_stability_of_neurons(units, percent):
    q = crossing(half_normal(units**-0.5), [units])
    assert 100 * q == pytest.approx(percent, abs=5.1e-3)
    assert q == pytest.approx(2 * norm.cdf(units**0.5 / (2 * units - 1)) - 1, abs=1e-9)


@pytest.mark.parametrize(
    ("n_atoms", "sparsity", "percent", "digits"),
    [
        (16384, 26, 69.0, 0.051),
        (16384, 30, 62.0, 0.051),
        (16384, 100, 20.5, 0.051),
        (9216, 10, 99.65, 0.0051),
        (9216, 8, 99.98, 0.0051),
    ],
)
def test_stability_of_overcomplete_nulls(n_atoms, sparsity, percent, digits):
    spread = atoms.welch_bound(n_atoms, 2304)
    q = crossing(half_normal(spread), [sparsity])
    assert 100 * q == pytest.approx(percent, abs=digits)


@pytest.mark.parametrize("sparsity", [5, 10, 30])
def test_stability_of_a_random_dictionary_is_as_derived(sparsity):
    given = dictionary(1024, 128)
    inner = atoms.AtomicInnerProduct(ridge=0.0).fit(given)
    expected = crossing(half_normal(atoms.welch_bound(1024, 128)), [sparsity])
    found = atoms.stability(given, np.full(10, sparsity), inner)
    assert float(found) == found.q == pytest.approx(expected, abs=0.01)
    assert atoms.stability(atoms.coherence(given, inner), sparsity).q == found.q


def test_one_atom_a_row_always_passes_and_so_does_none():
    # Without the rule K >= 1, rows in which nothing fires would make the bound negative.
    given = dictionary()
    silent = sparse.csr_array((20, 70))
    assert atoms.stability(given, silent).q == 1
    assert atoms.stability(given, np.ones(20)).q == 1
    mixed = np.r_[np.zeros(10), np.full(10, 3)]
    assert atoms.stability(given, mixed).q == atoms.stability(given, np.maximum(mixed, 1)).q < 1


def test_stability_falls_with_sparsity_and_per_atom_is_stricter():
    given = dictionary(400, 64)
    values = [atoms.stability(given, k).q for k in (1, 2, 4, 8, 16, 64)]
    assert values == sorted(values, reverse=True)
    assert values[0] == 1
    assert values[-1] < 0.1
    assert atoms.stability(given, 3, per="atom").q <= atoms.stability(given, 3).q
    curve = atoms.stability(given, [2, 4]).curve
    assert (np.diff(curve["coherence"]) >= 0).all()
    assert (np.diff(curve["bound"]) <= 0).all()
    assert set(curve["sparsity"]) == {2.0, 4.0}


def test_codes_count_as_their_non_zeros():
    codes = np.zeros((4, 70))
    codes[0, :3] = codes[1, 5] = codes[2, 7:9] = 1.0
    given = dictionary()
    expected = atoms.stability(given, [3, 1, 2, 0]).q
    stored = sparse.csr_matrix(codes)
    stored.data[1] = 0.0
    assert atoms.stability(given, codes).q == expected
    assert atoms.stability(given, sparse.coo_array(codes)).q == expected
    assert atoms.stability(given, stored).q == atoms.stability(given, [2, 1, 2, 0]).q


def test_stability_refuses():
    given = dictionary()
    with pytest.raises(UsageError, match="did you mean 'atom'"):
        atoms.stability(given, 3, per="atoms")
    with pytest.raises(UsageError, match="at least one, all whole"):
        atoms.stability(given, [1.5])
    with pytest.raises(UsageError, match="at least one"):
        atoms.stability(given, [])
    with pytest.raises(UsageError, match="a coherence and a metric"):
        atoms.stability(atoms.coherence(given), 3, np.eye(16))
    with pytest.raises(WorkbenchError, match="NaN or infinite codes"):
        atoms.stability(given, np.full((2, 70), np.nan))


def test_recovery_finds_the_best_match_of_all():
    learned, true = dictionary(6, 3, 1), dictionary(5, 3, 2)
    cosines = unit_atoms(true) @ unit_atoms(learned).T
    best = max(np.mean([cosines[i, j] for i, j in enumerate(p)]) for p in permutations(range(6), 5))
    found = atoms.recovery(learned, true)
    assert float(found) == found.mean_max_cosine == pytest.approx(best, abs=1e-12)
    assert np.allclose(found.matched, cosines[np.arange(5), found.assignment])
    assert np.allclose(found.nearest, cosines.max(axis=1))


def test_recovery_of_renamed_scaled_and_noisy_atoms():
    true, generator = dictionary(), np.random.default_rng(3)
    order = generator.permutation(70)
    found = atoms.recovery(true[order] * generator.uniform(0.1, 5, (70, 1)), true)
    assert found.mean_max_cosine == pytest.approx(1, abs=1e-12)
    assert np.array_equal(order[found.assignment], np.arange(70))
    assert found.share_above(0.999) == 1
    noisy = atoms.recovery(true + 0.3 * dictionary(seed=4), true)
    assert noisy.mean_max_cosine == pytest.approx(1 / np.sqrt(1.09), abs=0.01)


def test_recovery_without_a_partner_counts_as_nothing():
    true = np.eye(6)
    found = atoms.recovery(true[:3], true)
    assert found.mean_max_cosine == pytest.approx(0.5)
    assert found.assignment.tolist() == [0, 1, 2, -1, -1, -1]
    # One learned atom cannot be the partner of two.
    assert atoms.recovery(np.eye(6)[[0, 0]], np.eye(6)[:2]).mean_max_cosine == pytest.approx(0.5)
    assert atoms.recovery(-true, true).mean_max_cosine < 0.01
    assert atoms.recovery(-true, true, signed=False).mean_max_cosine == 1
    with pytest.raises(UsageError, match="atoms of 5 units and true ones of 6"):
        atoms.recovery(np.eye(5), true)


def test_recovery_by_a_metric_is_that_of_whitened_atoms():
    inner = atoms.AtomicInnerProduct().fit(dictionary(500, 16) * np.arange(1, 17))
    learned, true = dictionary(seed=1), dictionary(seed=2)
    expected = atoms.recovery(inner.whiten(learned), inner.whiten(true)).mean_max_cosine
    assert atoms.recovery(learned, true, inner).mean_max_cosine == pytest.approx(expected)


def test_support_scores_by_hand():
    true = np.array([[1.0, 1, 0], [0, 0, 1], [0, 0, 0]])
    codes = np.array([[0, 1.0, 1, 0], [1, 0, 0, 1], [0, 0, 0, 0]])
    found = support_scores(codes, true, [1, 2, 0])
    assert (found.precision, found.recall) == (3 / 4, 1.0)
    assert found.f1 == pytest.approx(2 * 3 / (4 + 3))
    assert found.exact == pytest.approx(2 / 3)
    lost = support_scores(sparse.csr_array(codes), sparse.csr_array(true), [1, 2, -1])
    assert (lost.precision, lost.recall) == (2 / 4, 2 / 3)
    assert np.isnan(support_scores(np.zeros((2, 4)), np.zeros((2, 3)), [1, 2, 0]).f1)
    with pytest.raises(UsageError, match="the same rows"):
        support_scores(codes[:2], true, [1, 2, 0])
    with pytest.raises(UsageError, match="learned atom 9"):
        support_scores(codes, true, [1, 2, 9])


@pytest.mark.parametrize(
    ("n_atoms", "sparsity", "epsilon", "window"),
    [
        (1536, 2, 0.094, (0.23, 0.89)),
        (2048, 2, 0.114, (0.27, 0.86)),
        (2048, 4, 0.113, (0.54, 0.59)),
    ],
)
def test_planted_support_is_exact_within_the_window(n_atoms, sparsity, epsilon, window):
    generator = np.random.default_rng(0)
    given = generator.standard_normal((n_atoms, 1024))
    inner = atoms.AtomicInnerProduct(ridge=0.0).fit(given)
    white = unit_atoms(given, inner)
    codes = np.zeros((300, n_atoms))
    for row in codes:
        row[generator.choice(n_atoms, sparsity, replace=False)] = generator.uniform(
            1, 1.2, sparsity
        )
    found = atoms.threshold_window(white, codes)
    assert found.feasible
    assert (found.K, found.delta_max <= 1.2) == (sparsity, True)
    assert found.epsilon == pytest.approx(epsilon, abs=0.012)
    assert (found.low, found.high) == pytest.approx(window, abs=0.07)
    x = codes @ white
    projected = x @ white.T
    fired = projected >= found.threshold
    assert np.array_equal(fired, codes > 0)
    plain = atoms.explained_variance(x, (projected * fired) @ white)
    assert 0.99 < plain < 1
    debiased = np.zeros_like(x)
    for row, support in enumerate(fired):
        fit = np.linalg.lstsq(white[support].T, x[row], rcond=None)[0]
        debiased[row] = fit @ white[support]
    assert atoms.explained_variance(x, debiased) == pytest.approx(1, abs=1e-6)


def test_the_window_is_that_of_atoms_of_length_one():
    codes = sparse.random_array((50, 70), density=0.02, rng=np.random.default_rng(5))
    codes.data += 1
    plain = atoms.threshold_window(unit_atoms(dictionary()), codes)
    scale = np.random.default_rng(6).uniform(0.5, 2, 70)
    scaled = atoms.threshold_window(unit_atoms(dictionary()) * scale[:, None], codes / scale)
    assert (scaled.low, scaled.high) == pytest.approx((plain.low, plain.high))
    inner = atoms.AtomicInnerProduct().fit(dictionary(300))
    by_metric = atoms.threshold_window(dictionary(), codes, inner)
    white = atoms.threshold_window(inner.whiten(dictionary()), codes)
    assert (by_metric.low, by_metric.high) == pytest.approx((white.low, white.high))


def test_a_window_that_is_empty_says_so():
    crowded = atoms.threshold_window(dictionary(), np.ones((3, 70)))
    assert not crowded.feasible
    assert np.isnan(crowded.threshold)
    assert not atoms.threshold_window(np.eye(3), [[1.0, -1.0, 0.0]]).feasible
    most = np.eye(40)[:20]
    most = np.concatenate([most, most[:1] + 0.01])
    codes = np.eye(21)[:20] + np.roll(np.eye(21), 1, axis=1)[:20]
    assert not atoms.threshold_window(most, codes).feasible
    assert atoms.threshold_window(most, codes, share=0.9).feasible


def test_the_window_refuses():
    with pytest.raises(UsageError, match="2 atoms for a dictionary of 3"):
        atoms.threshold_window(np.eye(3), np.eye(2))
    with pytest.raises(UsageError, match="0 coefficients"):
        atoms.threshold_window(np.eye(3), np.zeros((2, 3)))
