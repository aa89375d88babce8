"""Intervals cover the truth as often as they say, also for rows that depend on each other."""

import numpy as np
import pytest

from workbench.errors import UsageError
from workbench.statistics.bootstrap import (
    bootstrap_weights,
    percentile_interval,
    zero_difference_p,
)


def test_interval_over_groups_covers_and_one_over_rows_does_not():
    generator = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 5)
    covered = {"groups": 0, "rows": 0}
    n_tests = 200
    for _ in range(n_tests):
        values = np.repeat(generator.standard_normal(40), 5)
        for name, unit in (("groups", groups), ("rows", np.arange(200))):
            weights = bootstrap_weights(unit, 200, generator)
            low, high = percentile_interval(weights @ values / weights.sum(axis=1))
            covered[name] += low <= 0 <= high
    assert 0.88 <= covered["groups"] / n_tests <= 0.99
    assert covered["rows"] / n_tests < 0.75


def test_weights_are_equal_within_groups_and_count_the_groups():
    groups = np.array(["b", "a", "b", "c"])
    weights = bootstrap_weights(groups, 50, np.random.default_rng(1))
    assert (weights[:, 0] == weights[:, 2]).all()
    assert (weights[:, [0, 1, 3]].sum(axis=1) == 3).all()
    assert weights.mean(axis=0) == pytest.approx(np.ones(4), abs=0.5)


def test_difference_test_holds_its_level():
    generator = np.random.default_rng(2)
    p = []
    for _ in range(400):
        sample = generator.standard_normal(50)
        weights = bootstrap_weights(np.arange(50), 99, generator)
        p.append(zero_difference_p(sample.mean(), weights @ sample / 50))
    assert np.mean(np.array(p) <= 0.05) <= 0.1


def test_bad_input_is_refused():
    with pytest.raises(UsageError, match="1 group"):
        bootstrap_weights(["a", "a"], 10, np.random.default_rng(0))
    with pytest.raises(UsageError, match="0 group"):
        bootstrap_weights([], 10, np.random.default_rng(0))
    with pytest.raises(UsageError, match="1 finite of 2"):
        percentile_interval([1.0, np.nan])
    with pytest.raises(UsageError, match="level 95"):
        percentile_interval([1.0, 2.0], level=95)
