"""Named indices: what the corrected forms do not depend on, and that the published ones do."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import ortho_group

from analyses import ndna
from analyses.ndna.indices import maximum_mean_discrepancy
from workbench.errors import UsageError


def activity(seed: int, *shape: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=shape or (3, 20, 6))


def test_hamming_distance_is_a_share_that_rotations_leave_alone_only_when_corrected() -> None:
    layers = activity(0)
    turned = 7 * layers @ ortho_group.rvs(6, random_state=1) + 3
    assert ndna.neural_hamming_distance(layers, turned) == 0
    assert ndna.neural_hamming_distance(layers, turned, of="units") > 0.2
    assert ndna.neural_hamming_distance(layers, layers, of="units") == 0
    assert ndna.neural_hamming_distance(layers, -layers, of="units") == 1


def test_hamming_distance_of_unrelated_models_is_one_half() -> None:
    one, other = activity(2, 2, 300, 80), activity(3, 2, 300, 50)
    assert ndna.neural_hamming_distance(one, other) == pytest.approx(0.5, abs=0.02)
    assert ndna.neural_hamming_distance(one[..., :50], other, of="units") == pytest.approx(
        0.5, abs=0.02
    )


def test_hamming_distance_counts_what_a_loop_counts() -> None:
    one, other = activity(4, 5, 3), activity(5, 5, 3)
    differ = [
        (one[row, unit] > 0.3) != (other[row, unit] > 0.3) for row in range(5) for unit in range(3)
    ]
    assert ndna.neural_hamming_distance(one, other, "units", 0.3) == np.mean(differ)


def test_dissimilarity_runs_from_zero_to_one() -> None:
    one, other = np.zeros((4, 2)), np.full((4, 2), 1e6)
    first, second = np.eye(4)[[0, 0, 1, 1]], np.eye(4)[[2, 2, 3, 3]]
    assert ndna.genetic_dissimilarity_index(one, one, first, first) == 0
    apart = ndna.genetic_dissimilarity_index(one, other, first, second, width=1.0)
    assert apart == pytest.approx(1)
    only_predictions = ndna.genetic_dissimilarity_index(one, other, first, first, 0.0)
    assert only_predictions == 0


def test_discrepancy_agrees_with_its_definition_and_grows_with_distance() -> None:
    one, other = activity(6, 30, 3), activity(7, 40, 3)

    def kernel(a: NDArray, b: NDArray) -> float:
        gaps = a[:, None] - b[None]
        return float(np.exp(-(gaps**2).sum(-1) / 2).mean())

    expected = kernel(one, one) + kernel(other, other) - 2 * kernel(one, other)
    assert maximum_mean_discrepancy(one, other, 1.0) ** 2 == pytest.approx(expected)
    values = [maximum_mean_discrepancy(one, other + shift) for shift in (0, 1, 3)]
    assert values == sorted(values)


def test_karyotypes_do_not_depend_on_the_numbers_of_clusters() -> None:
    centres = activity(8, 4, 5, 3)
    generator = np.random.default_rng(9)
    renumbered = np.stack([layer[generator.permutation(5)] for layer in centres])
    assert ndna.karyotype_distance(centres, renumbered) == 0
    assert ndna.karyotype_distance(centres, centres + np.array([3.0, 0, 4.0])) <= 5
    far = centres * 0.01
    assert ndna.karyotype_distance(far, far + np.array([3.0, 0, 4.0])) == pytest.approx(5)


def test_dominance_tells_parents_midpoints_and_strangers() -> None:
    one, other = activity(10), activity(11)
    assert ndna.trait_dominance_score(one, one, other).share == pytest.approx(np.ones(3))
    assert ndna.trait_dominance_score(other, one, other).share == pytest.approx(np.zeros(3))
    middle = ndna.trait_dominance_score((one + other) / 2, one, other, steepness=4.0)
    assert middle.share == pytest.approx(np.full(3, 0.5))
    assert middle.score == pytest.approx(np.full(3, 0.5))
    assert middle.off_line == pytest.approx(np.zeros(3), abs=1e-9)
    beyond = ndna.trait_dominance_score(2 * one - other, one, other, steepness=4.0)
    assert beyond.share == pytest.approx(np.full(3, 2.0))
    assert beyond.score == pytest.approx(np.full(3, expit(6.0)))
    stranger = ndna.trait_dominance_score(activity(12), one, other)
    assert (stranger.off_line > 0.5).all()


@pytest.mark.parametrize(
    "index", [ndna.trait_dominance_score, ndna.divergence_index, ndna.parental_share]
)
def test_place_between_parents_survives_rotation_shift_and_scale(index: Any) -> None:
    traits = [activity(seed) for seed in (13, 14, 15)]
    rotation = ortho_group.rvs(6, random_state=2)
    moved = [5 * each @ rotation + 100 for each in traits]
    plain, changed = index(*traits), index(*moved)
    assert np.asarray(changed) == pytest.approx(np.asarray(plain))


def test_divergence_is_dominance_less_one_half_and_its_metric_ignores_the_origin() -> None:
    child, one, other = (activity(seed) for seed in (16, 17, 18))
    share = ndna.trait_dominance_score(child, one, other).share
    assert ndna.divergence_index(child, one, other) == pytest.approx(share - 0.5)
    root = activity(19, 6, 6)
    metric = root @ root.T
    weighed = ndna.divergence_index(child, one, other, metric)
    assert ndna.divergence_index(child + 9, one + 9, other + 9, metric) == pytest.approx(weighed)
    whitened = [each @ np.linalg.cholesky(metric) for each in (child, one, other)]
    assert ndna.divergence_index(*whitened) == pytest.approx(weighed)


def test_the_offspring_cancels_only_in_the_published_form() -> None:
    one, other = activity(20, 8), activity(21, 8)
    children = [activity(seed, 8) for seed in range(30, 35)]
    published = [ndna.published.offspring_dissimilarity(each, one, other) for each in children]
    cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    assert published == pytest.approx([cosine / 2] * 5)
    assert np.ptp([ndna.parental_share(each, one, other) for each in children]) > 0.01
    assert ndna.parental_share(one, one, other) == 1
    assert ndna.parental_share(other, one, other) == 0


def test_the_second_form_of_dominance_runs_from_minus_one_to_one() -> None:
    one, other = activity(22, 8), activity(23, 8)
    found = [ndna.published.trait_dominance_difference(each, one, other) for each in (one, other)]
    assert found == pytest.approx([1, -1])


def test_epistasis_is_the_relative_move() -> None:
    before = activity(24, 10, 4)
    assert ndna.epistasis(before, before) == 0
    assert ndna.epistasis(before, 1.5 * before) == pytest.approx(0.5)


def test_a_fisher_weighted_merge_is_consistent() -> None:
    one, other = activity(25, 5), activity(26, 5)
    weights = np.random.default_rng(27).uniform(0.1, 2, (2, 5))
    merged = (weights[0] * one + weights[1] * other) / weights.sum(axis=0)
    assert ndna.merge_consistency(merged, one, other, *weights) == pytest.approx(0, abs=1e-12)
    full = [np.diag(each) for each in weights]
    plain = (one + other) / 2
    diagonal = ndna.merge_consistency(plain, one, other, *weights)
    assert ndna.merge_consistency(plain, one, other, *full) == pytest.approx(diagonal)
    shifted = [each + 50 for each in (plain, one, other)]
    assert ndna.merge_consistency(*shifted, *weights) == pytest.approx(diagonal)
    published = ndna.merge_consistency(plain, one, other, *weights, relative_to="norms")
    moved = ndna.merge_consistency(*shifted, *weights, relative_to="norms")
    assert moved < 0.1 * published


def test_layers_are_kept_apart() -> None:
    child, one, other = (activity(seed) for seed in (28, 29, 30))
    weights = np.ones((2, 6))
    for index, options in (
        (ndna.merge_deviation, ()),
        (ndna.divergence_index, ()),
        (ndna.parental_share, ()),
        (ndna.merge_consistency, tuple(weights)),
    ):
        whole = index(child, one, other, *options)
        parts = [index(child[n], one[n], other[n], *options) for n in range(3)]
        assert whole == pytest.approx(parts)
        assert all(isinstance(part, float) for part in parts)


def test_equal_weights_make_consistency_the_deviation_over_the_distance() -> None:
    child, one, other = (activity(seed, 7) for seed in (31, 32, 33))
    expected = ndna.merge_deviation(child, one, other) / np.linalg.norm(one - other)
    found = ndna.merge_consistency(child, one, other, np.ones(7), np.ones(7))
    assert found == pytest.approx(expected)


def test_collapse_is_the_product_and_keeps_what_is_undefined() -> None:
    found = ndna.collapse_index([[1.0, 2.0, np.nan]], [[0.5, 0.5, 1.0]], [[2.0, 0.0, 1.0]])
    assert found[0, :2].tolist() == [1.0, 0.0]
    assert np.isnan(found[0, 2])


def test_parents_that_are_the_same_leave_the_place_undefined() -> None:
    same = np.ones(3)
    found = ndna.trait_dominance_score(np.zeros(3), same, same)
    assert all(math.isnan(each) for each in (found.share, found.off_line, found.score))
    assert math.isnan(ndna.divergence_index(np.zeros(3), same, same))
    assert math.isnan(ndna.parental_share(same, same, same))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ndna.neural_hamming_distance(np.ones(3), np.ones(3)), r"activity of shape \(3,\)"),
        (
            lambda: ndna.neural_hamming_distance(np.ones((2, 3)), np.ones((3, 3))),
            r"Found activity of shapes \(1, 2, 3\) and \(1, 3, 3\); expected the same layers",
        ),
        (
            lambda: ndna.neural_hamming_distance(np.ones((2, 3)), np.ones((2, 4)), of="units"),
            "expected the same layers, rows and units",
        ),
        (
            lambda: ndna.neural_hamming_distance(np.ones((2, 3)), np.ones((2, 3)), of="bits"),  # type: ignore[arg-type]
            "Found of='bits'; expected 'similarities' or 'units'",
        ),
        (
            lambda: ndna.karyotype_distance(np.full((2, 2), np.nan), np.ones((2, 2))),
            "Found NaN or infinite activity",
        ),
        (
            lambda: ndna.karyotype_distance(np.ones((2, 2)), np.ones((3, 2))),
            "Found activity of shapes",
        ),
        (
            lambda: ndna.genetic_dissimilarity_index(*[np.eye(2)] * 4, alpha=2),
            "Found alpha 2; expected a share from 0 to 1",
        ),
        (
            lambda: ndna.genetic_dissimilarity_index(np.eye(2), np.eye(3), np.eye(2), np.eye(2)),
            "Found activity of shapes",
        ),
        (
            lambda: ndna.genetic_dissimilarity_index(*[np.eye(2)] * 2, np.eye(2), 2 * np.eye(2)),
            "sum to 1 only within",
        ),
        (
            lambda: ndna.divergence_index([1.0], [1.0, 2.0], [0.0, 0.0]),
            r"Found traits of shapes \(1,\), \(2,\), \(2,\); expected the same features",
        ),
        (lambda: ndna.epistasis([[np.inf]], [[1.0]]), "Found NaN or infinite traits"),
        (
            lambda: ndna.divergence_index([1.0], [2.0], [0.0], np.eye(2)),
            r"Found weights of shape \(2, 2\) for 1 features",
        ),
        (
            lambda: ndna.merge_consistency([1.0], [2.0], [0.0], [0.0], [0.0]),
            "Found Fisher matrices whose sum has no inverse",
        ),
        (
            lambda: ndna.merge_consistency([1.0], [2.0], [0.0], [1.0], [1.0], "mean"),  # type: ignore[arg-type]
            "Found relative_to='mean'; expected 'distance' or 'norms'",
        ),
        (
            lambda: ndna.collapse_index([1.0], [1.0, 2.0], [1.0]),
            r"Found curves of shapes \(1,\), \(2,\), \(1,\); expected equally many layers",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(call: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        call()
