"""Factorised affinity, and how well it predicts cells that were left out of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TIME_BLOCKS = 20
_HELD_OUT = 0.2
# The last digits of the error say nothing about motifs, and nulls take many factorisations.
_TOLERANCE = 1e-5


@dataclass(frozen=True, eq=False)
class Factors:
    """A non-negative factorisation: unit columns and weights.

    Attributes
    ----------
    time : ndarray (time, motifs)
    animals : ndarray (animals, motifs)
    pairs : ndarray (pairs, motifs)
        Twice as many pairs with signed affinity.
    weights : ndarray (motifs,)
    """

    time: NDArray
    animals: NDArray
    pairs: NDArray
    weights: NDArray

    def take(self, order: NDArray[np.intp]) -> Factors:
        """Some of the motifs."""
        time, animals, pairs = (each[:, order] for each in (self.time, self.animals, self.pairs))
        return Factors(time, animals, pairs, self.weights[order])


def factorise(
    tensor: NDArray, mask: NDArray[np.bool_], rank: int, n_restarts: int, seed: int
) -> tuple[Factors, float]:
    """Non-negative factorisation of the observed cells.

    Parameters
    ----------
    tensor : ndarray (time, animals, pairs)
    mask : ndarray (time or 1, animals, pairs) of bool
    rank, n_restarts, seed : int

    Returns
    -------
    factors : Factors
    error : float
        Relative.
    """
    from analyses.connectome.cp import NonnegativeCP

    model = NonnegativeCP(rank, n_restarts=n_restarts, seed=seed, tolerance=_TOLERANCE)
    model.fit(tensor, mask=mask)
    time, animals, pairs = (np.asarray(each) for each in model.factors_)
    return Factors(time, animals, pairs, np.asarray(model.weights_)), float(model.error_)


def held_out_cells(tensor: NDArray, mask: NDArray[np.bool_], seed: int) -> NDArray[np.bool_]:
    """A fifth of the observed cells, in whole fibres through time.

    Neighbouring frames share the smoothing, so scattered cells would tell what is held out. With
    one animal, a pair's fibre is all there is of it, and blocks of time are held out instead.

    Parameters
    ----------
    tensor : ndarray (time, animals, pairs)
    mask : ndarray (1, animals, pairs) of bool
    seed : int

    Returns
    -------
    ndarray (time or 1, animals, pairs) of bool
    """
    generator = np.random.default_rng([seed, 3])
    n_frames, n_animals, _ = tensor.shape
    n_blocks = min(n_frames, TIME_BLOCKS) if n_animals == 1 else 1
    blocks = np.repeat(mask, n_blocks, axis=0)
    held = np.zeros_like(blocks)
    for place in np.ndindex(blocks.shape[:2]):
        observed = np.flatnonzero(blocks[place])
        held[place][generator.permutation(observed)[: max(1, int(_HELD_OUT * len(observed)))]] = (
            True
        )
    return held if n_blocks == 1 else held[np.arange(n_frames) * n_blocks // n_frames]


def loading_support(factors: Factors, shown: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Share of a motif's squared course and profile in which each pair was shown.

    A pair that was shown only where a motif is almost absent may have any loading on it.

    Parameters
    ----------
    factors : Factors
    shown : ndarray (time or 1, animals, pairs) of bool

    Returns
    -------
    ndarray (pairs, motifs)

    Examples
    --------
    >>> one = np.ones((2, 1)) / np.sqrt(2)
    >>> factors = Factors(one, one, np.ones((1, 1)), np.ones(1))
    >>> loading_support(factors, np.array([[[True], [False]]])).round(3).tolist()
    [[0.5]]
    """
    time = np.square(factors.time.astype(np.float64))
    time = time if len(shown) > 1 else time.sum(axis=0, keepdims=True)
    animals = np.square(factors.animals.astype(np.float64))
    by_animal = np.einsum("twp,wr->tpr", shown.astype(np.float64), animals, optimize=True)
    return np.einsum("tpr,tr->pr", by_animal, time)


def reconstruction_error(tensor: NDArray, factors: Factors, cells: NDArray[np.bool_]) -> float:
    """Relative error of a factorisation over some cells, one frame in memory at a time.

    Predictions above 1, the largest affinity, count as 1.

    Parameters
    ----------
    tensor : ndarray (time, animals, pairs)
    factors : Factors
    cells : ndarray (time or 1, animals, pairs) of bool

    Returns
    -------
    float
    """
    wrong = total = 0.0
    for frame, values in enumerate(tensor):
        here = cells[frame if len(cells) > 1 else 0]
        scaled = factors.animals * (factors.weights * factors.time[frame])
        predicted = np.minimum(scaled @ factors.pairs.T, 1)
        difference = (values - predicted)[here].astype(np.float64)
        wrong += float(difference @ difference)
        total += float(np.square(values[here].astype(np.float64)).sum())
    return float(np.sqrt(wrong / total)) if total > 0 else 0.0
