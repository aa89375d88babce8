"""Priors on couplings: free, tied to a common mean, or signed with a shared template.

The signed prior is a spike and slab. Whether a coupling is inhibitory, absent or excitatory is a
draw from the coupling's own template, which all states share: so a coupling that exists in one
state is likelier in the others. The template is integrated out (Dirichlet-multinomial), its
concentrations and the slab's width are learned from all couplings (empirical Bayes).
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_FORBIDDEN = -1e6
_N_FIXED_POINTS = 5
CLASSES = ("inhibitory", "none", "excitatory")


class Prior(Protocol):
    """What the fit asks of a prior on weights (states, to, from)."""

    def value(self, weights: Array) -> Array:
        """Log prior of every receiving neuron's couplings, up to a constant: (neurons,)."""

    def hyper_value(self) -> float:
        """Log prior of what is learned of the prior itself."""

    def pull(self, weights: Array) -> tuple[Array | float, Array | float]:
        """Precision and centre of the Gaussian part, to be broadcast over the weights."""

    def update(self, weights: Array) -> None:
        """Learn what is common to couplings; never lowers value plus hyper value."""

    def template(self, weights: Array) -> Array:
        """What all states share."""


class FreePrior:
    """Independent weights with a weak ridge: ``W ~ N(0, 1 / ridge)``.

    Parameters
    ----------
    ridge : float

    Examples
    --------
    >>> FreePrior(0.5).value(np.full((1, 1, 2), 2.0)).tolist()
    [-2.0]
    """

    def __init__(self, ridge: float) -> None:
        self.ridge = ridge

    def value(self, weights: Array) -> Array:
        """Minus half the ridge times squares."""
        return -0.5 * self.ridge * np.square(weights).sum(axis=(0, 2))

    def hyper_value(self) -> float:
        """Nothing is learned."""
        return 0.0

    def pull(self, weights: Array) -> tuple[Array | float, Array | float]:
        """Towards zero."""
        return self.ridge, 0.0

    def update(self, weights: Array) -> None:
        """Nothing is learned."""

    def template(self, weights: Array) -> Array:
        """Mean over states: (to, from)."""
        return weights.mean(axis=0)


class TiedPrior:
    """Weights of all states around a common mean: ``W_s ~ N(mean_s W_s, spread^2)``.

    Parameters
    ----------
    spread : float
        Standard deviation between states.
    ridge : float
        A weak pull of the common mean towards zero.

    Examples
    --------
    >>> prior = TiedPrior(1.0, 1e-9)
    >>> weights = np.array([[[1.0]], [[3.0]]])
    >>> prior.update(weights)
    >>> prior.template(weights).round(4).tolist(), prior.value(weights).round(4).tolist()
    ([[2.0]], [-1.0])
    """

    def __init__(self, spread: float, ridge: float) -> None:
        self.precision = 1 / spread**2
        self.ridge = ridge
        self.common: Array | float = 0.0

    def value(self, weights: Array) -> Array:
        """Gaussian around the common mean, and of that mean."""
        apart = np.square(weights - self.common).sum(axis=(0, 2))
        common = np.broadcast_to(self.common, weights.shape[1:])
        return -0.5 * (self.precision * apart + self.ridge * np.square(common).sum(axis=1))

    def hyper_value(self) -> float:
        """The common mean is counted in `value`."""
        return 0.0

    def pull(self, weights: Array) -> tuple[Array | float, Array | float]:
        """Towards the common mean."""
        return self.precision, self.common

    def update(self, weights: Array) -> None:
        """The common mean that is likeliest given the weights."""
        total = len(weights) * self.precision
        self.common = weights.mean(axis=0) * total / (total + self.ridge)

    def template(self, weights: Array) -> Array:
        """The common mean: (to, from)."""
        return np.broadcast_to(self.common, weights.shape[1:]).copy()


