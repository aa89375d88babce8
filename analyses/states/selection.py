"""Which couplings exist: coordinate ascent over weights and signs on a quadratic."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analyses.states.priors import SignedPrior, counts_of

Array = NDArray[np.float64]
_N_SWEEPS = 3
_SETTLED = 1e-5
_LEAST_CURVATURE = 1e-9


def select_couplings(
    weights: Array,
    gradient: Array,
    curvature: Array,
    prior: SignedPrior,
    bias_precision: float,
    shared_bias: bool,
) -> Array:
    """Propose weights, zeros among them, and biases, for all neurons side by side.

    Every coupling in turn takes the best of absent, or present at its best size, given all others:
    gain of the quadratic against cost and template (the template predicts a state's sign from those
    of the other states). Whether the proposal is better is for the exact objective to say.

    Parameters
    ----------
    weights : ndarray (states, to, from)
        Where the quadratic is taken.
    gradient : ndarray (states, to, from + 1)
        Of the expected log density, the prior's pull on the bias included.
    curvature : ndarray (states, to, from + 1, from + 1)
        Of the expected log density.
    prior : SignedPrior
    bias_precision : float
    shared_bias : bool

    Returns
    -------
    ndarray (states, to, from + 1)
        The step from where the quadratic is taken.
    """
    walk = _Walk(weights, gradient, curvature, prior, bias_precision, shared_bias)
    # Strong sources first: their order must not depend on how neurons are numbered.
    strength = np.square(weights) * np.diagonal(walk.curvature, axis1=2, axis2=3)
    sources = np.argsort(-strength.sum(axis=(0, 1)), kind="stable").tolist()
    for _ in range(_N_SWEEPS):
        before = walk.weights.copy()
        for source in sources:
            for state in range(len(weights)):
                walk.visit(state, source)
        if np.abs(walk.weights - before).max(initial=0.0) < _SETTLED:
            break
    step = walk.weights - weights
    return np.concatenate([step, walk.bias_step(step)[:, :, None]], axis=2)


class _Walk:
    """Weights on their way, and the gradient of the quadratic there, at the best bias for them.

    The bias is eliminated (Schur complement): the past has a positive mean, so that a weight and
    the bias can hardly move apart.
    """

    def __init__(
        self,
        weights: Array,
        gradient: Array,
        curvature: Array,
        prior: SignedPrior,
        bias_precision: float,
        shared: bool,
    ) -> None:
        self.weights, self.prior, self.cost = weights.copy(), prior, prior.cost()
        self.curvature = curvature[..., :-1, :-1]
        self.cross = curvature[..., :-1, -1]
        self.shared = shared
        self.slope, own = gradient[..., -1], curvature[..., -1, -1]
        if shared:
            self.slope = np.broadcast_to(self.slope.sum(axis=0), own.shape)
            own = np.broadcast_to(own.sum(axis=0), own.shape)
        self.own_bias = own + bias_precision + _LEAST_CURVATURE
        self.gradient = gradient[..., :-1] - self.cross * (self.slope / self.own_bias)[..., None]
        self.counts = counts_of(weights)
        self.every = np.arange(weights.shape[1])

    def visit(self, state: int, source: int) -> None:
        """Give one coupling of every receiving neuron its best class and size."""
        old = self.weights[state, :, source]
        cross = self.cross[state, :, source]
        own = self.curvature[state, :, source, source] - cross**2 / self.own_bias[state]
        own = np.maximum(own, 0.0)
        pull = self.gradient[state, :, source] + own * old
        stiff = own + 1 / self.prior.width**2
        counts = self.counts[:, source]
        counts[self.every, _class(old)] -= 1
        chance = self.prior.log_chance(counts, source)
        sign = _class(pull)
        gain = 0.5 * pull**2 / stiff - self.cost[:, source]
        present = gain + chance[self.every, sign] - chance[:, 1] > 0
        new = np.where(present & (sign != 1), pull / stiff, 0.0)
        counts[self.every, _class(new)] += 1
        self._move(state, source, new - old)
        self.weights[state, :, source] = new

    def _move(self, state: int, source: int, change: Array) -> None:
        self.gradient[state] -= self.curvature[state, :, :, source] * change[:, None]
        shift = (self.cross[state, :, source] * change / self.own_bias[state])[:, None]
        if self.shared:
            self.gradient += self.cross * shift
        else:
            self.gradient[state] += self.cross[state] * shift

    def bias_step(self, step: Array) -> Array:
        """Step of the biases (states, neurons) that goes with a step of the weights."""
        taken = (self.cross * step).sum(axis=2)
        if self.shared:
            taken = np.broadcast_to(taken.sum(axis=0), taken.shape)
        return (self.slope - taken) / self.own_bias


def _class(values: Array) -> NDArray[np.int64]:
    return np.sign(values).astype(np.int64) + 1
