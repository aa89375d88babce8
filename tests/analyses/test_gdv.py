"""GDV: golden values, the properties that its definition implies, and precision at its limits.

Golden values: the data of the FAU group's own test (two clusters of 1,000 points, each drawn after
its own seeding of numpy's legacy generator).
"""

import math
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import pdist, squareform

from analyses.word_classes import gdv, gdv_bound
from analyses.word_classes.distances import class_distance_sums, pair_distances
from analyses.word_classes.gdv import mean_class_distances
from analyses.word_classes.resampling import redrawn_gdv, shuffled_gdv
from analyses.word_classes.standardize import NoVaryingUnitError, standardize
from workbench.errors import UsageError, WorkbenchError


def plain_gdv(activations, labels):
    """The definition, pair by pair, in float64."""
    x = np.asarray(activations, dtype=np.float64)
    spread = x.std(axis=0)
    x = 0.5 * (x - x.mean(axis=0))[:, spread > 0] / spread[spread > 0]
    distances = squareform(pdist(x))
    classes = np.unique(labels)
    within, between = [], []
    for number, one in enumerate(classes):
        block = distances[np.ix_(labels == one, labels == one)]
        within.append(block.sum() / (len(block) * (len(block) - 1)))
        between += [
            distances[np.ix_(labels == one, labels == two)].mean() for two in classes[number + 1 :]
        ]
    return (np.mean(within) - np.mean(between)) / math.sqrt(x.shape[1])


def clusters(n_rows=300, n_units=100, n_classes=4, shift=1.0, seed=0):
    generator = np.random.default_rng(seed)
    labels = np.arange(n_rows) % n_classes
    centres = generator.standard_normal((n_classes, n_units))
    return shift * centres[labels] + generator.standard_normal((n_rows, n_units)), labels


@pytest.mark.parametrize(
    ("covariance", "intra", "inter", "expected"),
    [(0.04, 0.227107, 0.949634, -0.722526), (1.0, 0.556805, 0.695181, -0.138376)],
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_golden_values(covariance, intra, inter, expected, dtype):
    points = []
    for mean in ((0, 0), (1, 1)):
        np.random.seed(978820)  # noqa: NPY002 - the golden data are defined by it
        drawn = np.random.multivariate_normal(mean, covariance * np.eye(2), 1000)  # noqa: NPY002
        points.append(drawn)
    x, labels = np.concatenate(points).astype(dtype), np.repeat([0, 1], 1000)
    means = mean_class_distances(x, labels)
    assert np.diag(means).mean() == pytest.approx(intra, abs=1e-5)
    assert means[0, 1] == pytest.approx(inter, abs=1e-5)
    assert gdv(x, labels) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("n_units", [1, 3, 64, 65, 700])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_agrees_with_the_definition(n_units, dtype):
    x, labels = clusters(n_units=n_units)
    x = x.astype(dtype)
    assert gdv(x, labels) == pytest.approx(plain_gdv(x, labels), abs=2e-6)


def test_agrees_with_the_definition_over_several_blocks_and_unequal_classes():
    x, _ = clusters(n_rows=2500, n_units=70)
    labels = np.random.default_rng(1).choice(5, size=2500, p=[0.5, 0.2, 0.15, 0.1, 0.05])
    x[labels == 2] += 1
    assert gdv(x, labels) == pytest.approx(plain_gdv(x, labels), abs=2e-6)


# Property 1
@pytest.mark.parametrize(
    ("n_classes", "bound"),
    [(2, -1), (3, -0.8660), (4, -0.8165), (5, -0.7906), (10, -0.7454), (20, -0.7255)],
)
def test_collapsed_balanced_classes_reach_the_bound(n_classes, bound):
    labels = np.repeat(np.arange(n_classes), 7)
    assert gdv_bound(n_classes) == pytest.approx(bound, abs=1e-4)
    assert gdv(np.eye(n_classes)[labels], labels) == pytest.approx(gdv_bound(n_classes), abs=1e-6)


def test_collapse_of_many_units_is_exact_too():
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(2), 40)
    corners = generator.choice([-1.0, 1.0], size=(1, 300))
    x = 1e3 + np.concatenate([corners, -corners])[labels]
    assert gdv(x.astype(np.float32), labels) == pytest.approx(-1, abs=1e-5)


def test_balanced_classes_never_pass_the_bound():
    for seed in range(20):
        x, labels = clusters(n_classes=2 + seed % 5, n_units=8, shift=10.0, seed=seed, n_rows=240)
        assert gdv(x, labels) >= gdv_bound(2 + seed % 5) - 1e-6


# Property 2
@pytest.mark.parametrize(("share", "expected"), [(0.7, -1.091), (0.9, -1.667), (0.99, -5.025)])
def test_unbalanced_classes_pass_the_bound(share, expected):
    labels = (np.arange(1000) >= 1000 * share).astype(int)
    assert gdv(labels[:, None].astype(float), labels) == pytest.approx(expected, abs=1e-3)
    assert expected == pytest.approx(-1 / (2 * math.sqrt(share * (1 - share))), abs=1e-3)


