"""Logistic regression of many training sets: gradients, curvature, paths of penalties, edges."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from probes.linear_paths import LogisticPaths
from probes.logistic import Apart, Together
from probes.logistic_rows import Rows, log_losses
from probes.preconditioning import Preconditioner
from probes.quasi_newton import Point, Secant, dots, minimise

STRENGTHS = (1e-3, 0.1, 10.0)


def problem(n=300, d=8, k=4, noise=1.0, seed=0, favoured=0.0):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(n, d)) @ generator.normal(size=(d, d)) + 3
    logits = (x - x.mean(axis=0)) / x.std(axis=0) @ generator.normal(size=(d, k))
    logits[:, 0] += favoured
    codes = np.argmax(logits + noise * generator.gumbel(size=(n, k)), axis=1)
    return x, np.unique(codes, return_inverse=True)[1]


def folds_of(n, n_folds=5):
    return np.stack([np.arange(n) % n_folds != fold for fold in range(n_folds)], axis=1)


def probabilities(paths, solution, number, x):
    from scipy.special import softmax

    weights, intercept = paths.plain(solution, number)
    return softmax(x @ weights.T + intercept, axis=1)


def of_scikit_learn(x, codes, strength):
    scaler = StandardScaler().fit(x)
    fitted = LogisticRegression(C=strength, tol=1e-9, max_iter=20_000).fit(
        scaler.transform(x), codes
    )
    return lambda rows: fitted.predict_proba(scaler.transform(rows))


def test_the_gradient_is_that_of_finite_differences():
    x, codes = problem(n=40, d=3)
    weights = np.random.default_rng(1).normal(size=(2, 4, 3))
    losses, gradients = log_losses(x, codes, weights)
    assert losses.shape == (2,)
    for place in [(0, 0, 0), (0, 3, 1), (1, 2, 2)]:
        nudge = np.zeros_like(weights)
        nudge[place] = 1e-6
        up, down = (log_losses(x, codes, weights + sign * nudge)[0] for sign in (1, -1))
        slope = (up - down)[place[0]] / 2e-6
        assert np.isclose(gradients[place], slope, rtol=1e-5)


def test_losses_of_parts_add_up_to_the_whole():
    x, codes = problem(n=1500)
    weights = np.random.default_rng(1).normal(size=(3, 4, 8))
    whole = log_losses(x, codes, weights)
    parts = [
        log_losses(x[part], codes[part], weights) for part in (slice(0, 700), slice(700, None))
    ]
    for place in range(2):
        assert np.allclose(whole[place], parts[0][place] + parts[1][place])


def test_a_row_that_is_as_wrong_as_can_be_stays_finite():
    x = np.array([[1e4], [-1e4]], dtype=np.float32)
    losses, gradients = log_losses(x, np.array([0, 1]), np.array([[[-1.0], [1.0]]]))
    assert np.isfinite(losses).all()
    assert np.isfinite(gradients).all()


def test_the_loss_of_folds_is_summed_from_cells_alike_together_and_apart():
    x, codes = problem()
    rows = Rows.of(x, codes, 4, folds_of(len(x)), np.float64)
    near = Preconditioner.of(rows)
    weights = np.random.default_rng(2).normal(size=(1, 4, 9))
    apart = Apart(rows, rows.members, rows.ridge, 1.0, near, 1e-3)
    mean = rows.members.mean(axis=0, keepdims=True)
    together = Together(rows, mean, rows.ridge.mean(axis=0, keepdims=True), 1.0, near, 1e-3)
    point = together.at(weights)
    cheap, plain = together.apart(point, rows.members), apart.at(np.repeat(weights, 5, axis=0))
    assert np.allclose(cheap.losses, plain.losses)
    assert np.allclose(cheap.gradients, plain.gradients)
    # Together is the mean over sets, the penalty included.
    for one, several in zip(together.penalised(point), apart.penalised(plain), strict=True):
        assert np.allclose(one[0], several.mean(axis=0))


def test_units_are_penalised_as_if_each_set_had_standardised_them():
    x, codes = problem()
    sets = folds_of(len(x))
    rows = Rows.of(x, codes, 4, sets, np.float64)
    spread = x.std(axis=0)
    for number, members in enumerate(rows.members):
        held = np.concatenate([rows.order[rows.cell(c)] for c in np.flatnonzero(members)])
        expected = (x[held].std(axis=0) / spread) ** 2
        assert np.allclose(rows.ridge[number, 0, :-1], expected)
        assert rows.ridge[number, 0, -1] == 0


@pytest.mark.parametrize("shape", [(500, 6), (30, 50)])
def test_the_preconditioner_inverts_the_hessian_of_rows_that_predict_alike(shape):
    generator = np.random.default_rng(0)
    x, codes = generator.normal(size=shape), generator.integers(0, 3, shape[0])
    codes[:3] = range(3)
    rows = Rows.of(x, codes, 3, np.ones((len(x), 1), bool), np.float64)
    near = Preconditioner.of(rows)
    shares = np.bincount(codes, minlength=3) / len(codes)
    curvature = np.diag(shares) - np.outer(shares, shares)
    step = generator.normal(size=(1, 3, shape[1] + 1))
    step -= step.mean(axis=1, keepdims=True)
    # In directions without rows nothing but the penalty is known, and it is not trusted.
    step[0, :, :-1] = step[0, :, :-1] @ np.linalg.pinv(rows.x[:, :-1]) @ rows.x[:, :-1]
    gradient = curvature @ step @ (rows.x.T @ rows.x)
    gradient[..., :-1] += 0.7 * step[..., :-1]
    back = near.apply(gradient, np.array([float(len(x))]), 0.7)
    back -= back.mean(axis=1, keepdims=True)
    assert np.allclose(back, step, atol=1e-6)


class Bowls:
    """Quadratic problems ``(w - at)' A (w - at) / 2``, their penalty nought."""

    def __init__(self, curvatures, at):
        self.curvatures, self.least = curvatures, at

    def at(self, weights):
        off = weights - self.least
        pull = off @ self.curvatures
        return Point(weights, 0.5 * dots(off, pull), pull)

    def penalised(self, point):
        return point.losses, point.gradients

    def secant(self, before, after):
        return Secant(after.weights - before.weights, after.gradients - before.gradients)

    def curved(self, secant):
        return secant

    def precondition(self, gradients):
        return gradients

    def limits(self):
        return np.full(len(self.least), 1e-8)

    def of(self, which):
        return Bowls(self.curvatures[which], self.least[which])


