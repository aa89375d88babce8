"""Expectation-maximisation over all trials at once (Dempster, Laird and Rubin 1977).

Every M-step goes up, if not to the top: generalised EM, whose penalised likelihood never falls.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from analyses.states.maximization import Chain, Problem, maximized_chain, maximized_couplings
from analyses.states.priors import Prior
from analyses.states.regression import Couplings, densities
from analyses.states.scan import Posterior, forward_backward

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class State:
    """Where a fit stands.

    Attributes
    ----------
    couplings : Couplings
    chain : Chain
    share : ndarray (bins, states)
        Posterior of the states.
    moves : ndarray (states, states)
        Expected transitions.
    first : ndarray (states,)
        Expected number of trials that start in each state.
    objective : float
        Penalised log likelihood, in nats.
    history : list of float
        The objective after every iteration.
    """

    couplings: Couplings
    chain: Chain
    share: Array
    moves: Array
    first: Array
    objective: float
    history: list[float] = field(default_factory=list)


def expectation(
    problem: Problem, couplings: Couplings, chain: Chain, prior: Prior, log_emission: Array
) -> State:
    """The E-step: posterior of states and penalised log likelihood.

    Parameters
    ----------
    problem : Problem
    couplings : Couplings
    chain : Chain
    prior : Prior
    log_emission : ndarray (bins, states)

    Returns
    -------
    State
    """
    found = posterior_of(problem, chain, log_emission)
    objective = (
        float(found.log_likelihood.sum())
        + problem.rest
        + float(prior.value(couplings.weights).sum())
        + prior.hyper_value()
        + float(problem.penalty(couplings).sum())
        + problem.chain_penalty(chain.transitions, chain.initial)
    )
    share = found.probability[problem.trials.mask]
    first = found.probability[:, 0].sum(axis=0)
    return State(couplings, chain, share, found.transitions, first, objective)


def posterior_of(problem: Problem, chain: Chain, log_emission: Array) -> Posterior:
    """Forward-backward on bins of trials of any length."""
    return forward_backward(
        problem.trials.padded(log_emission),
        chain.transitions,
        chain.initial,
        problem.trials.lengths,
    )


def climb(
    problem: Problem, start: State, prior: Prior, max_iterations: int, tolerance: float
) -> State:
    """Iterate until the objective gains less than `tolerance` nats a bin, or for so long.

    Parameters
    ----------
    problem : Problem
    start : State
        Its posterior is where the first M-step begins.
    prior : Prior
        Changed in place as it learns.
    max_iterations : int
    tolerance : float
        Nats a bin.

    Returns
    -------
    State
    """
    state, history = start, list(start.history)
    least = tolerance * problem.trials.n_bins
    for _ in range(max_iterations):
        chain = maximized_chain(state.moves, state.first, problem.pseudocount)
        couplings, log_emission = maximized_couplings(problem, state.couplings, prior, state.share)
        state = expectation(problem, couplings, chain, prior, log_emission)
        history.append(state.objective)
        if len(history) > 2 and history[-1] - history[-2] < least:
            break
    return State(
        state.couplings,
        state.chain,
        state.share,
        state.moves,
        state.first,
        state.objective,
        history,
    )


def evaluated(problem: Problem, couplings: Couplings, chain: Chain, prior: Prior) -> State:
    """The state that given parameters are in."""
    return expectation(problem, couplings, chain, prior, densities(problem.design, couplings)[0])
