"""The work at one site, as a function that any executor can run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from probes.base import Probe
from probes.evaluating import evaluate
from probes.rows import Sample
from probes.scores import ProbeScore, other_rows, score_of
from workbench.analysis.site_rows import SiteRows
from workbench.errors import UsageError
from workbench.statistics.bootstrap import bootstrap_weights
from workbench.statistics.control_tasks import control_task


@dataclass(frozen=True)
class SiteJob:
    """Everything that the work at one site needs.

    Attributes
    ----------
    sources : tuple of SiteRows
        The recording's and, if given, the untrained companion's, with the sample's rows in rising
        order.
    sample : Sample
    probe : Probe
    n_folds, n_permutations, n_bootstrap, seed : int
    """

    sources: tuple[SiteRows, ...]
    sample: Sample
    probe: Probe
    n_folds: int
    n_permutations: int
    n_bootstrap: int
    seed: int


@dataclass(frozen=True)
class SiteFindings:
    """What the work at one site gives.

    Attributes
    ----------
    task, control : ProbeScore
    untrained : ProbeScore, optional
    selectivity_draws : ndarray (draws,)
        Task less control with groups drawn anew.
    untrained_draws : ndarray (draws,)
        Task less untrained; empty without.
    """

    task: ProbeScore
    control: ProbeScore
    untrained: ProbeScore | None
    selectivity_draws: NDArray[np.float64]
    untrained_draws: NDArray[np.float64]


def work_on_site(job: SiteJob) -> SiteFindings:
    """Probe one site, its control task and the untrained subject on the same split.

    Raises
    ------
    UsageError
        If there is one unit only.
    WorkbenchError
        If activity is not finite.
    """
    sample = job.sample
    # Reading in rising order keeps the access to a disk sequential.
    places = np.argsort(np.argsort(sample.rows))
    x, *others = (_read(source, places) for source in job.sources)
    task = _scored(job, x, sample.labels, None)
    control = _scored(job, x, _control_labels(sample, job.seed), task.folds)
    untrained = _scored(job, others[0], sample.labels, task.folds) if others else None
    return SiteFindings(
        task,
        control,
        untrained,
        _difference_draws(job, task, control),
        np.zeros(0) if untrained is None else _difference_draws(job, task, untrained),
    )


def _read(source: SiteRows, places: NDArray[np.int64]) -> NDArray[Any]:
    values = source.read()
    x = values.reshape(len(values), -1)
    if x.shape[1] < 2:
        raise UsageError(
            f"Found one unit only at site '{source.site}'; expected at least two to read from: "
            "choose others with sites=."
        )
    return x[places]


def _scored(
    job: SiteJob, x: NDArray[Any], labels: NDArray[Any], folds: NDArray[np.int64] | None
) -> ProbeScore:
    return evaluate(
        clone(job.probe),
        x,
        labels,
        job.sample.groups,
        folds=folds,
        n_folds=job.n_folds,
        n_permutations=job.n_permutations,
        n_bootstrap=job.n_bootstrap,
        seed=job.seed,
    )


def _control_labels(sample: Sample, seed: int) -> NDArray[Any]:
    if sample.words is not None and not sample.continuous:
        return control_task(sample.words, sample.labels, seed=seed)
    generator = np.random.default_rng([seed, 13])
    return sample.labels[other_rows(sample.labels, sample.groups, generator)]


def _difference_draws(job: SiteJob, first: ProbeScore, second: ProbeScore) -> NDArray[np.float64]:
    generator = np.random.default_rng([job.seed, 17])
    weights = bootstrap_weights(first.groups, job.n_bootstrap, generator)
    pairs = [[_weighted(job, score, each) for score in (first, second)] for each in weights]
    return np.array([one - other for one, other in pairs])


def _weighted(job: SiteJob, score: ProbeScore, weights: NDArray[np.float64]) -> float:
    return score_of(score.labels, score.predictions, job.sample.continuous, weights)
