"""Forward-backward and Viterbi over all trials at once, exact, without a loop over every bin.

A long trial is cut into blocks. The transfer of each block from every state to every state is
found for all blocks side by side; chaining these gives the message at the start of each block; then
all blocks are walked through side by side. Emissions are used relative to the likeliest state of
their bin and messages are scaled in every step, so nothing under- or overflows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_LEAST_PROBABILITY = 1e-12
# Shorter trials are walked through whole.
_SHORT = 128


@dataclass(frozen=True, eq=False)
class Posterior:
    """What is known of hidden states.

    Attributes
    ----------
    log_likelihood : ndarray (trials,)
        Marginal over states, in nats.
    probability : ndarray (trials, time, states)
        Posterior of every state; meaningless behind the end of a trial.
    transitions : ndarray (states, states)
        Expected number of transitions from row to column, over all trials.
    """

    log_likelihood: Array
    probability: Array
    transitions: Array


def forward_backward(
    log_emission: Array, transitions: Array, initial: Array, lengths: NDArray[np.int64]
) -> Posterior:
    """Posterior of hidden states and marginal likelihood (Rabiner 1989, equations 18 to 37).

    Parameters
    ----------
    log_emission : ndarray (trials, time, states)
        ``ln p(x_t | state)``; zero behind the end of a trial.
    transitions : ndarray (states, states)
        Probabilities from row to column.
    initial : ndarray (states,)
    lengths : ndarray (trials,) of int

    Returns
    -------
    Posterior

    Examples
    --------
    >>> even = np.full((2, 2), 0.5)
    >>> found = forward_backward(np.zeros((1, 3, 2)), even, even[0], np.array([3]))
    >>> found.probability[0, 0].tolist(), found.transitions.sum().round(6).item()
    ([0.5, 0.5], 2.0)
    """
    n_trials, n_time, n_states = log_emission.shape
    peak = log_emission.max(axis=2)
    moves = _floored(transitions)
    length = n_time if n_time <= _SHORT else 2 * math.isqrt(n_time)
    n_blocks = -(-n_time // length)
    relative = np.ones((n_trials, n_blocks * length, n_states))
    relative[:, :n_time] = np.exp(log_emission - peak[:, :, None])
    # Time first, so that a step reads memory in one piece: (length, trials x blocks, states).
    emission = np.ascontiguousarray(
        relative.reshape(n_trials * n_blocks, length, n_states).transpose(1, 0, 2)
    )
    ahead, behind = _block_ends(emission, moves, _floored(initial), (n_trials, n_blocks))
    predicted, filtered, scale = _forward(emission, moves, ahead)
    backward = _backward(emission, moves, behind)

    def in_time(values: Array) -> Array:
        shape = (n_trials, n_blocks * length, *values.shape[2:])
        return np.ascontiguousarray(np.swapaxes(values, 0, 1)).reshape(shape)[:, :n_time]

    joint = predicted * backward
    total = joint.sum(axis=2)
    likelihood = (np.log(in_time(scale)) + peak).sum(axis=1)
    follows = np.arange(1, n_time) < lengths[:, None]
    before = in_time(filtered)[:, :-1][follows]
    after = in_time(backward / total[:, :, None])[:, 1:][follows]
    return Posterior(likelihood, in_time(joint / total[:, :, None]), moves * (before.T @ after))


def log_likelihoods(log_emission: Array, transitions: Array, initial: Array) -> Array:
    """Marginal likelihood (trials,) alone, in nats; see `forward_backward`."""
    lengths = np.full(len(log_emission), log_emission.shape[1])
    return forward_backward(log_emission, transitions, initial, lengths).log_likelihood


def viterbi(log_emission: Array, transitions: Array, initial: Array) -> NDArray[np.int64]:
    """Likeliest path of every trial (Rabiner 1989, equations 32 to 35).

    Parameters
    ----------
    log_emission : ndarray (trials, time, states)
    transitions : ndarray (states, states)
    initial : ndarray (states,)

    Returns
    -------
    ndarray (trials, time) of int

    Examples
    --------
    >>> seen = np.log([[[0.9, 0.1], [0.4, 0.6], [0.9, 0.1]]])
    >>> viterbi(seen, np.array([[0.9, 0.1], [0.1, 0.9]]), np.array([0.5, 0.5])).tolist()
    [[0, 0, 0]]
    """
    n_trials, n_time, n_states = log_emission.shape
    moves = np.log(_floored(transitions))
    best = np.log(_floored(initial)) + log_emission[:, 0]
    came_from = np.zeros((n_time, n_trials, n_states), dtype=np.int64)
    for time in range(1, n_time):
        through = best[:, :, None] + moves
        came_from[time] = through.argmax(axis=1)
        best = through.max(axis=1) + log_emission[:, time]
    path = np.empty((n_time, n_trials), dtype=np.int64)
    path[-1] = best.argmax(axis=1)
    for time in range(n_time - 1, 0, -1):
        path[time - 1] = came_from[time, np.arange(n_trials), path[time]]
    return path.T


def _floored(probabilities: Array) -> Array:
    safe = np.maximum(probabilities, _LEAST_PROBABILITY)
    return safe / safe.sum(axis=-1, keepdims=True)


def _block_ends(
    emission: Array, moves: Array, initial: Array, shape: tuple[int, int]
) -> tuple[Array, Array]:
    """Prediction at the start of every block, and what follows its end: (trials x blocks, s)."""
    n_trials, n_blocks = shape
    n_states = len(initial)
    ahead = np.empty((n_trials, n_blocks, n_states))
    behind = np.ones((n_trials, n_blocks, n_states))
    ahead[:, 0] = initial
    if n_blocks > 1:
        transfer = _transfers(emission, moves).reshape(n_trials, n_blocks, n_states, n_states)
        for block in range(1, n_blocks):
            step = (ahead[:, block - 1, None] @ transfer[:, block - 1])[:, 0]
            ahead[:, block] = step / step.sum(axis=1, keepdims=True)
        for block in range(n_blocks - 1, 0, -1):
            step = (transfer[:, block] @ behind[:, block, :, None])[:, :, 0]
            behind[:, block - 1] = step / step.max(axis=1, keepdims=True)
    return ahead.reshape(-1, n_states), behind.reshape(-1, n_states)


def _transfers(emission: Array, moves: Array) -> Array:
    """Transfer of every block, scaled to a largest entry of one: (blocks, states, states)."""
    _, n_blocks, n_states = emission.shape
    transfer = np.broadcast_to(np.eye(n_states), (n_blocks, n_states, n_states))
    log_scale = np.zeros((n_blocks, n_states))
    for seen in emission:
        transfer = (transfer * seen[:, None]) @ moves
        size = transfer.sum(axis=2)
        transfer = transfer / size[:, :, None]
        log_scale += np.log(size)
    relative = np.exp(log_scale - log_scale.max(axis=1, keepdims=True))
    return transfer * relative[:, :, None]


def _forward(emission: Array, moves: Array, ahead: Array) -> tuple[Array, Array, Array]:
    predicted, filtered = np.empty_like(emission), np.empty_like(emission)
    scale = np.empty(emission.shape[:2])
    message = ahead
    for time, seen in enumerate(emission):
        predicted[time] = message
        joint = message * seen
        scale[time] = joint.sum(axis=1)
        filtered[time] = joint / scale[time][:, None]
        message = filtered[time] @ moves
    return predicted, filtered, scale


def _backward(emission: Array, moves: Array, behind: Array) -> Array:
    backward = np.empty_like(emission)
    message, turned = behind, moves.T
    for time in range(len(emission) - 1, -1, -1):
        step = emission[time] * (message @ turned)
        backward[time] = step / step.max(axis=1, keepdims=True)
        message = backward[time]
    return backward
