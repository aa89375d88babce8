"""The M-step: guarded Newton steps of all neurons, transitions pooled over all trials."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from analyses.states.priors import Prior, SignedPrior
from analyses.states.regression import Couplings, Design, Slopes, densities, newton_step, slopes
from analyses.states.selection import select_couplings
from analyses.states.trials import Trials

Array = NDArray[np.float64]
_N_HALVINGS = 8
_VARIANCE_WEIGHT = 2.0
_LEAST_VARIANCE_SHARE = 0.05


@dataclass(frozen=True, eq=False)
class Problem:
    """What is fitted, and what stays fixed while it is.

    Attributes
    ----------
    trials : Trials
    design : Design
    shared_bias : bool
        Whether all states share one bias a neuron.
    bias_precision : float
        Of the weak prior that keeps the bias of a silent neuron finite.
    pseudocount : float
        Added to expected transitions and first states: a Dirichlet prior of one plus that.
    """

    trials: Trials
    design: Design
    shared_bias: bool
    bias_precision: float
    pseudocount: float

    @cached_property
    def usual_variance(self) -> Array:
        """Centre of the variances' weak prior: a share of the variance of each neuron."""
        if not self.design.emission.has_variance:
            return np.ones(self.design.values.shape[1])
        variance = self.design.values.var(axis=0)
        return _LEAST_VARIANCE_SHARE * np.maximum(variance, 1e-12)

    @cached_property
    def rest(self) -> float:
        """What densities leave out."""
        return self.design.emission.rest(self.design.values)

    def penalty(self, couplings: Couplings) -> Array:
        """Log prior of bias and variance of every neuron: (neurons,)."""
        bias = -0.5 * self.bias_precision * np.square(couplings.bias)
        value = bias.mean(axis=0) if self.shared_bias else bias.sum(axis=0)
        if self.design.emission.has_variance:
            relative = self.usual_variance / couplings.variance
            value = value - 0.5 * _VARIANCE_WEIGHT * (np.log(couplings.variance) + relative).sum(
                axis=0
            )
        return value

    def chain_penalty(self, transitions: Array, initial: Array) -> float:
        """Log prior of the Markov chain."""
        with np.errstate(divide="ignore"):
            logs = (
                np.log(np.maximum(transitions, 1e-300)).sum()
                + np.log(np.maximum(initial, 1e-300)).sum()
            )
        return float(self.pseudocount * logs)


@dataclass(frozen=True, eq=False)
class Chain:
    """The Markov chain of states.

    Attributes
    ----------
    transitions : ndarray (states, states)
        Probabilities from row to column.
    initial : ndarray (states,)
    """

    transitions: Array
    initial: Array


def maximized_chain(counts: Array, first: Array, pseudocount: float) -> Chain:
    """Transitions and initial distribution from expectations pooled over trials.

    Parameters
    ----------
    counts : ndarray (states, states)
        Expected transitions.
    first : ndarray (states,)
        Expected number of trials that start in each state.
    pseudocount : float

    Returns
    -------
    Chain

    Examples
    --------
    >>> chain = maximized_chain(np.array([[3.0, 1.0], [0.0, 4.0]]), np.ones(2), 0.0)
    >>> chain.transitions.round(3).tolist()
    [[0.75, 0.25], [0.0, 1.0]]
    """
    raised = np.maximum(counts + pseudocount, 1e-12)
    starts = np.maximum(first + pseudocount, 1e-12)
    return Chain(raised / raised.sum(axis=1, keepdims=True), starts / starts.sum())


def maximized_couplings(
    problem: Problem, couplings: Couplings, prior: Prior, share: Array
) -> tuple[Couplings, Array]:
    """One guarded step up the expected log density plus prior, for every neuron.

    Parameters
    ----------
    problem : Problem
    couplings : Couplings
    prior : Prior
        What it learns of couplings is updated at the end.
    share : ndarray (bins, states)
        Posterior of the states.

    Returns
    -------
    couplings : Couplings
        No neuron's objective is lower than before.
    log_emission : ndarray (bins, states)
        With the new couplings.
    """
    found = slopes(problem.design, couplings, share)
    couplings, value = _with_variance(problem, couplings, found, share)
    before = value + prior.value(couplings.weights) + problem.penalty(couplings)
    slack = 1e-12 * np.abs(before) + 1e-10
    pending = np.ones(len(before), dtype=bool)
    kept = couplings
    for proposed in _proposals(problem, couplings, prior, found):
        tried = kept.chosen(proposed, pending)
        log_emission, value = densities(problem.design, tried, share)
        after = value + prior.value(tried.weights) + problem.penalty(tried)
        fails = ~(after >= before - slack)
        if not fails.any():
            break
        kept = tried.chosen(couplings, fails)
        pending = fails
    else:
        tried, log_emission = kept, densities(problem.design, kept)[0]
    prior.update(tried.weights)
    return tried, log_emission


def _with_variance(
    problem: Problem, couplings: Couplings, found: Slopes, share: Array
) -> tuple[Couplings, Array]:
    """Couplings with the likeliest variances, and the expected log density of every neuron."""
    if not problem.design.emission.has_variance:
        return couplings, found.value.sum(axis=0)
    squares, n_each = -2 * found.value, share.sum(axis=0)[:, None]
    variance = (squares + _VARIANCE_WEIGHT * problem.usual_variance) / (n_each + _VARIANCE_WEIGHT)
    value = found.value / variance - 0.5 * n_each * np.log(variance)
    return replace(couplings, variance=variance), value.sum(axis=0)


def _proposals(
    problem: Problem, couplings: Couplings, prior: Prior, found: Slopes
) -> Iterator[Couplings]:
    gradient = found.gradient / couplings.variance[..., None]
    curvature = found.curvature / couplings.variance[..., None, None]
    n_states = len(gradient)
    precision = problem.bias_precision
    shares = n_states if problem.shared_bias else 1
    gradient[..., -1] -= precision / shares * couplings.bias
    if isinstance(prior, SignedPrior):
        step = select_couplings(
            couplings.weights, gradient, curvature, prior, precision, problem.shared_bias
        )
        yield couplings.stepped(step)
    newton = _newton(problem, couplings, prior, gradient, curvature)
    for halving in range(_N_HALVINGS):
        yield couplings.stepped(0.5**halving * newton)


def _newton(
    problem: Problem, couplings: Couplings, prior: Prior, gradient: Array, curvature: Array
) -> Array:
    precision, centre = prior.pull(couplings.weights)
    pulled, stiff = gradient.copy(), curvature.copy()
    pulled[..., :-1] -= precision * (couplings.weights - centre)
    index = np.arange(curvature.shape[-1])
    added = np.full(len(index), np.mean(precision))
    added[-1] = problem.bias_precision / (len(gradient) if problem.shared_bias else 1)
    # Rounding of a state without bins must not make the system singular.
    stiff[..., index, index] += added + 1e-9
    free = np.ones_like(couplings.weights, dtype=bool)
    if isinstance(prior, SignedPrior):
        free = couplings.weights != 0
    return newton_step(pulled, stiff, free, problem.shared_bias)