class SignedPrior:
    """Spike and slab with a template that all states share.

    A coupling costs ``ln(width sqrt(information)) - ln 2``, the Laplace approximation of the
    evidence of a half-normal slab (MacKay 2003, chapter 28), and what the template says of it.

    Parameters
    ----------
    information : ndarray (to, from)
        Fisher information on a coupling in one of the states, from the fit of one state.
    concentration : ndarray (3,)
        Where concentrations of the template start: inhibitory, none, excitatory.
    width : float
        Where the slab's width starts.
    n_states : int
    known : ndarray (to, from, 3), optional
        A template that is known, and therefore not learned.

    Examples
    --------
    >>> prior = SignedPrior(np.full((1, 1), 100.0), np.array([0.2, 1.6, 0.2]), 1.0, 2)
    >>> none, one, both = (prior.value(np.array(w).reshape(2, 1, 1))[0] for w in
    ...                    ([0.0, 0.0], [0.5, 0.0], [0.5, 0.5]))
    >>> bool(none - one > one - both)
    True
    """

    def __init__(
        self,
        information: Array,
        concentration: Array,
        width: float,
        n_states: int,
        known: Array | None = None,
    ) -> None:
        self.information = np.maximum(information, 1e-12)
        self.start = np.asarray(concentration, dtype=np.float64)
        self.concentration = self.start.copy()
        self.start_width = self.width = width
        self.n_states = n_states
        with np.errstate(divide="ignore"):
            # Forbidden classes are finitely, but hopelessly, unlikely: 0 times infinity is NaN.
            self.log_known = None if known is None else np.maximum(np.log(known), _FORBIDDEN)

    def log_chance(self, counts: Array, source: int) -> Array:
        """What the template says of the classes of couplings from one neuron: (to, 3).

        Parameters
        ----------
        counts : ndarray (to, 3)
            Classes of these couplings in the other states.
        source : int
        """
        if self.log_known is not None:
            return self.log_known[:, source]
        return np.log(counts + self.concentration)

    def cost(self) -> Array:
        """What a coupling costs beyond its sign and size: (to, from)."""
        evidence = np.log(self.width) + 0.5 * np.log(self.information) - math.log(2)
        # A coupling on which data say nothing has the prior's own evidence.
        return np.maximum(evidence, 0.0)

    def value(self, weights: Array) -> Array:
        """Template, cost and size of the couplings of every receiving neuron."""
        active = weights != 0
        size = 0.5 * np.square(weights / self.width)
        each = -(active * (self.cost() + size)).sum(axis=0)
        counts = counts_of(weights)
        if self.log_known is not None:
            return (each + (counts * self.log_known).sum(axis=2)).sum(axis=1)
        return (each + self._template_value(counts, self.concentration)).sum(axis=1)

    def hyper_value(self) -> float:
        """Weak gamma and inverse-gamma priors around where they start, one coupling's worth."""
        share = self.concentration / self.start
        relative = self.start_width / self.width
        template = 0.0 if self.log_known is not None else float((np.log(share) - share).sum())
        return template + math.log(relative) - 0.5 * relative**2

    def pull(self, weights: Array) -> tuple[Array | float, Array | float]:
        """Towards zero, within the slab."""
        return 1 / self.width**2, 0.0

    def update(self, weights: Array) -> None:
        """Learn the slab's width and the template's concentrations."""
        before = float(self.value(weights).sum()) + self.hyper_value()
        kept = self.width, self.concentration
        active = weights[weights != 0]
        squares = float(np.square(active).sum()) + self.start_width**2
        self.width = math.sqrt(squares / (len(active) + 1))
        if self.log_known is None:
            self.concentration = self._learned(counts_of(weights))
        if float(self.value(weights).sum()) + self.hyper_value() < before:
            self.width, self.concentration = kept

    def template(self, weights: Array) -> Array:
        """Probability of each class given the signs in all states: (to, from, 3)."""
        if self.log_known is not None:
            return np.exp(self.log_known)
        raised = counts_of(weights) + self.concentration
        return raised / raised.sum(axis=2, keepdims=True)

    def _template_value(self, counts: Array, concentration: Array) -> Array:
        from scipy.special import gammaln

        total = concentration.sum()
        raised = gammaln(counts + concentration) - gammaln(concentration)
        return raised.sum(axis=2) + gammaln(total) - gammaln(total + self.n_states)

    def _learned(self, counts: Array) -> Array:
        """Minka's fixed point (2000, Estimating a Dirichlet distribution, equation 55), with gamma
        priors whose modes are where the concentrations start; each step goes up."""
        from scipy.special import digamma

        concentration, n_couplings = self.concentration, counts.shape[0] * counts.shape[1]
        for _ in range(_N_FIXED_POINTS):
            total = concentration.sum()
            seen = (digamma(counts + concentration) - digamma(concentration)).sum(axis=(0, 1))
            asked = n_couplings * float(digamma(self.n_states + total) - digamma(total))
            concentration = (concentration * seen + 1) / (asked + 1 / self.start)
        return concentration


def counts_of(weights: Array) -> Array:
    """Number of states in which a coupling is inhibitory, absent, excitatory: (to, from, 3).

    Parameters
    ----------
    weights : ndarray (states, to, from)

    Returns
    -------
    ndarray (to, from, 3)

    Examples
    --------
    >>> counts_of(np.array([[[-1.0]], [[0.0]], [[0.0]]])).tolist()
    [[[1.0, 2.0, 0.0]]]
    """
    signs = np.sign(weights)
    return np.stack([(signs == sign).sum(axis=0) for sign in (-1, 0, 1)], axis=-1).astype(float)
