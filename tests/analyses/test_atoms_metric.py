"""Atomic inner product and explained variance: invariances, streaming, and what is refused."""

import warnings

import numpy as np
import pytest
from scipy.stats import ortho_group
from sklearn.base import clone
from sklearn.covariance import EmpiricalCovariance
from sklearn.metrics import r2_score

import workbench as wb
from analyses import atoms
from analyses.atoms.directions import unit_atoms
from analyses.atoms.evaluation import VarianceExplained
from workbench.errors import UsageError, WorkbenchError


def correlated(n_rows=600, units=12, seed=0, mean=0.5):
    generator = np.random.default_rng(seed)
    mixing = generator.standard_normal((units, units)) * np.geomspace(1, 0.1, units)
    return generator.standard_normal((n_rows, units)) @ mixing + mean


@pytest.mark.parametrize("center", [False, True])
def test_agrees_with_an_independent_library(center):
    x = correlated()
    inner = atoms.AtomicInnerProduct(ridge=0.0, center=center).fit(x)
    other = EmpiricalCovariance(assume_centered=not center).fit(x)
    assert np.allclose(inner.metric_, other.precision_, rtol=1e-8)
    assert np.allclose(inner.second_moment_, other.covariance_, rtol=1e-12)
    assert inner.metric_.dtype == np.float64
    u, v = x[:5], x[5:9]
    norms = np.sqrt(np.diag(u @ other.precision_ @ u.T))[:, None]
    norms = norms * np.sqrt(np.diag(v @ other.precision_ @ v.T))
    assert np.allclose(inner.cosine(u, v), u @ other.precision_ @ v.T / norms)


@pytest.mark.parametrize("center", [False, True])
def test_parts_in_any_order_give_the_whole(center):
    x = correlated(1000)
    whole = atoms.AtomicInnerProduct(center=center).fit(x)
    parts = atoms.AtomicInnerProduct(center=center)
    for part in np.split(x[::-1], [7, 500, 501]):
        parts.partial_fit(part)
    streamed = atoms.AtomicInnerProduct(center=center).fit(
        x[i : i + 64] for i in range(0, 1000, 64)
    )
    for other in (parts, streamed):
        assert other.n_rows_ == 1000
        assert np.allclose(other.second_moment_, whole.second_moment_, rtol=1e-10, atol=1e-10)
        assert np.allclose(other.metric_, whole.metric_, rtol=1e-10, atol=1e-10)
        assert np.allclose(other.mean_, whole.mean_, rtol=1e-12)


def test_a_recording_gives_what_its_array_gives_and_its_site_is_kept():
    x = correlated().astype(np.float32)
    recording = wb.from_arrays({"area": x, "other": x})
    inner = atoms.AtomicInnerProduct().fit(recording["area"])
    assert np.array_equal(inner.metric_, atoms.AtomicInnerProduct().fit(x).metric_)
    assert inner.site_ == "area"
    assert atoms.AtomicInnerProduct().fit(x).site_ is None
    with pytest.raises(UsageError, match="at site 'other'; expected site 'area'"):
        inner.partial_fit(recording["other"])
    with pytest.raises(UsageError, match="at site 'other'; expected site 'area'"):
        inner.whiten(recording["other"])
    with pytest.raises(UsageError, match=r"recording\['area'\]"):
        inner.fit(recording)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_narrow_input_is_added_up_in_float64(dtype):
    # float32 sums of a thousand squares of 100 lose the digits in which units differ.
    x = (correlated(20000, 4) * 0.1 + 100).astype(dtype)
    inner = atoms.AtomicInnerProduct(center=True).fit(x)
    assert np.allclose(inner.covariance_, np.cov(x.astype(np.float64).T, bias=True), rtol=1e-10)


def linear_maps():
    generator = np.random.default_rng(1)
    return {
        "rotation": ortho_group.rvs(12, random_state=1),
        "scales": np.diag(np.geomspace(1e-4, 1e4, 12)),
        "any": generator.standard_normal((12, 12)) + np.eye(12),
    }


@pytest.mark.parametrize("name", linear_maps())
@pytest.mark.parametrize("center", [False, True])
def test_any_invertible_map_leaves_it_as_it_is_without_a_ridge(name, center):
    x, change = correlated(), linear_maps()[name]
    directions = np.random.default_rng(2).standard_normal((9, 12))
    before = atoms.AtomicInnerProduct(ridge=0.0, center=center).fit(x)
    after = atoms.AtomicInnerProduct(ridge=0.0, center=center).fit(x @ change)
    assert np.allclose(before.cosine(directions), after.cosine(directions @ change), atol=1e-6)


def test_the_ridge_breaks_that_by_no_more_than_it_weighs():
    x, change = correlated(), np.diag(np.geomspace(0.1, 10, 12))
    directions = np.random.default_rng(3).standard_normal((9, 12))
    apart = []
    for ridge in (1e-1, 1e-3, 1e-5, 1e-7):
        before = atoms.AtomicInnerProduct(ridge=ridge).fit(x)
        after = atoms.AtomicInnerProduct(ridge=ridge).fit(x @ change)
        assert before.ridge_ == pytest.approx(ridge * np.mean(x**2))
        gap = before.cosine(directions) - after.cosine(directions @ change)
        apart.append(float(np.abs(gap).max()))
    assert apart == sorted(apart, reverse=True)
    assert apart[0] > 0.1
    assert apart[-1] < 1e-3


