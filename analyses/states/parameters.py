"""Checking the models' parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from analyses.states.emissions import LINKS, emission_of
from analyses.states.fitting import Settings
from analyses.states.trials import Trials
from workbench.analysis.parameters import check_whole
from workbench.errors import UsageError, nearest

BIASES = ("shared", "state")
_LEAST_BINS_A_STATE = 5


def check_settings(settings: Settings, trials: Trials) -> None:
    """Refuse settings that cannot be fitted to these trials.

    Parameters
    ----------
    settings : Settings
    trials : Trials

    Raises
    ------
    UsageError
        The first parameter that is wrong.
    """
    names = ("n_states", "restarts", "screening", "max_iterations")
    check_whole(settings, dict.fromkeys(names, 1))
    for name, least in (("tolerance", 0.0), ("ridge", 1e-12), ("pseudocount", 0.0)):
        value = getattr(settings, name)
        if not (np.isfinite(value) and value >= least):
            raise UsageError(f"Found {name}={value!r}; expected a number of at least {least:g}.")
    if settings.bias not in BIASES:
        raise UsageError(f"Found bias='{settings.bias}'; {nearest(str(settings.bias), BIASES)}")
    emission_of(settings.emission, LINKS[0] if settings.link == "auto" else settings.link)
    if trials.n_bins < _LEAST_BINS_A_STATE * settings.n_states:
        raise UsageError(
            f"Found {trials.n_bins} time bins for {settings.n_states} states; expected at least "
            f"{_LEAST_BINS_A_STATE * settings.n_states}: record longer or lower n_states."
        )
    mean = float(trials.values.mean(axis=0).max())
    if settings.emission == "poisson" and settings.link == "sigmoid" and mean >= 1:
        raise UsageError(
            f"Found a neuron with {mean:.3g} spikes per bin on average; expected less than one for "
            "link='sigmoid': choose 'softplus' or narrower bins."
        )


def known_template(log_pi: Any, n_neurons: int) -> NDArray[np.float64]:
    """Probabilities of a template given as logarithms.

    Parameters
    ----------
    log_pi : array (to, from, 3)
        Natural logarithms, not probabilities: minus infinity forbids a class. Rows need not be
        normalised.
    n_neurons : int

    Returns
    -------
    ndarray (to, from, 3)
        Rows sum to one.

    Raises
    ------
    UsageError
        If the shape is wrong, values are NaN or plus infinity, all classes are forbidden, or rows
        are probabilities themselves.

    Examples
    --------
    >>> known_template(np.log([[[0.1, 0.8, 0.1]]]), 1).round(3).tolist()
    [[[0.1, 0.8, 0.1]]]
    """
    values = np.asarray(log_pi, dtype=np.float64)
    if values.shape != (n_neurons, n_neurons, 3):
        raise UsageError(
            f"Found log_pi of shape {values.shape}; expected ({n_neurons}, {n_neurons}, 3): to, "
            "from, and inhibitory, none, excitatory."
        )
    peak = values.max(axis=2, keepdims=True)
    if np.isnan(values).any() or not np.isfinite(peak).all():
        raise UsageError(
            "Found NaN, plus infinity or a coupling without any class in log_pi; expected natural "
            "logarithms of probabilities, minus infinity only where another class is possible."
        )
    if values.min() >= 0 and np.allclose(values.sum(axis=2), 1):
        raise UsageError(
            "Found probabilities in log_pi; expected their natural logarithms: pass np.log(pi)."
        )
    raised = np.exp(values - peak)
    return raised / raised.sum(axis=2, keepdims=True)
