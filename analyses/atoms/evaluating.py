"""One dictionary measured: reconstruction, sparsity, coherence, and what held-out stimuli allow."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analyses.atoms import columns
from analyses.atoms.coherences import Coherence, coherence
from analyses.atoms.comparing import Observed
from analyses.atoms.evaluation import explained_variance
from analyses.atoms.memorisers import nearest_rows
from analyses.atoms.metric import AtomicInnerProduct
from analyses.atoms.projections import projection_codes
from analyses.atoms.stabilities import crossing, stability
from analyses.atoms.supports import support_sizes

if TYPE_CHECKING:
    from analyses.atoms.sae import ThresholdSAE

_ROWS = 8192
_LOWEST = 0.3
# Fewer held-out stimuli than these would promise an interval that they cannot hold.
LEAST_GROUPS = 5
_MOST_REMEMBERED = 20_000


@dataclass(frozen=True)
class Data:
    """Rows to learn from, rows held out, and the inner product of the former.

    Attributes
    ----------
    train, held_out : ndarray (rows, units) of float32
    groups : ndarray (held out,) of int
        Stimulus of each held-out row, counted from 0.
    counts : ndarray (bootstraps, groups)
        How often each stimulus was drawn; without rows where there are too few stimuli.
    inner : AtomicInnerProduct
    """

    train: NDArray[np.float32]
    held_out: NDArray[np.float32]
    groups: NDArray[np.int64]
    counts: NDArray[np.float64]
    inner: AtomicInnerProduct

    @classmethod
    def of(
        cls,
        train: NDArray[np.float32],
        held_out: NDArray[np.float32],
        groups: NDArray[np.int64],
        n_bootstrap: int,
        seed: int,
    ) -> Data:
        """Data with their inner product and bootstrap draws."""
        names, codes = np.unique(groups, return_inverse=True)
        n_groups = len(names)
        draws = n_bootstrap if n_groups >= LEAST_GROUPS else 0
        generator = np.random.default_rng([seed, 17])
        counts = generator.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=draws)
        inner = AtomicInnerProduct().fit(train)
        return cls(train, held_out, codes.astype(np.int64), counts.astype(np.float64), inner)

    def redrawn_r2(self, made: NDArray) -> NDArray[np.float64]:
        """R2 of a reconstruction (held out, units), with held-out stimuli drawn anew."""
        mean = self.held_out.mean(axis=0, dtype=np.float64)
        errors, total = (
            self._by_group(np.square(self.held_out - other, dtype=np.float64).sum(axis=1))
            for other in (made, mean)
        )
        return 1 - (self.counts @ errors) / (self.counts @ total)

    def redrawn_mean(self, values: NDArray) -> NDArray[np.float64]:
        """Mean over rows, with held-out stimuli drawn anew."""
        sums, rows = self._by_group(values), self._by_group(np.ones(len(values)))
        return (self.counts @ sums) / (self.counts @ rows)

    def _by_group(self, values: NDArray) -> NDArray[np.float64]:
        n_groups = int(self.groups.max()) + 1
        return np.bincount(self.groups, values, minlength=n_groups).astype(np.float64)


@dataclass
class Scores:
    """Statistics of one dictionary by name, and those with held-out stimuli drawn anew."""

    values: dict[str, float] = field(default_factory=dict)
    redrawn: dict[str, NDArray[np.float64]] = field(default_factory=dict)


def pooled(parts: Sequence[Scores]) -> dict[str, Observed]:
    """Several draws of a dictionary together: a value each, and their mean drawn anew.

    Examples
    --------
    >>> pooled([Scores({"L0": 2.0}), Scores({"L0": 4.0})])["L0"].value
    3.0
    """
    return {
        name: Observed(
            np.array([part.values[name] for part in parts]),
            np.mean([part.redrawn[name] for part in parts], axis=0)
            if name in parts[0].redrawn
            else np.empty(0),
        )
        for name in parts[0].values
    }


def averaged(parts: Sequence[Scores]) -> Scores:
    """Several seeds as one draw: the mean of every statistic."""
    return Scores({n: float(np.mean([p.values[n] for p in parts])) for n in parts[0].values})


def score_learned(data: Data, sae: ThresholdSAE, redraw: bool) -> Scores:
    """Statistics of a dictionary that was learned.

    Parameters
    ----------
    data : Data
    sae : ThresholdSAE
        Fitted on `data.train`.
    redraw : bool
        Whether held-out stimuli are drawn anew for intervals.

    Returns
    -------
    Scores
    """
    scores = Scores()
    train, codes = sae.transform(data.train), sae.transform(data.held_out)
    made = sae.inverse_transform(codes)
    fired = np.bincount(train.indices, minlength=train.shape[1])
    scores.values = {
        columns.HELD_OUT.name: explained_variance(data.held_out, made),
        columns.DEBIASED.name: explained_variance(_debiased(sae, data.held_out)),
        columns.TRAIN.name: explained_variance(_reconstructed(sae, data.train, train)),
        columns.L0.name: codes.nnz / codes.shape[0],
        columns.DEAD.name: float(np.mean(fired == 0)),
        columns.SINGLE.name: single_row_share(fired),
    }
    sizes = support_sizes(codes)
    found = coherence(sae.decoder_, data.inner)
    _add_coherence(scores, found, sizes)
    if redraw and len(data.counts):
        scores.redrawn[columns.HELD_OUT.name] = data.redrawn_r2(made)
        scores.redrawn[columns.L0.name] = data.redrawn_mean(sizes)
        scores.redrawn[columns.PAIRS.name] = _redrawn_q(data, found, sizes)
    return scores


def at_l0(sae: ThresholdSAE, rows: NDArray[np.float32], l0: float) -> ThresholdSAE:
    """The same dictionary with all thresholds scaled alike, so that as many atoms fire on average.

    Parameters
    ----------
    sae : ThresholdSAE
    rows : ndarray (rows, units)
    l0 : float
        Wanted mean over these rows; less is reached where even thresholds of `_LOWEST` times
        their size let fewer fire.

    Returns
    -------
    ThresholdSAE
        The one that was given, where lower thresholds would explain less: a null must not be
        weakened by what is done to it.
    """
    lowered = copy(sae)
    lowered.threshold_ = _LOWEST * sae.threshold_
    codes = lowered.transform(rows)
    ratio = codes.data / np.maximum(sae.threshold_[codes.indices], np.finfo(np.float32).tiny)
    wanted = min(round(l0 * len(rows)), len(ratio))
    scaled = copy(sae)
    if wanted:
        scaled.threshold_ = sae.threshold_ * np.partition(ratio, len(ratio) - wanted)[-wanted]
    if wanted > np.count_nonzero(ratio >= 1) and _r2(sae, rows) > _r2(scaled, rows):
        return sae
    return scaled


def single_row_share(fired: NDArray[np.int64]) -> float:
    """Share of the atoms that fire at all that do so on a single row.

    Parameters
    ----------
    fired : ndarray (atoms,) of int
        Training rows on which each fires.

    Returns
    -------
    float

    Examples
    --------
    >>> single_row_share(np.array([0, 1, 7]))
    0.5
    """
    return float(np.mean(fired[fired > 0] == 1)) if (fired > 0).any() else 0.0


def score_fixed(
    data: Data,
    dictionary: NDArray,
    sizes: NDArray[np.int64],
    redraw: bool = True,
    inner: AtomicInnerProduct | None = None,
) -> Scores:
    """Statistics of a dictionary that was not learned, with as many active atoms in every row.

    Parameters
    ----------
    data : Data
    dictionary : ndarray (atoms, units)
    sizes : ndarray (held out,) of int
        Active atoms of every held-out row.
    redraw : bool
    inner : AtomicInnerProduct, optional
        By which coherence is measured, if not by that of the data.

    Returns
    -------
    Scores
    """
    mean = data.inner.mean_
    codes = projection_codes(data.held_out, dictionary, sizes, mean)
    made = codes @ np.asarray(dictionary, dtype=np.float64) + mean
    scores = Scores(
        {
            columns.HELD_OUT.name: explained_variance(data.held_out, made),
            columns.L0.name: float(sizes.mean()),
        }
    )
    _add_coherence(scores, coherence(dictionary, inner or data.inner), sizes)
    if redraw and len(data.counts):
        scores.redrawn[columns.HELD_OUT.name] = data.redrawn_r2(made)
    return scores


def score_neurons(data: Data) -> Scores:
    """Statistics of the units themselves, all of which may be active: they explain everything."""
    sizes = np.count_nonzero(data.held_out, axis=1)
    scores = Scores(
        {columns.HELD_OUT.name: 1.0, columns.TRAIN.name: 1.0, columns.L0.name: float(sizes.mean())}
    )
    _add_coherence(scores, coherence(np.eye(data.train.shape[1]), data.inner), sizes)
    return scores


def score_memoriser(data: Data) -> Scores:
    """Statistics of a dictionary that is the training rows, the nearest one active in each row."""
    made = nearest_rows(data.train[:: -(-len(data.train) // _MOST_REMEMBERED)], data.held_out)
    scores = Scores(
        {
            columns.HELD_OUT.name: explained_variance(data.held_out, made),
            columns.TRAIN.name: 1.0,
            columns.L0.name: 1.0,
            # One active atom meets the bound whatever the coherence.
            columns.PAIRS.name: 1.0,
            columns.PER_ATOM.name: 1.0,
            columns.SINGLE.name: 1.0,
        }
    )
    if len(data.counts):
        scores.redrawn[columns.HELD_OUT.name] = data.redrawn_r2(made)
    return scores


def _add_coherence(scores: Scores, found: Coherence, sizes: NDArray[np.int64]) -> None:
    scores.values |= {
        columns.PAIRS.name: stability(found, sizes).q,
        columns.PER_ATOM.name: stability(found, sizes, per="atom").q,
        columns.LARGEST.name: found.max,
        columns.RMS.name: found.rms,
        columns.WELCH.name: found.welch,
    }


def _redrawn_q(data: Data, found: Coherence, sizes: NDArray[np.int64]) -> NDArray[np.float64]:
    draws = [
        crossing(found.quantile, np.repeat(sizes, count[data.groups].astype(np.int64)))
        for count in data.counts
    ]
    return np.array(draws)


def _r2(sae: ThresholdSAE, rows: NDArray[np.float32]) -> float:
    return explained_variance(_reconstructed(sae, rows, sae.transform(rows)))


def _reconstructed(sae: ThresholdSAE, rows: NDArray[np.float32], codes: Any) -> Any:
    for start in range(0, len(rows), _ROWS):
        part = slice(start, start + _ROWS)
        yield rows[part], sae.inverse_transform(codes[part])


def _debiased(sae: ThresholdSAE, rows: NDArray[np.float32]) -> Any:
    for start in range(0, len(rows), _ROWS):
        block = rows[start : start + _ROWS]
        yield block, sae.inverse_transform(sae.transform(block, debias=True))