def test_the_scale_of_activity_never_matters():
    x = correlated()
    one = atoms.AtomicInnerProduct(ridge=0.1).fit(x).cosine(x[:5])
    assert np.allclose(one, atoms.AtomicInnerProduct(ridge=0.1).fit(1e6 * x).cosine(x[:5]))


def test_translation_matters_unless_centred():
    x, directions = correlated(), np.eye(12)
    for center, same in ((True, True), (False, False)):
        inner = atoms.AtomicInnerProduct(ridge=0.0, center=center)
        before, after = inner.fit(x).cosine(directions), inner.fit(x + 3).cosine(directions)
        assert np.allclose(before, after, atol=1e-9) is same


def test_whitened_rows_have_no_correlation():
    x = correlated()
    white = atoms.AtomicInnerProduct(ridge=0.0).fit(x).whiten(x)
    assert np.allclose(white.T @ white / len(x), np.eye(12), atol=1e-9)


def test_metric_as_an_array_gives_the_same_angles():
    inner = atoms.AtomicInnerProduct().fit(correlated())
    directions = np.random.default_rng(4).standard_normal((7, 12))
    by_array = unit_atoms(directions, inner.metric_)
    assert np.allclose(by_array @ by_array.T, inner.cosine(directions), atol=1e-9)


def test_recentring_at_90_degrees_is_algebra_and_ends_at_welch():
    # Any dictionary whose own second moment is the metric is a tight frame.
    generator = np.random.default_rng(0)
    dictionary = generator.standard_normal((1024, 256)) + np.sqrt(8.4) * np.ones(256)
    inner = atoms.AtomicInnerProduct(ridge=0.0).fit(dictionary)
    upper = np.triu_indices(1024, 1)
    plain = unit_atoms(dictionary)
    euclidean = np.degrees(np.arccos((plain @ plain.T)[upper]))
    atomic = np.degrees(np.arccos(inner.cosine(dictionary)[upper]))
    assert euclidean.mean() == pytest.approx(26.7, abs=0.5)
    assert atomic.mean() == pytest.approx(89.8, abs=0.3)
    assert atomic.std() == pytest.approx(3.1, abs=0.1)
    assert atoms.welch_bound(1024, 256) == pytest.approx(0.0542, abs=5e-5)
    assert atoms.coherence(dictionary, inner).rms == pytest.approx(0.0542, abs=2e-4)


def test_effective_rank():
    generator = np.random.default_rng(5)
    x = generator.standard_normal((50000, 8))
    assert atoms.AtomicInnerProduct().fit(x).effective_rank_ == pytest.approx(8, abs=0.01)
    with pytest.warns(UserWarning, match="singular"):
        one = atoms.AtomicInnerProduct().fit(np.outer([1.0, 2, 3], [1.0, 1, 0, 2]))
    assert one.effective_rank_ == pytest.approx(1, abs=1e-6)


def test_parameters_as_in_scikit_learn():
    inner = clone(atoms.AtomicInnerProduct(ridge=0.5, center=True).fit(correlated()))
    assert inner.get_params() == {"ridge": 0.5, "center": True}
    assert not hasattr(inner.set_params(ridge=0.1), "_moments")
    with pytest.raises(UsageError, match="no parameter 'rigde'; did you mean 'ridge'"):
        inner.set_params(rigde=1.0)


def test_fit_forgets_earlier_rows():
    inner = atoms.AtomicInnerProduct().fit(correlated(seed=1))
    assert np.array_equal(
        inner.fit(correlated()).metric_, atoms.AtomicInnerProduct().fit(correlated()).metric_
    )


def spoiled(value):
    x = correlated()
    x[401, 3] = value
    return x


@pytest.mark.parametrize(
    ("x", "kind", "said"),
    [
        (spoiled(np.nan), WorkbenchError, "1 NaN or infinite.*row 401, unit 3"),
        ([spoiled(0), spoiled(np.inf)], WorkbenchError, "row 1001, unit 3"),
        (np.ones((4, 3, 2)), UsageError, "flatten spatial axes"),
        ([np.ones((4, 3)), np.ones((4, 2))], UsageError, "2 units after batches of 3"),
        (np.array([["a"]]), UsageError, "real numbers"),
        (np.empty((0, 3)), UsageError, "call fit"),
    ],
)
def test_bad_input_is_refused(x, kind, said):
    with pytest.raises(kind, match=said):
        atoms.AtomicInnerProduct().fit(x)


