"""Array functions of nDNA: exact values, invariances, kinds and precisions, bad input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon
from scipy.special import softmax

import workbench as wb
from analyses import ndna
from analyses.ndna import published
from analyses.ndna.metrics import pullback_metric

KINDS = {
    "numpy float32": lambda x: np.asarray(x, np.float32),
    "numpy float64": lambda x: np.asarray(x, np.float64),
    "torch float32": lambda x: torch.tensor(np.asarray(x), dtype=torch.float32),
    "torch float64": lambda x: torch.tensor(np.asarray(x), dtype=torch.float64),
}


def sphere_probs(points: np.ndarray) -> np.ndarray:
    """Probabilities whose roots are points of the positive part of the unit sphere."""
    return points**2


def geodesic(n_nodes: int, start: float = 0.1, end: float = 1.3) -> np.ndarray:
    angle = np.linspace(start, end, n_nodes)
    return sphere_probs(np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=-1))


def small_circle(n_nodes: int, polar: float = 0.5, arc: float = 2.0) -> np.ndarray:
    """A small circle of a given polar angle, turned so that it stays within the positive part."""
    angle = np.linspace(0, arc, n_nodes) - arc / 2
    around = np.sin(polar) * np.stack([np.cos(angle), np.sin(angle)])
    axis = np.ones(3) / np.sqrt(3)
    first = np.array([1.0, -1.0, 0.0]) / np.sqrt(2)
    second = np.cross(axis, first)
    return np.cos(polar) * axis + around[0][:, None] * first + around[1][:, None] * second


def helix(n_nodes: int = 257, a: float = 2.0, b: float = 0.7, dimensions: int = 50) -> np.ndarray:
    angle = np.linspace(0, 4 * np.pi, n_nodes)
    curve = np.stack([a * np.cos(angle), a * np.sin(angle), b * angle], axis=-1)
    axes = np.linalg.qr(np.random.default_rng(3).normal(size=(dimensions, 3)))[0]
    return curve @ axes.T


def circle(n_points: int, radius: float = 3.0) -> np.ndarray:
    angle = np.arange(n_points) * 2 * np.pi / n_points
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def random_probs(generator: np.random.Generator, *shape: int) -> np.ndarray:
    return softmax(generator.normal(size=shape), axis=-1)


def test_bernoulli_and_corners() -> None:
    bernoulli = ndna.fisher_rao_distance(np.array([0.8, 0.2]), np.array([0.3, 0.7]))
    assert bernoulli == pytest.approx(1.0550179549, abs=1e-10)
    assert bernoulli == pytest.approx(2 * abs(np.arcsin(0.2**0.5) - np.arcsin(0.7**0.5)))
    assert ndna.fisher_rao_distance([1.0, 0.0], [0.0, 1.0]) == pytest.approx(np.pi)
    for n_classes, expected in ((50257, 3.13267), (3, 2 * np.arccos(3**-0.5))):
        uniform, one = np.full(n_classes, 1 / n_classes), np.eye(1, n_classes)[0]
        assert ndna.fisher_rao_distance(uniform, one) == pytest.approx(expected, abs=5e-6)


def test_three_classes_as_geomstats_has_them_and_the_path_of_mixtures_is_longer() -> None:
    p, q = np.array([0.7, 0.2, 0.1]), np.array([0.1, 0.2, 0.7])
    distance = ndna.fisher_rao_distance(p, q)
    assert distance == pytest.approx(1.5074337, abs=1e-7)
    share = np.linspace(0, 1, 2001)[:, None]
    mixtures = (1 - share) * p + share * q
    assert ndna.fisher_rao_path(mixtures).length == pytest.approx(1.51706, abs=1e-5)
    u, v = np.sqrt(p), np.sqrt(q)
    angle = np.arccos(u @ v)
    along = (np.sin((1 - share) * angle) * u + np.sin(share * angle) * v) / np.sin(angle)
    assert ndna.fisher_rao_path(along**2).length == pytest.approx(distance, abs=1e-9)


def test_neighbours_agree_with_jensen_shannon() -> None:
    p = np.array([0.5, 0.3, 0.2])
    q = p + np.array([0.008, -0.01, 0.002])
    from_scipy = jensenshannon(p, q) * np.sqrt(8)
    assert ndna.fisher_rao_distance(p, q) == pytest.approx(from_scipy, rel=1e-4)


@pytest.mark.parametrize("kind", ["numpy float32", "torch float32"])
def test_tiny_steps_survive_single_precision(kind: str) -> None:
    p = softmax(np.random.default_rng(0).normal(size=1000))
    tangent = np.sqrt(p) * np.random.default_rng(1).normal(size=1000)
    tangent -= (tangent @ np.sqrt(p)) * np.sqrt(p)
    tangent *= 0.00094571 / 2 / np.linalg.norm(tangent)
    q = (
        np.sqrt(p) * np.cos(0.00094571 / 2) + tangent / (0.00094571 / 2) * np.sin(0.00094571 / 2)
    ) ** 2
    made = ndna.fisher_rao_distance(KINDS[kind](p), KINDS[kind](q))
    assert float(made) == pytest.approx(0.00094571, rel=1e-3)


def test_a_geodesic_is_straight() -> None:
    probs = geodesic(9)
    assert np.abs(ndna.curvature(probs)).max() < 1e-5
    path = ndna.fisher_rao_path(probs)
    steps, length, chord, straightness, energy, tail = path
    assert straightness == pytest.approx(1)
    assert chord == pytest.approx(2.4)
    assert energy == pytest.approx(length**2)
    assert len(steps) == 8
    assert tail.tolist() == pytest.approx(np.linspace(2.4, 0, 9).tolist())
    assert published.interior_angle_curvature(probs)[3] == pytest.approx(10.47, abs=0.01)


@pytest.mark.parametrize(("n_nodes", "expected"), [(33, 0.91543), (65, 0.91529)])
def test_a_small_circle_has_half_its_cotangent(n_nodes: int, expected: float) -> None:
    made = ndna.curvature(sphere_probs(small_circle(n_nodes)))
    assert made.mean() == pytest.approx(expected, abs=2e-5)
    assert made.mean() == pytest.approx(0.5 / np.tan(0.5), rel=3e-4)


def test_energy_is_at_least_the_squared_length(generator: np.random.Generator) -> None:
    path = ndna.fisher_rao_path(random_probs(generator, 20, 6, 5))
    assert (path.energy >= path.length**2 - 1e-12).all()
    assert ((path.straightness > 0) & (path.straightness <= 1)).all()


def test_belief_of_two_classes() -> None:
    p = np.linspace(0, 1, 101)
    push = ndna.belief_push(np.stack([p, 1 - p], axis=-1), 0)
    assert np.allclose(push.norm, 2 * (1 - p) * np.sqrt(p * (1 - p)), atol=1e-12)
    assert push.norm.max() == pytest.approx(0.64952, abs=1e-5)
    assert p[push.norm.argmax()] == 0.25


def test_belief_is_the_standard_deviation_of_its_gradient(generator: np.random.Generator) -> None:
    probs, target = random_probs(generator, 7, 4, 6), generator.integers(0, 6, 7)
    push = ndna.belief_push(probs, target)
    gradient = np.eye(6)[target][:, None] - probs
    mean = (probs * gradient).sum(-1, keepdims=True)
    assert np.allclose(push.norm, np.sqrt((probs * (gradient - mean) ** 2).sum(-1)))
    assert push.norm.shape == (7, 4)
    assert push.coherence.shape == (4,)
    assert ((push.coherence > 0) & (push.coherence <= 1 + 1e-12)).all()
    same = ndna.belief_push(np.repeat(probs[:1], 5, axis=0), np.repeat(target[:1], 5))
    assert np.allclose(same.coherence, 1)
    assert np.allclose(same.norm_of_mean, same.norm[0])


def test_menger_is_exact_on_a_circle_of_any_spacing(generator: np.random.Generator) -> None:
    angle = np.sort(generator.uniform(0, 6, 30))
    uneven = 3 * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    assert np.abs(ndna.menger_curvature(circle(12)) - 1 / 3).max() < 1e-15
    assert np.allclose(ndna.menger_curvature(uneven), 1 / 3, rtol=1e-9)


def test_a_helix_in_fifty_dimensions() -> None:
    path = helix()
    curvature, torsion = 2 / 4.49, 0.7 / 4.49
    assert ndna.menger_curvature(path).mean() == pytest.approx(curvature, rel=1e-4)
    assert np.allclose(ndna.frenet_curvature(path), curvature, rtol=1e-3)
    found = ndna.frenet_torsion(path)
    assert found.shape == (255,)
    assert np.isnan(found[[0, -1]]).all()
    assert np.allclose(found[1:-1], torsion, rtol=1e-3)
    first, second, third = ndna.gram_determinants(path)
    assert np.allclose(np.sqrt(third) / second, found[1:-1], rtol=1e-6)
    assert np.allclose(np.sqrt(second) / first**1.5, ndna.frenet_curvature(path)[1:-1], rtol=1e-9)


def test_nulls_of_turning(generator: np.random.Generator) -> None:
    points = generator.normal(size=(400, 3, 768))
    assert np.degrees(ndna.turning_angles(points)).mean() == pytest.approx(120, abs=0.3)
    walk = np.degrees(ndna.turning_angles(points.cumsum(axis=1)))
    assert walk.mean() == pytest.approx(90, abs=0.3)


def test_belief_work_is_the_first_order_change_and_knows_no_basis(
    generator: np.random.Generator,
) -> None:
    weights, start = generator.normal(size=(4, 6)), generator.normal(size=6)
    path = start + 1e-4 * np.arange(3)[:, None] * generator.normal(size=6)
    probs = softmax(path @ weights.T, axis=-1)
    gradients = weights[2] - probs @ weights
    work = ndna.belief_work(gradients, path)
    assert work.shape == (2,)
    assert np.allclose(work, np.diff(np.log(probs[:, 2])), rtol=1e-3)
    change = generator.normal(size=(6, 6))
    turned = ndna.belief_work(gradients @ np.linalg.inv(change).T, path @ change)
    assert np.allclose(turned, work, rtol=1e-9)


def test_published_curvatures_depend_on_the_step() -> None:
    sizes = (12, 24, 48, 96)
    ratios = [published.delta2_over_delta3(circle(n))[0] for n in sizes]
    assert np.allclose(ratios, [0.215, 0.426, 0.849, 1.70], rtol=5e-3)
    raw = [published.raw_second_difference(circle(n))[0] for n in sizes]
    assert np.allclose(raw, [0.804, 0.204, 0.051, 0.013], atol=6e-4)
    tables = np.random.default_rng(0).normal(size=(3, 40, 5))
    assert published.token_table_curvature(np.repeat(tables[:1], 3, 0)).max() < 1e-3
    assert published.token_table_length(tables).shape == (2,)


def test_published_names_agree_where_they_must(generator: np.random.Generator) -> None:
    probs, targets = random_probs(generator, 9, 5, 7), np.arange(9) % 7
    assert np.allclose(published.arccos_steps(probs), ndna.fisher_rao_path(probs).steps)
    inside = published.interior_angle(probs)
    assert np.allclose(inside + ndna.fisher_rao_turning(probs), np.pi)
    belief = published.mean_push(probs, targets)
    assert np.allclose(belief.library, 2 * belief.driver)
    line = np.arange(12.0).reshape(4, 3)
    assert published.euclidean_length(line) == pytest.approx(3 * np.sqrt(27))
    curve = helix(dimensions=3)
    assert np.allclose(np.abs(published.torsion(curve)), 0.1559, atol=1e-3)
    assert published.score([1.0, 2.0], [3.0, 4.0], [5.0, 6.0]) == 63.0
    assert published.plotted_score([1.0, 2.0], [3.0, 4.0], [5.0, 6.0]).shape == (2,)
    with pytest.raises(wb.UsageError, match="expected 3, for a cross product"):
        published.torsion(helix())


def test_invariances_of_probabilities(generator: np.random.Generator) -> None:
    logits, targets = generator.normal(size=(8, 6, 9)), generator.integers(0, 9, 8)
    order = generator.permutation(9)
    variants = {
        "vocabulary permuted": (logits[..., order], np.argsort(order)[targets]),
        "logits shifted": (logits + generator.normal(size=(8, 6, 1)), targets),
    }
    for logit, target in variants.values():
        for first, second in zip(
            measured(softmax(logits, -1), targets),
            measured(softmax(logit, -1), target),
            strict=True,
        ):
            assert np.allclose(first, second, atol=1e-9)


def measured(probs: np.ndarray, target: np.ndarray) -> list[Any]:
    """All that is said of a path of probabilities."""
    return [*ndna.fisher_rao_path(probs), ndna.curvature(probs), *ndna.belief_push(probs, target)]


def test_invariances_of_paths(generator: np.random.Generator) -> None:
    path = generator.normal(size=(10, 7))
    rotation = np.linalg.qr(generator.normal(size=(7, 7)))[0]
    moved = path @ rotation + generator.normal(size=7)
    for function in PATHS.values():
        assert np.allclose(function(moved), function(path), rtol=1e-9, equal_nan=True)
    assert np.allclose(ndna.turning_angles(5 * path), ndna.turning_angles(path))
    for name in ("menger_curvature", "frenet_curvature", "frenet_torsion"):
        assert np.allclose(PATHS[name](5 * path), PATHS[name](path) / 5, equal_nan=True), name


def test_curves_do_not_depend_on_how_fast_they_are_walked() -> None:
    angle = np.linspace(0, 1, 400)
    for walked in (angle, (angle + 0.3 * np.sin(2 * angle)) / (1 + 0.3 * np.sin(2))):
        a = 6 * walked
        curve = np.stack([2 * np.cos(a), 2 * np.sin(a), 0.7 * a], axis=-1)
        assert np.allclose(ndna.frenet_curvature(curve), 2 / 4.49, rtol=1e-3)
        assert np.allclose(ndna.frenet_torsion(curve)[1:-1], 0.7 / 4.49, rtol=2e-3)
        assert np.allclose(ndna.menger_curvature(curve), 2 / 4.49, rtol=1e-3)


def test_other_metrics(generator: np.random.Generator) -> None:
    path = generator.normal(size=(30, 4))
    change = generator.normal(size=(4, 4))
    assert np.allclose(
        ndna.turning_angles(ndna.whitened(path, 0.0)),
        ndna.turning_angles(ndna.whitened(path @ change, 0.0)),
        rtol=1e-6,
    )
    metric = change @ change.T
    assert np.allclose(ndna.turning_angles(path, metric), ndna.turning_angles(path @ change))
    assert np.allclose(ndna.menger_curvature(path, metric), ndna.menger_curvature(path @ change))
    # A small step of the activity is as long as the step of the probabilities.
    weights, here = generator.normal(size=(6, 4)), path[0]
    step = 1e-4 * generator.normal(size=4)
    probs = softmax(np.stack([here, here + step]) @ weights.T, axis=-1)
    pulled = pullback_metric(weights, probs[0])
    assert np.sqrt(step @ pulled @ step) == pytest.approx(
        float(ndna.fisher_rao_distance(probs[0], probs[1])), rel=1e-3
    )
    with pytest.raises(wb.UsageError, match=r"metric of shape \(3, 3\); expected \(4, 4\)"):
        ndna.turning_angles(path, np.eye(3))


PATHS: dict[str, Callable] = {
    name: getattr(ndna, name)
    for name in ("turning_angles", "menger_curvature", "frenet_curvature", "frenet_torsion")
}
PROBABILITIES: dict[str, Callable] = {
    "curvature": ndna.curvature,
    "fisher_rao_turning": ndna.fisher_rao_turning,
    "fisher_rao_path": lambda p: ndna.fisher_rao_path(p).steps,
    "tail": lambda p: ndna.fisher_rao_path(p).tail_length,
    "belief": lambda p: ndna.belief_push(p, 1).norm,
    "distance": lambda p: ndna.fisher_rao_distance(p[..., :-1, :], p[..., 1:, :]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_kind_comes_out_and_batches_are_only_batches(
    kind: str, generator: np.random.Generator
) -> None:
    paths, probs = generator.normal(size=(2, 3, 6, 5)), random_probs(generator, 2, 3, 6, 5)
    for functions, values in ((PATHS, paths), (PROBABILITIES, probs)):
        made = KINDS[kind](values)
        for name, function in functions.items():
            found = function(made)
            assert (type(found), found.dtype) == (type(made), made.dtype), name
            alone = np.stack([[np.asarray(function(row)) for row in rows] for rows in made])
            assert np.allclose(np.asarray(found), alone, atol=1e-5, equal_nan=True), name
            exact = np.asarray(function(values))
            assert np.allclose(np.asarray(found), exact, atol=2e-5, equal_nan=True), name


def test_whole_numbers_and_half_precision_are_taken() -> None:
    assert ndna.turning_angles([[0, 0], [1, 0], [1, 1]])[0] == pytest.approx(np.pi / 2)
    half = torch.tensor([[0, 0], [1, 0], [1, 1.0]], dtype=torch.bfloat16)
    assert ndna.turning_angles(half).dtype == torch.float32


def test_what_is_undefined_is_masked() -> None:
    still = np.array([[0.0, 0], [1, 0], [1, 0], [2, 1], [3, 1], [4, 4]])
    assert np.isnan(ndna.turning_angles(still)).tolist() == [True, True, False, False]
    assert np.isnan(ndna.menger_curvature(np.ones((5, 3)))).all()
    assert np.isnan(ndna.frenet_curvature(np.ones((5, 3)))).all()
    line = np.outer(np.arange(6.0), np.random.default_rng(0).normal(size=9))
    assert np.isnan(ndna.frenet_torsion(line)).all()
    assert np.allclose(ndna.frenet_curvature(line), 0, atol=1e-12)
    there_and_back = np.array([[0.0, 0], [1, 0], [0, 0]])
    assert np.isnan(ndna.menger_curvature(there_and_back)).all()
    assert ndna.turning_angles(there_and_back)[0] == pytest.approx(np.pi)
    same = np.repeat(geodesic(2)[:1], 4, axis=0)
    path = ndna.fisher_rao_path(same)
    assert path.length == 0
    assert np.isnan(path.straightness)
    assert np.isnan(ndna.curvature(same)).tolist() == [True, True]
    assert ndna.turning_angles(np.eye(2)).shape == (0,)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ndna.curvature([[0.5, 0.5]]), "at least 2 nodes"),
        (lambda: ndna.fisher_rao_path([0.5, 0.5]), r"expected \(\.\.\., nodes, classes\)"),
        (lambda: ndna.curvature([[0.5, 0.4], [0.5, 0.5]]), "sum to 1 only within 0.1"),
        (lambda: ndna.curvature([[1.5, -0.5], [0.5, 0.5]]), "1 negative probabilities"),
        (
            lambda: ndna.curvature([[np.nan, 1], [0.5, 0.5]]),
            "NaN or infinite values in 1 of 2 rows",
        ),
        (lambda: ndna.fisher_rao_distance([0.5, 0.5], [1, 0, 0]), "different classes are not"),
        (lambda: ndna.belief_push([[0.5, 0.5]], 2), r"1 targets out of range \(such as 2\)"),
        (lambda: ndna.belief_push([[0.5, 0.5]], -1), "expected classes from 0 to 1"),
        (lambda: ndna.belief_push([[0.5, 0.5]], 0.5), "expected whole numbers"),
        (lambda: ndna.belief_push([[0.5, 0.5]], [0, 1]), "expected one target a path"),
        (lambda: ndna.turning_angles([[1.0, 2.0]]), "one is no path"),
        (lambda: ndna.menger_curvature([[1.0], [np.inf], [0]]), "expected finite numbers"),
        (lambda: ndna.turning_angles("path"), "no array of numbers"),
        (lambda: ndna.belief_work(np.ones((4, 2)), np.ones((3, 3))), "one gradient a node"),
        (lambda: ndna.graph_gap(np.ones((1, 3))), "at least two tokens"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(call: Callable, message: str) -> None:
    with pytest.raises(wb.UsageError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_the_graph_of_tokens(generator: np.random.Generator) -> None:
    apart = np.concatenate([generator.normal(size=(5, 3)), 60 + generator.normal(size=(5, 3))])
    assert ndna.graph_gap(apart, width=1.0).gap < 1e-9 < ndna.graph_gap(apart[:5], width=3.0).gap
    layers = ndna.graph_gap(torch.tensor(generator.normal(size=(4, 6, 3))))
    assert layers.gap.shape == (4,)
    assert bool((layers.largest <= 2 + 1e-9).all())
    ratio = published.graph_curvature(apart[:5], 3.0)
    gap, largest = ndna.graph_gap(apart[:5], 3.0)
    assert ratio == pytest.approx(gap / largest)
