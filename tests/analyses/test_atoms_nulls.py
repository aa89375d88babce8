"""Nulls: codes without training, random dictionaries, Gaussian data, bases and memorisers."""

import numpy as np
import pytest
from scipy.stats import kurtosis, ortho_group

import workbench as wb
from analyses import atoms
from analyses.atoms import projections
from analyses.atoms.memorisers import nearest_neighbour_r2, threshold_memoriser
from analyses.atoms.nulls import (
    gaussian_batches,
    gaussian_like,
    random_dictionary,
    random_dictionary_r2,
    whitened_basis,
)
from analyses.atoms.projections import projection_codes, projection_r2
from workbench.errors import UsageError, WorkbenchError


def gaussian(n_rows, units=24, seed=0, mixing_seed=0):
    mixing = np.random.default_rng(mixing_seed).standard_normal((units, units))
    mixing *= np.arange(1, units + 1) ** -0.5
    return np.random.default_rng([seed, 1]).standard_normal((n_rows, units)) @ mixing.T


def planted(n_rows=2000, units=24, n_atoms=48, sparsity=3, seed=0):
    generator = np.random.default_rng(seed)
    dictionary = random_dictionary(n_atoms, units, seed)
    codes = np.zeros((n_rows, n_atoms))
    for row in codes:
        row[generator.choice(n_atoms, sparsity, replace=False)] = generator.uniform(1, 2, sparsity)
    return codes @ dictionary, dictionary


def test_codes_are_largest_projections_then_least_squares():
    x, dictionary = gaussian(40) + 1, 3 * random_dictionary(60, 24, 1)
    mean = x.mean(axis=0)
    codes = projection_codes(x, dictionary, 5, mean).toarray()
    for row, code in zip(x - mean, codes, strict=True):
        support = np.sort(np.argsort(-np.abs(dictionary @ row))[:5])
        assert np.array_equal(np.flatnonzero(code), support)
        fit = np.linalg.lstsq(dictionary[support].T, row, rcond=None)[0]
        assert np.allclose(code[support], fit, atol=1e-8)
    expected = atoms.explained_variance(x, codes @ dictionary + mean)
    assert projection_r2(x, dictionary, 5, mean) == pytest.approx(expected, abs=1e-12)


def test_many_atoms_give_the_same_as_few(monkeypatch):
    x, dictionary = gaussian(300), random_dictionary(60, 24, 1)
    expected = projection_codes(x, dictionary, 4).toarray()
    monkeypatch.setattr(projections, "_MOST_GRAM", 10)
    assert np.allclose(projection_codes(x, dictionary, 4).toarray(), expected, atol=1e-9)


def test_parts_give_the_whole_and_every_row_has_its_own_number(monkeypatch):
    x, dictionary = gaussian(500).astype(np.float32), random_dictionary(60, 24, 1)
    sizes = np.random.default_rng(2).integers(0, 9, 500)
    whole = projection_codes(x, dictionary, sizes)
    assert np.array_equal(np.diff(whole.indptr), sizes)
    expected = projection_r2(x, dictionary, sizes)
    monkeypatch.setattr(projections, "_BLOCK_VALUES", 700)
    assert np.allclose(projection_codes(x, dictionary, sizes).toarray(), whole.toarray())
    for parts in (x, np.split(x, [3, 250]), wb.from_arrays({"a": x})["a"]):
        assert projection_r2(parts, dictionary, sizes) == pytest.approx(expected, abs=1e-10)


def test_explained_variance_of_projections_at_its_limits():
    x, mean = gaussian(200) + 2, gaussian(200).mean(axis=0) + 2
    full = projection_r2(x, ortho_group.rvs(24, random_state=0), 24, mean)
    assert full == pytest.approx(1, abs=1e-9)
    assert projection_r2(x, np.eye(24), 0, x.mean(axis=0)) == pytest.approx(0, abs=1e-12)
    more = [projection_r2(x, random_dictionary(60, 24, 1), k, mean) for k in (1, 2, 4, 8, 16)]
    assert more == sorted(more)
    # Atoms that come twice are no obstacle, nor are more atoms than units.
    twice = np.concatenate([np.eye(24), np.eye(24)])
    assert projection_r2(x, twice, 48, mean) == pytest.approx(1, abs=1e-9)