@pytest.mark.parametrize("center", [False, True])
def test_singular_second_moments_are_refused_without_a_ridge_and_said_with_one(center):
    constant = correlated()
    constant[:, [2, 5]] = 4.0
    few = correlated(n_rows=5)
    doubled = np.concatenate([correlated(), correlated()], axis=1)
    for x, said in ((constant, r"2 of 12 units constant \(2, 5\)"), (few, "fewer than its 12")):
        with pytest.raises(UsageError, match=f"singular.*{said}.*larger ridge, such as 1e-6"):
            atoms.AtomicInnerProduct(ridge=0.0, center=center).fit(x)
        with pytest.warns(UserWarning, match=f"{said}.*only the ridge"):
            atoms.AtomicInnerProduct(center=center).fit(x)
    with pytest.raises(UsageError, match="singular"):
        atoms.AtomicInnerProduct(ridge=0.0, center=center).fit(doubled)


def test_one_constant_unit_is_a_direction_like_any_other_about_zero():
    x = correlated()
    x[:, 2] = 4.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        atoms.AtomicInnerProduct(ridge=0.0).fit(x)


def test_vectors_that_do_not_fit_are_refused():
    inner = atoms.AtomicInnerProduct().fit(correlated())
    with pytest.raises(UsageError, match="vectors of 3 units; expected 12"):
        inner.whiten(np.ones((2, 3)))
    with pytest.raises(UsageError, match="1 atoms of length zero"):
        inner.cosine(np.zeros((1, 12)))
    with pytest.raises(UsageError, match="call fit first"):
        atoms.AtomicInnerProduct().whiten(np.ones((2, 3)))
    with pytest.raises(UsageError, match="ridge=-1; expected a share of at least 0"):
        atoms.AtomicInnerProduct(ridge=-1).fit(correlated())
    with pytest.raises(UsageError, match="not positive definite"):
        unit_atoms(np.eye(2), -np.eye(2))
    with pytest.raises(UsageError, match=r"metric of shape \(3, 3\)"):
        unit_atoms(np.eye(2), np.eye(3))
    with pytest.raises(WorkbenchError, match="1 of 2 atoms"):
        unit_atoms([[np.nan, 0], [1, 1]])


def reconstruction(seed=0, share=0.75):
    """Data and a reconstruction of known explained variance."""
    generator = np.random.default_rng(seed)
    kept = np.sqrt(share) * generator.standard_normal((200000, 8))
    return kept + np.sqrt(1 - share) * generator.standard_normal(kept.shape), kept


@pytest.mark.parametrize("shift", [0.0, 1.0, 3.0])
def test_explained_variance_does_not_grow_with_the_mean(shift):
    x, x_hat = reconstruction()
    plain = atoms.explained_variance(x, x_hat)
    assert plain == pytest.approx(0.750, abs=2e-3)
    assert atoms.explained_variance(x + shift, x_hat + shift) == pytest.approx(plain, abs=1e-12)
    # With mean squares in the place of means, as some libraries had it.
    faulty = np.mean((x + shift) ** 2, axis=0)
    wrong = 1 - np.sum((x - x_hat) ** 2) / np.sum((x + shift - faulty) ** 2)
    assert shift == 0 or wrong > plain + 0.05


def test_explained_variance_agrees_with_an_independent_library():
    x, x_hat = reconstruction()
    x = x * np.arange(1, 9) + 2
    expected = r2_score(x, x_hat, multioutput="variance_weighted")
    assert atoms.explained_variance(x, x_hat) == pytest.approx(expected, abs=1e-12)


def test_explained_variance_by_rotation_scale_and_order():
    x, x_hat = (each[:3000] for each in reconstruction())
    expected = pytest.approx(atoms.explained_variance(x, x_hat), abs=1e-10)
    rotation, order = ortho_group.rvs(8, random_state=0), np.random.default_rng(0).permutation(3000)
    assert atoms.explained_variance(x @ rotation, x_hat @ rotation) == expected
    assert atoms.explained_variance(1e4 * x, 1e4 * x_hat) == expected
    assert atoms.explained_variance(x[order], x_hat[order]) == expected


@pytest.mark.parametrize("size", [1, 17, 5000])
def test_explained_variance_does_not_depend_on_the_batch(size):
    x, x_hat = (each[:3000] + 50 for each in reconstruction())
    pairs = ((x[i : i + size], x_hat[i : i + size]) for i in range(0, 3000, size))
    expected = pytest.approx(atoms.explained_variance(x, x_hat), abs=1e-10)
    assert atoms.explained_variance(pairs) == expected


def test_explained_variance_at_its_limits():
    x, _ = reconstruction()
    assert atoms.explained_variance(x, x) == 1
    assert atoms.explained_variance(x, np.broadcast_to(x.mean(axis=0), x.shape)) == (
        pytest.approx(0, abs=1e-12)
    )
    with pytest.raises(UsageError, match="do not vary"):
        atoms.explained_variance(np.ones((5, 2)), np.ones((5, 2)))
    with pytest.raises(UsageError, match="5 rows of activity and 4"):
        atoms.explained_variance(np.ones((5, 2)), np.ones((4, 2)))
    with pytest.raises(UsageError, match="the same shape"):
        VarianceExplained().add(np.ones((5, 2)), np.ones((5, 3)))
    with pytest.raises(UsageError, match="do not vary"):
        _ = VarianceExplained().value
    with pytest.raises(WorkbenchError, match="NaN"):
        atoms.explained_variance(np.eye(2), np.full((2, 2), np.nan))
