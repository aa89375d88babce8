"""Reservoirs: linear memory capacity of states, and a plain echo-state network."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.brain_dynamics.inputs import plain_array, real_array
from workbench.analysis.parameters import positive, whole
from workbench.errors import UsageError


@dataclass(frozen=True)
class MemoryCapacity:
    """How much of past inputs can be read from states.

    Attributes
    ----------
    total : float
        Sum over delays; at most the number of units.
    delays : ndarray (delays,) of int
        Steps.
    r2 : ndarray (delays,)
        Squared correlation of the input that many steps ago with its readout, held out.
    chance : float
        Total that readouts without any memory reach: 1 / n_test for each delay.
    """

    total: float
    delays: NDArray[np.int64]
    r2: NDArray[np.float64]
    chance: float


@dataclass(frozen=True)
class EchoState:
    """A driven echo-state network.

    Attributes
    ----------
    states : ndarray (time, units)
    inputs : ndarray (time,)
    weights : ndarray (units, units)
        As (to, from).
    input_weights : ndarray (units,)
    spectral_radius, input_scale : float
        The input scale matters to memory as much as the radius, and is kept for that.
    """

    states: NDArray[np.float64]
    inputs: NDArray[np.float64]
    weights: NDArray[np.float64]
    input_weights: NDArray[np.float64]
    spectral_radius: float
    input_scale: float


def memory_capacity(
    states: ArrayLike,
    inputs: ArrayLike,
    delays: Iterable[int] | ArrayLike = range(1, 101),
    *,
    washout: int = 200,
    test_fraction: float = 0.3,
    ridge: float = 1e-8,
) -> MemoryCapacity:
    """Linear memory capacity: ``MC = sum over k of r^2(u(t - k), readout_k(t))``, held out.

    One ridge readout a delay (Jaeger 2001, *Short term memory in echo state networks*), all from
    one solve; the last part of the time is held out.

    Parameters
    ----------
    states : array (time, units)
    inputs : array (time,)
        Input at each step. Independent ones: a capacity of slow inputs counts their slowness.
    delays : sequence of int
        Steps; 0 is the present input.
    washout : int
        First steps left out; at least the longest delay is.
    test_fraction : float
        Share of the rest that is held out, at the end.
    ridge : float
        Added to the diagonal of the states' products, summed over the rows trained on. It matters
        where states are tiny: small radius, small input scale.

    Returns
    -------
    MemoryCapacity

    Raises
    ------
    UsageError
        If shapes do not match, there are too few steps, or a parameter is out of range.

    Examples
    --------
    >>> u = np.random.default_rng(0).uniform(-1, 1, 2000)
    >>> line = np.stack([np.roll(u, k) for k in (1, 2, 3)], axis=1)
    >>> round(memory_capacity(line, u, delays=range(1, 11)).total, 1)
    3.0
    """
    x, u = _checked(states, inputs)
    lags = _delays(delays)
    start = max(whole(washout, "washout", 0), int(lags.max()))
    if not 0 < test_fraction < 1:
        raise UsageError(
            f"Found test_fraction={test_fraction!r}; expected a share between 0 and 1."
        )
    n_rows = len(u) - start
    n_train = round(n_rows * (1 - test_fraction))
    if n_train < 2 or n_rows - n_train < 2:
        raise UsageError(
            f"Found {len(u)} steps, {max(n_rows, 0)} of them after the first {start} that washout "
            "and delays take; expected at least 2 to train and 2 to test: record longer."
        )
    positive(ridge, "ridge")
    targets = np.stack([u[start - lag : len(u) - lag] for lag in lags], axis=1)
    predicted = _readouts(x[start:], targets, n_train, ridge)
    r2 = _squared_correlations(predicted, targets[n_train:])
    return MemoryCapacity(float(r2.sum()), lags, r2, len(lags) / (n_rows - n_train))


def echo_state(
    n_steps: int = 6000,
    n_units: int = 100,
    spectral_radius: float = 0.9,
    input_scale: float = 0.1,
    inputs: ArrayLike | None = None,
    seed: int = 0,
) -> EchoState:
    """Drive a random tanh network: Gaussian weights scaled to a spectral radius.

    Parameters
    ----------
    n_steps : int
        Steps, if no inputs are given.
    n_units : int
    spectral_radius : float
        Largest modulus of the weights' eigenvalues.
    input_scale : float
        Input weights are uniform between minus and plus this.
    inputs : array (time,), optional
        Uniform between -1 and 1 by default.
    seed : int

    Returns
    -------
    EchoState
        ``x(t) = tanh(W x(t - 1) + w u(t))``, from zero.

    Raises
    ------
    UsageError
        If a number is out of range.

    Examples
    --------
    >>> run = echo_state(50, n_units=10)
    >>> run.states.shape, run.input_scale
    ((50, 10), 0.1)
    """
    generator = np.random.default_rng(seed)
    whole(n_units, "n_units", 1)
    weights = generator.standard_normal((n_units, n_units))
    weights *= (
        positive(spectral_radius, "spectral_radius") / np.abs(np.linalg.eigvals(weights)).max()
    )
    scale = positive(input_scale, "input_scale")
    input_weights = generator.uniform(-scale, scale, n_units)
    if inputs is None:
        u = generator.uniform(-1, 1, whole(n_steps, "n_steps", 1))
    else:
        u = real_array(inputs, "inputs").reshape(-1)
    driven = u[:, None] * input_weights
    states = np.empty((len(u), n_units))
    state = np.zeros(n_units)
    for step in range(len(u)):
        state = np.tanh(weights @ state + driven[step])
        states[step] = state
    return EchoState(states, u, weights, input_weights, float(spectral_radius), scale)


def _checked(
    states: ArrayLike, inputs: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, u = real_array(states, "states", 2), real_array(inputs, "inputs")
    if u.ndim == 2 and u.shape[1] == 1:
        u = u[:, 0]
    if x.ndim != 2 or u.ndim != 1 or len(x) != len(u):
        raise UsageError(
            f"Found states of shape {x.shape} and inputs of shape {u.shape}; expected (time, "
            "units) and (time,) of the same length."
        )
    return x, u


def _delays(delays: Iterable[int] | ArrayLike) -> NDArray[np.int64]:
    given = delays if hasattr(delays, "__len__") or np.isscalar(delays) else list(delays)  # type: ignore[arg-type]
    lags = np.atleast_1d(plain_array(given))
    if lags.dtype.kind not in "iu" or not lags.size or lags.ndim != 1 or (lags < 0).any():
        raise UsageError(
            f"Found delays={lags.tolist()}; expected whole numbers of steps, none negative, such "
            "as range(1, 101)."
        )
    return lags.astype(np.int64)


def _readouts(
    x: NDArray[np.float64], targets: NDArray[np.float64], n_train: int, ridge: float
) -> NDArray[np.float64]:
    """Readouts (test, delays) of all delays at once, with an intercept."""
    from scipy.linalg import solve

    centre, level = x[:n_train].mean(axis=0), targets[:n_train].mean(axis=0)
    train, test = x[:n_train] - centre, x[n_train:] - centre
    moments = train.T @ train + ridge * np.eye(x.shape[1])
    readout = solve(moments, train.T @ (targets[:n_train] - level), assume_a="pos")
    return test @ readout + level


def _squared_correlations(
    predicted: NDArray[np.float64], targets: NDArray[np.float64]
) -> NDArray[np.float64]:
    a, b = predicted - predicted.mean(axis=0), targets - targets.mean(axis=0)
    spread = (a**2).sum(axis=0) * (b**2).sum(axis=0)
    product = (a * b).sum(axis=0) ** 2
    return np.divide(product, spread, out=np.zeros_like(spread), where=spread > 0)
