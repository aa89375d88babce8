"""Motifs of a cohort: factorised affinity, beside that of traces shifted in time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analyses.connectome.cohort import Cohort
from analyses.connectome.factors import (
    TIME_BLOCKS,
    Factors,
    factorise,
    held_out_cells,
    loading_support,
    reconstruction_error,
)
from analyses.connectome.pair_affinity import check_kind, derivative_affinity
from workbench.analysis.parameters import check_whole
from workbench.errors import UsageError
from workbench.statistics.bootstrap import bootstrap_weights, percentile_interval
from workbench.statistics.permutation import permutation_p

RANKS = (2, 3, 4, 5, 6, 8)
_LEAST_ANIMALS = 3
_N_BOOTSTRAP = 500
_LEAST_SUPPORT = 0.05


@dataclass(frozen=True)
class Search:
    """How motifs are looked for.

    Attributes
    ----------
    kind : str
    signed : bool
        As in `affinity.affinity`.
    rank : int, optional
        Number of motifs; chosen among `ranks` without.
    ranks : tuple of int
    n_restarts : int
        Factorisations from random starts, of which the best counts; of every null draw too.
    n_null : int
        Draws of shifted traces.
    seed : int
    """

    kind: str = "interval"
    signed: bool = False
    rank: int | None = None
    ranks: tuple[int, ...] = RANKS
    n_restarts: int = 2
    n_null: int = 19
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Motifs:
    """Motifs and what they must beat, the most telling one first.

    Attributes
    ----------
    factors : Factors
    expression : ndarray (time, animals, motifs)
        Mean affinity of the pairs in every frame, weighted by their loadings.
    excess : ndarray (motifs,)
        Share of the tensor's norm along the motif, beyond what shifted traces have along it.
    intervals : ndarray (motifs, 2)
        95 % of the excess over animals (or blocks of time) drawn with replacement.
    excess_null : ndarray (draws,)
        Largest excess of any motif found in shifted traces.
    p_values : ndarray (motifs,)
        Corrected over motifs, because the largest of the null counts.
    error, held_out_error : float
        Relative error of the factorisation; of affinities that it was not shown.
    held_out_null : ndarray (draws,)
        The same for shifted traces.
    rank_curve : dict of str to list of float
        How the rank was chosen; empty if it was given.
    """

    factors: Factors
    expression: NDArray
    excess: NDArray[np.float64]
    intervals: NDArray[np.float64]
    excess_null: NDArray[np.float64]
    p_values: NDArray[np.float64]
    error: float
    held_out_error: float
    held_out_null: NDArray[np.float64]
    rank_curve: dict[str, list[float]]


def check_search(search: Search) -> None:
    """Refuse parameters that cannot be used.

    Raises
    ------
    UsageError
        If a number is not a whole one or too small, or there is no such kind of affinity.
    """
    least = {"n_restarts": 1, "n_null": 1, "seed": 0, "rank": 1}
    check_whole(search, least, optional=("rank",))
    if search.rank is None and not len(search.ranks):
        raise UsageError("Found no rank and no ranks to choose from; expected rank= or ranks=.")
    check_kind(search.kind, search.signed)


def find_motifs(cohort: Cohort, search: Search) -> Motifs:
    """Factorise the affinity of a cohort and of its shifted traces.

    Parameters
    ----------
    cohort : Cohort
    search : Search

    Returns
    -------
    Motifs

    Notes
    -----
    With the tensor X, a motif f of unit norm and the mean E over time and draws of the affinity of
    traces that were each turned round by a random time, the excess is ``<X - E, f> / |X|``. The
    same is computed for the motifs of each draw, with E from the other draws.
    """
    tensor = cohort_affinity(cohort, search)
    mask = np.isfinite(tensor[:1])
    rank, curve = _rank(tensor, mask, search)
    factors, error = factorise(tensor, mask, rank, search.n_restarts, search.seed)
    held = held_out_cells(tensor, mask, search.seed)
    held_out_error = _held_out_error(tensor, mask, held, rank, search)
    draws = list(_null_draws(cohort, search, rank, mask, held))
    profiles = np.stack([draw.profile for draw in draws])
    cells = excess_cells(tensor, factors, profiles.mean(axis=0))
    excess = cells.sum(axis=(0, 1))
    null = np.array([_largest_excess(draw, profiles, k) for k, draw in enumerate(draws)])
    order = np.argsort(-excess, kind="stable")
    factors, cells, excess = factors.take(order), cells[..., order], excess[order]
    return Motifs(
        factors,
        motif_expression(tensor, factors.pairs),
        excess,
        excess_intervals(cells, search.seed),
        null,
        np.array([permutation_p(float(value), null, "greater") for value in excess]),
        error,
        held_out_error,
        np.array([draw.held_out_error for draw in draws]),
        curve,
    )


def cohort_affinity(cohort: Cohort, search: Search) -> NDArray:
    """Affinity tensor (time, animals, pairs) of a cohort, NaN where a neuron is missing."""
    return _affinity(cohort.scaled, cohort.breaks, search)


def peaks(factors: Factors) -> NDArray:
    """Affinity (motifs,) of a pair with loading 1 where each motif is strongest."""
    return factors.weights * factors.time.max(axis=0) * factors.animals.max(axis=0)


def shifted(scaled: NDArray, generator: np.random.Generator) -> NDArray:
    """Every neuron's derivatives turned round in time by a random number of frames.

    Parameters
    ----------
    scaled : ndarray (animals, time, neurons)
    generator : numpy.random.Generator

    Returns
    -------
    ndarray (animals, time, neurons)
        Each by at least a twentieth of the time; every neuron keeps its own course, and no two
        keep their relation.

    Examples
    --------
    >>> turned = shifted(np.arange(8.0).reshape(1, 4, 2), np.random.default_rng(0))
    >>> sorted(turned[0, :, 0].tolist()), turned.shape
    ([0.0, 2.0, 4.0, 6.0], (1, 4, 2))
    """
    n_animals, n_frames, n_neurons = scaled.shape
    least = max(1, n_frames // 20)
    by = generator.integers(least, max(least, n_frames - least) + 1, size=(n_animals, 1, n_neurons))
    frames = (np.arange(n_frames)[:, None] + by) % n_frames
    return np.take_along_axis(scaled, frames, axis=1)


def excess_cells(tensor: NDArray, factors: Factors, profile: NDArray) -> NDArray[np.float64]:
    """Contribution of every frame and animal to the excess of each motif.

    Parameters
    ----------
    tensor : ndarray (time, animals, pairs)
        NaN where unobserved.
    factors : Factors
    profile : ndarray (animals, pairs)
        Mean affinity of shifted traces.

    Returns
    -------
    ndarray (time, animals, motifs)
    """
    along = np.nan_to_num(tensor) @ factors.pairs
    expected = np.nan_to_num(profile) @ factors.pairs
    weights = factors.time[:, None, :] * factors.animals[None]
    norm = float(np.sqrt(np.nansum(np.square(tensor, dtype=np.float64))))
    return (along - expected).astype(np.float64) * weights / norm


def motif_expression(tensor: NDArray, pairs: NDArray) -> NDArray:
    """Mean affinity of a motif's pairs in every frame and animal, weighted by their loadings.

    Parameters
    ----------
    tensor : ndarray (time, animals, pairs)
        NaN where unobserved.
    pairs : ndarray (pairs, motifs)

    Returns
    -------
    ndarray (time, animals, motifs)
        0 where no pair of the motif was observed.
    """
    seen = np.isfinite(tensor[0]).astype(tensor.dtype) @ pairs
    along = np.nan_to_num(tensor) @ pairs
    there = np.broadcast_to(seen > 0, along.shape)
    return np.divide(along, seen, out=np.zeros_like(along), where=there)


def excess_intervals(cells: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """95 % intervals of the excess, over animals drawn with replacement, or blocks of time.

    Parameters
    ----------
    cells : ndarray (time, animals, motifs)
    seed : int

    Returns
    -------
    ndarray (motifs, 2)
    """
    parts = cells.sum(axis=0)
    if len(parts) < _LEAST_ANIMALS:
        n_blocks = min(TIME_BLOCKS, len(cells))
        edges = np.arange(n_blocks) * len(cells) // n_blocks
        parts = np.add.reduceat(cells.sum(axis=1), edges, axis=0)
    generator = np.random.default_rng([seed, 4])
    draws = bootstrap_weights(np.arange(len(parts)), _N_BOOTSTRAP, generator) @ parts
    return np.array([percentile_interval(each) for each in draws.T])


@dataclass(frozen=True, eq=False)
class _Draw:
    """Motifs of one set of shifted traces."""

    factors: Factors
    along: NDArray[np.float64]
    norm: float
    profile: NDArray
    held_out_error: float


def _null_draws(
    cohort: Cohort,
    search: Search,
    rank: int,
    mask: NDArray[np.bool_],
    held: NDArray[np.bool_],
) -> Iterator[_Draw]:
    generator = np.random.default_rng([search.seed, 5])
    for _ in range(search.n_null):
        tensor = _affinity(shifted(cohort.scaled, generator), cohort.breaks, search)
        factors, _ = factorise(tensor, mask, rank, search.n_restarts, search.seed)
        profile = tensor.mean(axis=0)
        along = excess_cells(tensor, factors, np.zeros_like(profile)).sum(axis=(0, 1))
        norm = float(np.sqrt(np.nansum(np.square(tensor, dtype=np.float64))))
        error = _held_out_error(tensor, mask, held, rank, search)
        yield _Draw(factors, along, norm, profile, error)


def _largest_excess(draw: _Draw, profiles: NDArray, number: int) -> float:
    others = np.delete(profiles, number, axis=0)
    profile = np.nan_to_num((others if len(others) else profiles).mean(axis=0))
    factors = draw.factors
    by_animal = (profile @ factors.pairs) * factors.animals
    expected = by_animal.sum(axis=0) * factors.time.sum(axis=0) / draw.norm
    return float((draw.along - expected).max())


def _affinity(scaled: NDArray, breaks: Sequence[int], search: Search) -> NDArray:
    return next(derivative_affinity(scaled, search.kind, search.signed, breaks=breaks))[1]


def _held_out_error(
    tensor: NDArray,
    mask: NDArray[np.bool_],
    held: NDArray[np.bool_],
    rank: int,
    search: Search,
) -> float:
    shown = mask & ~held
    factors, _ = factorise(tensor, shown, rank, search.n_restarts, search.seed)
    pairs = np.where(loading_support(factors, shown) < _LEAST_SUPPORT, 0, factors.pairs)
    return reconstruction_error(tensor, replace(factors, pairs=pairs), held)


def _rank(
    tensor: NDArray, mask: NDArray[np.bool_], search: Search
) -> tuple[int, dict[str, list[float]]]:
    """Number of motifs, and the curve it was read from."""
    if search.rank is not None:
        return int(search.rank), {}
    if tensor.shape[1] == 1:
        return _rank_of_one_animal(tensor, mask, search)
    from analyses.connectome.ranks import choose_rank

    choice = choose_rank(tensor, search.ranks, mask=mask, seed=search.seed)
    return choice.rank, {
        "rank": choice.ranks.tolist(),
        "held_out_error": choice.held_out_mean.tolist(),
        "agreement": choice.similarity.tolist(),
    }


def _rank_of_one_animal(
    tensor: NDArray, mask: NDArray[np.bool_], search: Search
) -> tuple[int, dict[str, list[float]]]:
    """Number of motifs of least error in held-out blocks of time: fibres have no other animal."""
    held = held_out_cells(tensor, mask, search.seed)
    errors = [_held_out_error(tensor, mask, held, rank, search) for rank in search.ranks]
    curve: dict[str, list[float]] = {
        "rank": [float(rank) for rank in search.ranks],
        "held_out_error": errors,
        "agreement": [float("nan")] * len(errors),
    }
    return int(search.ranks[int(np.argmin(errors))]), curve