def test_random_atoms_of_isotropic_data_explain_what_the_largest_coordinates_hold():
    # With an orthonormal basis: the share of the k largest of 24 squared normal deviates.
    x = np.random.default_rng(3).standard_normal((20000, 24))
    largest = np.sort(x**2, axis=1)[:, -4:].sum() / (x**2).sum()
    assert projection_r2(x, np.eye(24), 4) == pytest.approx(largest, abs=1e-3)
    basis = ortho_group.rvs(24, random_state=0)
    assert projection_r2(x, basis, 4) == pytest.approx(largest, abs=0.01)


def test_planted_atoms_beat_random_ones_and_random_ones_that_know_the_covariance():
    x, dictionary = planted(sparsity=2)
    true = projection_r2(x, dictionary, 2, x.mean(axis=0))
    arguments = (x, len(dictionary), 2, x.mean(axis=0))
    flat = random_dictionary_r2(*arguments, n_draws=5)
    shaped = random_dictionary_r2(*arguments, covariance=np.cov(x.T), n_draws=5)
    assert true > shaped.max() + 0.1
    assert true > flat.max() + 0.1
    assert np.array_equal(flat, random_dictionary_r2(*arguments, n_draws=5))
    assert len(set(flat)) == 5
    assert not np.array_equal(flat, random_dictionary_r2(*arguments, n_draws=5, seed=1))


def test_a_covariance_makes_random_atoms_a_harder_null():
    x = gaussian(1000) * np.geomspace(10, 0.1, 24)
    arguments = (x, 48, 3, x.mean(axis=0))
    flat = random_dictionary_r2(*arguments, n_draws=5)
    assert random_dictionary_r2(*arguments, covariance=np.cov(x.T), n_draws=5).min() > flat.max()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: projection_codes(np.eye(3), np.eye(3), -1), r"k=\[-1\]"),
        (lambda: projection_codes(np.eye(3), np.eye(3), 1.5), "whole number"),
        (lambda: projection_codes(np.eye(3), np.eye(3), [1, 1]), "2 numbers of atoms"),
        (lambda: projection_codes(np.eye(3), np.eye(2), 1), "rows of 3 units for atoms of 2"),
        (lambda: random_dictionary(0, 3, 0), "0 atoms of 3 units"),
        (lambda: random_dictionary(2, 3, 0, np.eye(2)), r"covariance of shape \(2, 2\)"),
        (lambda: gaussian_like(np.eye(3), 0, 0), "0 rows"),
        (lambda: gaussian_like(np.empty((0, 3)), 5, 0), "call fit"),
        (lambda: whitened_basis(gaussian(99), "zac"), "basis='zac'; did you mean 'zca'"),
        (lambda: threshold_memoriser(gaussian(99), gaussian(9), 100), "expected 2 to 99"),
        (lambda: threshold_memoriser(np.r_[gaussian(99), 0 * gaussian(1)], gaussian(9)), "1 train"),
        (lambda: nearest_neighbour_r2(np.eye(3), np.eye(2)), "2 units and training rows of 3"),
        (lambda: nearest_neighbour_r2(np.empty((0, 3)), np.eye(3)), "no training row"),
    ],
)
def test_bad_input_is_refused(call, said):
    with pytest.raises(UsageError, match=said):
        call()


def test_values_that_are_not_finite_are_refused():
    spoiled = gaussian(50)
    spoiled[3, 4] = np.nan
    for call in (
        lambda: projection_r2(spoiled, np.eye(24), 2),
        lambda: gaussian_like(spoiled, 5, 0),
        lambda: nearest_neighbour_r2(spoiled, gaussian(5)),
        lambda: nearest_neighbour_r2(gaussian(5), spoiled),
        lambda: threshold_memoriser(spoiled, gaussian(5)),
    ):
        with pytest.raises(WorkbenchError, match="row 3, unit 4"):
            call()


def test_gaussian_rows_keep_mean_and_covariance_and_nothing_else():
    x, _ = planted(20000, sparsity=1)
    x = x * 3 + 5
    made = gaussian_like(x, 20000, seed=0)
    assert np.allclose(made.mean(axis=0), x.mean(axis=0), atol=0.05)
    assert np.allclose(np.cov(made.T), np.cov(x.T), atol=0.05)
    # Sums of few atoms have heavy tails, Gaussian rows none.
    assert np.abs(kurtosis(made, axis=0)).max() < 0.3 < kurtosis(x, axis=0).max()
    inner = atoms.AtomicInnerProduct().fit(x)
    assert np.allclose(gaussian_like(inner, 20000, seed=0), made, atol=1e-4)


