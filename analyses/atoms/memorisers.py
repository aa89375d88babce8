"""Memorisers: dictionaries that are the data themselves.

On the rows they hold, both criteria of *Towards Atoms of Large Language Models* (arXiv 2509.20784),
R² and q*, are 1 although nothing was learned; on other rows they explain nothing. So those criteria
count on held-out rows only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.atoms.evaluation import VarianceExplained
from analyses.atoms.metric import AtomicInnerProduct
from analyses.atoms.rowblocks import Rows, as_rows, row_blocks
from analyses.atoms.stabilities import stability
from workbench.errors import UsageError

_BLOCK = 512


@dataclass(frozen=True)
class Memorised:
    """What a memoriser reaches.

    Attributes
    ----------
    train_r2, held_out_r2 : float
        Explained variance of the rows it holds, and of others.
    l0, held_out_l0 : float
        Mean number of atoms that fire in a row.
    q : float
        Stability q* on the rows it holds.
    """

    train_r2: float
    held_out_r2: float
    l0: float
    held_out_l0: float
    q: float


def nearest_neighbour_r2(train: ArrayLike, held_out: Rows) -> float:
    """Explained variance of held-out rows, each replaced by the nearest training row.

    Parameters
    ----------
    train : array (rows, units)
        What is remembered. Time and memory grow with its rows; some ten thousand are enough.
    held_out : array (rows, units), Activations, or iterable of arrays
        On `train` itself the answer is 1.

    Returns
    -------
    float
        Explained variance; about -1 for independent Gaussian rows in many dimensions.

    Raises
    ------
    UsageError, WorkbenchError
        If shapes do not fit or values are not finite.

    Examples
    --------
    >>> nearest_neighbour_r2([[0.0], [10.0]], [[1.0], [9.0]])
    0.9375
    """
    known = _checked(train)
    score = VarianceExplained()
    for block in row_blocks(held_out, _BLOCK):
        if block.shape[1] != known.shape[1]:
            raise UsageError(
                f"Found held-out rows of {block.shape[1]} units and training rows of "
                f"{known.shape[1]}; expected the same units."
            )
        score.add(block, nearest_rows(known, block))
    return score.value


def nearest_rows(known: NDArray, rows: NDArray) -> NDArray:
    """For every row the nearest one that is known.

    Parameters
    ----------
    known : ndarray (known, units)
    rows : ndarray (rows, units)

    Returns
    -------
    ndarray (rows, units)

    Examples
    --------
    >>> nearest_rows(np.array([[0.0], [10.0]]), np.array([[1.0], [9.0]])).ravel().tolist()
    [0.0, 10.0]
    """
    centre = known.mean(axis=0)
    shifted = known - centre
    lengths = np.einsum("ij,ij->i", shifted, shifted)
    chosen = [
        np.argmin(lengths - 2 * (rows[start : start + _BLOCK] - centre) @ shifted.T, axis=1)
        for start in range(0, len(rows), _BLOCK)
    ]
    return np.asarray(known[np.concatenate(chosen)])


def threshold_memoriser(
    train: ArrayLike,
    held_out: Rows,
    n_atoms: int | None = None,
    *,
    share: float = 0.75,
    ridge: float = 1e-6,
    seed: int = 0,
) -> Memorised:
    """A threshold autoencoder in closed form whose atoms are training rows.

    Parameters
    ----------
    train : array (rows, units)
    held_out : array (rows, units), Activations, or iterable of arrays
    n_atoms : int, optional
        How many training rows become atoms, drawn at random; all by default.
    share : float
        The threshold, as a share of the smallest length of a training row under the atomic inner
        product.
    ridge : float
        Of the inner product, which is fitted on the training rows.
    seed : int
        Of the draw.

    Returns
    -------
    Memorised
        Rows in which nothing fires are reconstructed as the training mean.

    Raises
    ------
    UsageError, WorkbenchError
        If shapes do not fit, values are not finite, or a training row is zero.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> found = threshold_memoriser(rng.standard_normal((300, 64)), rng.standard_normal((300, 64)))
    >>> round(found.train_r2, 2), round(found.q, 2), found.held_out_r2 < 0.05
    (1.0, 1.0, True)
    """
    known = _checked(train)
    if n_atoms is not None and not 2 <= n_atoms <= len(known):
        raise UsageError(
            f"Found n_atoms={n_atoms}; expected 2 to {len(known)}, the number of training rows."
        )
    inner = AtomicInnerProduct(ridge=ridge).fit(known)
    white = inner.whiten(known)
    lengths = np.linalg.norm(white, axis=1)
    if not lengths.all():
        raise UsageError(
            f"Found {int((lengths == 0).sum())} training rows that are zero; expected directions: "
            "leave those rows out."
        )
    chosen = np.random.default_rng(seed).permutation(len(known))[:n_atoms]
    encoder = white[chosen] / lengths[chosen, None]
    decoder = known[chosen] / lengths[chosen, None]
    machine = _Machine(inner, encoder, decoder, share * float(lengths.min()), known.mean(axis=0))
    train_r2, sizes = machine.evaluate(known)
    held_out_r2, other_sizes = machine.evaluate(held_out)
    q = stability(encoder, sizes).q
    return Memorised(train_r2, held_out_r2, float(sizes.mean()), float(other_sizes.mean()), q)


@dataclass(frozen=True)
class _Machine:
    inner: AtomicInnerProduct
    encoder: NDArray[np.float64]
    decoder: NDArray[np.float64]
    threshold: float
    mean: NDArray[np.float64]

    def evaluate(self, X: Rows) -> tuple[float, NDArray[np.int64]]:
        score, sizes = VarianceExplained(), []
        for block in row_blocks(X, _BLOCK):
            codes = self.inner.whiten(block) @ self.encoder.T
            codes[codes < self.threshold] = 0.0
            size = np.count_nonzero(codes, axis=1)
            made = codes @ self.decoder
            made[size == 0] = self.mean
            score.add(block, made)
            sizes.append(size)
        return score.value, np.concatenate(sizes).astype(np.int64)


def _checked(train: ArrayLike) -> NDArray[np.float64]:
    blocks = list(row_blocks(as_rows(train, "training rows")))
    if not blocks:
        raise UsageError("Found no training row; expected at least one to remember.")
    return np.concatenate(blocks).astype(np.float64)