def test_every_bowl_is_searched_to_its_bottom_and_what_is_known_shortens_the_search():
    generator = np.random.default_rng(0)
    mix = generator.normal(size=(3, 6, 6))
    bowls = Bowls(mix @ mix.transpose(0, 2, 1) + np.eye(6), generator.normal(size=(3, 1, 6)))
    start = bowls.at(np.zeros((3, 1, 6)))
    found = minimise(bowls, start)
    assert found.converged
    assert np.allclose(found.point.weights, bowls.least, atol=1e-7)
    again = minimise(bowls, start, found.secants)
    assert again.iterations < found.iterations
    assert not minimise(bowls, start, max_iterations=1).converged


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize(
    "case",
    [
        {"k": 2},
        {"n": 60, "d": 150},
        {"favoured": 5.0, "n": 600},
        {"noise": 0.0},
    ],
    ids=["two classes", "more units than rows", "unbalanced", "separable"],
)
def test_every_set_is_the_problem_that_scikit_learn_solves_alone(case, strength):
    x, codes = problem(**case)
    sets = folds_of(len(x), 3)
    paths = LogisticPaths(x, codes, codes.max() + 1, sets, 1e-7)
    solution = paths.solve(strength)
    assert solution.converged
    for number in range(3):
        theirs = of_scikit_learn(x[sets[:, number]], codes[sets[:, number]], strength)
        ours = probabilities(paths, solution, number, x)
        assert np.allclose(ours, theirs(x), atol=5e-4)


def test_the_way_along_the_penalties_does_not_matter():
    x, codes = problem()
    sets = folds_of(len(x))
    up, down = (LogisticPaths(x, codes, 4, sets, 1e-6) for _ in range(2))
    rising = [up.solve(each) for each in STRENGTHS]
    falling = [down.solve(each) for each in STRENGTHS[::-1]][::-1]
    for first, second in zip(rising, falling, strict=True):
        for number in range(5):
            ours = probabilities(up, first, number, x)
            assert np.allclose(ours, probabilities(down, second, number, x), atol=1e-4)


def test_the_order_of_rows_and_of_sets_does_not_matter():
    x, codes = problem()
    sets = folds_of(len(x))
    order = np.random.default_rng(0).permutation(len(x))
    plain = LogisticPaths(x, codes, 4, sets, 1e-6)
    mixed = LogisticPaths(x[order], codes[order], 4, sets[order][:, ::-1], 1e-6)
    said, other = (each.held_out(each.solve(0.1)) for each in (plain, mixed))
    assert np.array_equal(said[order][:, ::-1], other)
    assert np.array_equal(said >= 0, ~sets)


def test_the_default_tolerance_scores_as_the_optimum_does():
    x, codes = problem(n=3000, d=30, noise=3.0)
    sets = folds_of(len(x))
    loose, tight = (LogisticPaths(x, codes, 4, sets, each) for each in (3e-3, 1e-7))
    for strength in STRENGTHS:
        said, exact = (each.held_out(each.solve(strength)) for each in (loose, tight))
        outside = ~sets
        right = [np.mean((each == codes[:, None])[outside]) for each in (said, exact)]
        assert abs(right[0] - right[1]) < 0.003


def test_single_precision_holds_where_the_penalty_is_weak_and_units_outnumber_rows():
    x, codes = problem(n=60, d=3000, k=5)
    paths = LogisticPaths(x, codes, codes.max() + 1, np.ones((60, 1), bool), 3e-3)
    ours = probabilities(paths, paths.solve(1e4), 0, x)
    assert np.allclose(ours[np.arange(60), codes], 1, atol=0.01)