def test_gaussian_rows_do_not_depend_on_the_batch_and_follow_their_seed():
    x = gaussian(100)
    whole = gaussian_like(x, 50, seed=1)
    parts = np.concatenate(list(gaussian_batches(x, 50, 1, size=7)))
    assert np.allclose(parts, whole, atol=1e-5)
    assert whole.shape == (50, 24)
    assert not np.allclose(gaussian_like(x, 50, seed=2), whole)


def test_gaussian_rows_stay_in_the_space_of_singular_data():
    x = gaussian(500, 6) @ np.random.default_rng(4).standard_normal((6, 24))
    made = gaussian_like(x, 200, seed=0).astype(np.float64) - x.mean(axis=0)
    assert np.linalg.matrix_rank(made, tol=1e-3) == 6


@pytest.mark.parametrize("basis", ["zca", "pca"])
def test_a_whitened_basis_meets_both_criteria_without_learning_anything(basis):
    x = gaussian(3000)
    inner = atoms.AtomicInnerProduct(ridge=0.0).fit(x)
    given = whitened_basis(inner, basis)
    assert atoms.coherence(given, inner).max < 1e-6
    assert atoms.stability(given, np.full(10, 24), inner).q == 1
    assert projection_r2(x, given, 24) == pytest.approx(1, abs=1e-9)
    assert np.allclose(np.linalg.norm(given, axis=1), 1)


def test_principal_axes_keep_more_than_other_bases():
    x = gaussian(3000)
    kept = {b: projection_r2(x, whitened_basis(x, b), 6, x.mean(axis=0)) for b in ("zca", "pca")}
    neurons = projection_r2(x, np.eye(24), 6, x.mean(axis=0))
    assert kept["pca"] > kept["zca"]
    assert kept["pca"] > neurons
    axes = np.linalg.eigh(np.cov(x.T))[1].T[::-1]
    assert np.allclose(np.abs(np.sum(axes * whitened_basis(x, "pca"), axis=1)), 1, atol=1e-6)


@pytest.mark.parametrize("n_rows", [256, 512, 1024])
def test_a_memoriser_meets_both_criteria_on_its_rows_and_none_on_others(n_rows):
    train, other = gaussian(n_rows, 128), gaussian(1000, 128, seed=5)
    found = threshold_memoriser(train, other)
    assert found.train_r2 == pytest.approx(1, abs=1e-9)
    assert found.q == 1
    assert found.l0 == 1
    assert found.held_out_r2 <= 0
    assert threshold_memoriser(train, train).held_out_r2 == pytest.approx(found.train_r2)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75, 0.9])
def test_a_memoriser_of_some_rows_explains_as_large_a_share(share):
    train, other = gaussian(2048, 128), gaussian(500, 128, seed=5)
    found = threshold_memoriser(train, other, n_atoms=int(share * 2048))
    assert found.train_r2 == pytest.approx(share, abs=0.02)
    assert found.held_out_r2 < 0.01
    assert found.q == 1


def test_the_nearest_neighbour_explains_its_rows_wholly_and_independent_ones_not():
    generator = np.random.default_rng(6)
    train, other = generator.standard_normal((2, 1500, 128))
    assert nearest_neighbour_r2(train, train) == pytest.approx(1, abs=1e-9)
    assert nearest_neighbour_r2(train.astype(np.float32), other) < -0.2
    expected = [train[np.argmin(np.sum((train - row) ** 2, axis=1))] for row in other[:200]]
    assert nearest_neighbour_r2(train, other[:200]) == pytest.approx(
        atoms.explained_variance(other[:200], expected), abs=1e-10
    )


def test_the_nearest_neighbour_does_not_mind_where_zero_is():
    train, other = gaussian(300), gaussian(200, seed=5)
    expected = pytest.approx(nearest_neighbour_r2(train, other), abs=1e-8)
    assert nearest_neighbour_r2(train + 1e4, other + 1e4) == expected
    rotation = ortho_group.rvs(24, random_state=0)
    assert nearest_neighbour_r2(train @ rotation, other @ rotation) == expected
