"""Permutation p-values are exact, uniform under the null, and refuse what is no distribution."""

import numpy as np
import pytest
from scipy import stats

from workbench.errors import UsageError
from workbench.statistics.permutation import group_permutation, permutation_null, permutation_p


@pytest.mark.parametrize("alternative", ["less", "greater"])
def test_p_is_uniform_when_the_null_holds(alternative):
    generator = np.random.default_rng(0)
    n_draws, n_tests = 19, 4000
    values = generator.standard_normal((n_tests, n_draws + 1))
    p = np.array([permutation_p(row[0], row[1:], alternative) for row in values])
    counts = np.bincount(np.rint(p * (n_draws + 1)).astype(int) - 1, minlength=n_draws + 1)
    assert stats.chisquare(counts).pvalue > 1e-3


def test_two_sided_p_holds_its_level_when_the_null_holds():
    generator = np.random.default_rng(1)
    values = generator.standard_exponential((4000, 100))
    p = np.array([permutation_p(row[0], row[1:]) for row in values])
    for level in (0.05, 0.2, 0.5):
        assert np.mean(p <= level) <= level + 3 * np.sqrt(level * (1 - level) / len(p))


@pytest.mark.parametrize("alternative", ["less", "greater", "two-sided"])
def test_p_agrees_with_scipy(alternative):
    generator = np.random.default_rng(2)
    sample, other = generator.standard_normal((2, 12)) + np.array([[0.0], [0.8]])

    def statistic(x, y, axis):
        return np.mean(x, axis=axis) - np.mean(y, axis=axis)

    expected = stats.permutation_test(
        (sample, other),
        statistic,
        n_resamples=500,
        alternative=alternative,
        rng=np.random.default_rng(3),
        vectorized=True,
    )
    p = permutation_p(expected.statistic, expected.null_distribution, alternative)
    assert p == pytest.approx(expected.pvalue)


def test_draws_that_differ_by_rounding_count_as_ties():
    observed = 0.3
    draws = np.full(9, 0.1 + 0.2)
    assert permutation_p(observed, draws, "less") == 1.0
    assert permutation_p(observed, draws, "greater") == 1.0


def test_null_describes_its_draws():
    null = permutation_null(2.0, [0.0, 1.0, 2.0, 3.0], "drawn", "greater")
    assert (null.method, null.mean, null.n, null.p_value) == ("drawn", 1.5, 4, 0.6)
    assert null.sd == pytest.approx(np.std([0, 1, 2, 3]))


def test_group_permutation_keeps_groups_whole():
    groups = np.array([3, 3, 1, 7, 7, 7, 1])
    labels = groups * 10
    for seed in range(20):
        shuffled = labels[group_permutation(groups, np.random.default_rng(seed))]
        found = [np.unique(shuffled[groups == group]) for group in np.unique(groups)]
        assert all(len(each) == 1 for each in found)
        assert sorted(each[0] for each in found) == [10, 30, 70]


@pytest.mark.parametrize(
    ("observed", "draws", "alternative", "said"),
    [
        (0.0, [], "less", "no draw"),
        (np.nan, [1.0], "less", "NaN"),
        (0.0, [1.0, np.inf], "less", "NaN or infinite"),
        (0.0, [1.0], "lower", "no alternative 'lower'"),
    ],
)
def test_bad_input_is_refused(observed, draws, alternative, said):
    with pytest.raises(UsageError, match=said):
        permutation_p(observed, draws, alternative)
