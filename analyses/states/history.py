"""The filtered past of every neuron: what couplings act on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analyses.states.trials import Trials
from workbench.analysis.parameters import whole
from workbench.errors import UsageError


def exponential_kernel(lags: int, decay: float = 1.0) -> NDArray[np.float64]:
    """Weights of the past: ``exp(-decay * k)`` for lags k = 1, 2, ..., with sum one.

    Parameters
    ----------
    lags : int
        How many bins the past reaches.
    decay : float
        Per bin.

    Returns
    -------
    ndarray (lags,)
        Lag one first.

    Raises
    ------
    UsageError
        If there is no lag or the decay is not a finite number of at least zero.

    Examples
    --------
    >>> exponential_kernel(5).round(4).tolist()
    [0.6364, 0.2341, 0.0861, 0.0317, 0.0117]
    """
    whole(lags, "lags", 1)
    if not (np.isfinite(decay) and decay >= 0):
        raise UsageError(f"Found decay={decay!r}; expected a number of at least 0, per bin.")
    weights = np.exp(-decay * np.arange(lags))
    return weights / weights.sum()


def filtered_history(trials: Trials, kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weighted past of every neuron; nothing precedes a trial's first bin.

    Parameters
    ----------
    trials : Trials
    kernel : ndarray (lags,)
        Lag one first.

    Returns
    -------
    ndarray (bins, neurons)

    Examples
    --------
    >>> trials = Trials(np.array([[1.0], [0.0], [0.0]]), np.array([3]))
    >>> filtered_history(trials, np.array([0.75, 0.25])).ravel().tolist()
    [0.0, 0.75, 0.25]
    """
    padded = trials.padded(trials.values)
    past = np.zeros_like(padded)
    for lag, weight in enumerate(kernel, start=1):
        past[:, lag:] += weight * padded[:, :-lag]
    return past[trials.mask]
