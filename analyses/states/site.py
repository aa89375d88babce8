"""The work at one site: states chosen, tested on held-out trials, and fitted to all trials."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analyses.states.choosing import Choice, choose_n_states, held_out
from analyses.states.models import HMMGLM, GaussianHMMGLM, OneHotHMMGLM
from workbench.analysis.site_rows import SiteRows
from workbench.errors import WorkbenchError

Array = NDArray[np.float64]
MODELS: dict[str, type[HMMGLM]] = {
    "onehot": OneHotHMMGLM,
    "gaussian": GaussianHMMGLM,
    "free": HMMGLM,
}
N_PERMUTATIONS = 199
_MOST_STEPS = 200
_MOST_DELAY = 20


@dataclass(frozen=True, eq=False)
class SiteJob:
    """What to do at a site; see the plugin's parameters."""

    source: SiteRows
    lengths: NDArray[np.int64]
    steps: NDArray[np.int64]
    model: str
    emission: str
    candidates: tuple[int, ...]
    n_units: int
    n_folds: int
    n_surrogates: int
    n_shown: int
    seed: int
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class SiteFindings:
    """What was found at a site, or why nothing was.

    Attributes
    ----------
    fault : str
        Why the site is left out.
    embedded : bool
        Whether units are one unit at several delays.
    units : ndarray (units,) of int
        Units that were analysed.
    emission, link : str
    candidates : ndarray (candidates,)
    curve, curve_error : ndarray (candidates,)
        Held-out log likelihood in nats a bin, and standard error of its difference from the best.
    chosen, tested : int
        Number of states by the one-standard-error rule; the one that is tested and shown, at
        least two.
    gains : ndarray (trials,)
        Held-out gain of each trial over one state, in nats a bin.
    bins : ndarray (trials,)
    null : ndarray (surrogates,)
        Gains with every unit turned round in time on its own.
    agreement : float
        Cosine of the signs of couplings between states.
    agreement_null : ndarray (permutations,)
    fit : dict
        Attributes of the fit to all trials, and arrays to show.
    """

    fault: str = ""
    embedded: bool = False
    units: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    emission: str = ""
    link: str = ""
    candidates: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    curve: Array = field(default_factory=lambda: np.empty(0))
    curve_error: Array = field(default_factory=lambda: np.empty(0))
    chosen: int = 0
    tested: int = 0
    gains: Array = field(default_factory=lambda: np.empty(0))
    bins: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    null: Array = field(default_factory=lambda: np.empty(0))
    agreement: float = 0.0
    agreement_null: Array = field(default_factory=lambda: np.empty(0))
    fit: dict[str, Any] = field(default_factory=dict)


def work_on_site(job: SiteJob) -> SiteFindings:
    """Choose, test and fit hidden states at one site.

    Parameters
    ----------
    job : SiteJob

    Returns
    -------
    SiteFindings

    Raises
    ------
    WorkbenchError
        If activity is not finite.
    """
    values = job.source.read()
    activity = values.reshape(len(values), -1).astype(np.float64)
    _check_finite(activity, job.source.site)
    emission = _emission(activity) if job.emission == "auto" else job.emission
    units = _most_variable(activity, job.n_units)
    if len(units) < 2:
        return SiteFindings(fault="fewer than two units vary")
    activity = activity[:, units]
    if emission == "gaussian":
        activity = (activity - activity.mean(axis=0)) / activity.std(axis=0)
    options = {"emission": emission, **job.parameters}
    choice = _chosen(job, activity, job.candidates, options)
    tested = max(2, choice.n_states)
    gains = choice.gain(tested)
    model = MODELS[job.model](tested, job.seed, **options).fit(_trials(activity, job.lengths))
    agreement, agreement_null = shared_signs(model.connectivity_, job.seed)
    return SiteFindings(
        embedded=_is_embedded(_trials(activity, job.lengths)),
        units=units,
        emission=emission,
        link=model.link_ if emission == "poisson" else "identity",
        candidates=choice.candidates,
        curve=choice.curve,
        curve_error=choice.standard_error,
        chosen=choice.n_states,
        tested=tested,
        gains=gains,
        bins=choice.bins,
        null=_surrogate_gains(job, activity, choice, tested, options),
        agreement=agreement,
        agreement_null=agreement_null,
        fit=_shown(job, model, activity),
    )


def shared_signs(connectivity: Array, seed: int) -> tuple[float, Array]:
    """Do states agree on the signs of couplings between different units?

    Parameters
    ----------
    connectivity : ndarray (states, to, from)
    seed : int

    Returns
    -------
    agreement : float
        Mean cosine between the signs of two states; 1 if all couplings agree, 0 without any.
    draws : ndarray (permutations,)
        The same with each state's couplings shuffled over pairs.

    Examples
    --------
    >>> network = np.random.default_rng(0).standard_normal((6, 6))
    >>> value, draws = shared_signs(np.stack([network, network]), seed=0)
    >>> round(value, 6), bool(draws.max() < value)
    (1.0, True)
    """
    n_units = connectivity.shape[1]
    apart = ~np.eye(n_units, dtype=bool)
    signs = np.sign(connectivity)[:, apart]
    generator = np.random.default_rng([seed, 5])
    draws = [_cosine(generator.permuted(signs, axis=1)) for _ in range(N_PERMUTATIONS)]
    return _cosine(signs), np.array(draws)


