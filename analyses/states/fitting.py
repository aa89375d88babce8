"""A whole fit: one state, restarts, choice of the link, and the climb to the top."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analyses.states.em import State, climb, evaluated, expectation
from analyses.states.emissions import emission_of, possible_links
from analyses.states.history import exponential_kernel, filtered_history
from analyses.states.maximization import Chain, Problem, maximized_couplings
from analyses.states.priors import FreePrior, Prior
from analyses.states.regression import Couplings, Design, densities, slopes
from analyses.states.starting import WINDOWS, clustered_share
from analyses.states.trials import Trials

Array = NDArray[np.float64]
MakePrior = Callable[[Array, int], Prior]
_STICKY = 0.95
_STEPS_ONE_STATE = 25
_STEPS_A_LINK = 3
_STEPS_FROM_A_GUESS = 2


@dataclass(frozen=True)
class Settings:
    """How to fit; see the models' parameters."""

    n_states: int
    seed: int = 0
    emission: str = "poisson"
    link: str = "softplus"
    bias: str = "shared"
    lags: int = 5
    decay: float = 1.0
    restarts: int = 4
    screening: int = 6
    max_iterations: int = 100
    tolerance: float = 1e-6
    ridge: float = 1e-2
    bias_precision: float = 1e-4
    pseudocount: float = 0.1


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fit.

    Attributes
    ----------
    state : State
    prior : Prior
    link : str
        The one that was used.
    restarts : ndarray (restarts,)
        Penalised log likelihood that each restart reached in the screening, best first.
    """

    state: State
    prior: Prior
    link: str
    restarts: Array


def fit(trials: Trials, settings: Settings, make_prior: MakePrior) -> Fitted:
    """Fit hidden states to trials.

    Parameters
    ----------
    trials : Trials
    settings : Settings
    make_prior : callable
        From information on couplings (to, from) and number of states to the final prior.

    Returns
    -------
    Fitted
    """
    past = filtered_history(trials, exponential_kernel(settings.lags, settings.decay))
    past = np.concatenate([past, np.ones((len(past), 1))], axis=1)
    link = "softplus" if settings.link == "auto" else settings.link
    problem = problem_of(trials, past, settings, link)
    one = _one_state(problem, settings)
    best, reached = _screened(problem, one, settings)
    if settings.link == "auto" and settings.emission == "poisson":
        problem, best, link = _best_link(problem, best, settings)
        one = _one_state(problem, settings)
    prior = make_prior(_information(problem, one) / settings.n_states, settings.n_states)
    start = evaluated(problem, best.couplings, best.chain, prior)
    top = climb(problem, start, prior, settings.max_iterations, settings.tolerance)
    return Fitted(top, prior, link, reached)


def problem_of(trials: Trials, past: Array, settings: Settings, link: str) -> Problem:
    """The problem that settings and a link pose.

    Parameters
    ----------
    trials : Trials
    past : ndarray (bins, neurons + 1)
    settings : Settings
    link : str

    Returns
    -------
    Problem
    """
    design = Design(trials.values, past, emission_of(settings.emission, link))
    shared = settings.bias == "shared"
    return Problem(trials, design, shared, settings.bias_precision, settings.pseudocount)


def _one_state(problem: Problem, settings: Settings) -> Couplings:
    n_neurons = problem.trials.n_neurons
    bias = problem.design.emission.start(problem.design.values.mean(axis=0))[None]
    variance = np.ones((1, n_neurons))
    if problem.design.emission.has_variance:
        variance = np.maximum(problem.design.values.var(axis=0), 1e-12)[None]
    couplings = Couplings(np.zeros((1, n_neurons, n_neurons)), bias, variance)
    share, prior = np.ones((problem.trials.n_bins, 1)), FreePrior(settings.ridge)
    for _ in range(_STEPS_ONE_STATE):
        moved, _ = maximized_couplings(problem, couplings, prior, share)
        change = float(np.abs(moved.table - couplings.table).max())
        couplings = moved
        if change < 1e-3:
            break
    return couplings


def _information(problem: Problem, one: Couplings) -> Array:
    """Fisher information on every coupling beside the bias, from the fit of one state."""
    found = slopes(problem.design, one, np.ones((problem.trials.n_bins, 1)))
    full = found.curvature[0] / one.variance[0][:, None, None]
    square = np.diagonal(full, axis1=1, axis2=2)
    cross = full[:, :-1, -1]
    return square[:, :-1] - cross**2 / np.maximum(square[:, -1:], 1e-12)


def _sticky(n_states: int) -> Chain:
    if n_states == 1:
        return Chain(np.ones((1, 1)), np.ones(1))
    moves = np.full((n_states, n_states), (1 - _STICKY) / (n_states - 1))
    np.fill_diagonal(moves, _STICKY)
    return Chain(moves, np.full(n_states, 1 / n_states))


def _repeated(one: Couplings, n_states: int) -> Couplings:
    return Couplings(
        np.repeat(one.weights, n_states, axis=0),
        np.repeat(one.bias, n_states, axis=0),
        np.repeat(one.variance, n_states, axis=0),
    )


def _screened(problem: Problem, one: Couplings, settings: Settings) -> tuple[State, Array]:
    """The best of several short climbs from different guesses, and what each reached."""
    prior = FreePrior(settings.ridge)
    if settings.n_states == 1:
        start = evaluated(problem, one, _sticky(1), prior)
        return start, np.array([start.objective])
    tops = []
    for restart in range(settings.restarts):
        generator = np.random.default_rng([settings.seed, restart])
        window = WINDOWS[restart % len(WINDOWS)]
        share = clustered_share(problem, one, settings.n_states, window, generator)
        start = _from_share(problem, _repeated(one, settings.n_states), share, prior)
        tops.append(climb(problem, start, prior, settings.screening, settings.tolerance))
    tops.sort(key=lambda top: -top.objective)
    return tops[0], np.array([top.objective for top in tops])


def _from_share(problem: Problem, couplings: Couplings, share: Array, prior: Prior) -> State:
    log_emission = np.empty(0)
    for _ in range(_STEPS_FROM_A_GUESS):
        couplings, log_emission = maximized_couplings(problem, couplings, prior, share)
    chain = _sticky(share.shape[1])
    return expectation(problem, couplings, chain, prior, log_emission)


def _best_link(problem: Problem, best: State, settings: Settings) -> tuple[Problem, State, str]:
    """The link whose short climb from the best posterior reaches highest."""
    mean = problem.design.values.mean(axis=0)
    found = {}
    for link in possible_links(mean):
        other = problem_of(problem.trials, problem.design.past, settings, link)
        prior = FreePrior(settings.ridge)
        start = _repeated(_one_state(other, settings), settings.n_states)
        begun = _from_share(other, start, best.share, prior)
        begun = evaluated(other, begun.couplings, best.chain, prior)
        top = climb(other, begun, prior, _STEPS_A_LINK, settings.tolerance)
        found[link] = (other, top)
    link = max(found, key=lambda name: found[name][1].objective)
    return *found[link], link


def log_emission_of(problem: Problem, couplings: Couplings) -> Array:
    """Log density of every bin in every state, constants left out: (bins, states)."""
    return densities(problem.design, couplings)[0]
