"""One site: its units as neurons, their motifs, groups and atlas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analyses.connectome.atlas import Atlas, make_atlas
from analyses.connectome.cohort import Cohort, Preparation, make_cohort
from analyses.connectome.communities import Hierarchy, communities
from analyses.connectome.graphs import motif_graph
from analyses.connectome.motifs import Motifs, Search, find_motifs, peaks
from workbench.analysis.site_rows import SiteRows
from workbench.errors import UsageError

_CONSTANT = 1e-6


@dataclass(frozen=True, eq=False)
class SiteJob:
    """What is done at one site.

    Attributes
    ----------
    source : SiteRows
        Rows of all animals, one after the other.
    shape : pair of int
        Animals and steps.
    animals, units : tuple of str
        Names.
    pools : tuple of int
        Neuron that each unit belongs to; units of one neuron are pooled to their norm.
    labels : ndarray (animals, steps) of str
    preparation : Preparation
    search : Search
    max_units : int
    method : str
    """

    source: SiteRows
    shape: tuple[int, int]
    animals: tuple[str, ...]
    units: tuple[str, ...]
    pools: tuple[int, ...]
    labels: NDArray[np.str_]
    preparation: Preparation
    search: Search
    max_units: int
    method: str


@dataclass(frozen=True, eq=False)
class SiteFindings:
    """What was found at one site.

    Attributes
    ----------
    cohort : Cohort
    motifs : Motifs
    groups : list of Hierarchy
        Nested communities of each motif's graph.
    peaks : ndarray (motifs,)
    atlas : Atlas or None
    units : ndarray (neurons,) of int
        Place of each neuron among the names of the job.
    notes : list of str
    """

    cohort: Cohort
    motifs: Motifs
    groups: list[Hierarchy]
    peaks: NDArray
    atlas: Atlas | None
    units: NDArray[np.int64]
    notes: list[str]


def work_on_site(job: SiteJob) -> SiteFindings:
    """Find the motifs of one site.

    Raises
    ------
    UsageError
        If the site's activity is not what the analysis needs; the message names the site.
    """
    try:
        traces, kept, notes = _traces(job)
        names = [job.units[number] for number in kept]
        cohort = make_cohort(
            dict(zip(job.animals, traces, strict=True)), names, preparation=job.preparation
        )
    except UsageError as error:
        raise UsageError(f"At site '{job.source.site}': {error}") from error
    motifs = find_motifs(cohort, job.search)
    heights = peaks(motifs.factors)
    graphs = [
        motif_graph(loadings, cohort.neurons, peak)
        for loadings, peak in zip(motifs.factors.pairs.T, heights, strict=True)
    ]
    groups = [
        communities(graph, job.method, hierarchy=True, seed=job.search.seed) for graph in graphs
    ]
    atlas = make_atlas(motifs.expression, job.labels, seed=job.search.seed)
    there = np.isin(names, cohort.neurons)
    return SiteFindings(cohort, motifs, groups, heights, atlas, kept[there], notes)


def pooled(values: NDArray, pools: tuple[int, ...]) -> NDArray:
    """Units (rows, units, ...) as neurons: root mean square over further axes and pooled units.

    Parameters
    ----------
    values : ndarray (rows, units, ...)
    pools : tuple of int
        Neuron of each unit; all different where nothing is pooled.

    Returns
    -------
    ndarray (rows, neurons)
        As it is where there is nothing to pool over.

    Examples
    --------
    >>> pooled(np.array([[3.0, 4.0, 1.0]]), (0, 0, 1)).round(3).tolist()
    [[3.536, 1.0]]
    """
    numbers = np.asarray(pools)
    n_neurons = int(numbers.max()) + 1
    if values.ndim == 2 and n_neurons == len(numbers):
        return values
    squares = np.square(values.astype(np.float64)).reshape(*values.shape[:2], -1)
    # Keys that a window lacks are NaN in recorded attention; a unit without any value stays NaN.
    known = np.isfinite(squares)
    sums, counts = np.where(known, squares, 0).sum(axis=2), known.sum(axis=2)
    members = (numbers[:, None] == np.arange(n_neurons)).astype(np.float64)
    sums, counts = sums @ members, counts @ members
    means = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
    return np.sqrt(means)


def _traces(job: SiteJob) -> tuple[NDArray, NDArray[np.int64], list[str]]:
    """Traces (animals, steps, kept neurons), which neurons are kept, and what was left out."""
    values = pooled(job.source.read(), job.pools)
    values = values if values.dtype in (np.float32, np.float64) else values.astype(np.float32)
    traces = values.reshape(*job.shape, -1).copy()
    notes = []
    low, high = traces.min(axis=1), traces.max(axis=1)
    still = high - low <= _CONSTANT * np.maximum(np.abs(low), np.abs(high))
    silent = still.all(axis=0)
    if silent.any() and not silent.all():
        notes.append(f"{int(silent.sum())} units never change and are left out")
    partly = int((still & ~silent).sum())
    if partly:
        notes.append(f"{partly} times a unit does not change in one series; it is missing there")
        np.moveaxis(traces, 1, 2)[still & ~silent] = np.nan
    live = np.flatnonzero(~silent) if not silent.all() else np.arange(len(silent))
    if len(live) > job.max_units:
        known = np.ma.masked_invalid(traces[:, :, live].astype(np.float64))
        spread = known.var(axis=(0, 1)).filled(0)
        most = np.argsort(-spread, kind="stable")[: job.max_units]
        notes.append(f"the {job.max_units} most variable of {len(live)} units are analysed")
        live = live[np.sort(most)]
    return traces[:, :, live], live.astype(np.int64), notes
