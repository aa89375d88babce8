"""Multinomial logistic regression of many training sets and penalties at once.

All folds of a cross-validation share one pass over the rows: their weights lie side by side in one
matrix, so that a product of matrices serves all of them, and rows that a fold leaves out carry the
weight zero. Variables are scaled by the Hessian at the classes' shares, in the eigenbasis of all
rows (where Böhning 1992, *Multinomial logistic regression algorithm*, has a bound that is wider),
and L-BFGS searches along lines of logits, which are linear in the step and cost no further pass.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
_MEMORY = 10
_ARMIJO = 1e-4
_HALVINGS = 30
_LEAST_SHARE = 1e-3
# Beyond it exponentials overflow in single precision; such a row is as wrong as can be.
_STEEPEST = 80.0


@dataclass(frozen=True)
class Problem:
    """Rows, classes and training sets.

    Attributes
    ----------
    x : ndarray (rows, units)
        Centred or not; the intercept is not penalised.
    targets : ndarray (rows, classes)
        One-hot classes.
    weights : ndarray (rows, sets)
        How often each row counts in each training set; zero where it is held out.
    scales : ndarray (units, sets)
        Each set's own standard deviation of each unit, in the unit of `x`: the penalty is on
        weights of units scaled by it.
    """

    x: Array
    targets: Array
    weights: Array
    scales: Array

    @property
    def n_sets(self) -> int:
        """Number of training sets."""
        return int(self.weights.shape[1])

    @cached_property
    def own(self) -> tuple[NDArray[np.int64], slice, NDArray[np.int64]]:
        """Index of every row's own class in an array (rows, sets, classes)."""
        return np.arange(len(self.x)), slice(None), self.targets.argmax(axis=1)


@dataclass(frozen=True)
class Solution:
    """Weights of every training set.

    Attributes
    ----------
    coefficients : ndarray (sets, units, classes)
    intercepts : ndarray (sets, classes)
    logits : ndarray (rows, sets, classes)
        Of all rows, those that a set left out included.
    iterations : int
    converged : bool
        Whether the gradient fell below the tolerance in every set.
    """

    coefficients: Array
    intercepts: Array
    logits: Array
    iterations: int
    converged: bool


class Preconditioner:
    """Eigenbasis of the rows, in which the Hessian is nearly diagonal.

    Parameters
    ----------
    problem : Problem
    """

    def __init__(self, problem: Problem) -> None:
        x = problem.x
        gram = (x.T @ x).astype(np.float64)
        values, vectors = np.linalg.eigh(gram)
        self._values = np.maximum(values, 0.0)
        self._vectors = np.ascontiguousarray(vectors, dtype=x.dtype)
        self._n = len(x)
        self._counts = problem.weights.sum(axis=0, dtype=np.float64)
        self._shares = problem.weights.T @ problem.targets / self._counts[:, None]

    def at(self, penalties: NDArray[np.float64]) -> Scaling:
        """The scaling for a penalty of each set.

        The Hessian of a class is a sum over rows of ``p (1 - p)`` times the row's outer product; a
        classifier that knows the classes' shares only has the same p in all rows.
        """
        spread = (self._shares + _LEAST_SHARE) * (1 - self._shares + _LEAST_SHARE)
        weights = (self._counts / self._n)[:, None] * spread
        bound = self._values[None, :, None] * weights[:, None, :] + penalties[:, None, None]
        dtype = self._vectors.dtype
        intercept = self._n * weights
        return Scaling(self._vectors, (bound**-0.5).astype(dtype), (intercept**-0.5).astype(dtype))


@dataclass(frozen=True)
class Scaling:
    """Change of variables in which the Hessian is nearly the identity.

    Attributes
    ----------
    vectors : ndarray (units, units)
    factors : ndarray (sets, units, classes)
    intercept : ndarray (sets, classes)
    """

    vectors: Array
    factors: Array
    intercept: Array

    def outward(self, scaled: Array) -> Array:
        """Weights (sets, 1 + units, classes) from scaled ones."""
        weights = self.vectors @ (self.factors * scaled[:, 1:])
        return np.concatenate([self.intercept[:, None] * scaled[:, :1], weights], axis=1)

    def inward(self, gradient: Array) -> Array:
        """Gradient in scaled variables from that in plain ones."""
        inner = self.factors * (self.vectors.T @ gradient[:, 1:])
        return np.concatenate([self.intercept[:, None] * gradient[:, :1], inner], axis=1)

    def scaled(self, weights: Array) -> Array:
        """Scaled variables of plain weights."""
        inner = (self.vectors.T @ weights[:, 1:]) / self.factors
        return np.concatenate([weights[:, :1] / self.intercept[:, None], inner], axis=1)


