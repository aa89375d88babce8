"""Distances between curves along depth: what they are, what leaves them alone, what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from analyses import ndna
from analyses.ndna.alignments import align
from analyses.ndna.curves import Curves, even_depth
from analyses.ndna.resampling import resampled
from workbench.errors import UsageError


def plain_dtw(first: NDArray, second: NDArray, radius: int) -> tuple[float, float]:
    """The symmetric form, path by path: least mean, and least warping among those."""
    n = len(first)

    def cost(i: int, j: int) -> float:
        return float(np.mean((first[i] - second[j]) ** 2))

    best: list[tuple[float, float]] = []

    def walk(i: int, j: int, total: float, warped: float) -> None:
        if (i, j) == (n - 1, n - 1):
            best.append((total / (2 * n), warped / (2 * n * (n - 1))))
            return
        for di, dj, weight in ((1, 1, 2), (1, 0, 1), (0, 1, 1)):
            k, m = i + di, j + dj
            if k < n and m < n and abs(k - m) <= radius:
                walk(k, m, total + weight * cost(k, m), warped + weight * abs(k - m))

    walk(0, 0, 2 * cost(0, 0), 0.0)
    least = min(each for each, _ in best)
    return least, min(warped for each, warped in best if math.isclose(each, least, rel_tol=1e-12))


def curves_of(
    name: str, seed: int, nodes: int = 7, vocabulary: str = "words", n_prompts: int = 9
) -> Curves:
    """Two channels of noise about a slope, the first one undefined at the first node."""
    generator = np.random.default_rng(seed)
    step, belief = generator.normal(size=(2, n_prompts, nodes)) + np.linspace(0, 1, nodes)
    step[:, 0] = np.nan
    sites = tuple(str(node) for node in range(nodes))
    channels = {"step": step, "belief": belief, "residual_turning": belief**2}
    return Curves(name, sites, even_depth(nodes), channels, vocabulary)


@pytest.mark.parametrize("band", [0.0, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("channels", [1, 3])
def test_alignment_agrees_with_all_paths_tried_one_by_one(
    band: float, channels: int, generator: np.random.Generator
) -> None:
    first, second = generator.normal(size=(2, 4, 6, channels))
    found = align(first, second, band)
    for pair in range(4):
        value, warping = plain_dtw(first[pair], second[pair], int(band * 6))
        assert found.value[pair] == pytest.approx(value, rel=1e-12)
        assert found.warping[pair] == pytest.approx(warping, rel=1e-12, abs=1e-15)


def test_among_equal_alignments_the_least_warped_is_reported() -> None:
    flat = np.zeros((8, 1))
    assert align(flat, flat, 1.0).warping == 0
    assert align(flat, flat + 2, 1.0) == (4.0, 0.0)


@pytest.mark.parametrize("channels", ["step", ("step", "belief"), None])
def test_zero_to_itself_and_the_same_both_ways(channels: str | tuple[str, ...] | None) -> None:
    first, second = curves_of("a", 1), curves_of("b", 2, nodes=11)
    assert ndna.distance(first, first, channels) == (0.0, 0.0)
    there, back = (
        ndna.distance(first, second, channels),
        ndna.distance(second, first, channels),
    )
    assert there == back
    assert float(there) == there.value > 0
    assert 0 <= there.warping <= 0.2


def test_band_zero_is_the_mean_squared_euclidean_distance_of_scaled_curves() -> None:
    first, second = np.random.default_rng(0).normal(size=(2, 32, 2))
    found = ndna.distance(first, second, band=0.0)
    both = np.concatenate([first, second])
    scale = np.ptp(both, axis=0)
    assert found.value == pytest.approx(np.mean(((first - second) / scale) ** 2), rel=1e-12)
    assert found.warping == 0


def test_a_wider_band_never_raises_the_distance() -> None:
    first, second = curves_of("a", 3), curves_of("b", 4)
    values = [ndna.distance(first, second, band=band).value for band in (0, 0.1, 0.3, 1)]
    assert values == sorted(values, reverse=True)
    assert values[-1] < values[0]


def test_units_and_origin_of_channels_do_not_matter() -> None:
    first, second = np.random.default_rng(5).normal(size=(2, 9, 2))
    scale, shift = np.array([1e6, 1e-4]), np.array([3.0, -7.0])
    changed = ndna.distance(first * scale + shift, second * scale + shift)
    plain = ndna.distance(first, second)
    assert changed.value == pytest.approx(plain.value, rel=1e-6)
    assert changed.warping == pytest.approx(plain.warping, rel=1e-6, abs=1e-9)


def test_the_same_curve_with_more_nodes_is_almost_the_same() -> None:
    def bend(nodes: int) -> NDArray:
        return np.sin(3 * np.linspace(0, 1, nodes))

    assert ndna.distance(bend(400), bend(12)).value < 1e-4
    assert ndna.distance(bend(400), -bend(12)).value > 0.1


def test_a_later_bump_is_near_but_takes_warping() -> None:
    depth = np.linspace(0, 1, 32)
    early, late = (np.exp(-(((depth - place) / 0.08) ** 2)) for place in (0.45, 0.55))
    warped, stiff = ndna.distance(early, late), ndna.distance(early, late, band=0.0)
    assert warped.value < 0.05 * stiff.value
    assert warped.warping > 0.02
    assert stiff.warping == 0


def test_one_dimension_and_two_and_lists_and_precisions_agree() -> None:
    first, second = np.random.default_rng(6).normal(size=(2, 8)).astype(np.float32)
    expected = ndna.distance(first, second)
    assert ndna.distance(first[:, None], second[:, None]) == expected
    assert ndna.distance(first.tolist(), second.tolist()) == expected


def test_channels_of_curves_that_are_not_asked_for_play_no_part() -> None:
    first, second = curves_of("a", 7), curves_of("b", 8)
    with_nan = {**second.prompts, "belief": np.full_like(second.prompts["belief"], np.nan)}
    broken = Curves("b", second.sites, second.depth, with_nan, second.vocabulary)
    assert ndna.distance(first, broken, "step") == ndna.distance(first, second, "step")


def test_length_and_belief_are_compared_by_default_or_what_there_is() -> None:
    first, second = curves_of("a", 7), curves_of("b", 8)
    assert ndna.distance(first, second) == ndna.distance(first, second, ("step", "belief"))
    kept = ("step", "residual_turning")
    few = [
        Curves(each.name, each.sites, each.depth, {c: each.prompts[c] for c in kept}, "words")
        for each in (first, second)
    ]
    assert ndna.distance(*few) == ndna.distance(first, second, kept)


def test_two_models_of_one_name_are_two_models() -> None:
    assert ndna.distance(curves_of("a", 1), curves_of("a", 2)).value > 0


def test_distances_of_a_matrix_are_those_scaled_among_its_models() -> None:
    models = {name: curves_of(name, seed) for seed, name in enumerate("abcd")}
    matrix = ndna.distance_matrix(models)
    for row, one in enumerate(models):
        for column, other in enumerate(models):
            pair = ndna.distance(models[one], models[other], among=models)
            assert matrix.values[row, column] == pytest.approx(pair.value, rel=1e-12)
            assert matrix.warping[row, column] == pytest.approx(pair.warping, rel=1e-12)
    assert (matrix.values == matrix.values.T).all()
    assert matrix.to_pandas().loc["a", "c"] == matrix.values[0, 2]


def test_draws_of_prompts_scatter_about_the_distances() -> None:
    models = {name: curves_of(name, seed, n_prompts=200) for seed, name in enumerate("abc")}
    draws = ndna.drawn_distances(models, 100, seed=1)
    again = ndna.drawn_distances(models, 100, seed=1)
    whole = ndna.distance_matrix(models).values
    assert draws.shape == (100, 3, 3)
    assert (draws == again).all()
    off = ~np.eye(3, dtype=bool)
    # Noise of the draws only adds to a squared distance; it stays of its order.
    assert (np.median(draws, axis=0)[off] > 0.5 * whole[off]).all()
    assert (draws[:, np.eye(3, dtype=bool)] == 0).all()


def test_models_that_are_the_same_are_so_in_every_draw() -> None:
    first = curves_of("a", 1)
    draws = ndna.drawn_distances({"a": first, "b": first, "c": curves_of("c", 2)}, 20)
    assert (draws[:, 0, 1] == 0).all()
    assert (draws[:, 0, 2] > 0).all()


def test_resampling_keeps_lines_and_joins_over_gaps() -> None:
    line = np.linspace(2, 4, 9)
    assert resampled(line, even_depth(9), 33) == pytest.approx(np.linspace(2, 4, 33))
    gappy = line.copy()
    gappy[[3, 4]] = np.nan
    both = resampled(np.stack([line, gappy]), even_depth(9), 17)
    assert both[1] == pytest.approx(both[0])


def test_mixed_vocabularies_are_refused_except_for_residual_channels() -> None:
    first, second = curves_of("gpt", 1), curves_of("bert", 2, vocabulary="pieces")
    with pytest.raises(UsageError, match=r"different vocabularies in 'gpt' and 'bert'; expected"):
        ndna.distance(first, second, "step")
    with pytest.raises(UsageError, match="compare models of one tokenizer"):
        ndna.distance_matrix({"gpt": first, "bert": second})
    with pytest.raises(UsageError, match="different vocabularies"):
        ndna.family_tree({"gpt": first, "bert": second})
    assert ndna.distance(first, second, "residual_turning").value > 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (([1.0], [1.0, 2.0]), r"Found curves of shape \(1,\); expected .* at least two nodes"),
        ((np.zeros((2, 2, 2)), np.zeros((4, 2))), r"Found curves of shape \(2, 2, 2\)"),
        ((np.zeros((4, 0)), np.zeros((4, 0))), r"Found curves of shape \(4, 0\)"),
        ((np.zeros((4, 2)), np.zeros((4, 3))), r"Found curves of \[2, 3\] channels"),
        (([1.0, 2.0], [np.nan, np.nan]), "without any defined value; expected at least one"),
        ((["x", "y"], [1.0, 2.0]), "no array of numbers; expected Curves, or an array"),
        (([1.0, 2.0], curves_of("a", 1)), "Found both curves and plain arrays; expected one kind"),
    ],
)
def test_curves_that_cannot_be_compared_are_refused(given: tuple, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ndna.distance(*given)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"band": 1.5}, r"Found band 1.5; expected a share of the depth"),
        ({"band": math.nan}, r"Found band nan; expected a share"),
        ({"channels": "stepp"}, r"Found no channel 'stepp' in the curves of 'a'; did you mean"),
        ({"channels": ()}, r"Found no channel that all of .* expected at least one"),
        ({"n_depths": 1}, r"Found 1 depths to resample to; expected at least two"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ndna.distance(curves_of("a", 1), curves_of("b", 2), **options)


def test_names_of_channels_are_refused_for_arrays() -> None:
    with pytest.raises(UsageError, match="Found names of channels for plain arrays"):
        ndna.distance([0.0, 1.0], [1.0, 0.0], "step")


def test_bootstraps_need_the_same_prompts_of_every_model() -> None:
    models = {"a": curves_of("a", 1), "b": curves_of("b", 2, n_prompts=4)}
    with pytest.raises(UsageError, match=r"Found curves over \[4, 9\] prompts; expected the same"):
        ndna.drawn_distances(models)
    with pytest.raises(UsageError, match="Found an array for 'b', without prompts"):
        ndna.drawn_distances({"a": models["a"], "b": np.zeros(3)})


@pytest.mark.parametrize(
    ("values", "names", "message"),
    [
        (np.zeros((2, 2)), ("a",), r"shape \(2, 2\) with 1 names, 1 of them different"),
        (np.zeros((2, 2)), ("a", "a"), r"with 2 names, 1 of them different"),
        (np.array([[0, 1], [2, 0]]), ("a", "b"), "differ between the two directions"),
        (np.array([[0.5, 1], [1, 0]]), ("a", "b"), "zeros on the diagonal"),
        (np.array([[0, -1], [-1, 0]]), ("a", "b"), "negative distances"),
        (np.array([[0, np.nan], [np.nan, 0]]), ("a", "b"), "Found NaN"),
    ],
)
def test_matrices_that_are_no_distances_are_refused(
    values: NDArray, names: tuple[str, ...], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        ndna.DistanceMatrix(names, values)


def test_alignment_refuses_what_it_cannot_align() -> None:
    with pytest.raises(UsageError, match=r"Found curves of shapes \(3, 1\) and \(4, 1\)"):
        align(np.zeros((3, 1)), np.zeros((4, 1)))
    with pytest.raises(UsageError, match="Found NaN or infinite values in curves to align"):
        align(np.full((3, 1), np.nan), np.zeros((3, 1)))


def test_fewer_than_two_models_are_refused() -> None:
    first = curves_of("a", 1)
    for given, n in (({"a": first}, 1), ([first], 1), (7, 0)):
        with pytest.raises(UsageError, match=f"Found {n} named models; expected a mapping"):
            ndna.distance_matrix(given)  # type: ignore[arg-type]
    for given in ([first, first], [first, np.zeros(3)]):
        with pytest.raises(UsageError, match="Found 2 models with 1 different names; expected"):
            ndna.distance_matrix(given)
    with pytest.raises(UsageError, match="Found 0 bootstrap draws; expected at least one"):
        ndna.drawn_distances([first, curves_of("b", 2)], 0)


def test_a_sequence_of_curves_goes_by_their_names() -> None:
    several = [curves_of(name, seed) for seed, name in enumerate("abc")]
    mapped = {each.name: each for each in several}
    assert ndna.distance_matrix(several).names == ("a", "b", "c")
    assert (ndna.distance_matrix(several).values == ndna.distance_matrix(mapped).values).all()
    one, other = (ndna.family_tree(each, n_bootstrap=5).newick for each in (several, mapped))
    assert one == other
