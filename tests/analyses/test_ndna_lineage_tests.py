"""Same-root AUC, parent search and Mantel's test: planted descent found, chance not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import roc_auc_score

from analyses import ndna
from workbench.errors import UsageError


def noise(n: int, generator: np.random.Generator) -> NDArray[np.float64]:
    upper = np.triu(generator.uniform(0.5, 1.5, (n, n)), 1)
    return upper + upper.T


def family(n_roots: int, n_children: int) -> dict[str, tuple[str, ...]]:
    """Roots with children and one grandchild each."""
    parents: dict[str, tuple[str, ...]] = {}
    for root in "ABCDEFGH"[:n_roots]:
        parents[root] = ()
        parents |= {f"{root}{child}": (root,) for child in range(n_children)}
        parents[f"{root}0x"] = (f"{root}0",)
    return parents


def test_auc_agrees_with_scikit_learn_ties_included(generator: np.random.Generator) -> None:
    distances = np.round(noise(12, generator), 1)
    roots = generator.integers(0, 3, 12)
    rows, columns = np.triu_indices(12, 1)
    expected = roc_auc_score(roots[rows] == roots[columns], -distances[rows, columns])
    found = ndna.same_root_auc(distances, roots, n_permutations=19, n_bootstrap=20)
    assert found.value == pytest.approx(expected, rel=1e-12)


def test_planted_descent_is_found() -> None:
    parents = family(6, 3)
    truth = ndna.path_lengths(ndna.pedigree_tree(parents, origin_length=5.0))
    roots = [name[0] for name in truth.names]
    auc = ndna.same_root_auc(truth, roots)
    assert auc.value == 1
    assert auc.null.p_value == 0.001
    assert auc.interval == (1.0, 1.0)
    assert auc.null.mean == pytest.approx(0.5, abs=0.02)
    search = ndna.parent_search(truth, parents)
    assert search.top1.value == 1
    assert search.mrr.value == 1
    assert search.top1.null.p_value == 0.001
    assert search.top1.interval == (1.0, 1.0)
    assert search.top1.null.mean < 0.15
    r = ndna.mantel(truth, truth)
    assert r.r == pytest.approx(1)
    assert r.null.p_value == 0.001


def test_descent_is_not_found_in_noise() -> None:
    parents = family(4, 3)
    truth = ndna.path_lengths(ndna.pedigree_tree(parents))
    roots = [name[0] for name in truth.names]
    p_values: list[list[float]] = []
    covered = []
    for seed in range(40):
        distances = ndna.DistanceMatrix(truth.names, noise(len(roots), np.random.default_rng(seed)))
        auc = ndna.same_root_auc(distances, roots, 99, 99, seed)
        search = ndna.parent_search(distances, parents, None, 99, 99, seed)
        r = ndna.mantel(distances, truth, n_permutations=99, seed=seed)
        p_values.append([auc.null.p_value, search.mrr.null.p_value, r.null.p_value])
        covered.append(auc.interval[0] <= 0.5 <= auc.interval[1])
    # 40 tests at 5 % have more than 7 alarms once in two hundred.
    assert (np.mean(np.array(p_values) <= 0.05, axis=0) <= 7 / 40).all()
    assert np.mean(covered) >= 0.8


def test_either_parent_counts_and_descendants_are_no_candidates() -> None:
    parents = {"r": (), "a": ("r",), "b": ("r",), "m": ("a", "b"), "m2": ("m",), "s": ()}
    names = list(parents)
    distances = np.full((6, 6), 5.0) - 5 * np.eye(6)

    def put(one: str, other: str, value: float) -> None:
        place = names.index(one), names.index(other)
        distances[place] = distances[place[::-1]] = value

    put("m", "m2", 0.1)
    put("m", "b", 1.0)
    put("m", "a", 3.0)
    put("m", "s", 2.0)
    search = ndna.parent_search(distances, parents)
    assert dict(zip(search.children, search.ranks, strict=True))["m"] == 1
    assert dict(zip(search.children, search.ranks, strict=True))["m2"] == 1
    assert search.top1.n == 4


def test_candidates_at_the_parents_distance_count_as_nearer() -> None:
    search = ndna.parent_search(
        np.ones((4, 4)) - np.eye(4), {"r": (), "a": ("r",), "b": (), "c": ()}
    )
    assert search.ranks.tolist() == [3]
    assert search.mrr.value == pytest.approx(1 / 3)


def test_rows_go_by_name_not_by_order() -> None:
    parents = family(3, 2)
    truth = ndna.path_lengths(ndna.pedigree_tree(parents))
    backwards = truth.names[::-1]
    shuffled = truth.values[::-1, ::-1]
    found = ndna.parent_search(shuffled, parents, backwards)
    assert found.top1.value == 1
    assert found.children == tuple(name for name in backwards if parents[name])
    unnamed = ndna.parent_search(truth, parents)
    assert unnamed.top1.value == 1


@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_mantel_agrees_with_scipy(method: Any, generator: np.random.Generator) -> None:
    one = noise(9, generator)
    other = one + noise(9, generator)
    pairs = np.triu_indices(9, 1)
    expected = {"pearson": pearsonr, "spearman": spearmanr}[method](one[pairs], other[pairs])
    found = ndna.mantel(one, other, method=method)
    assert found.r == pytest.approx(expected.statistic, rel=1e-9)
    assert found.n == 9


def test_within_strata_only_pairs_of_one_family_count() -> None:
    generator = np.random.default_rng(11)
    strata = np.repeat(["a", "b", "c"], 5)
    same = strata[:, None] == strata
    # Families lie apart in both, but within them there is nothing to find.
    one, other = (np.where(same, noise(15, generator), 9 + noise(15, generator)) for _ in range(2))
    one, other = (each * ~np.eye(15, dtype=bool) for each in (one, other))
    overall, within = ndna.mantel(one, other), ndna.mantel(one, other, strata)
    assert overall.null.p_value <= 0.01
    assert overall.r > 0.9
    assert within.null.p_value > 0.05
    chosen = same & np.triu(np.ones((15, 15), bool), 1)
    assert within.r == pytest.approx(np.corrcoef(one[chosen], other[chosen])[0, 1])
    planted = ndna.mantel(one, one + 0.1 * other, strata)
    assert planted.null.p_value <= 0.01


def test_equal_seeds_give_equal_numbers() -> None:
    distances = noise(10, np.random.default_rng(1))
    roots = [*"aaabbbcccc"]
    assert ndna.same_root_auc(distances, roots) == ndna.same_root_auc(distances, roots)
    assert ndna.same_root_auc(distances, roots, seed=1) != ndna.same_root_auc(distances, roots)


@pytest.mark.parametrize(
    ("roots", "message"),
    [
        (list("aaaa"), r"Found 6 of 6 pairs of one root; expected pairs of one and of different"),
        (list("abcd"), r"Found 0 of 6 pairs of one root"),
        (list("aab"), r"Found roots of shape \(3,\) for 4 models; expected one each"),
    ],
)
def test_families_that_leave_nothing_to_tell_apart_are_refused(
    roots: list[str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        ndna.same_root_auc(np.ones((4, 4)) - np.eye(4), roots)


def test_searches_that_make_no_sense_are_refused() -> None:
    three = np.ones((3, 3)) - np.eye(3)
    with pytest.raises(UsageError, match="Found no model with a parent; expected at least one"):
        ndna.parent_search(three, {"a": (), "b": (), "c": ()})
    with pytest.raises(UsageError, match="Found 3 rows of distances, 2 names and 2 models"):
        ndna.parent_search(three, {"a": (), "b": ("a",)})
    with pytest.raises(UsageError, match="Found parent 'x' of 'b', which is none of the models"):
        ndna.parent_search(three, {"a": (), "b": ("x",), "c": ()})


@pytest.mark.parametrize(
    ("other", "options", "message"),
    [
        (np.ones((4, 4)) - np.eye(4), {}, r"Found matrices of 3 and 4 models; expected the same"),
        (np.ones((3, 3)) - np.eye(3), {}, r"Found 3 distances that do not vary; expected"),
        (np.ones((3, 3)) - np.eye(3), {"method": "kendall"}, "Found method 'kendall'; expected"),
        (np.ones((3, 3)) - np.eye(3), {"strata": list("abc")}, "Found 0 distances that do not"),
        (np.ones((3, 3)) - np.eye(3), {"strata": list("ab")}, r"Found strata of shape \(2,\)"),
    ],
)
def test_correlations_that_are_undefined_are_refused(
    other: NDArray, options: dict, message: str
) -> None:
    one = noise(3, np.random.default_rng(0))
    with pytest.raises(UsageError, match=message):
        ndna.mantel(one, other, **options)