def _cosine(signs: Array) -> float:
    size = np.linalg.norm(signs, axis=1)
    scaled = signs / np.where(size > 0, size, 1.0)[:, None]
    first, second = np.triu_indices(len(signs), 1)
    return float((scaled[first] * scaled[second]).sum(axis=1).mean())


def shifted(activity: Array, lengths: NDArray[np.int64], generator: np.random.Generator) -> Array:
    """Turn every unit round in time, within every trial, by a random number of its own.

    Parameters
    ----------
    activity : ndarray (bins, units)
    lengths : ndarray (trials,) of int
    generator : numpy.random.Generator

    Returns
    -------
    ndarray (bins, units)
        Each unit keeps its values and their neighbours; what units share is gone.

    Examples
    --------
    >>> moved = shifted(np.arange(8.0).reshape(4, 2), np.array([4]), np.random.default_rng(0))
    >>> sorted(moved[:, 0].tolist())
    [0.0, 2.0, 4.0, 6.0]
    """
    starts = np.repeat(np.cumsum(lengths) - lengths, lengths)
    size = np.repeat(lengths, lengths)
    step = np.arange(len(activity)) - starts
    offset = generator.random((len(lengths), activity.shape[1]))
    turn = (np.repeat(offset, lengths, axis=0) * size[:, None]).astype(np.int64)
    rows = starts[:, None] + (step[:, None] + turn) % size[:, None]
    return np.take_along_axis(activity, rows, axis=0)


def _check_finite(activity: Array, site: str) -> None:
    bad = int(np.count_nonzero(~np.isfinite(activity)))
    if bad:
        raise WorkbenchError(
            f"Found {bad} NaN or infinite values at site '{site}'; expected finite numbers: leave "
            "those rows or units out."
        )


def _emission(activity: Array) -> str:
    whole = activity.min() >= 0 and bool(np.all(activity == np.round(activity)))
    return "poisson" if whole else "gaussian"


def _most_variable(activity: Array, n_units: int) -> NDArray[np.int64]:
    spread = activity.std(axis=0)
    live = np.flatnonzero(spread > 1e-12 * np.abs(activity).max(axis=0))
    order = live[np.argsort(-spread[live], kind="stable")]
    return np.sort(order[:n_units])


def _is_embedded(trials: list[Array]) -> bool:
    """Whether the second unit is the first one, some steps later or earlier, in every trial."""
    for lag in range(1, _MOST_DELAY + 1):
        pairs = [(trial[lag:, 0], trial[:-lag, 1]) for trial in trials if len(trial) > lag]
        turned = [(trial[:-lag, 0], trial[lag:, 1]) for trial in trials if len(trial) > lag]
        for each in (pairs, turned):
            if each and all(np.array_equal(first, second) for first, second in each):
                return True
    return False


def _trials(activity: Array, lengths: NDArray[np.int64]) -> list[Array]:
    return np.split(activity, np.cumsum(lengths)[:-1])


def _chosen(
    job: SiteJob, activity: Array, candidates: tuple[int, ...], options: dict[str, Any]
) -> Choice:
    return choose_n_states(
        _trials(activity, job.lengths),
        candidates,
        model=MODELS[job.model],
        n_folds=job.n_folds,
        seed=job.seed,
        **options,
    )


def _surrogate_gains(
    job: SiteJob, activity: Array, choice: Choice, tested: int, options: dict[str, Any]
) -> Array:
    """Gains of turned activity; each draw holds out one fold, which widens the null a little."""
    generator, gains = np.random.default_rng([job.seed, 4]), []
    n_folds = int(choice.folds.max()) + 1
    for draw in range(job.n_surrogates):
        parts = _trials(shifted(activity, job.lengths, generator), job.lengths)
        outside = choice.folds == draw % n_folds
        several, one = (
            held_out(parts, outside, MODELS[job.model](n_states, job.seed, **options)).sum()
            for n_states in (tested, 1)
        )
        gains.append(float(several - one) / int(job.lengths[outside].sum()))
    return np.array(gains)


def _shown(job: SiteJob, model: HMMGLM, activity: Array) -> dict[str, Any]:
    """The fit, its posterior over the first trials, and over time within trials."""
    trials = _trials(activity, job.lengths)
    share = np.concatenate(model.posterior(trials))
    n_shown = min(job.n_shown, len(share))
    steps = np.minimum(job.steps, _MOST_STEPS)
    n_each = np.bincount(steps, minlength=_MOST_STEPS + 1)
    summed = np.stack(
        [np.bincount(steps, each, minlength=_MOST_STEPS + 1) for each in share.T], axis=1
    )
    with np.errstate(invalid="ignore"):
        profile = summed / n_each[:, None]
    return {
        "connectivity": model.connectivity_,
        "bias": model.bias_,
        "transitions": model.transitions_,
        "occupancy": model.occupancy_,
        "restarts": model.restarts_,
        "posterior": share[:n_shown],
        "activity": activity[:n_shown],
        "trial": np.repeat(np.arange(len(job.lengths)), job.lengths)[:n_shown],
        "profile": profile[:_MOST_STEPS],
    }
