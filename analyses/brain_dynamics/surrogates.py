"""Surrogate signals, and the null of any statistic of signals from them.

Each keeps something and destroys the rest: `phase_randomised` keeps the spectrum of every signal,
`amplitude_adjusted` its distribution of values too (the spectrum roughly), `shifted` everything but
the alignment of signals, `shuffled` the distribution of values only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.brain_dynamics.inputs import last_axis, real_array
from workbench.analysis.parameters import whole
from workbench.errors import UsageError, nearest

if TYPE_CHECKING:
    from workbench.analysis.measure import Null

METHODS = {
    "phase": "signals with randomised phases: the same spectrum, otherwise linear and Gaussian",
    "amplitude": "signals with randomised phases and the values of the original",
    "shift": "signals shifted in time against each other",
    "shuffle": "samples shuffled in time",
}
Alternative = Literal["less", "greater", "two-sided"]


def phase_randomised(
    signal: ArrayLike, generator: np.random.Generator, axis: int = -1, together: bool = False
) -> NDArray[np.float64]:
    """Signals with the same spectrum and random phases (Theiler et al. 1992).

    Parameters
    ----------
    signal : array (..., time)
        Its ends should meet: a jump between the last and the first sample becomes power at high
        frequencies.
    generator : numpy.random.Generator
    axis : int
        Axis of time.
    together : bool
        Whether all signals turn by the same phases, which keeps the linear dependence between them.

    Returns
    -------
    ndarray of float64
        Of the same shape.

    Examples
    --------
    >>> wave = np.random.default_rng(0).normal(size=64)
    >>> new = phase_randomised(wave, np.random.default_rng(1))
    >>> bool(np.allclose(np.abs(np.fft.rfft(new)), np.abs(np.fft.rfft(wave))))
    True
    """
    values = last_axis(real_array(signal, "signal"), axis, "signal")
    n_samples = values.shape[-1]
    spectrum = np.fft.rfft(values, axis=-1)
    shape = spectrum.shape[-1:] if together else spectrum.shape
    turns = np.exp(2j * np.pi * generator.random(shape))
    # The mean, and for even lengths the fastest frequency, are real and have no phase.
    turns[..., 0] = 1.0
    if n_samples % 2 == 0:
        turns[..., -1] = 1.0
    return np.moveaxis(np.fft.irfft(spectrum * turns, n_samples, axis=-1), -1, axis)


def amplitude_adjusted(
    signal: ArrayLike, generator: np.random.Generator, axis: int = -1
) -> NDArray[np.float64]:
    """Signals with the same values in another order, and nearly the same spectrum.

    The values take the order of a phase-randomised Gaussian signal of the same ranks (AAFT,
    Theiler et al. 1992), so a static distortion of the signal, such as counting, makes no
    difference.

    Parameters
    ----------
    signal : array (..., time)
    generator : numpy.random.Generator
    axis : int
        Axis of time.

    Returns
    -------
    ndarray of float64
        Of the same shape.

    Examples
    --------
    >>> new = amplitude_adjusted([0.0, 1.0, 0.0, 2.0, 0.0], np.random.default_rng(1))
    >>> np.sort(new).tolist()
    [0.0, 0.0, 0.0, 1.0, 2.0]
    """
    values = last_axis(real_array(signal, "signal"), axis, "signal")
    normal = np.sort(generator.standard_normal(values.shape), axis=-1)
    gaussian = np.take_along_axis(normal, _ranks(values), axis=-1)
    ranks = _ranks(phase_randomised(gaussian, generator))
    return np.moveaxis(np.take_along_axis(np.sort(values, axis=-1), ranks, axis=-1), -1, axis)


def shifted(
    signal: ArrayLike, generator: np.random.Generator, axis: int = -1
) -> NDArray[np.float64]:
    """Signals turned round in time, each by its own random number of samples.

    Parameters
    ----------
    signal : array (..., time)
    generator : numpy.random.Generator
    axis : int
        Axis of time.

    Returns
    -------
    ndarray of float64
        Of the same shape; shifts are at least a twentieth of the signal.

    Examples
    --------
    >>> shifted([1.0, 2.0, 3.0], np.random.default_rng(0)).tolist()
    [3.0, 1.0, 2.0]
    """
    values = last_axis(real_array(signal, "signal"), axis, "signal")
    return np.moveaxis(rolled(values, generator), -1, axis)


def rolled(values: NDArray, generator: np.random.Generator) -> NDArray:
    """`shifted` along the last axis, for values of any type."""
    n_samples = values.shape[-1]
    least = max(1, n_samples // 20)
    offsets = generator.integers(least, max(least, n_samples - least) + 1, values.shape[:-1])
    places = (np.arange(n_samples) + offsets[..., None]) % n_samples
    return np.take_along_axis(values, places, axis=-1)


def shuffled(
    signal: ArrayLike, generator: np.random.Generator, axis: int = -1
) -> NDArray[np.float64]:
    """Signals whose samples are in random order, each in its own.

    Parameters
    ----------
    signal : array (..., time)
    generator : numpy.random.Generator
    axis : int
        Axis of time.

    Returns
    -------
    ndarray of float64
        Of the same shape.

    Examples
    --------
    >>> np.sort(shuffled([3.0, 1.0, 2.0], np.random.default_rng(0))).tolist()
    [1.0, 2.0, 3.0]
    """
    values = last_axis(real_array(signal, "signal"), axis, "signal")
    return np.moveaxis(generator.permuted(values, axis=-1), -1, axis)


SURROGATES: dict[str, Callable[..., NDArray[np.float64]]] = {
    "phase": phase_randomised,
    "amplitude": amplitude_adjusted,
    "shift": shifted,
    "shuffle": shuffled,
}


def surrogate_null(
    statistic: Callable[..., ArrayLike],
    *signals: ArrayLike,
    surrogate: str,
    n_surrogates: int = 199,
    alternative: Alternative = "two-sided",
    seed: int = 0,
    axis: int = -1,
) -> Null:
    """Where a statistic of signals falls among its values for surrogates.

    Parameters
    ----------
    statistic : callable
        ``statistic(*signals)`` gives one number, or several whose mean is taken.
    *signals : array (..., time)
        Of several, the first stays as it is and the others are replaced; that is enough to break
        what they share.
    surrogate : {"phase", "amplitude", "shift", "shuffle"}
        How surrogates are made.
    n_surrogates : int
    alternative : {"less", "greater", "two-sided"}
        Which values count as extreme.
    seed : int
    axis : int
        Axis of time.

    Returns
    -------
    Null
        Mean, spread and p-value; see `workbench.statistics.permutation.permutation_null`.

    Raises
    ------
    UsageError
        If there is no signal or no such surrogate.

    Examples
    --------
    >>> from analyses.brain_dynamics import phase_locking_value
    >>> noise = np.random.default_rng(0).normal(size=400)
    >>> locked = noise + 0.3 * np.random.default_rng(1).normal(size=400)
    >>> surrogate_null(phase_locking_value, noise, locked, surrogate="shift").p_value
    0.01
    """
    from workbench.statistics.permutation import permutation_null

    if surrogate not in SURROGATES:
        raise UsageError(f"Found surrogate='{surrogate}'; {nearest(str(surrogate), SURROGATES)}")
    if not signals:
        raise UsageError("Found no signal; expected at least one after the statistic.")
    number = whole(n_surrogates, "n_surrogates", 1)
    given = [real_array(each, "signal") for each in signals]
    kept, replaced = (given[:1], given[1:]) if len(given) > 1 else ([], given)
    generator, make = np.random.default_rng(seed), SURROGATES[surrogate]

    def draw() -> float:
        made = [make(each, generator, axis) for each in replaced]
        return float(np.mean(np.asarray(statistic(*kept, *made))))

    observed = float(np.mean(np.asarray(statistic(*given))))
    draws = [draw() for _ in range(number)]
    return permutation_null(observed, draws, METHODS[surrogate], alternative)


def _ranks(values: NDArray[np.float64]) -> NDArray[np.int64]:
    order = np.argsort(values, axis=-1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(values.shape[-1])[(None,) * (values.ndim - 1)], -1)
    return ranks
