"""Regressions of all neurons in all states at once: one sweep over bins for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analyses.states.emissions import Emission

Array = NDArray[np.float64]
# Values in one block of bins x states x neurons: it stays in the cache.
_BLOCK_VALUES = 2**17
# Bins that a state does not own are left out of its curvature, never out of value or gradient.
_LEAST_SHARE = 1e-3


@dataclass(frozen=True, eq=False)
class Couplings:
    """Parameters of the emissions.

    Attributes
    ----------
    weights : ndarray (states, to, from)
    bias : ndarray (states, neurons)
    variance : ndarray (states, neurons)
        One, for counts.
    """

    weights: Array
    bias: Array
    variance: Array

    @property
    def table(self) -> Array:
        """Weights with the bias as last column: (states, to, from + 1)."""
        return np.concatenate([self.weights, self.bias[:, :, None]], axis=2)

    def stepped(self, step: Array) -> Couplings:
        """With a step (states, to, from + 1) added."""
        return replace(self, weights=self.weights + step[..., :-1], bias=self.bias + step[..., -1])

    def chosen(self, other: Couplings, neurons: NDArray[np.bool_]) -> Couplings:
        """With weights and bias of some receiving neurons taken from another."""
        weights = np.where(neurons[None, :, None], other.weights, self.weights)
        return replace(self, weights=weights, bias=np.where(neurons, other.bias, self.bias))


@dataclass(frozen=True, eq=False)
class Design:
    """Activity and its filtered past.

    Attributes
    ----------
    values : ndarray (bins, neurons)
    past : ndarray (bins, neurons + 1)
        A column of ones last.
    emission : Emission
    """

    values: Array
    past: Array
    emission: Emission

    def blocks(self, couplings: Couplings) -> Iterator[tuple[slice, Array]]:
        """Bins and their drives (bins, states, neurons)."""
        table = couplings.table
        n_states, n_neurons, width = table.shape
        flat = np.ascontiguousarray(table.reshape(-1, width).T)
        step = max(64, _BLOCK_VALUES // (n_states * n_neurons))
        for start in range(0, len(self.values), step):
            bins = slice(start, start + step)
            yield bins, (self.past[bins] @ flat).reshape(-1, n_states, n_neurons)


@dataclass(frozen=True, eq=False)
class Slopes:
    """Derivatives of the expected log density.

    Attributes
    ----------
    value : ndarray (states, neurons)
        The expected log density itself, for counts; minus half the squared residuals otherwise.
    gradient : ndarray (states, to, from + 1)
        For variance one.
    curvature : ndarray (states, to, from + 1, from + 1)
        Fisher information, for variance one.
    """

    value: Array
    gradient: Array
    curvature: Array


def densities(
    design: Design, couplings: Couplings, share: Array | None = None
) -> tuple[Array, Array]:
    """Log density of every bin in every state, and expected log density of every neuron.

    Parameters
    ----------
    design : Design
    couplings : Couplings
    share : ndarray (bins, states), optional
        Posterior of the states.

    Returns
    -------
    log_emission : ndarray (bins, states)
        Without what `Emission.rest` holds.
    value : ndarray (neurons,)
        Zero without a posterior.
    """
    n_states, n_neurons = couplings.bias.shape
    log_emission = np.empty((len(design.values), n_states))
    value = np.zeros(n_neurons)
    log_variance = 0.5 * np.log(couplings.variance)
    for bins, drive in design.blocks(couplings):
        with np.errstate(over="ignore", invalid="ignore"):
            density = design.emission.log_density(design.values[bins, None], drive)
        if design.emission.has_variance:
            density = density / couplings.variance - log_variance
        log_emission[bins] = density.sum(axis=2)
        if share is not None:
            value += np.einsum("ts,tsn->n", share[bins], density)
    return log_emission, value


def slopes(design: Design, couplings: Couplings, share: Array) -> Slopes:
    """Value, gradient and curvature of the expected log density.

    Parameters
    ----------
    design : Design
    couplings : Couplings
    share : ndarray (bins, states)
        Posterior of the states.

    Returns
    -------
    Slopes
    """
    n_states, n_neurons, width = couplings.table.shape
    first, second = np.triu_indices(width)
    value = np.zeros((n_states, n_neurons))
    gradient = np.zeros((n_states, n_neurons, width))
    packed = np.zeros((n_states, n_neurons, len(first)))
    for bins, drive in design.blocks(couplings):
        past, weight = design.past[bins], share[bins]
        pairs = _pairs(past)
        density, score, information = design.emission.expanded(design.values[bins, None], drive)
        for state in range(n_states):
            own = weight[:, state]
            value[state] += own @ density[:, state]
            gradient[state] += (own[:, None] * score[:, state]).T @ past
            rows = np.flatnonzero(own > _LEAST_SHARE)
            packed[state] += (own[rows, None] * information[rows, state]).T @ pairs[rows]
    curvature = np.empty((n_states, n_neurons, width, width))
    curvature[:, :, first, second] = packed
    curvature[:, :, second, first] = packed
    return Slopes(value, gradient, curvature)


def _pairs(past: Array) -> Array:
    """Products of every two columns, upper triangle: (bins, pairs); slices, not gathers."""
    width = past.shape[1]
    pairs = np.empty((len(past), width * (width + 1) // 2))
    start = 0
    for column in range(width):
        stop = start + width - column
        np.multiply(past[:, column, None], past[:, column:], out=pairs[:, start:stop])
        start = stop
    return pairs


def newton_step(
    gradient: Array, curvature: Array, free: NDArray[np.bool_], shared_bias: bool
) -> Array:
    """Newton's step of all neurons; weights that are not free stay.

    Parameters
    ----------
    gradient : ndarray (states, to, from + 1)
        Of the penalised objective.
    curvature : ndarray (states, to, from + 1, from + 1)
        Of the penalised objective, positive definite.
    free : ndarray of bool (states, to, from)
        Which weights may move.
    shared_bias : bool
        Whether the bias moves alike in all states; solved by the Schur complement.

    Returns
    -------
    ndarray (states, to, from + 1)
    """
    n_states, n_neurons, width = gradient.shape
    mask = np.ones((n_states, n_neurons, width))
    mask[..., :-1] = free
    system = curvature * mask[..., :, None] * mask[..., None, :]
    index = np.arange(width)
    system[..., index, index] += 1 - mask
    target = gradient * mask
    if not shared_bias:
        return np.asarray(np.linalg.solve(system, target[..., None])[..., 0], dtype=np.float64)
    inner, cross = system[..., :-1, :-1], system[..., :-1, -1]
    solved = np.linalg.solve(inner, np.stack([target[..., :-1], cross], axis=-1))
    own, tied = solved[..., 0], solved[..., 1]
    rest = target[..., -1] - (cross * own).sum(axis=2)
    left = system[..., -1, -1] - (cross * tied).sum(axis=2)
    bias = rest.sum(axis=0) / left.sum(axis=0)
    step = np.empty_like(gradient)
    step[..., :-1] = own - tied * bias[None, :, None]
    step[..., -1] = bias
    return step
