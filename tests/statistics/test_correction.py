"""Corrections agree with independent libraries and do what they promise."""

import numpy as np
import pytest
from scipy import stats

from workbench.errors import UsageError
from workbench.statistics.correction import benjamini_hochberg, holm


@pytest.mark.parametrize("seed", range(5))
def test_benjamini_hochberg_agrees_with_scipy(seed):
    p = np.random.default_rng(seed).uniform(size=30) ** 2
    p[3] = p[7]
    assert benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p))


@pytest.mark.parametrize("seed", range(5))
def test_holm_agrees_with_statsmodels(seed):
    multitest = pytest.importorskip("statsmodels.stats.multitest", reason="needs statsmodels")
    p = np.random.default_rng(seed).uniform(size=30) ** 2
    p[3] = p[7]
    assert holm(p) == pytest.approx(multitest.multipletests(p, method="holm")[1])


def test_holm_rejects_step_by_step():
    generator = np.random.default_rng(0)
    for _ in range(50):
        p = generator.uniform(size=8) ** 4
        ordered = np.sort(p)
        steps = ordered <= 0.05 / np.arange(8, 0, -1)
        n_rejected = 8 if steps.all() else int(np.argmin(steps))
        assert np.count_nonzero(holm(p) <= 0.05) == n_rejected


def test_holm_bounds_the_chance_of_any_false_finding():
    generator = np.random.default_rng(1)
    found = [(holm(generator.uniform(size=20)) <= 0.05).any() for _ in range(2000)]
    assert np.mean(found) <= 0.065


@pytest.mark.parametrize("correct", [holm, benjamini_hochberg])
def test_order_and_ends(correct):
    p = np.array([0.9, 1e-6, 0.02, 1.0])
    order = np.array([2, 0, 3, 1])
    assert correct(p[order]) == pytest.approx(correct(p)[order])
    assert correct([0.03]) == pytest.approx([0.03])
    assert len(correct([])) == 0
    assert (correct(p) >= p).all()
    assert (correct(p) <= 1).all()


@pytest.mark.parametrize("correct", [holm, benjamini_hochberg])
@pytest.mark.parametrize("p", [[0.5, np.nan], [1.2], [-0.1]])
def test_no_probabilities_are_refused(correct, p):
    with pytest.raises(UsageError, match="outside 0 to 1"):
        correct(p)
