"""Estimators: hidden states, each with its own directed network between neurons."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from analyses.states.em import posterior_of
from analyses.states.fitting import Settings, fit, log_emission_of, problem_of
from analyses.states.history import exponential_kernel, filtered_history
from analyses.states.maximization import Chain, Problem
from analyses.states.parameters import check_settings
from analyses.states.priors import FreePrior, Prior, SignedPrior, TiedPrior
from analyses.states.regression import Couplings
from analyses.states.scan import viterbi
from analyses.states.trials import Trials, read_trials, shaped
from workbench.errors import UsageError, nearest

Array = NDArray[np.float64]


class HMMGLM:
    """Hidden states with free couplings between neurons.

    Counts are Poisson with mean ``f(b + sum_m W[state, n, m] past_m)``, where past is the filtered
    history (Li et al. 2024, equation 1); states form a Markov chain. Fitted by expectation-
    maximisation over all trials at once.

    Parameters
    ----------
    n_states : int
    seed : int
        Equal seeds give equal fits.
    link : {"auto", "softplus", "exp", "sigmoid"}
        From drive to expected count. The regressions are convex for ``softplus`` and ``exp``; for
        ``sigmoid``, which stays below one spike a bin, steps are guarded instead. ``auto`` takes
        the one that fits best.
    emission : {"poisson", "gaussian"}
        ``gaussian`` is for activity that is not counts; its link is the identity.
    bias : {"shared", "state"}
        Whether states share each neuron's bias, or have their own.
    lags : int
        How many bins the past reaches.
    decay : float
        Of the exponential kernel, per bin.
    restarts : int
        Short climbs from different guesses, the best of which goes on.
    screening : int
        Iterations of a short climb.
    max_iterations : int
    tolerance : float
        The climb ends once an iteration gains less, in nats a bin.
    ridge : float
        Precision of a weak Gaussian prior on couplings, around zero.
    pseudocount : float
        Added to expected transitions and first states.

    Attributes
    ----------
    connectivity_ : ndarray (states, to, from)
        Couplings, as change of drive per spike a bin of filtered past.
    bias_ : ndarray (states, neurons)
    transitions_ : ndarray (states, states)
        Probabilities from row to column.
    initial_ : ndarray (states,)
        Probability of each state in a trial's first bin.
    prior_ : ndarray
        What all states share. Here the mean of couplings over states (to, from).
    occupancy_ : ndarray (states,)
        Share of bins; states come in falling order of it.
    history_ : ndarray (iterations,)
        Penalised log likelihood of the final climb, in nats; it never falls.
    restarts_ : ndarray (restarts,)
        What each restart reached in its short climb, best first.
    link_ : str

    Examples
    --------
    >>> from analyses.states import simulate
    >>> world = simulate(2, 6, 200, 6, strength=20.0)
    >>> model = HMMGLM(2, link="softplus", restarts=1, max_iterations=9).fit(world.spikes)
    >>> model.connectivity_.shape, model.predict_states(world.spikes).shape
    ((2, 6, 6), (6, 200))
    """

    def __init__(
        self,
        n_states: int = 2,
        seed: int = 0,
        *,
        link: str = "auto",
        emission: str = "poisson",
        bias: str = "shared",
        lags: int = 5,
        decay: float = 1.0,
        restarts: int = 4,
        screening: int = 6,
        max_iterations: int = 100,
        tolerance: float = 1e-6,
        ridge: float = 1e-2,
        pseudocount: float = 0.1,
    ) -> None:
        self.n_states = n_states
        self.seed = seed
        self.link = link
        self.emission = emission
        self.bias = bias
        self.lags = lags
        self.decay = decay
        self.restarts = restarts
        self.screening = screening
        self.max_iterations = max_iterations
        self.tolerance = tolerance
        self.ridge = ridge
        self.pseudocount = pseudocount

    def fit(self, spikes: Any, y: Any = None) -> Self:
        """Fit states, their networks and the chain.

        Parameters
        ----------
        spikes : array (trials, time, neurons) or (time, neurons), or list of (time, neurons)
            Counts per bin; numpy or torch, whole numbers of any dtype.
        y : ignored

        Returns
        -------
        HMMGLM
            Itself.

        Raises
        ------
        UsageError
            If parameters or counts are not what the model takes.
        WorkbenchError
            If values are NaN or infinite.
        """
        settings = self._settings()
        trials = read_trials(spikes, counts=self.emission == "poisson")
        check_settings(settings, trials)
        found = fit(trials, settings, self._prior)
        order = np.argsort(-found.state.share.mean(axis=0), kind="stable")
        couplings, chain = found.state.couplings, found.state.chain
        self.prior_ = found.prior.template(couplings.weights[order])
        self.connectivity_ = couplings.weights[order]
        self.bias_ = couplings.bias[order]
        self.variance_ = couplings.variance[order]
        self.transitions_ = chain.transitions[np.ix_(order, order)]
        self.initial_ = chain.initial[order]
        self.occupancy_ = found.state.share.mean(axis=0)[order]
        self.history_ = np.array(found.state.history)
        self.restarts_ = found.restarts
        self.link_ = found.link
        return self

    def predict_states(self, spikes: Any, method: str = "posterior") -> Any:
        """State of every bin.

        Parameters
        ----------
        spikes : array (trials, time, neurons) or (time, neurons), or list of (time, neurons)
        method : {"posterior", "viterbi"}
            The likeliest state of each bin, or the likeliest path.

        Returns
        -------
        ndarray (trials, time) or (time,) of int, or a list of those
            In the form in which spikes were given.
        """
        if method not in ("posterior", "viterbi"):
            raise UsageError(
                f"Found method='{method}'; {nearest(str(method), ('posterior', 'viterbi'))}"
            )
        trials, problem = self._problem(spikes)
        log_emission = log_emission_of(problem, self._couplings())
        if method == "posterior":
            share = posterior_of(problem, self._chain(), log_emission)
            paths = share.probability.argmax(axis=2)
        else:
            chain = self._chain()
            paths = viterbi(trials.padded(log_emission), chain.transitions, chain.initial)
        return shaped(paths[trials.mask], trials, spikes)

    def posterior(self, spikes: Any) -> Any:
        """Posterior probability of every state in every bin.

        Parameters
        ----------
        spikes : array (trials, time, neurons) or (time, neurons), or list of (time, neurons)

        Returns
        -------
        ndarray (trials, time, states) or (time, states), or a list of those
        """
        trials, problem = self._problem(spikes)
        found = posterior_of(problem, self._chain(), log_emission_of(problem, self._couplings()))
        return shaped(found.probability[trials.mask], trials, spikes)

    def log_likelihood(self, spikes: Any, initial: str = "learned") -> float:
        """Mean log likelihood of a trial, marginal over states, in nats.

        The forward recursion's, with ``-ln x!``: for the trials of the reference simulation, nats
        per trial of 2,000 bins and 20 neurons.

        Parameters
        ----------
        spikes : array (trials, time, neurons) or (time, neurons), or list of (time, neurons)
            Trials that the fit has not seen, for an honest number.
        initial : {"learned", "uniform"}
            Distribution of a trial's first state. The published numbers take the uniform one.

        Returns
        -------
        float
        """
        return float(self.log_likelihoods(spikes, initial).mean())

    def log_likelihoods(self, spikes: Any, initial: str = "learned") -> Array:
        """Log likelihood of every trial: (trials,); see `log_likelihood`."""
        if initial not in ("learned", "uniform"):
            raise UsageError(
                f"Found initial='{initial}'; {nearest(str(initial), ('learned', 'uniform'))}"
            )
        trials, problem = self._problem(spikes)
        chain = self._chain()
        if initial == "uniform":
            chain = Chain(chain.transitions, np.full(self.n_states, 1 / self.n_states))
        found = posterior_of(problem, chain, log_emission_of(problem, self._couplings()))
        rest = [problem.design.emission.rest(part) for part in trials.split(trials.values)]
        return found.log_likelihood + np.array(rest)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters by name, as scikit-learn's estimators give them."""
        return {name: value for name, value in vars(self).items() if not name.endswith("_")}

    def set_params(self, **parameters: Any) -> Self:
        """Change parameters by name."""
        for name, value in parameters.items():
            if name not in self.get_params():
                raise UsageError(
                    f"Found no parameter '{name}' of {type(self).__name__}; "
                    f"{nearest(name, self.get_params())}"
                )
            setattr(self, name, value)
        return self

    def _settings(self) -> Settings:
        known = Settings.__dataclass_fields__
        return Settings(**{key: value for key, value in self.get_params().items() if key in known})

    def _prior(self, information: Array, n_states: int) -> Prior:
        return FreePrior(self.ridge)

    def _problem(self, spikes: Any) -> tuple[Trials, Problem]:
        if not hasattr(self, "connectivity_"):
            raise UsageError(
                f"Found a {type(self).__name__} that is not fitted; expected a fitted one: call "
                "fit(spikes) first."
            )
        trials = read_trials(spikes, self.emission == "poisson", self.bias_.shape[1])
        past = filtered_history(trials, exponential_kernel(self.lags, self.decay))
        past = np.concatenate([past, np.ones((len(past), 1))], axis=1)
        return trials, problem_of(trials, past, self._settings(), self.link_)

    def _couplings(self) -> Couplings:
        return Couplings(self.connectivity_, self.bias_, self.variance_)

    def _chain(self) -> Chain:
        return Chain(self.transitions_, self.initial_)


