"""The work at one site, as a function that any executor can run."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analyses.atoms import columns, evaluating
from analyses.atoms.coherences import Coherence, coherence
from analyses.atoms.comparing import Observed
from analyses.atoms.evaluating import Data, Scores, at_l0, averaged, pooled
from analyses.atoms.metric import AtomicInnerProduct
from analyses.atoms.nulls import gaussian_like, random_dictionary, whitened_basis
from analyses.atoms.reading import Observations, SiteLeftOutError, observe
from analyses.atoms.recoveries import recovery
from analyses.atoms.repeats import repeated
from analyses.atoms.responses import response_maps
from analyses.atoms.sampling import Split
from analyses.atoms.stabilities import stability
from analyses.atoms.supports import support_sizes
from analyses.atoms.tops import Tops, find_tops, nearest_atoms
from analyses.atoms.windows import threshold_window
from workbench.analysis.site_rows import SiteRows

if TYPE_CHECKING:
    from analyses.atoms.sae import ThresholdSAE

LEAST_ROWS = 10
# Dictionaries that are not learned cost little, so that more of them are drawn.
_CHEAP = 3
_COSINE_BINS = 128
WINDOW_SHARES = (1.0, 0.9)
WINDOW_PARTS = ("epsilon", "K", "delta_min", "delta_max", "low", "high", "feasible")


@dataclass(frozen=True)
class SiteJob:
    """Everything that the work at one site needs.

    Attributes
    ----------
    source : SiteRows
    split : Split
    n_atoms : int
    learning : dict
        Parameters of `ThresholdSAE` other than `n_atoms` and `seed`.
    n_seeds, n_nulls, n_bootstrap, max_rows, seed : int
    deterministic : bool
        Whether the same input gives the same row, so that a repeated row is no test.
    """

    source: SiteRows
    split: Split
    n_atoms: int
    learning: dict[str, Any]
    n_seeds: int
    n_nulls: int
    n_bootstrap: int
    max_rows: int
    seed: int
    deterministic: bool


@dataclass(frozen=True)
class SiteFindings:
    """What the work at one site gives.

    Attributes
    ----------
    table : dict of str to dict of str to Observed
        By dictionary and statistic.
    decoder : ndarray (atoms, units)
    threshold : ndarray (atoms,)
    training_rows : ndarray (atoms,) of int
        On which each atom fires.
    seed_match : ndarray (atoms,)
        Cosine with the matched atom of other seeds; NaN with one seed.
    tops : Tops
    neighbours : pair of ndarray (atoms, neighbours)
        Nearest atoms and their cosines.
    observed : Observations
        Without activity.
    curve : dict of str to ndarray (quantiles,)
    cosines : dict of str to ndarray (bins,)
        Histogram of pairs by dictionary.
    window : ndarray (shares, parts)
    maps : ndarray (atoms, shown, y, x), optional
    n_train, n_held_out : int
        Observations.
    n_repeated : int
        Observations that were left out of those held out, because they equal one of training.
    effective_rank : float
    notes : tuple of str
    """

    table: dict[str, dict[str, Observed]]
    decoder: NDArray[np.float32]
    threshold: NDArray[np.float32]
    training_rows: NDArray[np.int64]
    seed_match: NDArray[np.float64]
    tops: Tops
    neighbours: tuple[NDArray[np.int64], NDArray[np.float64]]
    observed: Observations
    curve: dict[str, NDArray[np.float64]]
    cosines: dict[str, NDArray[np.int64]]
    window: NDArray[np.float64]
    maps: NDArray[np.float32] | None
    n_train: int
    n_held_out: int
    n_repeated: int
    effective_rank: float
    notes: tuple[str, ...]

    @property
    def cosine_bins(self) -> NDArray[np.float64]:
        """Middles of the bins of `cosines`."""
        return (np.arange(_COSINE_BINS) + 0.5) / _COSINE_BINS

    @property
    def window_shares(self) -> tuple[float, ...]:
        """Shares of pairs, rows and coefficients for which a window is asked."""
        return WINDOW_SHARES

    @property
    def window_parts(self) -> tuple[str, ...]:
        """What a window consists of."""
        return WINDOW_PARTS


def work_on_site(job: SiteJob) -> SiteFindings | str:
    """Learn atoms at one site, measure them, and measure every null.

    Parameters
    ----------
    job : SiteJob

    Returns
    -------
    SiteFindings or str
        Or why the site is left out: no unit varies, or no held-out row is new.

    Raises
    ------
    WorkbenchError
        If activity is not finite.
    """
    with _torch_threads():
        try:
            return _worked(job)
        except SiteLeftOutError as error:
            return str(error)


def _worked(job: SiteJob) -> SiteFindings:
    observed = observe(job.source, job.max_rows, job.seed)
    data, n_repeated = _parted(job, observed)
    saes = _learn(job, data.train, 0)
    scores = [evaluating.score_learned(data, sae, redraw=True) for sae in saes]
    first = saes[0]
    held_out_codes, train_codes = first.transform(data.held_out), first.transform(data.train)
    match = _seed_match(saes, data.inner)
    reached = float(np.mean([each.values[columns.L0.name] for each in scores]))
    noise, noise_coherence = _noise(job, data, reached)
    sizes = _mean_sizes(saes, data.held_out)
    random, random_coherence = _random(job, data, sizes)
    table = {
        columns.ATOMS: pooled(scores) | _stability_of(match),
        columns.GAUSSIAN: noise,
        columns.RANDOM: random,
        columns.REMEMBERED: _remembered(job, data, sizes),
        **_fixed(data, sizes),
    }
    found = coherence(first.decoder_, data.inner)
    together = first.transform(observed.activity)
    tops = find_tops(together, _joins(job.split, observed))
    return SiteFindings(
        table=table,
        decoder=first.decoder_,
        threshold=first.threshold_,
        training_rows=np.bincount(train_codes.indices, minlength=len(first.decoder_)),
        seed_match=np.mean(match, axis=0) if match else np.full(len(first.decoder_), np.nan),
        tops=tops,
        neighbours=nearest_atoms(data.inner.cosine(first.decoder_)),
        observed=Observations(np.empty((0, 0), np.float32), *_places(observed)),
        curve=stability(found, support_sizes(held_out_codes)).curve,
        cosines={
            columns.ATOMS: _coarse(found),
            columns.GAUSSIAN: _coarse(noise_coherence),
            columns.RANDOM: _coarse(random_coherence),
        },
        window=_windows(first, train_codes, data.inner),
        maps=response_maps(first, job.source, observed, tops),
        n_train=len(data.train),
        n_held_out=len(data.held_out),
        n_repeated=n_repeated,
        effective_rank=data.inner.effective_rank_,
        notes=_notes(job, data, table, n_repeated),
    )


def _parted(job: SiteJob, observed: Observations) -> tuple[Data, int]:
    """Data of a site, and how many held-out observations repeat one of training."""
    held_out = job.split.held_out[observed.row]
    train, test = observed.activity[~held_out], observed.activity[held_out]
    groups = job.split.groups[observed.row][held_out]
    kept = ~repeated(train, test) if job.deterministic else np.ones(len(test), dtype=bool)
    if np.count_nonzero(kept) < LEAST_ROWS:
        raise SiteLeftOutError(
            f"Found {np.count_nonzero(kept)} held-out observations at site '{job.source.site}' "
            f"that are not among those of training; expected at least {LEAST_ROWS}: record more, "
            "and more varied, stimuli."
        )
    data = Data.of(train, test[kept], groups[kept], job.n_bootstrap, job.seed)
    return data, int(np.count_nonzero(~kept))


def _learn(job: SiteJob, rows: NDArray[np.float32], draw: int) -> list[ThresholdSAE]:
    from analyses.atoms.many import fit_many
    from analyses.atoms.sae import ThresholdSAE

    seeds = [job.seed + 1000 * draw + number for number in range(job.n_seeds)]
    saes = [ThresholdSAE(n_atoms=job.n_atoms, seed=seed, **job.learning) for seed in seeds]
    with warnings.catch_warnings():
        # The notes of a site say both; nulls would say them again.
        warnings.filterwarnings("ignore", message="L0 ended at|.*memoris")
        fit_many(saes, rows)
    return saes


def _mean_sizes(saes: list[ThresholdSAE], rows: NDArray[np.float32]) -> NDArray[np.int64]:
    """Active atoms of every row on average over seeds, rounded up in favour of the nulls."""
    sizes = np.mean([support_sizes(sae.transform(rows)) for sae in saes], axis=0)
    return np.ceil(sizes).astype(np.int64)


def _seed_match(saes: list[ThresholdSAE], inner: AtomicInnerProduct) -> list[NDArray[np.float64]]:
    """Cosine of every atom of the first seed with its match in each other one."""
    return [recovery(sae.decoder_, saes[0].decoder_, inner).matched for sae in saes[1:]]


def _stability_of(match: list[NDArray[np.float64]]) -> dict[str, Observed]:
    draws = np.array([each.mean() for each in match])
    return {columns.STABILITY.name: Observed(draws)} if match else {}


def _noise(job: SiteJob, data: Data, l0: float) -> tuple[dict[str, Observed], Coherence]:
    """The same learning on normal data of equal mean and covariance, at the L0 that atoms have."""
    parts, first = [], None
    for draw in range(1, job.n_nulls + 1):
        seed = job.seed + 1000 * draw
        rows = gaussian_like(data.inner, len(data.train) + len(data.held_out), seed)
        train, held_out = rows[: len(data.train)], rows[len(data.train) :]
        other = Data.of(train, held_out, data.groups, 0, seed)
        saes = [at_l0(sae, train, l0) for sae in _learn(job, train, draw)]
        scored = averaged([evaluating.score_learned(other, sae, redraw=False) for sae in saes])
        # A few rows far out can spoil its own codes; the null is not to be weaker for that.
        held_out_r2 = (scored.values[each.name] for each in (columns.HELD_OUT, columns.DEBIASED))
        scored.values[columns.HELD_OUT.name] = max(held_out_r2)
        match = _seed_match(saes, other.inner)
        if match:
            scored.values[columns.STABILITY.name] = float(np.mean(match))
        parts.append(scored)
        first = first or coherence(saes[0].decoder_, other.inner)
    assert first is not None  # noqa: S101 - there is at least one null
    return pooled(parts), first


def _random(
    job: SiteJob, data: Data, sizes: NDArray[np.int64]
) -> tuple[dict[str, Observed], Coherence]:
    """Random directions that spread as the data do, as many and as many active."""
    units = data.train.shape[1]
    drawn = [
        random_dictionary(job.n_atoms, units, job.seed + 1000 * draw, data.inner.covariance_)
        for draw in range(1, _CHEAP * job.n_nulls + 2)
    ]
    parts = [evaluating.score_fixed(data, each, sizes, redraw=False) for each in drawn[1:]]
    if job.n_seeds > 1:
        for scored, each in zip(parts, drawn[1:], strict=True):
            matched = recovery(each, drawn[0], data.inner).mean_max_cosine
            scored.values[columns.STABILITY.name] = matched
    return pooled(parts), coherence(drawn[0], data.inner)


def _remembered(job: SiteJob, data: Data, sizes: NDArray[np.int64]) -> dict[str, Observed]:
    """Training rows as atoms, as many and as many active."""
    centred = data.train - data.train.mean(axis=0)
    usable = np.flatnonzero(np.square(centred).sum(axis=1) > 0)
    parts = []
    for draw in range(1, _CHEAP * job.n_nulls + 1):
        generator = np.random.default_rng([job.seed, 19, draw])
        chosen = generator.permutation(usable)[: job.n_atoms]
        parts.append(evaluating.score_fixed(data, centred[chosen], sizes, redraw=False))
    return pooled(parts)


def _fixed(data: Data, sizes: NDArray[np.int64]) -> dict[str, dict[str, Observed]]:
    units = data.train.shape[1]
    # About the mean, where the first axes keep the most variance: the strongest such null.
    centred = AtomicInnerProduct(center=True).fit(data.train)
    principal = whitened_basis(centred, "pca")
    found: dict[str, Scores] = {
        columns.NEURONS: evaluating.score_neurons(data),
        columns.FEW_NEURONS: evaluating.score_fixed(data, np.eye(units), sizes),
        columns.MEMORISER: evaluating.score_memoriser(data),
        columns.WHITENED: evaluating.score_fixed(data, principal, sizes, inner=centred),
    }
    return {name: pooled([scores]) for name, scores in found.items()}


def _joins(split: Split, observed: Observations) -> NDArray[np.bool_]:
    """Whether an observation is of the same event as the one before it."""
    same_row = np.diff(observed.row, prepend=-1) == 0
    if observed.space:
        return same_row
    return split.follows[observed.row]


def _places(observed: Observations) -> tuple[NDArray, NDArray, tuple[int, ...]]:
    return observed.row, observed.place, observed.space


def _coarse(found: Coherence) -> NDArray[np.int64]:
    return found.histogram.reshape(_COSINE_BINS, -1).sum(axis=1)


def _windows(sae: ThresholdSAE, codes: Any, inner: AtomicInnerProduct) -> NDArray[np.float64]:
    if not codes.nnz:
        return np.full((len(WINDOW_SHARES), len(WINDOW_PARTS)), np.nan)
    found = [threshold_window(sae.decoder_, codes, inner, share) for share in WINDOW_SHARES]
    return np.array([[float(getattr(each, part)) for part in WINDOW_PARTS] for each in found])


def _notes(
    job: SiteJob, data: Data, table: dict[str, dict[str, Observed]], n_repeated: int
) -> tuple[str, ...]:
    notes = []
    if n_repeated:
        notes.append(
            f"{n_repeated} held-out observations equal one of training and were left out, "
            f"{len(data.held_out)} are new"
        )
    if len(data.train) < job.n_atoms:
        notes.append(
            f"fewer training rows ({len(data.train)}) than atoms ({job.n_atoms}): enough room to "
            "memorise"
        )
    if not len(data.counts):
        notes.append("too few held-out stimuli for an interval")
    reached, wanted = table[columns.ATOMS][columns.L0.name].value, job.learning["target_l0"]
    if abs(reached - wanted) > 0.15 * wanted:
        notes.append(f"L0 is {reached:.2f} on held-out observations, {wanted:g} was asked for")
    return tuple(notes)


@contextmanager
def _torch_threads() -> Iterator[None]:
    """Let torch use as many threads as BLAS was given: otherwise numbers depend on the executor."""
    import torch
    from threadpoolctl import threadpool_info

    given = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    before = torch.get_num_threads()
    torch.set_num_threads(min(given, default=1))
    try:
        yield
    finally:
        torch.set_num_threads(before)