def fit_logistic(
    problem: Problem,
    penalties: NDArray[np.float64],
    preconditioner: Preconditioner,
    start: Solution | None = None,
    tolerance: float = 3e-3,
    max_iterations: int = 200,
) -> Solution:
    r"""Minimise the penalised log loss of every training set.

    Set s minimises ``sum_i w_is loss_i + penalty_s / 2 * sum_jk (scale_js W_jk)^2``, which is the
    problem of scikit-learn's `LogisticRegression` with ``C = 1 / penalty`` on units standardised
    by the set's own rows.

    Parameters
    ----------
    problem : Problem
    penalties : ndarray (sets,)
    preconditioner : Preconditioner
        Of the same problem; shared by all penalties.
    start : Solution, optional
        Where to start, such as the solution for a stronger penalty.
    tolerance : float
        Largest norm of the gradient in scaled variables, over the square root of the rows of the
        set: the loss then exceeds its least value by about half the square of it, in nats a row.
    max_iterations : int

    Returns
    -------
    Solution
    """
    scaling = preconditioner.at(penalties)
    loss = _Loss(problem, penalties)
    state = _State.at(loss, scaling, _start(problem, start))
    limit = tolerance * np.sqrt(problem.weights.sum(axis=0, dtype=np.float64))
    precision = float(np.finfo(problem.x.dtype).eps)
    history: deque[tuple[Array, Array]] = deque(maxlen=_MEMORY)
    done = _norms(state.gradient) <= limit
    iteration = 0
    while not done.all() and iteration < max_iterations:
        direction = -_two_loops(state.gradient, history)
        direction[done] = 0
        after = _line_search(loss, scaling, state, direction)
        history.append((after.scaled - state.scaled, after.gradient - state.gradient))
        # A set whose value no longer falls is as good as its precision allows.
        stuck = state.value - after.value <= precision * np.abs(state.value)
        done = done | (_norms(after.gradient) <= limit) | stuck
        state = after
        iteration += 1
    weights = scaling.outward(state.scaled)
    return Solution(weights[:, 1:], weights[:, 0], state.logits, iteration, bool(done.all()))


def _start(problem: Problem, start: Solution | None) -> Array:
    if start is not None:
        return np.concatenate([start.intercepts[:, None], start.coefficients], axis=1)
    shape = (problem.n_sets, 1 + problem.x.shape[1], problem.targets.shape[1])
    weights = np.zeros(shape, problem.x.dtype)
    # The shares of the classes: where the other weights are zero, this is the solution.
    counts = problem.weights.T @ problem.targets + 0.5
    weights[:, 0] = np.log(counts / counts.sum(axis=1, keepdims=True))
    return weights


@dataclass(frozen=True)
class _State:
    """A point of the search: scaled weights, logits, value and scaled gradient of every set."""

    scaled: Array
    weights: Array
    logits: Array
    value: NDArray[np.float64]
    gradient: Array

    @classmethod
    def at(cls, loss: _Loss, scaling: Scaling, weights: Array) -> _State:
        logits = loss.logits(weights)
        value, residuals = loss.value(weights, logits)
        gradient = scaling.inward(loss.gradient(weights, residuals))
        return cls(scaling.scaled(weights), weights, logits, value, gradient)