class GaussianHMMGLM(HMMGLM):
    """Hidden states whose couplings scatter around a common mean.

    ``W_s ~ N(mean_s W_s, spread^2)``: the common mean is learned with the couplings.

    Parameters
    ----------
    n_states, seed, ...
        As in `HMMGLM`; `ridge` pulls the common mean.
    spread : float
        Standard deviation of a coupling between states.

    Attributes
    ----------
    prior_ : ndarray (to, from)
        The common mean.

    Examples
    --------
    >>> from analyses.states import simulate
    >>> world = simulate(2, 4, 100, 4)
    >>> GaussianHMMGLM(2, restarts=1, max_iterations=5).fit(world.spikes).prior_.shape
    (4, 4)
    """

    def __init__(
        self, n_states: int = 2, seed: int = 0, *, spread: float = 1 / 3, **parameters: Any
    ) -> None:
        super().__init__(n_states, seed, **parameters)
        self.spread = spread

    def _prior(self, information: Array, n_states: int) -> Prior:
        return TiedPrior(self.spread, self.ridge)


class OneHotHMMGLM(HMMGLM):
    """Hidden states with signed couplings under one template: inhibitory, none or excitatory.

    Which class a coupling has in a state is a draw from the coupling's own template, shared by all
    states (Li et al. 2024, section 3). The prior is proper, unlike a Gumbel-softmax density, which
    is unbounded at the corners: a spike and slab, with the template integrated out and its
    concentrations learned. Classes are hard: absent couplings are exactly zero.

    Parameters
    ----------
    n_states, seed, ...
        As in `HMMGLM`; `ridge` acts in the short climbs only.
    concentration : tuple of float
        Where the template's Dirichlet concentrations start: inhibitory, none, excitatory.
    width : float
        Where the standard deviation of existing couplings starts.
    log_pi : array (to, from, 3), optional
        Logarithm of a known template; it is then not learned. Rows need not be normalised.

    Attributes
    ----------
    prior_ : ndarray (to, from, 3)
        Probability that a coupling is inhibitory, absent, excitatory.

    Examples
    --------
    >>> from analyses.states import simulate
    >>> world = simulate(2, 4, 100, 4)
    >>> model = OneHotHMMGLM(2, restarts=1, max_iterations=5).fit(world.spikes)
    >>> model.prior_.shape, model.prior_.sum(axis=2).round(6).max().item()
    ((4, 4, 3), 1.0)
    """

    def __init__(
        self,
        n_states: int = 2,
        seed: int = 0,
        *,
        concentration: tuple[float, float, float] = (0.2, 1.6, 0.2),
        width: float = 1.0,
        log_pi: Any = None,
        **parameters: Any,
    ) -> None:
        super().__init__(n_states, seed, **parameters)
        self.concentration = concentration
        self.width = width
        self.log_pi = log_pi

    def _prior(self, information: Array, n_states: int) -> Prior:
        from analyses.states.parameters import known_template

        template = None
        if self.log_pi is not None:
            template = known_template(self.log_pi, len(information))
        start = np.asarray(self.concentration, dtype=np.float64)
        return SignedPrior(information, start, self.width, n_states, template)
