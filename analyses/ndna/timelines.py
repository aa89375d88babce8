"""Paths along time at one site, beside the same moments in random order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analyses.ndna.angles import menger_curvature, turning_angles
from analyses.ndna.namespaces import norms
from analyses.ndna.paths import N_BLOCKS, read_site
from analyses.ndna.reading import defined_mean
from workbench.analysis.site_rows import SiteRows
from workbench.errors import UsageError


@dataclass(frozen=True)
class TimeJob:
    """One site of one or two recordings.

    Attributes
    ----------
    sources : tuple of SiteRows
        In order of time.
    groups : ndarray (rows,) of int
        Session or trial.
    n_permutations, seed : int
    """

    sources: tuple[SiteRows, ...]
    groups: NDArray[np.int64]
    n_permutations: int
    seed: int


@dataclass(frozen=True)
class TimeFindings:
    """Turning along time at one site.

    Attributes
    ----------
    channels : dict of str to ndarray (states, series, blocks)
        Means over blocks of relative time.
    turning : ndarray (states,)
        Mean over all moments, in radians.
    null_turning : ndarray (draws,)
        Of the recording, its moments in random order within each series.
    n_masked : int
        Moments without direction, because a neighbour is identical.
    """

    channels: dict[str, NDArray[np.float64]]
    turning: NDArray[np.float64]
    null_turning: NDArray[np.float64]
    n_masked: int


def work_on_time(job: TimeJob) -> TimeFindings:
    """Measure the paths along time at one site.

    Parameters
    ----------
    job : TimeJob

    Returns
    -------
    TimeFindings

    Raises
    ------
    UsageError
        If no series has three moments.
    """
    series = [np.flatnonzero(job.groups == group) for group in np.unique(job.groups)]
    series = [rows for rows in series if len(rows) >= 3]
    if not series:
        raise UsageError(
            f"Found no series of three moments at site '{job.sources[0].site}'; expected rows in "
            "order of time: record longer trials."
        )
    activities = [read_site(source) for source in job.sources]
    states = [[_channels(values[rows]) for rows in series] for values in activities]
    channels = {
        name: np.array([[_blocks(found[name]) for found in state] for state in states])
        for name in states[0][0]
    }
    every = [np.concatenate([found["residual_turning"] for found in state]) for state in states]
    turning = np.array([float(defined_mean(each)) for each in every])
    generator = np.random.default_rng([job.seed, 13])
    draws = [_shuffled(activities[0], series, generator) for _ in range(job.n_permutations)]
    return TimeFindings(channels, turning, np.array(draws), int(np.isnan(every[0]).sum()))


def _channels(path: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    return {
        "residual_step": norms(np.diff(path, axis=0))[1:],
        "residual_turning": np.asarray(turning_angles(path)),
        "menger": np.asarray(menger_curvature(path)),
    }


def _blocks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means of blocks of relative time; NaN for one that holds no moment."""
    places = np.arange(len(values)) * N_BLOCKS // max(1, len(values))
    means = [
        float(defined_mean(values[places == block])) if (places == block).any() else np.nan
        for block in range(N_BLOCKS)
    ]
    return np.array(means)


def _shuffled(
    activity: NDArray[np.float64], series: list[NDArray], generator: np.random.Generator
) -> float:
    turned = [turning_angles(activity[generator.permutation(rows)]) for rows in series]
    return float(defined_mean(np.concatenate(turned)))
