"""The number of components: by what they say about cells that were held out, and by restarts.

Neither the error nor agreement between restarts finds it: the error always falls, and restarts can
agree on an answer that merges two motifs. Held-out error falls as long as components describe what
cells have in common, and rises once they describe one cell alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analyses.connectome.cp_backends import as_like, to_numpy, total
from analyses.connectome.cp_contraction import DenseContraction
from analyses.connectome.cp_input import Problem, check_rank, problem
from analyses.connectome.cp_masks import compact_mask
from analyses.connectome.cp_restarts import Factorisation, factorise
from analyses.connectome.cp_solver import Settings
from analyses.connectome.rank_folds import folds, held_out_error
from workbench.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

# Held-out errors that differ by less than this share of the tensor's length are equal: where a
# tensor has an exact rank, what is left is how far a fit converged.
_EQUAL = 2e-3
_STARTS_PER_FOLD = 2


@dataclasses.dataclass(frozen=True)
class RankChoice:
    """A rank, and the curve that it was read from.

    Attributes
    ----------
    rank : int
    ranks : ndarray (ranks,) of int
        Those tried, rising.
    held_out : ndarray (ranks, folds)
        Length of the residual over held-out cells, relative to that of those cells; a time course
        that is predicted worse than by zeros counts as if by zeros, for it may hang on one loading
        for which there was hardly any evidence.
    error : ndarray (ranks,)
        Of the fit to all cells.
    similarity : ndarray (ranks,)
        Mean match of the other restarts with the best, fitted to all cells; 1 if they agree.
    null_held_out : ndarray (folds,)
        Held-out error at the chosen rank after every time course was turned round by a random
        number of frames, so that pairs and subjects have nothing in common but their levels.
    beats_null : bool
        Whether the tensor's held-out error is below the null's in every fold. If not, the
        components say no more than levels do.
    """

    rank: int
    ranks: NDArray[np.int64]
    held_out: NDArray[np.float64]
    error: NDArray[np.float64]
    similarity: NDArray[np.float64]
    null_held_out: NDArray[np.float64]
    beats_null: bool

    @property
    def held_out_mean(self) -> NDArray[np.float64]:
        """Mean over folds for every rank."""
        return np.asarray(self.held_out.mean(axis=1))

    @property
    def held_out_spread(self) -> NDArray[np.float64]:
        """Standard deviation over folds for every rank."""
        return np.asarray(self.held_out.std(axis=1, ddof=1))

    @property
    def table(self) -> pd.DataFrame:
        """One row a rank: held-out error and its spread, error, similarity, whether chosen."""
        import pandas as pd

        columns = {
            "rank": self.ranks,
            "held_out": self.held_out_mean,
            "spread": self.held_out_spread,
            "error": self.error,
            "similarity": self.similarity,
            "chosen": self.ranks == self.rank,
        }
        return pd.DataFrame(columns)


def choose_rank(
    tensor: Any,
    ranks: Iterable[int],
    mask: Any = None,
    *,
    n_folds: int = 5,
    hold_out: str = "fibres",
    n_restarts: int = 4,
    least_similarity: float = 0.7,
    seed: int = 0,
    max_iterations: int = 200,
    tolerance: float = 1e-5,
) -> RankChoice:
    """Choose the number of components of a non-negative CP decomposition.

    Each rank is fitted without some of the cells, which it then predicts. The smallest rank is
    chosen whose held-out error lies within one standard error of the best (of the differences, fold
    by fold; Breiman et al. 1984, section 3.4.3) and whose restarts match; if none of them match so
    well, the best-matching.

    Parameters
    ----------
    tensor : array (time, ..., pairs)
        Dense, not negative, numpy or torch.
    ranks : iterable of int
        Those to try.
    mask : array of bool, optional
        True where observed, as for `NonnegativeCP.fit`.
    n_folds : int
    hold_out : {"fibres", "blocks"}
        Whole time courses of a pair in a subject, predicted from other pairs and subjects; or
        spans of time of a subject with all pairs, predicted from other subjects, which asks for
        components with the same time course in all of them.
    n_restarts : int
        Fits to all cells, for the match.
    least_similarity : float
        Mean match that restarts should reach.
    seed : int
    max_iterations, tolerance
        As for `NonnegativeCP`.

    Returns
    -------
    RankChoice

    Raises
    ------
    UsageError
        As `NonnegativeCP.fit`; if there is no rank, the tensor is sparse, or there are fewer than
        two folds or restarts.

    Examples
    --------
    >>> random = np.random.default_rng(0).random
    >>> tensor = np.einsum("tr,sr,pr->tsp", random((20, 2)), random((6, 2)), random((15, 2)))
    >>> choice = choose_rank(tensor, [1, 2, 3], n_folds=3)
    >>> choice.rank, choice.held_out.shape, choice.beats_null
    (2, (3, 3), True)
    """
    given = problem(tensor, mask)
    tried = _checked_ranks(ranks, given, n_folds, n_restarts)
    settings = Settings(
        max_iterations=max_iterations, tolerance=tolerance, passes=8, enough=_EQUAL / 4
    )
    observed = None if given.mask is None else compact_mask(to_numpy(given.mask) > 0, given.shape)
    parts = list(folds(given.shape, observed, n_folds, hold_out, seed))
    held_out = np.array([_held_out_errors(given, parts, r, settings, seed) for r in tried])
    fits = [factorise(given, r, settings, n_restarts, seed) for r in tried]
    similarity = np.array([_match(fit) for fit in fits])
    place = _chosen(held_out, similarity, least_similarity)
    null = _turned(given, seed)
    null_errors = np.array(_held_out_errors(null, parts, tried[place], settings, seed))
    return RankChoice(
        tried[place],
        np.array(tried),
        held_out,
        np.array([fit.error for fit in fits]),
        similarity,
        null_errors,
        bool((held_out[place] < null_errors).all()),
    )


def _checked_ranks(
    ranks: Iterable[int], given: Problem, n_folds: int, n_restarts: int
) -> list[int]:
    if given.dense is None:
        raise UsageError(
            "Found a sparse tensor; expected a dense one to hold cells out of: choose the rank on "
            "a part of it that fits into memory."
        )
    for name, value in (("n_folds", n_folds), ("n_restarts", n_restarts)):
        if value < 2:
            raise UsageError(f"Found {name}={value}; expected at least 2 to compare.")
    tried = sorted({check_rank(rank, given.shape) for rank in ranks})
    if not tried:
        raise UsageError("Found no rank to try; expected at least one, such as range(1, 9).")
    return tried


def _held_out_errors(
    given: Problem,
    parts: list[tuple[NDArray[np.bool_], NDArray[np.bool_]]],
    rank: int,
    settings: Settings,
    seed: int,
) -> list[float]:
    found = []
    for number, (fitted, held_out) in enumerate(parts):
        training, test = _restricted(given, fitted), _restricted(given, held_out)
        fit = factorise(training, rank, settings, _STARTS_PER_FOLD, seed + 1000 * (number + 1))
        factors = [as_like(each.T, given.like) for each in fit.factors]
        factors[0] = factors[0] * as_like(fit.weights, given.like)[:, None]
        found.append(held_out_error(test.dense, test.mask, factors))
    return found


def _restricted(given: Problem, cells: NDArray[np.bool_]) -> Problem:
    """The same tensor, of which only some cells were observed."""
    weights = as_like(cells, given.like)
    if given.mask is not None:
        weights = weights * given.mask
    shown = given.dense * weights
    unseen = [np.zeros(size, dtype=bool) for size in given.shape]
    return dataclasses.replace(
        given,
        contraction=DenseContraction(shown),
        dense=shown,
        mask=weights,
        squares=total(shown * shown),
        scale=1.0,
        unseen=unseen,
    )


def _match(fit: Factorisation) -> float:
    others = np.delete(fit.restarts.similarities, fit.restarts.best)
    return float(others.mean())


def _chosen(held_out: NDArray, similarity: NDArray, least_similarity: float) -> int:
    best = int(held_out.mean(axis=1).argmin())
    differences = held_out - held_out[best]
    error = differences.std(axis=1, ddof=1) / np.sqrt(held_out.shape[1])
    near = np.flatnonzero(differences.mean(axis=1) <= np.maximum(error, _EQUAL))
    alike = near[similarity[near] >= least_similarity]
    return int(alike[0]) if len(alike) else int(near[similarity[near].argmax()])


def _turned(given: Problem, seed: int) -> Problem:
    """Every time course turned round by a number of frames of its own."""
    cells = to_numpy(given.dense)
    generator = np.random.default_rng([seed, 2])
    n_frames = len(cells)
    offsets = generator.integers(n_frames, size=(1, *cells.shape[1:]))
    order = (np.arange(n_frames).reshape(-1, *(1,) * (cells.ndim - 1)) + offsets) % n_frames
    turned = as_like(np.take_along_axis(cells, order, axis=0), given.like)
    mask = given.mask
    if mask is not None and len(mask) > 1:
        seen = np.broadcast_to(to_numpy(mask), cells.shape)
        mask = as_like(np.take_along_axis(seen, order, axis=0), given.like)
    return dataclasses.replace(given, contraction=DenseContraction(turned), dense=turned, mask=mask)