# Property 3
@pytest.mark.parametrize(("n_units", "spread"), [(2, 0.0026), (20, 0.0009), (200, 0.0003)])
def test_random_labels_give_zero(n_units, spread):
    generator = np.random.default_rng(0)
    x = generator.standard_normal((300, n_units))
    distances = pair_distances(standardize(x).values) / math.sqrt(n_units)
    labels = np.stack([generator.permutation(np.arange(300) % 5) for _ in range(400)])
    values = shuffled_gdv(distances, labels)
    assert abs(values.mean()) < 4 * spread / math.sqrt(400)
    assert values.std() == pytest.approx(spread, rel=0.25)
    assert (values > 0).any()


# Property 4
@pytest.mark.parametrize("n_units", [2, 20, 200])
def test_the_number_of_units_hardly_matters(n_units):
    generator = np.random.default_rng(1)
    labels = np.arange(2000) % 2
    x = generator.standard_normal((2000, n_units)) + 2 * labels[:, None]
    assert gdv(x, labels) == pytest.approx(-0.365, abs=0.015)


# Property 5
def test_dead_units_are_dropped_or_kept_as_zeros():
    generator = np.random.default_rng(2)
    labels = np.arange(1000) % 2
    live = generator.standard_normal((1000, 20)) + 2 * labels[:, None]
    x = np.concatenate([live, np.full((1000, 80), 0.1)], axis=1)
    assert gdv(x, labels) == pytest.approx(gdv(live, labels), abs=1e-9)
    assert gdv(x, labels, "zero") == pytest.approx(gdv(live, labels) / math.sqrt(5), abs=1e-9)
    assert gdv(x, labels) == pytest.approx(-0.364, abs=0.015)
    assert gdv(x, labels, dead_units="zero") == pytest.approx(-0.163, abs=0.01)


# Property 6
def test_rotation_changes_it():
    generator = np.random.default_rng(3)
    labels = np.arange(2000) % 2
    x = generator.standard_normal((2000, 10))
    x[:, 0] = 4 * labels + 0.5 * x[:, 0]
    rotation = np.linalg.qr(generator.standard_normal((10, 10)))[0]
    assert gdv(x @ rotation, labels) < 1.5 * gdv(x, labels) < 0


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x + np.linspace(-50, 50, x.shape[1]),
        lambda x: x * 1e-3,
        lambda x: x * np.geomspace(1e-3, 1e3, x.shape[1]),
        lambda x: x[:, ::-1],
        lambda x: x * 1e-200,
        lambda x: x * 1e200,
    ],
    ids=["translation", "scale", "unit scale", "unit order", "tiny", "huge"],
)
@pytest.mark.parametrize("n_units", [20, 150])
def test_invariances(change, n_units):
    x, labels = clusters(n_units=n_units)
    assert gdv(change(x), labels) == pytest.approx(gdv(x, labels), abs=1e-6)


def test_order_of_rows_and_names_of_classes_do_not_matter():
    x, labels = clusters()
    order = np.random.default_rng(4).permutation(len(x))
    expected = pytest.approx(gdv(x, labels), abs=1e-7)
    assert gdv(x[order], labels[order]) == expected
    names = np.array(["noun", "verb", "adj", "adv"])
    for renamed in (
        names[labels],
        names[labels].astype(object),
        list(names[::-1][labels]),
        pd.Categorical(names[labels], categories=[*names, "unused"]),
        pd.Series(names[labels], index=range(5, 5 + len(x))),
        labels * 0.5,
        10 - labels,
    ):
        assert gdv(x, renamed) == expected


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int64, np.float16])
def test_any_real_dtype(dtype):
    x = np.random.default_rng(5).integers(0, 2, size=(60, 9))
    labels = x[:, 0]
    assert gdv(x.astype(dtype), labels) == pytest.approx(plain_gdv(x, labels), abs=1e-6)


def test_close_pairs_keep_their_digits():
    generator = np.random.default_rng(6)
    pairs = np.repeat(generator.standard_normal((150, 100)), 2, axis=0)
    x = (pairs + 1e-4 * generator.standard_normal(pairs.shape)).astype(np.float32)
    distances = pair_distances(x)
    exact = squareform(pdist(x.astype(np.float64)))
    assert np.allclose(distances, exact, rtol=1e-4, atol=0)
    twins = distances[np.arange(0, 300, 2), np.arange(1, 300, 2)]
    assert twins == pytest.approx(exact[np.arange(0, 300, 2), np.arange(1, 300, 2)], rel=1e-4)


