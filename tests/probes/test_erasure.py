"""Erasure takes out what it should, and a random direction does not."""

from __future__ import annotations

import numpy as np
import pytest

from probes import LinearProbe, erase, evaluate
from workbench.errors import UsageError


def coded(n=900, d=12, k=3, seed=0):
    generator = np.random.default_rng(seed)
    y = generator.integers(0, k, n)
    x = generator.normal(size=(n, d)) @ generator.normal(size=(d, d))
    return x + 3 * generator.normal(size=(k, d))[y], y


@pytest.mark.parametrize("k", [2, 3, 5])
def test_leace_leaves_nothing_to_a_linear_probe_and_random_directions_do(k):
    x, y = coded(k=k)
    before = evaluate(LinearProbe(), x, y).value
    erased = erase(x, y)
    assert erased.rank == k - 1
    assert before > 0.9
    # The most that a constant reaches, and a little for what cross-validation chooses.
    assert LinearProbe(C=1.0).fit(erased.activity, y).score(erased.activity, y) < 1 / k + 0.06
    control = erase(x, y, "random")
    assert control.rank == erased.rank
    assert evaluate(LinearProbe(), control.activity, y).value > 0.85


def test_leace_makes_the_covariance_with_labels_zero_with_the_least_change():
    x, y = coded()
    erased = erase(x, y)
    means = [erased.activity[y == each].mean(0) for each in range(3)]
    assert np.allclose(means[0], means[1])
    assert np.allclose(means[0], means[2])
    assert np.allclose(erased.activity.mean(0), x.mean(0))
    # Any other map that does so changes more: here orthogonal removal of the means' differences.
    differences = np.stack([x[y == each].mean(0) - x[y == 0].mean(0) for each in (1, 2)])
    basis = np.linalg.qr(differences.T)[0]
    other = x - (x - x.mean(0)) @ basis @ basis.T
    assert np.square(erased.activity - x).sum() < np.square(other - x).sum()


def test_erasing_twice_is_erasing_once_and_new_rows_go_through_the_same_map():
    x, y = coded()
    erased = erase(x, y)
    assert np.allclose(erased.transform(erased.activity), erased.activity)
    assert np.allclose(erased.transform(x), erased.activity)
    assert np.allclose(erased.matrix @ erased.matrix, erased.matrix)


def test_more_units_than_rows_and_dead_units():
    generator = np.random.default_rng(1)
    y = np.tile([0, 1], 10)
    x = np.concatenate([generator.normal(size=(20, 50)) + y[:, None], np.ones((20, 1))], axis=1)
    erased = erase(x, y)
    assert np.allclose(erased.activity[y == 0].mean(0), erased.activity[y == 1].mean(0))
    assert np.allclose(erased.activity[:, -1], 1)


def test_numbers_are_erased_too():
    generator = np.random.default_rng(2)
    x = generator.normal(size=(400, 6))
    value = x @ generator.normal(size=6)
    erased = erase(x, value)
    assert erased.rank == 1
    assert np.abs(np.corrcoef(erased.activity.T, value)[-1, :-1]).max() < 1e-8


def test_iterated_nullspaces_come_close():
    x, y = coded(k=2)
    erased = erase(x, y, "inlp", rank=6)
    assert erased.rank == 6
    assert np.linalg.matrix_rank(np.eye(12) - erased.matrix) == 6
    assert evaluate(LinearProbe(), erased.activity, y).value < 0.65


def test_training_rows_only():
    x, y = coded()
    erased = erase(x[:600], y[:600])
    after = erased.transform(x[600:])
    assert evaluate(LinearProbe(), after, y[600:]).value < 0.5


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"method": "wash"}, "method 'wash'"),
        ({"method": "random", "rank": 0}, "rank 0 for 12 units"),
        ({"rank": 5}, "follows from the labels"),
    ],
)
def test_bad_input_is_refused(options, said):
    with pytest.raises(UsageError, match=said):
        erase(*coded(), **options)
    with pytest.raises(UsageError, match="expected 12, as the erasure"):
        erase(*coded()).transform(np.zeros((2, 3)))
