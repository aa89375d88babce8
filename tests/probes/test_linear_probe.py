"""The linear probe finds scikit-learn's optimum, and nothing leaks into its choice."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from probes import LinearProbe, evaluate
from probes.base import Probe
from workbench.errors import UsageError, WorkbenchError


def classes(n=300, d=12, k=3, noise=1.0, seed=0):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(n, d)) * generator.uniform(0.1, 10, d) + 5
    logits = (x - x.mean(0)) / x.std(0) @ generator.normal(size=(d, k))
    return x, np.argmax(logits + noise * generator.gumbel(size=(n, k)), axis=1)


@pytest.mark.parametrize("k", [2, 3, 5])
@pytest.mark.parametrize("strength", [1e-3, 0.1, 10.0])
def test_probabilities_are_those_of_scikit_learn(k, strength):
    x, y = classes(k=k)
    ours = LinearProbe(C=strength, tolerance=1e-6).fit(x, y)
    theirs = make_pipeline(
        StandardScaler(), LogisticRegression(C=strength, tol=1e-9, max_iter=5000)
    ).fit(x, y)
    assert np.allclose(ours.predict_proba(x), theirs.predict_proba(x), atol=1e-4)


def test_every_fold_and_strength_is_the_problem_that_scikit_learn_solves_alone():
    x, y = classes()
    folds = np.arange(len(x)) % 4
    together = LinearProbe(C=0.05, tolerance=1e-6).held_out(x, y, folds)
    for fold in range(4):
        rows = folds != fold
        alone = make_pipeline(
            StandardScaler(), LogisticRegression(C=0.05, tol=1e-9, max_iter=5000)
        ).fit(x[rows], y[rows])
        assert np.array_equal(together[~rows], alone.predict(x[~rows]))


def test_folds_solved_side_by_side_are_those_solved_one_by_one():
    x, y = classes(n=400, noise=2.0)
    folds = np.arange(len(x)) % 5
    probe = LinearProbe(tolerance=1e-5)
    nested = probe.held_out(x, y, folds)
    plain = Probe.held_out(probe, x, y, folds)
    # The inner folds differ, so strengths may; the predictions hardly do.
    assert np.mean(nested == plain) > 0.9


def test_numbers_are_regressed_as_by_scikit_learn():
    x, _ = classes()
    y = x @ np.linspace(-1, 1, x.shape[1]) + np.random.default_rng(1).normal(size=len(x))
    ours = LinearProbe(C=0.1).fit(x, y)
    theirs = make_pipeline(StandardScaler(), Ridge(10.0)).fit(x, y)
    assert np.allclose(ours.predict(x), theirs.predict(x))
    wide = np.random.default_rng(2).normal(size=(20, 50))
    ours = LinearProbe(C=0.5).fit(wide, wide[:, 0] * 1.5)
    theirs = make_pipeline(StandardScaler(), Ridge(2.0)).fit(wide, wide[:, 0] * 1.5)
    assert np.allclose(ours.predict(wide), theirs.predict(wide))


def test_single_precision_stays_and_agrees():
    x, y = classes()
    double = LinearProbe(C=0.1).fit(x, y)
    single = LinearProbe(C=0.1).fit(x.astype(np.float32), y)
    assert single.coef_.dtype == np.float32
    assert np.allclose(single.predict_proba(x), double.predict_proba(x), atol=5e-3)


def test_scale_and_shift_of_units_do_not_matter():
    x, y = classes()
    scaled = x * np.linspace(0.01, 100, x.shape[1]) - 7
    first, second = (LinearProbe(C=0.1, tolerance=1e-6).fit(each, y) for each in (x, scaled))
    assert np.allclose(first.predict_proba(x), second.predict_proba(scaled), atol=1e-4)


def test_a_weak_penalty_is_chosen_for_a_clean_signal_and_a_strong_one_for_noise():
    x, y = classes(n=500, noise=0.01)
    assert LinearProbe().fit(x, y).C_ >= 0.1
    noise = np.random.default_rng(0).normal(size=(200, 100))
    labels = np.random.default_rng(1).integers(0, 2, 200)
    chosen = LinearProbe().fit(noise, labels)
    assert chosen.cv_scores_.max() < 0.65


def test_a_constant_unit_takes_no_part():
    x, y = classes()
    with_constant = np.column_stack([x, np.full(len(x), 3.3)])
    fitted = LinearProbe(C=0.1).fit(with_constant, y)
    assert np.allclose(fitted.coef_[:, -1], 0)


def test_held_out_scores_of_noise_are_at_chance_and_of_signal_are_not():
    alarms = 0
    for seed in range(10):
        generator = np.random.default_rng(seed)
        score = evaluate(
            LinearProbe(), generator.normal(size=(120, 10)), generator.integers(0, 2, 120)
        )
        alarms += score.null.p_value < 0.05
    assert alarms <= 3
    assert evaluate(LinearProbe(), *classes()).null.p_value < 0.01


@pytest.mark.parametrize(
    ("x", "y", "parameters", "error", "said"),
    [
        (np.zeros((4, 2)), [0, 1, 0], {}, UsageError, "one label a row"),
        (np.zeros((4, 2)), [1, 1, 1, 1], {}, UsageError, "one class only"),
        (np.full((4, 2), np.nan), [0, 1, 0, 1], {}, WorkbenchError, "NaN or infinite activity"),
        (np.zeros((4, 2)), [0.5, np.nan, 1, 2], {}, UsageError, "labels that are NaN"),
        (np.zeros((4, 2)), [0, 1, 0, 1], {"C": -1.0}, UsageError, "positive"),
        (np.zeros(4), [0, 1, 0, 1], {}, UsageError, "rows and units"),
        (np.zeros((4, 2)), [0, 1, 0, 1], {"task": "rank"}, UsageError, "there are 'auto'"),
    ],
)
def test_bad_input_is_refused(x, y, parameters, error, said):
    with pytest.raises(error, match=said):
        LinearProbe(**parameters).fit(x, y)


def test_one_group_cannot_choose_a_penalty():
    with pytest.raises(UsageError, match="one group"):
        LinearProbe().fit(*classes(), groups=np.zeros(300))


def test_classes_that_lack_a_label_are_refused_and_further_ones_are_kept():
    x, y = classes()
    with pytest.raises(UsageError, match="Found label '2', which is not in classes"):
        LinearProbe(C=0.1).fit(x, y, classes=[0, 1])
    fitted = LinearProbe(C=0.1).fit(x, y, classes=[0, 1, 2, 9])
    assert fitted.predict_proba(x).shape == (len(x), 4)
    assert fitted.predict_proba(x)[:, 3].max() < 0.01


def test_double_precision_at_the_default_tolerance_is_computed_in_single_and_given_in_double():
    x, y = classes()
    double, single = (LinearProbe(C=0.1).fit(x.astype(each), y) for each in ("f8", "f4"))
    assert double.coef_.dtype == np.float64
    assert np.allclose(double.coef_, single.coef_, rtol=1e-3, atol=1e-4)
