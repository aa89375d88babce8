"""Populations that switch between signed networks under one template: the reference simulation.

Source: Li et al. 2024, One-hot Generalized Linear Model for Switching Brain State Discovery
(arXiv 2310.15263), the demonstration's recipe, with the first state drawn from the initial
distribution.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analyses.states.emissions import LINKS, Poisson
from analyses.states.history import exponential_kernel
from workbench.errors import UsageError, nearest

Array = NDArray[np.float64]
TEMPLATE_CONCENTRATION = (0.2, 1.6, 0.2)
_MOST_SPIKES = 1e4


@dataclass(frozen=True, eq=False)
class Simulation:
    """Spikes and the truth behind them.

    Attributes
    ----------
    spikes : ndarray (trials, time, neurons) of int
    states : ndarray (trials, time) of int
    connectivity : ndarray (states, to, from)
    template : ndarray (to, from, 3)
        Probability of inhibitory, none, excitatory.
    bias : ndarray (neurons,)
    transitions : ndarray (states, states)
    initial : ndarray (states,)
    link : str
    kernel : ndarray (lags,)
    """

    spikes: NDArray[np.int64]
    states: NDArray[np.int64]
    connectivity: Array
    template: Array
    bias: Array
    transitions: Array
    initial: Array
    link: str
    kernel: Array


def simulate(
    n_states: int = 5,
    n_neurons: int = 20,
    n_bins: int = 2000,
    n_trials: int = 50,
    *,
    seed: int = 0,
    stay: float = 0.98,
    link: str = "sigmoid",
    lags: int = 5,
    decay: float = 1.0,
    strength: float = 3.0,
    bias: float = 0.0,
) -> Simulation:
    """Simulate spike counts of a population with hidden states.

    Parameters
    ----------
    n_states, n_neurons, n_bins, n_trials : int
    seed : int
    stay : float
        Probability of staying in a state from one bin to the next.
    link : {"softplus", "exp", "sigmoid"}
    lags : int
    decay : float
        Of the kernel, per bin.
    strength : float
        Couplings have size ``ln(1 + strength U)``, U uniform in 0 to 1.
    bias : float
        Added to every neuron's bias, which is otherwise uniform in -0.05 to 0.05.

    Returns
    -------
    Simulation

    Raises
    ------
    UsageError
        If a size is not positive, there is no such link, or activity runs away.

    Examples
    --------
    >>> world = simulate(2, 3, 50, 4)
    >>> world.spikes.shape, world.connectivity.shape, world.template.shape
    ((4, 50, 3), (2, 3, 3), (3, 3, 3))
    """
    if min(n_states, n_neurons, n_bins, n_trials) < 1:
        raise UsageError(
            f"Found {n_states} states, {n_neurons} neurons, {n_bins} bins, {n_trials} trials; "
            "expected at least one of each."
        )
    if link not in LINKS:
        raise UsageError(f"Found link='{link}'; {nearest(link, LINKS)}")
    generator = np.random.default_rng(seed)
    shape = (n_states, n_neurons, n_neurons)
    template = generator.dirichlet(TEMPLATE_CONCENTRATION, size=shape[1:])
    sizes = np.log1p(strength * generator.uniform(size=shape))
    # The largest coordinate of a Gumbel-softmax draw is a draw from the template itself.
    gumbel = generator.gumbel(size=(*shape, 3))
    signs = (np.log(np.maximum(template, 1e-300)) + gumbel).argmax(axis=3) - 1
    world = _World(
        connectivity=signs * sizes,
        bias=bias + 0.1 * (generator.uniform(size=n_neurons) - 0.5),
        transitions=_transitions(n_states, stay),
        initial=np.full(n_states, 1 / n_states),
        link=link,
        kernel=exponential_kernel(lags, decay),
    )
    states = world.drawn_states(n_trials, n_bins, generator)
    spikes = world.drawn_spikes(states, generator)
    return Simulation(
        spikes,
        states,
        world.connectivity,
        template,
        world.bias,
        world.transitions,
        world.initial,
        link,
        world.kernel,
    )


@dataclass(frozen=True, eq=False)
class _World:
    connectivity: Array
    bias: Array
    transitions: Array
    initial: Array
    link: str
    kernel: Array

    def drawn_states(
        self, n_trials: int, n_bins: int, generator: np.random.Generator
    ) -> NDArray[np.int64]:
        """Paths (trials, time) of the chain."""
        states = np.empty((n_trials, n_bins), dtype=np.int64)
        cumulative = np.cumsum(self.transitions, axis=1)
        states[:, 0] = generator.choice(len(self.initial), size=n_trials, p=self.initial)
        for time in range(1, n_bins):
            level = generator.uniform(size=(n_trials, 1))
            states[:, time] = (level > cumulative[states[:, time - 1]]).sum(axis=1)
        return np.minimum(states, len(self.initial) - 1)

    def drawn_spikes(
        self, states: NDArray[np.int64], generator: np.random.Generator
    ) -> NDArray[np.int64]:
        """Counts (trials, time, neurons) given the paths."""
        n_trials, n_bins = states.shape
        lags = len(self.kernel)
        counts = np.zeros((n_trials, n_bins + lags, len(self.bias)))
        emission = Poisson(self.link)
        for time in range(n_bins):
            recent = counts[:, time : time + lags][:, ::-1]
            past = np.einsum("k,rkn->rn", self.kernel, recent)
            weights = self.connectivity[states[:, time]]
            drive = self.bias + (weights @ past[:, :, None])[:, :, 0]
            with np.errstate(over="ignore"):
                mean = emission.mean(drive)
            if not mean.max() < _MOST_SPIKES:
                raise UsageError(
                    f"Found {mean.max():.3g} spikes expected in a bin: excitation runs away with "
                    f"link='{self.link}'; lower strength or bias, or choose 'sigmoid'."
                )
            counts[:, time + lags] = generator.poisson(mean)
        return counts[:, lags:].astype(np.int64)


def _transitions(n_states: int, stay: float) -> Array:
    if n_states == 1:
        return np.ones((1, 1))
    moves = np.full((n_states, n_states), (1 - stay) / (n_states - 1))
    np.fill_diagonal(moves, stay)
    return moves
