"""One site: every statistic of its blocks of time, and its draws under the null."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from analyses.brain_dynamics.branching import branching_slope, is_counts
from analyses.brain_dynamics.connectivity import lag_index_of, locking_of
from analyses.brain_dynamics.coupling import index_of_bins, phase_bins
from analyses.brain_dynamics.inputs import real_array
from analyses.brain_dynamics.lempel_ziv import lempel_ziv_complexity
from analyses.brain_dynamics.permutation_patterns import permutation_entropy
from analyses.brain_dynamics.phases import analytic_signal
from analyses.brain_dynamics.spectra import band_mask, power_spectrum, share
from analyses.brain_dynamics.surrogates import (
    METHODS,
    amplitude_adjusted,
    phase_randomised,
    rolled,
    shifted,
    shuffled,
)
from workbench.analysis.site_rows import SiteRows
from workbench.statistics.bootstrap import bootstrap_weights

POWER = "relative band power"
LOCKING, LAG = "phase-locking value", "weighted phase-lag index"
MODULATION = "modulation index"
WORDS, ENTROPY = "Lempel-Ziv complexity", "permutation entropy"
SLOPE = "branching slope"
ALTERNATIVES = {LOCKING: "greater", LAG: "greater", MODULATION: "greater", SLOPE: "greater"}
# Draws of sessions need so many; fewer sessions are drawn by their blocks.
_LEAST_SESSIONS = 8


@dataclass(frozen=True, eq=False)
class SiteJob:
    """What a worker needs to work on one site.

    Attributes
    ----------
    source : SiteRows
    blocks : ndarray (blocks, time) of int
        Places of each block's rows among those of the source.
    session : ndarray (blocks,) of int
    rate : float
    bands : dict of str to pair of float
    n_units, n_bins, order, n_surrogates, n_bootstrap, seed : int
    """

    source: SiteRows
    blocks: NDArray[np.int64]
    session: NDArray[np.int64]
    rate: float
    bands: dict[str, tuple[float, float]]
    n_units: int
    n_bins: int
    order: int
    n_surrogates: int
    n_bootstrap: int
    seed: int

    def generator(self, purpose: int) -> np.random.Generator:
        """Random numbers of one purpose, the same whatever else is drawn."""
        return np.random.default_rng([self.seed, purpose])

    @property
    def weights(self) -> NDArray[np.float64]:
        """How often each block counts in each draw (draws, blocks); none for a single block."""
        sessions = len(np.unique(self.session))
        groups = self.session if sessions >= _LEAST_SESSIONS else np.arange(len(self.session))
        if len(np.unique(groups)) < 2:
            return np.empty((0, len(groups)))
        return bootstrap_weights(groups, self.n_bootstrap, self.generator(9))


@dataclass(frozen=True, eq=False)
class Statistic:
    """One number of a site.

    Attributes
    ----------
    name, band, amplitude_band : str
    value : float
    draws : ndarray (surrogates,)
        Under the null.
    redrawn : ndarray (bootstrap draws,)
    null : str
        How surrogates were made.
    """

    name: str
    band: str
    amplitude_band: str
    value: float
    draws: NDArray[np.float64]
    redrawn: NDArray[np.float64]
    null: str


@dataclass(frozen=True, eq=False)
class SiteFindings:
    """What was found at a site; without statistics where no two units vary.

    Attributes
    ----------
    units : ndarray (units,) of int
        Units that were analysed, among the flattened ones of the site.
    n_varying, n_all : int
    statistics : list of Statistic
    frequencies : ndarray (frequencies,)
    arrays : dict of str to ndarray
        ``density`` and ``white`` (units, frequencies), ``band_power`` (bands, units), ``locking``
        and ``lag`` (bands, units, units), ``complexity``, ``complexity_low``, ``complexity_high``
        and ``complexity_mean`` (2, units).
    counts : bool
        Whether activity is counts, of spikes for example.
    """

    units: NDArray[np.int64]
    n_varying: int
    n_all: int
    statistics: list[Statistic] = field(default_factory=list)
    frequencies: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    arrays: dict[str, NDArray] = field(default_factory=dict)
    counts: bool = False


def work_on_site(job: SiteJob) -> SiteFindings:
    """Compute every statistic of one site.

    Raises
    ------
    UsageError
        If activity is not finite.
    """
    values, units, n_varying, n_all, total = _read(job)
    if len(units) < 2:
        return SiteFindings(units, n_varying, n_all)
    counts = is_counts(values)
    statistics: list[Statistic] = []
    arrays: dict[str, NDArray] = {}
    frequencies = _power(job, values, statistics, arrays)
    _connectivity(job, values, statistics, arrays)
    _complexity(job, values, counts, statistics, arrays)
    if counts:
        _slope(job, total, statistics)
    return SiteFindings(units, n_varying, n_all, statistics, frequencies, arrays, counts)


def _read(job: SiteJob) -> tuple[NDArray, NDArray[np.int64], int, int, NDArray]:
    """Values (blocks, units, time) of some varying units; and those of all, where they are counts.

    Units without a single value, which were not recorded, are left out.
    """
    read = job.source.read()
    rows = read.reshape(len(read), -1)
    missing = (
        np.isnan(rows).all(axis=0) if rows.dtype.kind == "f" else np.zeros(rows.shape[1], bool)
    )
    present = np.flatnonzero(~missing)
    values = real_array(rows[:, present], f"site '{job.source.site}'", 2) if len(present) else rows
    used = values[np.unique(job.blocks)]
    live = np.flatnonzero(used.max(axis=0) > used.min(axis=0)) if len(present) else present
    spread = np.linspace(0, len(live) - 1, min(len(live), job.n_units)).astype(int)
    chosen = live[np.unique(spread)] if len(live) else live
    blocks = np.ascontiguousarray(np.swapaxes(values[:, chosen][job.blocks], 1, 2))
    everything = np.swapaxes(values[:, live][job.blocks], 1, 2) if is_counts(blocks) else blocks
    return blocks, present[chosen], len(live), rows.shape[1], everything


def _power(
    job: SiteJob, values: NDArray, statistics: list[Statistic], arrays: dict[str, NDArray]
) -> NDArray[np.float64]:
    slowest = min(low for low, _ in job.bands.values())
    length = values.shape[-1]
    segment = min(length, max(256, int(np.ceil(3 * job.rate / slowest))))
    frequencies, density = power_spectrum(values, job.rate, segment)
    inside = np.stack([band_mask(frequencies, band, job.rate) for band in job.bands.values()])

    def shares(spectrum: NDArray) -> NDArray:
        parts, whole = spectrum @ inside.T, spectrum[..., 1:].sum(axis=-1, keepdims=True)
        return share(parts, np.broadcast_to(whole, parts.shape).copy()).mean(axis=1)

    generator, white, draws = job.generator(1), np.zeros(density.shape[1:]), []
    for _ in range(job.n_surrogates):
        other = power_spectrum(shuffled(values, generator), job.rate, segment)[1]
        white += other.mean(axis=0) / job.n_surrogates
        draws.append(shares(other).mean(axis=0))
    names = [(band, "") for band in job.bands]
    statistics += _stated(job, POWER, names, shares(density), np.array(draws), METHODS["shuffle"])
    power = (density.mean(axis=0) @ inside.T).T * frequencies[1]
    with np.errstate(divide="ignore"):
        arrays["band_power"] = np.log10(power)
    arrays["density"], arrays["white"] = density.mean(axis=0)[:, 1:], white[:, 1:]
    return frequencies[1:]


def _connectivity(
    job: SiteJob, values: NDArray, statistics: list[Statistic], arrays: dict[str, NDArray]
) -> None:
    signals = np.stack([analytic_signal(values, job.rate, band) for band in job.bands.values()])
    upper = np.triu_indices(values.shape[1], 1)

    def matrices(analytic: NDArray) -> tuple[NDArray, NDArray]:
        size = np.abs(analytic)
        phasors = np.divide(analytic, size, out=np.zeros_like(analytic), where=size > 0)
        return locking_of(phasors), lag_index_of(analytic)

    observed = matrices(signals)
    generator, draws = job.generator(2), []
    for _ in range(job.n_surrogates):
        found = matrices(rolled(signals, generator))
        draws.append([each[..., upper[0], upper[1]].mean(axis=(1, 2)) for each in found])
    names = [(band, "") for band in job.bands]
    for place, (name, matrix) in enumerate(zip((LOCKING, LAG), observed, strict=True)):
        by_block = matrix[..., upper[0], upper[1]].mean(axis=-1).T
        drawn = np.array(draws)[:, place]
        statistics += _stated(job, name, names, by_block, drawn, METHODS["shift"])
    arrays["locking"], arrays["lag"] = (matrix.mean(axis=1) for matrix in observed)
    _coupling(job, signals, statistics)


def _coupling(job: SiteJob, signals: NDArray, statistics: list[Statistic]) -> None:
    """Modulation index of every faster band by every slower one.

    Amplitudes are summed by phase bin over all blocks before the index is taken: blocks alone are
    too short to fill all bins.
    """
    bands = list(job.bands)
    bins = phase_bins(np.angle(signals), job.n_bins)
    generator = job.generator(3)
    for slow, fast in ((i, j) for i in range(len(bands)) for j in range(i + 1, len(bands))):
        amplitude = np.abs(signals[fast])
        counts = _by_bin(bins[slow], None, job.n_bins)
        if not counts.sum(axis=0).all():
            continue
        sums = _by_bin(bins[slow], amplitude, job.n_bins)
        draws = [
            _pooled_index(_by_bin(bins[slow], rolled(amplitude, generator), job.n_bins), counts)
            for _ in range(job.n_surrogates)
        ]
        value = _pooled_index(sums, counts)
        redrawn = [
            _pooled_index(weight[:, None, None] * sums, weight[:, None, None] * counts)
            for weight in job.weights
        ]
        null = "amplitudes shifted in time against phases"
        statistics.append(
            Statistic(
                MODULATION,
                bands[slow],
                bands[fast],
                value,
                np.array(draws),
                _centred(np.array(redrawn), value),
                null,
            )
        )


def _centred(redrawn: NDArray[np.float64], value: float) -> NDArray[np.float64]:
    """Draws moved to the value: fewer different blocks are less even, which raises every draw."""
    return np.maximum(redrawn - redrawn.mean() + value, 0.0) if len(redrawn) else redrawn


def _by_bin(bins: NDArray[np.int64], amplitude: NDArray | None, n_bins: int) -> NDArray[np.float64]:
    """Sums (blocks, units, bins) of amplitudes, or counts of samples, by phase bin."""
    shape = (*bins.shape[:-1], n_bins)
    owner = np.arange(bins.shape[0] * bins.shape[1]).reshape(*bins.shape[:-1], 1) * n_bins
    weights = None if amplitude is None else amplitude.ravel()
    places = (owner + bins).ravel()
    return np.bincount(places, weights, minlength=int(np.prod(shape))).reshape(shape).astype(float)


def _pooled_index(sums: NDArray[np.float64], counts: NDArray[np.float64]) -> float:
    totals, numbers = sums.sum(axis=0), counts.sum(axis=0)
    filled = numbers.all(axis=-1) & (totals.sum(axis=-1) > 0)
    if not filled.any():
        return float("nan")
    return float(index_of_bins(totals[filled] / numbers[filled]).mean())


def _complexity(
    job: SiteJob,
    values: NDArray,
    counts: bool,
    statistics: list[Statistic],
    arrays: dict[str, NDArray],
) -> None:
    make = amplitude_adjusted if counts else phase_randomised
    null = METHODS["amplitude" if counts else "phase"]

    def both(signals: NDArray) -> NDArray:
        words = np.asarray(lempel_ziv_complexity(signals, normalised=True))
        return np.stack([words, permutation_entropy(signals, job.order, normalised=True)])

    observed, generator = both(values), job.generator(4)
    drawn = np.array([both(make(values, generator)).mean(axis=1) for _ in range(job.n_surrogates)])
    for place, name in enumerate((WORDS, ENTROPY)):
        by_block = observed[place].mean(axis=1, keepdims=True)
        draws = drawn[:, place].mean(axis=1, keepdims=True)
        statistics += _stated(job, name, [("", "")], by_block, draws, null)
    arrays["complexity"] = observed.mean(axis=1)
    arrays["complexity_mean"] = drawn.mean(axis=0)
    arrays["complexity_low"], arrays["complexity_high"] = np.quantile(drawn, [0.025, 0.975], axis=0)


def _slope(job: SiteJob, spikes: NDArray, statistics: list[Statistic]) -> None:
    """Of the activity of all units; shifts keep the memory of each and break what they share."""
    generator = job.generator(5)
    observed = branching_slope(spikes.sum(axis=1))[:, None]
    draws = [
        branching_slope(shifted(spikes, generator).sum(axis=1)).mean(keepdims=True)
        for _ in range(job.n_surrogates)
    ]
    statistics += _stated(job, SLOPE, [("", "")], observed, np.array(draws), METHODS["shift"])


def _stated(
    job: SiteJob,
    name: str,
    bands: list[tuple[str, str]],
    by_block: NDArray,
    draws: NDArray,
    null: str,
) -> Iterator[Statistic]:
    """Statistics that are means over blocks: values (blocks, bands), draws (surrogates, bands)."""
    weights = job.weights
    redrawn = weights @ by_block / by_block.shape[0] if len(weights) else np.empty((0, len(bands)))
    for place, (band, other) in enumerate(bands):
        value = float(by_block[:, place].mean())
        yield Statistic(name, band, other, value, draws[:, place], redrawn[:, place], null)