def _line_search(loss: _Loss, scaling: Scaling, state: _State, direction: Array) -> _State:
    """Halve the step of every set until its value has fallen enough (Armijo's rule)."""
    outward = scaling.outward(direction)
    moved = loss.logits(outward)
    slope = _dots(state.gradient, direction)
    step = np.ones(len(direction))
    for halving in range(_HALVINGS + 1):
        at = step.astype(direction.dtype)[:, None, None]
        weights = state.weights + at * outward
        logits = state.logits + np.moveaxis(at, 0, 1) * moved
        value, residuals = loss.value(weights, logits)
        short = value > state.value + _ARMIJO * step * slope
        if not short.any():
            break
        # What cannot be improved at this precision stays where it is.
        step[short] *= 0.5 if halving < _HALVINGS - 1 else 0.0
    gradient = scaling.inward(loss.gradient(weights, residuals))
    return _State(state.scaled + at * direction, weights, logits, value, gradient)


def _two_loops(gradient: Array, history: deque[tuple[Array, Array]]) -> Array:
    """The inverse Hessian of every set, as far as known, times its gradient (Nocedal 1980)."""
    direction = gradient.copy()
    factors = []
    for moved, turned in reversed(history):
        curvature = _dots(moved, turned)
        inverse = np.where(curvature > 0, 1 / np.where(curvature > 0, curvature, 1), 0)
        alpha = inverse * _dots(moved, direction)
        direction -= alpha.astype(gradient.dtype)[:, None, None] * turned
        factors.append((alpha, inverse))
    if history:
        moved, turned = history[-1]
        curvature, length = _dots(moved, turned), _dots(turned, turned)
        usable = (curvature > 0) & (length > 0)
        gain = np.where(usable, curvature / np.where(usable, length, 1), 1)
        direction *= gain.astype(gradient.dtype)[:, None, None]
    for (moved, turned), (alpha, inverse) in zip(history, reversed(factors), strict=True):
        beta = inverse * _dots(turned, direction)
        direction += (alpha - beta).astype(gradient.dtype)[:, None, None] * moved
    return direction


def _dots(first: Array, second: Array) -> NDArray[np.float64]:
    return np.einsum("sdk,sdk->s", first, second, dtype=np.float64)


def _norms(gradient: Array) -> NDArray[np.float64]:
    return np.sqrt(_dots(gradient, gradient))


class _Loss:
    """Value and gradient of the penalised log loss of all sets, from logits."""

    def __init__(self, problem: Problem, penalties: NDArray[np.float64]) -> None:
        self.problem = problem
        dtype = problem.x.dtype
        self._ridge = (penalties[:, None] * problem.scales.T.astype(np.float64) ** 2).astype(dtype)

    def logits(self, weights: Array) -> Array:
        x = self.problem.x
        sets, _, classes = weights.shape
        flat = np.moveaxis(weights[:, 1:], 0, 1).reshape(x.shape[1], sets * classes)
        return (x @ flat).reshape(len(x), sets, classes) + weights[:, 0]

    def value(self, weights: Array, logits: Array) -> tuple[NDArray[np.float64], Array]:
        """Loss of every set, and its gradient with respect to logits (rows, sets, classes)."""
        problem = self.problem
        # Beside the own class's logit the loss is a logarithm of at least 1, and needs no maximum.
        residuals = logits - logits[problem.own][:, :, None]
        np.minimum(residuals, _STEEPEST, out=residuals)
        np.exp(residuals, out=residuals)
        # Sums over so few classes are faster as a product.
        totals = residuals @ np.ones(residuals.shape[2], residuals.dtype)
        losses = np.einsum("ns,ns->s", problem.weights, np.log(totals), dtype=np.float64)
        residuals *= (problem.weights / totals)[:, :, None]
        residuals[problem.own] -= problem.weights
        inner = weights[:, 1:]
        ridge = np.einsum("sd,sdk,sdk->s", self._ridge, inner, inner, dtype=np.float64)
        return losses + 0.5 * ridge, residuals

    def gradient(self, weights: Array, residuals: Array) -> Array:
        """Gradient (sets, 1 + units, classes), from that with respect to logits."""
        n, sets, classes = residuals.shape
        flat = self.problem.x.T @ residuals.reshape(n, sets * classes)
        inner = np.moveaxis(flat.reshape(-1, sets, classes), 1, 0)
        inner = inner + self._ridge[:, :, None] * weights[:, 1:]
        outer = (np.ones(n, residuals.dtype) @ residuals.reshape(n, -1)).reshape(sets, 1, classes)
        return np.concatenate([outer, inner], axis=1)