def test_an_outlier_does_not_spoil_the_other_distances():
    x, labels = clusters(n_units=100)
    x[0] *= 1e6
    assert gdv(x.astype(np.float32), labels) == pytest.approx(plain_gdv(x, labels), abs=1e-5)


def test_memory_stays_bounded():
    x = np.random.default_rng(7).standard_normal((6000, 256), dtype=np.float32)
    labels = np.arange(6000) % 12
    tracemalloc.start()
    gdv(x, labels)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    all_pairs = 6000**2 * 4
    assert peak < 2.5 * x.nbytes + 80e6 < all_pairs


def test_class_sums_agree_with_all_pairs():
    x, labels = clusters(n_rows=1500, n_units=70, n_classes=7)
    order = np.argsort(labels, kind="stable")
    sums = class_distance_sums(x[order], np.bincount(labels))
    once = np.eye(7)[labels]
    assert sums == pytest.approx(once.T @ squareform(pdist(x)) @ once, rel=1e-9)


def test_drawing_every_group_once_changes_nothing_and_copies_never_pair():
    x, labels = clusters(n_rows=60, n_units=5)
    distances = pair_distances(standardize(x).values) / math.sqrt(5)
    groups = np.arange(60) // 3
    weights = np.ones((1, 60))
    weights = np.concatenate([weights, np.where(groups < 10, 2.0, 0.0)[None]])
    once, twice = redrawn_gdv(distances, labels, groups, weights)
    assert once == pytest.approx(gdv(x, labels), abs=1e-9)

    # By hand: pairs of rows of one drawn group count twice, others four times.
    half = distances[:30, :30]
    count = np.where(groups[:30, None] == groups[:30], 2.0, 4.0) * (1 - np.eye(30))
    member = np.eye(4)[labels[:30]]
    means = (member.T @ (half * count) @ member) / (member.T @ count @ member)
    between = means[~np.eye(4, dtype=bool)].mean()
    assert twice == pytest.approx(np.diag(means).mean() - between, abs=1e-12)


def test_a_draw_that_loses_a_class_is_not_a_number():
    distances = pair_distances(np.arange(4.0)[:, None])
    weights = np.array([[1.0, 1.0, 0.0, 1.0]])
    values = redrawn_gdv(distances, np.array([0, 0, 1, 1]), np.arange(4), weights)
    assert np.isnan(values).all()


def test_float_noise_around_a_constant_counts_as_dead():
    generator = np.random.default_rng(8)
    noisy = 0.1 * (1 + 1e-15 * generator.standard_normal(50))
    x = np.stack([noisy, np.arange(50.0), np.full(50, 1e300)], axis=1)
    scaled = standardize(x)
    assert scaled.n_dead == 2
    assert scaled.values.std(axis=0) == pytest.approx([0.5])


def nan_at(row, unit, value=np.nan):
    x = np.random.default_rng(0).standard_normal((6, 3))
    x[row, unit] = value
    return x


TWO = ["a", "a", "a", "b", "b", "b"]


@pytest.mark.parametrize(
    ("x", "labels", "kind", "said"),
    [
        (nan_at(4, 1), TWO, WorkbenchError, "1 NaN or infinite.*1 of 6 rows.*row 4, unit 1"),
        (nan_at([1, 5], 2, np.inf), TWO, WorkbenchError, "Found 2 NaN.*2 of 6 rows.*row 1, unit 2"),
        (np.ones((6, 3)), TWO, NoVaryingUnitError, "all 3 units constant"),
        (np.eye(6), ["a"] * 6, UsageError, "Found 1 classes"),
        (np.eye(6), ["a", *"bbbbb"], UsageError, "class 'a' with a single row"),
        (np.eye(6), TWO[:5], UsageError, "5 labels for 6 rows"),
        (np.eye(6), [None, *TWO[1:]], UsageError, "1 rows without a label"),
        (np.eye(6), [np.nan, 1, 1, 2, 2, 2], UsageError, "1 rows without a label"),
        (np.ones(6), TWO, UsageError, r"shape \(6,\)"),
        (np.ones((6, 2, 2)), TWO, UsageError, "flatten spatial axes"),
        (np.empty((0, 3)), [], UsageError, r"shape \(0, 3\)"),
        (np.empty((6, 0)), TWO, UsageError, r"shape \(6, 0\)"),
        (np.array([["x"] * 2] * 6), TWO, UsageError, "expected real numbers"),
        (np.eye(6) * 1j, TWO, UsageError, "expected real numbers"),
    ],
)
def test_bad_input_is_refused(x, labels, kind, said):
    with pytest.raises(kind, match=said):
        gdv(x, labels)


def test_unknown_treatment_of_dead_units_is_refused():
    with pytest.raises(UsageError, match="dead_units='droop'; did you mean 'drop'"):
        gdv(np.eye(6), TWO, dead_units="droop")


def test_bound_of_one_class_is_refused():
    with pytest.raises(UsageError, match="at least two"):
        gdv_bound(1)
