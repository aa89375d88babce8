"""Which couplings exist: coordinate ascent over weights and signs on a quadratic of the likelihood."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analyses.states.priors import SignedPrior, counts_of

Array = NDArray[np.float64]
_N_SWEEPS = 4


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
    n_states, n_neurons, _ = weights.shape
    walk = _Walk(weights.copy(), gradient.copy(), curvature, prior)
    moved = np.zeros((n_states, n_neurons))
    for _ in range(_N_SWEEPS):
        before = walk.weights.copy()
        for source in range(weights.shape[2]):
            for state in range(n_states):
                walk.visit(state, source)
        moved += walk.move_bias(bias_precision, shared_bias)
        if np.abs(walk.weights - before).max(initial=0.0) < 1e-6:
            break
    return np.concatenate([walk.weights - weights, moved[:, :, None]], axis=2)


class _Walk:
    """Weights on their way, with the gradient of the quadratic where they are."""

    def __init__(
        self, weights: Array, gradient: Array, curvature: Array, prior: SignedPrior
    ) -> None:
        self.weights, self.gradient, self.curvature = weights, gradient, curvature
        self.prior, self.cost = prior, prior.cost()
        self.counts = counts_of(weights)
        self.every = np.arange(weights.shape[1])

    def visit(self, state: int, source: int) -> None:
        """Give one coupling of every receiving neuron its best class and size."""
        old = self.weights[state, :, source]
        own = self.curvature[state, :, source, source]
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
        self.weights[state, :, source] = new
        self.gradient[state] -= self.curvature[state, :, :, source] * (new - old)[:, None]

    def move_bias(self, precision: float, shared: bool) -> Array:
        """Newton's step of the biases given the weights: (states, neurons)."""
        slope, own = self.gradient[..., -1], self.curvature[..., -1, -1]
        if shared:
            step = slope.sum(axis=0) / (own.sum(axis=0) + precision)
            step = np.broadcast_to(step, slope.shape)
        else:
            step = slope / (own + precision)
        self.gradient = self.gradient - self.curvature[..., -1] * step[..., None]
        self.gradient[..., -1] -= precision * step / (len(slope) if shared else 1)
        return step


def _class(values: Array) -> NDArray[np.int64]:
    return np.sign(values).astype(np.int64) + 1
