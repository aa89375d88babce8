"""Continuous-thought machines: synchronisation of neurons over ticks, and certainty.

Trap: synchronisation divides by the root of the summed weights, not by their sum, so it is no mean:
without decay a constant product grows as the root of the number of ticks. Compare machines, or
ticks, only at equal numbers of ticks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.brain_dynamics.inputs import last_axis, plain_array, real_array
from workbench.errors import UsageError, nearest

FORMS = ("recurrent", "direct")
# The published code clamps the rate of decay to this range.
_LARGEST_DECAY = 15.0


def synchronisation(
    z: ArrayLike,
    decay: ArrayLike = 0.0,
    form: str = "recurrent",
    every_tick: bool = False,
) -> NDArray[np.float64]:
    """Synchronisation of every pair of neurons over ticks.

    ``S_ij(T) = sum_t e^(-r (T - t)) z_i(t) z_j(t) / sqrt(sum_t e^(-r (T - t)))``
    (*Continuous Thought Machines*, arXiv 2505.05522, section 2.4).

    Parameters
    ----------
    z : array (..., ticks, units)
        Post-activations.
    decay : float, or array (units, units)
        Rate r per tick, of all pairs or of each; clamped to 0 to 15 as the published code does. 0
        weighs all ticks alike.
    form : {"recurrent", "direct"}
        One pass of ``alpha <- e^-r alpha + z_i z_j``, ``beta <- e^-r beta + 1``; or the sum
        itself. Both give the same.
    every_tick : bool
        Values after each tick instead of after the last one.

    Returns
    -------
    ndarray (..., units, units), or (..., ticks, units, units) with ``every_tick``
        Symmetric if `decay` is.

    Raises
    ------
    UsageError
        If shapes do not match or values are not finite.

    Notes
    -----
    No mean: at r = 0 a constant product c becomes ``c sqrt(T)`` after T ticks.

    Examples
    --------
    >>> synchronisation(np.ones((4, 2))).tolist()
    [[2.0, 2.0], [2.0, 2.0]]
    """
    if form not in FORMS:
        raise UsageError(f"Found form='{form}'; {nearest(str(form), FORMS)}")
    states = real_array(z, "z", 2)
    rate = np.clip(real_array(decay, "decay", 0), 0.0, _LARGEST_DECAY)
    n_units = states.shape[-1]
    if rate.ndim and rate.shape != (n_units, n_units):
        raise UsageError(
            f"Found decay of shape {rate.shape} for {n_units} units; expected one number or "
            f"({n_units}, {n_units})."
        )
    rate = np.broadcast_to(rate, (n_units, n_units))
    if form == "recurrent":
        return _recurrent(states, np.exp(-rate), every_tick)
    n_ticks = states.shape[-2]
    ends = range(1, n_ticks + 1) if every_tick else [n_ticks]
    sums = [_direct(states[..., :end, :], rate) for end in ends]
    return np.stack(sums, axis=-3) if every_tick else sums[0]


def certainty(logits: ArrayLike, axis: int = -1) -> NDArray[np.float64]:
    """Certainty of predictions: ``1 - H(softmax(logits)) / ln(classes)``.

    Parameters
    ----------
    logits : array (..., classes)
        Minus infinity is allowed: that class has probability 0.
    axis : int
        Axis of the classes; others, such as ticks, stay.

    Returns
    -------
    ndarray (...)
        0 for equal logits, towards 1 where one class takes all (Continuous Thought Machines,
        section 2.5).

    Raises
    ------
    UsageError
        If there are fewer than two classes, or values are not numbers.

    Examples
    --------
    >>> certainty([[0.0, 0.0], [100.0, 0.0]]).round(6).tolist()
    [0.0, 1.0]
    """
    from scipy.special import softmax, xlogy

    given = plain_array(logits)
    if given.dtype.kind == "f":
        given = np.where(np.isneginf(given), np.finfo(np.float64).min / 4, given)
    values = last_axis(real_array(given, "logits"), axis, "logits")
    n_classes = values.shape[-1]
    if n_classes < 2:
        raise UsageError(f"Found logits of {n_classes} class; expected at least two.")
    shares = softmax(values, axis=-1)
    entropy = -xlogy(shares, shares).sum(axis=-1)
    return np.clip(1 - entropy / np.log(n_classes), 0.0, 1.0)


def _recurrent(
    states: NDArray[np.float64], factor: NDArray[np.float64], every_tick: bool
) -> NDArray[np.float64]:
    alpha: NDArray[np.float64] = np.zeros((*states.shape[:-2], *factor.shape))
    beta = np.zeros_like(factor)
    course = []
    for tick in range(states.shape[-2]):
        now = states[..., tick, :]
        alpha = factor * alpha + now[..., :, None] * now[..., None, :]
        beta = factor * beta + 1
        if every_tick:
            course.append(alpha / np.sqrt(beta))
    return np.stack(course, axis=-3) if every_tick else alpha / np.sqrt(beta)


def _direct(states: NDArray[np.float64], rate: NDArray[np.float64]) -> NDArray[np.float64]:
    ages = np.arange(states.shape[-2])[::-1]
    if (rate == rate[0, 0]).all():
        weights = np.exp(-rate[0, 0] * ages)
        return np.swapaxes(states * weights[:, None], -1, -2) @ states / np.sqrt(weights.sum())
    each = np.exp(-rate * ages[:, None, None])
    return np.einsum("...ti,...tj,tij->...ij", states, states, each) / np.sqrt(each.sum(axis=0))
