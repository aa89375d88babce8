"""Non-negative CP: exact optima, missing cells, and the same numbers from every kind of tensor."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import clone

from analyses.connectome.cp import NonnegativeCP
from analyses.connectome.cp_components import similarity
from workbench.errors import UsageError

SHAPE = (18, 7, 25)


def low_rank(
    shape: tuple[int, ...] = SHAPE, rank: int = 3, seed: int = 0, noise: float = 0.0
) -> tuple[NDArray, list[NDArray]]:
    """Sparse random components, their sum, and noise that keeps it non-negative."""
    generator = np.random.default_rng(seed)
    factors = [
        generator.random((n, rank)) * (generator.random((n, rank)) < 0.7) + 0.02 for n in shape
    ]
    tensor = whole(factors)
    return tensor + noise * tensor.mean() * generator.random(shape), factors


def whole(factors: list[NDArray]) -> NDArray:
    """Sum of the components."""
    product = factors[0]
    for factor in factors[1:]:
        product = product[..., None, :] * factor
    return product.sum(-1)


def random_start(shape: tuple[int, ...], rank: int, seed: int = 5) -> list[NDArray]:
    generator = np.random.default_rng(seed)
    return [generator.random((n, rank)) for n in shape]


def as_numpy(factors: list[Any]) -> list[NDArray]:
    return [np.asarray(each, dtype=float) for each in factors]


def gradients(model: NonnegativeCP, tensor: NDArray, mask: NDArray) -> list[NDArray]:
    """Of half the squared error over observed cells, by each factor, written out plainly."""
    factors = [model.factors_[0] * model.weights_, *model.factors_[1:]]
    residual = np.where(mask, whole(factors) - np.nan_to_num(tensor), 0.0)
    found = []
    for axis in range(tensor.ndim):
        others = [factor for n, factor in enumerate(factors) if n != axis]
        flat = np.moveaxis(residual, axis, 0).reshape(tensor.shape[axis], -1)
        columns = [whole([each[:, [r]] for each in others]).ravel() for r in range(model.rank)]
        found.append(flat @ np.stack(columns, axis=1))
    return found


@pytest.mark.parametrize(
    ("solver", "shape"),
    [
        ("hals", (30, 20)),
        ("hals", SHAPE),
        ("hals", (8, 6, 5, 7)),
        ("hals", (4, 5, 3, 4, 5)),
        ("mu", (30, 20)),
        ("mu", SHAPE),
    ],
)
def test_planted_components_are_recovered(shape: tuple[int, ...], solver: str) -> None:
    generator = np.random.default_rng(1)
    # Blocks that do not overlap: also a matrix has one non-negative factorisation then.
    factors = [np.eye(3)[np.arange(n) % 3] * generator.uniform(0.5, 1.5, (n, 1)) for n in shape]
    model = NonnegativeCP(3, solver, n_restarts=6, tolerance=1e-8).fit(whole(factors))
    assert model.error_ < 1e-3
    assert similarity(as_numpy(model.factors_), factors) > 0.999
    assert [each.shape for each in model.factors_] == [(n, 3) for n in shape]


def test_generic_low_rank_tensor_is_recovered_to_high_precision() -> None:
    tensor, factors = low_rank()
    model = NonnegativeCP(3, tolerance=1e-10, max_iterations=4000).fit(tensor)
    assert model.error_ < 1e-5
    assert similarity(model.factors_, factors) > 0.9999
    np.testing.assert_allclose(model.reconstruct(), tensor, atol=1e-4 * tensor.max())


def test_same_optimum_as_tensorly_from_the_same_start() -> None:
    tensor, _ = low_rank(noise=0.5)
    start = random_start(SHAPE, 3)
    ours = NonnegativeCP(3, tolerance=1e-11, max_iterations=3000).fit(tensor, start=start)
    theirs = NonnegativeCP(3, "tensorly", tolerance=1e-13, max_iterations=3000)
    theirs.fit(tensor, start=start)
    assert abs(ours.error_ - theirs.error_) < 1e-6
    assert similarity(ours.factors_, theirs.factors_) > 0.999


def test_one_sweep_is_that_of_tensorly() -> None:
    # Five inner passes are what tensorly makes; nothing but rounding may differ.
    tensor, _ = low_rank(noise=0.5)
    start = random_start(SHAPE, 3)
    options = {"max_iterations": 4, "tolerance": 1e-15}
    ours = NonnegativeCP(3, passes=5, accelerate=False, **options).fit(tensor, start=start)
    theirs = NonnegativeCP(3, "tensorly", **options).fit(tensor, start=start)
    np.testing.assert_allclose(ours.history_, theirs.history_, rtol=1e-9)


def random_mask(seed: int) -> NDArray[np.bool_]:
    """Masks that depend on some of the axes, with something left of every entry."""
    generator = np.random.default_rng(seed)
    axes = [(1, 2), (0, 1), (0, 2), (0, 1, 2)][seed % 4]
    shape = tuple(n if axis in axes else 1 for axis, n in enumerate(SHAPE))
    return np.asarray(generator.random(shape) < 0.75)


@pytest.mark.parametrize("solver", ["hals", "mu"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_error_never_rises_and_is_what_it_says(solver: str, dtype: str) -> None:
    for seed in range(8):
        tensor, _ = low_rank(seed=seed, noise=1.0)
        mask = np.broadcast_to(random_mask(seed), SHAPE)
        hidden = np.where(mask, tensor, np.nan).astype(dtype)
        model = NonnegativeCP(4, solver, n_restarts=1, seed=seed, max_iterations=25, tolerance=0)
        model.fit(hidden, mask=random_mask(seed))
        assert (np.diff(model.history_) <= 0).all()
        residual = (model.reconstruct() - tensor)[mask]
        expected = np.linalg.norm(residual) / np.linalg.norm(tensor[mask])
        assert model.error_ == pytest.approx(expected, rel=1e-5)
        assert model.history_[-1] == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("seed", range(5))
def test_karush_kuhn_tucker_conditions_hold(seed: int) -> None:
    tensor, _ = low_rank(seed=seed, noise=0.6)
    mask = np.broadcast_to(random_mask(seed) if seed < 4 else np.ones((1, 1, 1), bool), SHAPE)
    model = NonnegativeCP(3, n_restarts=1, tolerance=1e-13, max_iterations=6000)
    model.fit(np.where(mask, tensor, np.nan), mask=mask)
    factors = [model.factors_[0] * model.weights_, *model.factors_[1:]]
    for factor, gradient in zip(factors, gradients(model, tensor, mask), strict=True):
        size = np.abs(gradient).max() + np.linalg.norm(tensor)
        assert gradient.min() > -1e-4 * size
        assert np.abs(factor * gradient).max() < 1e-4 * size * factor.max()


def test_missing_cells_without_information_change_nothing() -> None:
    tensor, factors = low_rank()
    mask = np.random.default_rng(0).random(SHAPE[1:]) < 0.8
    hidden = np.where(mask, tensor, np.nan)
    model = NonnegativeCP(3, tolerance=1e-10, max_iterations=4000).fit(hidden, mask=mask)
    assert similarity(model.factors_, factors) > 0.9999
    # Also what was hidden comes back.
    np.testing.assert_allclose(model.reconstruct(), tensor, atol=1e-3 * tensor.max())


@pytest.mark.parametrize("solver", ["hals", "mu"])
def test_what_is_hidden_does_not_enter(solver: str) -> None:
    tensor, _ = low_rank(noise=0.5)
    for seed in range(4):
        mask = random_mask(seed)
        fits = []
        for filling in (0.0, 1e6, np.nan, -3.0):
            model = NonnegativeCP(3, solver, n_restarts=1, max_iterations=30)
            fits.append(model.fit(np.where(mask, tensor, filling), mask=mask).reconstruct())
        for other in fits[1:]:
            np.testing.assert_array_equal(fits[0], other)


def test_mask_that_is_constant_in_time_is_the_general_mask() -> None:
    tensor, _ = low_rank(noise=0.5)
    pairs = random_mask(0)[0]
    # One cell more is hidden at one time, so that the mask depends on all axes.
    general = np.broadcast_to(pairs, SHAPE).copy()
    general[0, np.nonzero(pairs)[0][0], np.nonzero(pairs)[1][0]] = False
    options = {"n_restarts": 1, "max_iterations": 30, "tolerance": 0.0}
    by_pair = NonnegativeCP(3, **options).fit(tensor, mask=pairs)
    by_cell = NonnegativeCP(3, **options).fit(tensor, mask=np.broadcast_to(pairs, SHAPE))
    nearly = NonnegativeCP(3, **options).fit(tensor, mask=general)
    np.testing.assert_array_equal(by_pair.reconstruct(), by_cell.reconstruct())
    assert nearly.error_ == pytest.approx(by_pair.error_, rel=1e-2)


def test_full_mask_is_no_mask() -> None:
    tensor, _ = low_rank(noise=0.5)
    one = NonnegativeCP(3, n_restarts=1).fit(tensor)
    for mask in (np.ones(SHAPE, bool), np.ones((1, 1, 1)), torch.ones(SHAPE[1:], dtype=torch.bool)):
        other = NonnegativeCP(3, n_restarts=1).fit(tensor, mask=mask)
        np.testing.assert_array_equal(one.reconstruct(), other.reconstruct())


def test_a_pair_that_nobody_has_is_undetermined() -> None:
    tensor, factors = low_rank()
    mask = np.ones(SHAPE[1:], bool)
    mask[:, 5] = False
    model = NonnegativeCP(3, tolerance=1e-9).fit(np.where(mask, tensor, np.nan), mask=mask)
    assert model.undetermined_[2][5].all()
    assert not np.delete(model.undetermined_[2], 5, axis=0).any()
    assert not model.undetermined_[0].any()
    assert not model.undetermined_[1].any()
    assert (model.factors_[2][5] == 0).all()
    rest = [*factors[:2], np.delete(factors[2], 5, axis=0)]
    found = [*model.factors_[:2], np.delete(model.factors_[2], 5, axis=0)]
    assert similarity(found, rest) > 0.999


def test_a_pair_unseen_where_its_component_is_active_is_undetermined_in_it_alone() -> None:
    subjects = np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0], [0.0, 3.0]])
    generator = np.random.default_rng(0)
    tensor = whole([generator.random((9, 2)), subjects, generator.random((6, 2)) + 0.1])
    mask = np.ones((4, 6), bool)
    mask[:2, 3] = False
    model = NonnegativeCP(2, tolerance=1e-12, max_iterations=5000).fit(tensor, mask=mask)
    carried_by_first = int(model.factors_[1][0].argmax())
    expected = np.zeros((6, 2), bool)
    expected[3, carried_by_first] = True
    np.testing.assert_array_equal(model.undetermined_[2], expected)


def test_order_of_subjects_and_pairs_does_not_matter() -> None:
    tensor, _ = low_rank(noise=0.3)
    generator = np.random.default_rng(3)
    mask = random_mask(0)
    orders = [np.arange(SHAPE[0]), *(generator.permutation(n) for n in SHAPE[1:])]
    start = random_start(SHAPE, 3)
    plain = NonnegativeCP(3).fit(tensor, mask=mask, start=start)
    moved = NonnegativeCP(3).fit(
        tensor[np.ix_(*orders)],
        mask=mask[np.ix_([0], *orders[1:])],
        start=[each[order] for each, order in zip(start, orders, strict=True)],
    )
    for factor, other, order in zip(plain.factors_, moved.factors_, orders, strict=True):
        np.testing.assert_allclose(factor[order], other, atol=1e-5)


@pytest.mark.parametrize("factor", [2.0**-80, 2.0**70])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_units_do_not_matter(factor: float, dtype: str) -> None:
    tensor = low_rank(noise=0.3)[0].astype(dtype)
    plain = NonnegativeCP(3, n_restarts=1).fit(tensor)
    scaled = NonnegativeCP(3, n_restarts=1).fit(tensor * tensor.dtype.type(factor))
    assert scaled.error_ == pytest.approx(plain.error_, rel=1e-4)
    np.testing.assert_allclose(scaled.weights_, plain.weights_ * factor, rtol=1e-2)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_torch_is_numpy(dtype: str) -> None:
    tensor = low_rank(noise=0.3)[0].astype(dtype)
    mask = random_mask(0)
    for given in (None, mask):
        ours = NonnegativeCP(3, n_restarts=2).fit(tensor, mask=given)
        mask_there = None if given is None else torch.from_numpy(given)
        there = NonnegativeCP(3, n_restarts=2).fit(torch.from_numpy(tensor), mask=mask_there)
        tolerance = 1e-6 if dtype == "float64" else 5e-3
        assert there.factors_[0].dtype == getattr(torch, dtype)
        assert ours.factors_[0].dtype == np.dtype(dtype)
        for factor, other in zip(ours.factors_, there.factors_, strict=True):
            np.testing.assert_allclose(factor, other.numpy(), atol=tolerance)
        assert isinstance(there.reconstruct(), torch.Tensor)


def sparse_kinds(tensor: NDArray) -> dict[str, Any]:
    coordinates = np.stack(np.nonzero(tensor))
    values = tensor[tuple(coordinates)]
    order = np.random.default_rng(0).permutation(len(values))
    return {
        "tuple": (coordinates[:, order], values[order], tensor.shape),
        "scipy": sparse.coo_array(tensor),
        "torch": torch.from_numpy(tensor).to_sparse_coo(),
    }


@pytest.mark.parametrize("shape", [(12, 15), (9, 4, 11), (11, 9, 4), (5, 4, 6, 3)])
@pytest.mark.parametrize("kind", ["tuple", "scipy", "torch"])
def test_sparse_is_dense(shape: tuple[int, ...], kind: str) -> None:
    tensor, _ = low_rank(shape, noise=1.0)
    tensor = tensor * (np.random.default_rng(1).random(shape) < 0.3)
    given = sparse_kinds(tensor)[kind]
    dense = NonnegativeCP(2, n_restarts=2).fit(tensor)
    other = NonnegativeCP(2, n_restarts=2).fit(given)
    assert other.error_ == pytest.approx(dense.error_, rel=1e-7)
    for factor, found in zip(dense.factors_, as_numpy(other.factors_), strict=True):
        np.testing.assert_allclose(factor, found, atol=1e-5)


@pytest.mark.parametrize("kind", ["tuple", "torch"])
def test_sparse_and_masked_is_dense_and_masked(kind: str) -> None:
    tensor, _ = low_rank(noise=1.0)
    tensor = tensor * (np.random.default_rng(1).random(SHAPE) < 0.4)
    for seed in range(4):
        mask = random_mask(seed)
        options = {"n_restarts": 1, "max_iterations": 60}
        dense = NonnegativeCP(2, **options).fit(tensor, mask=mask)
        other = NonnegativeCP(2, **options).fit(sparse_kinds(tensor)[kind], mask=mask)
        assert other.error_ == pytest.approx(dense.error_, rel=1e-6)


def test_repeated_coordinates_are_added_up() -> None:
    coordinates = np.array([[0, 0, 1], [1, 1, 0], [2, 2, 0]])
    model = NonnegativeCP(2, tolerance=1e-9).fit(
        (coordinates, np.array([1.0, 2.0, 5.0]), (2, 2, 3))
    )
    assert model.reconstruct([[0, 1], [1, 0], [2, 0]]) == pytest.approx([3.0, 5.0], abs=1e-5)
    np.testing.assert_allclose(model.weights_, [5.0, 3.0], atol=1e-5)


def test_single_precision_is_close_to_double() -> None:
    tensor, _ = low_rank(noise=0.5)
    start = random_start(SHAPE, 3)
    double = NonnegativeCP(3).fit(tensor, start=start)
    single = NonnegativeCP(3).fit(tensor.astype(np.float32), start=start)
    converted = NonnegativeCP(3, dtype="float32").fit(tensor, start=start)
    assert single.error_ == pytest.approx(double.error_, rel=1e-4)
    assert similarity(as_numpy(single.factors_), double.factors_) > 0.999
    np.testing.assert_array_equal(single.factors_[0], converted.factors_[0])


@pytest.mark.parametrize("kind", [np.float16, np.int32, bool])
def test_other_dtypes_are_converted(kind: type) -> None:
    tensor = (low_rank(noise=0.3)[0] * 4).astype(kind)
    model = NonnegativeCP(2, n_restarts=1).fit(tensor)
    assert model.factors_[0].dtype == (np.float32 if kind is np.float16 else np.float64)
    same = NonnegativeCP(2, n_restarts=1).fit(torch.from_numpy(tensor))
    assert same.error_ == pytest.approx(model.error_, rel=1e-3, abs=1e-6)


def test_views_are_read_as_they_look() -> None:
    tensor, _ = low_rank(noise=0.3)
    plain = NonnegativeCP(2, n_restarts=1).fit(tensor).reconstruct()
    fortran = np.asfortranarray(tensor)
    stepped = np.repeat(tensor, 2, axis=1)[:, ::2]
    for given in (fortran, stepped, torch.from_numpy(fortran)):
        found = NonnegativeCP(2, n_restarts=1).fit(given).reconstruct()
        np.testing.assert_allclose(np.asarray(found), plain, rtol=1e-9)


def test_the_tensor_that_is_passed_is_not_changed() -> None:
    tensor, _ = low_rank(noise=0.3)
    start = random_start(SHAPE, 2)
    kept, first = tensor.copy(), start[0].copy()
    for given in (tensor, torch.from_numpy(tensor)):
        NonnegativeCP(2).fit(given, mask=random_mask(0), start=start)
    np.testing.assert_array_equal(tensor, kept)
    np.testing.assert_array_equal(start[0], first)


def test_components_have_length_one_and_come_heaviest_first() -> None:
    tensor, _ = low_rank(noise=0.5)
    model = NonnegativeCP(4).fit(tensor)
    assert (np.diff(model.weights_) <= 0).all()
    for factor in model.factors_:
        np.testing.assert_allclose(np.linalg.norm(factor, axis=0), 1.0)
        assert (factor >= 0).all()
    expected = whole([model.factors_[0] * model.weights_, *model.factors_[1:]])
    np.testing.assert_allclose(model.reconstruct(), expected)
    cells = np.array([[0, 3], [1, 2], [4, 20]])
    np.testing.assert_allclose(model.reconstruct(cells), expected[tuple(cells)])


def test_equal_seeds_give_equal_numbers_and_others_do_not() -> None:
    tensor, _ = low_rank(noise=1.0)
    one, two = (NonnegativeCP(3, seed=4).fit(tensor) for _ in range(2))
    other = NonnegativeCP(3, seed=5).fit(tensor)
    np.testing.assert_array_equal(one.factors_[0], two.factors_[0])
    assert not np.array_equal(one.restarts_.errors, other.restarts_.errors)


def test_restarts_are_compared_with_the_best() -> None:
    tensor, _ = low_rank(noise=0.2)
    restarts = NonnegativeCP(3, n_restarts=5).fit(tensor).restarts_
    assert restarts.errors.argmin() == restarts.best
    assert restarts.similarities[restarts.best] == pytest.approx(1.0)
    assert restarts.errors.shape == restarts.similarities.shape == (5,)
    assert (restarts.n_iterations > 0).all()


def test_more_components_than_there_are_still_fit() -> None:
    model = NonnegativeCP(4, tolerance=1e-9).fit(np.ones((5, 4, 6)))
    assert model.error_ < 1e-6
    assert np.isfinite(model.weights_).all()
    assert all(np.isfinite(each).all() for each in model.factors_)


def test_acceleration_and_its_absence_reach_the_same_optimum() -> None:
    tensor, _ = low_rank(noise=0.3)
    start = random_start(SHAPE, 3)
    options = {"tolerance": 1e-11, "max_iterations": 5000}
    fast = NonnegativeCP(3, **options).fit(tensor, start=start)
    plain = NonnegativeCP(3, accelerate=False, **options).fit(tensor, start=start)
    assert fast.error_ == pytest.approx(plain.error_, abs=1e-7)
    assert fast.n_iter_ < plain.n_iter_


def test_parameters_are_only_stored() -> None:
    model = NonnegativeCP("nonsense", solver="none")  # type: ignore[arg-type]
    assert clone(model).get_params() == model.get_params()


NEGATIVE = -np.ones((3, 4, 5))
GAPS = np.where(np.arange(60).reshape(3, 4, 5) == 7, np.nan, 1.0)
ONES = np.ones((3, 4, 5))


def hiding(axis: int, entry: int) -> NDArray[np.bool_]:
    mask = np.ones((3, 4, 5), bool)
    np.moveaxis(mask, axis, 0)[entry] = False
    return mask


@pytest.mark.parametrize(
    ("tensor", "options", "mask", "message"),
    [
        (NEGATIVE, {}, None, "negative entries, the least -1"),
        (GAPS, {}, None, r"NaN in the tensor and no mask.*mask=~np\.isnan\(tensor\)"),
        (GAPS, {}, hiding(2, 4), "NaN in cells that the mask says were observed"),
        (np.full((3, 4), np.inf), {}, None, "infinite"),
        (np.zeros((3, 4, 5)), {}, None, "no observed cell above zero"),
        (ONES * (np.arange(5) > 3), {}, hiding(2, 4), "no observed cell above zero"),
        (np.ones(4), {}, None, r"shape \(4,\); expected at least two axes"),
        (np.ones((3, 0, 2)), {}, None, "none of them empty"),
        (np.array([["a", "b"]]), {}, None, "expected real numbers"),
        (ONES * 1j, {}, None, "expected real numbers"),
        (ONES, {"rank": 13}, None, "rank 13 .* whole number from 1 to 12"),
        (ONES, {"rank": 0}, None, "rank 0"),
        (ONES, {"rank": 2.5}, None, r"rank 2\.5"),
        (ONES, {"solver": "hal"}, None, "did you mean 'hals'"),
        (ONES, {"n_restarts": 0}, None, "n_restarts=0"),
        (ONES, {"tolerance": -1.0}, None, "tolerance=-1"),
        (ONES, {"dtype": "int8"}, None, "expected 'float32' or 'float64'"),
        (ONES, {}, np.ones((4, 4), bool), r"mask of shape \(4, 4\).*True where"),
        (ONES, {}, np.full((4, 5), 0.5), "other values than 0 and 1"),
        (ONES, {}, np.zeros((4, 5), bool), "hides every cell"),
        (ONES, {}, hiding(0, 2), "hides all of entry 2 of axis 0"),
        (ONES, {}, hiding(1, 3), "hides all of entry 3 of axis 1.*leave those entries out"),
        ((np.zeros((3, 2), int), np.ones(3), (2, 2, 2)), {}, None, "coordinates of shape"),
        ((np.full((3, 1), 2), np.ones(1), (2, 2, 2)), {}, None, "outside the shape"),
        ((np.zeros((3, 1), int), -np.ones(1), (2, 2, 2)), {}, None, "negative"),
        ((np.zeros((3, 1), int), np.ones(1), (2, 2, 2)), {"solver": "tensorly"}, None, "sparse"),
    ],
)
def test_bad_input_is_refused(
    tensor: Any, options: dict[str, Any], mask: Any, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        NonnegativeCP(**{"rank": 2, **options}).fit(tensor, mask=mask)


def test_bad_starts_and_cells_are_refused() -> None:
    with pytest.raises(UsageError, match="start of shapes"):
        NonnegativeCP(2).fit(ONES, start=[np.ones((3, 2))] * 3)
    with pytest.raises(UsageError, match="none below 0"):
        NonnegativeCP(2).fit(ONES, start=[-np.ones((n, 2)) for n in ONES.shape])
    with pytest.raises(UsageError, match="was not fitted"):
        NonnegativeCP(2).reconstruct()
    with pytest.raises(UsageError, match="one row of indices"):
        NonnegativeCP(2).fit(ONES).reconstruct(np.zeros((2, 4), int))
