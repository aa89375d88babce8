"""How many states: held-out log likelihood over folds of trials, one-standard-error rule."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.states.models import HMMGLM, OneHotHMMGLM
from analyses.states.trials import Trials, read_trials
from workbench.errors import UsageError

Array = NDArray[np.float64]
_BLOCKS = 20
_LEAST_BLOCK = 10
# What one standard error of a normal mean leaves below it.
_ONE_ERROR = 0.8413


@dataclass(frozen=True, eq=False)
class Choice:
    """Held-out likelihood over numbers of states, and the number chosen.

    Attributes
    ----------
    n_states : int
        The smallest number within one standard error of the best.
    candidates : ndarray (candidates,) of int
    log_likelihood : ndarray (candidates, trials)
        Nats of each trial by a fit that has not seen it.
    standard_error : ndarray (candidates,)
        Of each candidate's difference from the best, in nats a bin: the larger of that over trials
        and that over folds, whose trials share a fit; the latter widened by Student's t.
    bins : ndarray (trials,) of int
    folds : ndarray (trials,) of int
    """

    n_states: int
    candidates: NDArray[np.int64]
    log_likelihood: Array
    standard_error: Array
    bins: NDArray[np.int64]
    folds: NDArray[np.int64]

    @property
    def curve(self) -> Array:
        """Held-out log likelihood of each candidate, in nats a bin: (candidates,)."""
        return self.log_likelihood.sum(axis=1) / self.bins.sum()

    def gain(self, n_states: int) -> Array:
        """Nats a bin of each trial over one state: (trials,)."""
        rows = dict(zip(self.candidates.tolist(), self.log_likelihood, strict=True))
        return (rows[n_states] - rows[1]) / self.bins


def choose_n_states(
    spikes: Any,
    candidates: Iterable[int] = (1, 2, 3, 4, 5),
    *,
    model: type[HMMGLM] = OneHotHMMGLM,
    n_folds: int = 5,
    groups: ArrayLike | None = None,
    seed: int = 0,
    **parameters: Any,
) -> Choice:
    """Choose the number of states by the likelihood of held-out trials.

    Parameters
    ----------
    spikes : array (trials, time, neurons) or (time, neurons), or list of (time, neurons)
        One trial is cut into twenty blocks of time.
    candidates : iterable of int
        Numbers of states to try.
    model : type
        `OneHotHMMGLM`, `GaussianHMMGLM` or `HMMGLM`.
    n_folds : int
        At most so many; fewer where there are fewer groups.
    groups : array (trials,), optional
        Trials of one group, such as a session, are held out together.
    seed : int
    **parameters
        Of the model, such as ``link`` or ``restarts``.

    Returns
    -------
    Choice

    Raises
    ------
    UsageError
        If there are fewer than two trials or groups, or no candidate.

    Examples
    --------
    >>> noise = np.random.default_rng(0).poisson(0.5, (6, 60, 3))
    >>> choose_n_states(noise, (1, 2), n_folds=2, restarts=1, link="exp").n_states
    1
    """
    numbers = sorted({int(each) for each in candidates})
    if not numbers or numbers[0] < 1:
        raise UsageError(f"Found candidates {numbers}; expected at least one number from 1 on.")
    trials = read_trials(spikes, parameters.get("emission", "poisson") == "poisson")
    if len(trials.lengths) == 1 and groups is None:
        trials = trials.in_blocks(max(_LEAST_BLOCK, trials.n_bins // _BLOCKS))
    folds = _folds(trials, groups, n_folds, seed)
    parts = trials.split(trials.values)
    found = np.empty((len(numbers), len(parts)))
    for fold in np.unique(folds):
        for number, n_states in enumerate(numbers):
            unfitted = model(n_states, seed, **parameters)
            found[number, folds == fold] = held_out(parts, folds == fold, unfitted)
    apart = (found[found.sum(axis=1).argmax()] - found).sum(axis=1) / trials.n_bins
    error = _standard_error(found, trials.lengths, folds)
    # The one-standard-error rule (Breiman et al. 1984, section 3.4.3), on differences.
    chosen = int(numbers[np.flatnonzero(apart <= error)[0]])
    return Choice(chosen, np.array(numbers), found, error, trials.lengths, folds)


def held_out(parts: list[Array], outside: NDArray[np.bool_], model: HMMGLM) -> Array:
    """Log likelihood, in nats, of each trial outside, by a fit to all others.

    Parameters
    ----------
    parts : list of ndarray (time, neurons)
    outside : ndarray of bool (trials,)
    model : HMMGLM
        Not fitted.

    Returns
    -------
    ndarray (trials outside,)
    """
    inside = [part for part, out in zip(parts, outside, strict=True) if not out]
    fitted = model.fit(inside)
    return fitted.log_likelihoods([part for part, out in zip(parts, outside, strict=True) if out])


def _folds(trials: Trials, groups: ArrayLike | None, n_folds: int, seed: int) -> NDArray[np.int64]:
    names = np.arange(len(trials.lengths)) if groups is None else np.asarray(groups)
    if names.shape != trials.lengths.shape:
        raise UsageError(
            f"Found {names.shape} groups for {len(trials.lengths)} trials; expected one a trial."
        )
    _, codes = np.unique(names, return_inverse=True)
    n_groups = int(codes.max()) + 1
    if n_groups < 2 or n_folds < 2:
        raise UsageError(
            f"Found {n_groups} groups of trials and n_folds={n_folds}; expected at least two of "
            "each, to hold some out: give more trials."
        )
    order = np.random.default_rng([seed, 7]).permutation(n_groups)
    return (order % min(n_folds, n_groups))[codes]


def _standard_error(found: Array, bins: NDArray[np.int64], folds: NDArray[np.int64]) -> Array:
    from scipy.stats import t

    apart = found[found.sum(axis=1).argmax()] - found
    over_trials = apart.std(axis=1, ddof=1) * np.sqrt(len(bins)) / bins.sum()
    inside = [folds == fold for fold in np.unique(folds)]
    rates = np.stack([apart[:, own].sum(axis=1) / bins[own].sum() for own in inside], axis=1)
    n_folds = len(inside)
    over_folds = rates.std(axis=1, ddof=1) / np.sqrt(n_folds)
    return np.maximum(over_trials, float(t.ppf(_ONE_ERROR, n_folds - 1)) * over_folds)
