"""Sparse codes for any dictionary, without training: largest projections, then least squares.

What a dictionary is worth by itself: nulls are coded like this, with as many atoms a row as the
trained codes have.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.atoms.directions import unit_atoms
from analyses.atoms.evaluation import VarianceExplained
from analyses.atoms.rowblocks import Rows, row_blocks
from workbench.errors import UsageError

if TYPE_CHECKING:
    from scipy import sparse

# Products of all pairs of atoms are kept for as many: 128 MiB.
_MOST_GRAM = 4096
_BLOCK_VALUES = 2**21
# Keeps the systems solvable where chosen atoms depend on each other.
_JITTER = 1e-12


def projection_codes(
    X: Rows, dictionary: ArrayLike, k: ArrayLike, mean: ArrayLike | None = None
) -> sparse.csr_array:
    """Codes with the k atoms of largest absolute projection, fitted by least squares.

    Parameters
    ----------
    X : array (rows, units), Activations, or iterable of arrays (rows, units)
    dictionary : array (n_atoms, units)
    k : int or array (rows,) of int
        Atoms a row, for all rows or for each.
    mean : array (units,), optional
        Subtracted from rows first; nothing by default.

    Returns
    -------
    scipy.sparse.csr_array (rows, n_atoms)
        Coefficients of the atoms at the length they have, float64, of either sign.

    Raises
    ------
    UsageError
        If shapes do not fit, an atom is zero, or k is negative or no whole number.
    WorkbenchError
        If values are not finite.

    Examples
    --------
    >>> projection_codes([[3.0, 1.0]], 2 * np.eye(2), 1).toarray().round(9).tolist()
    [[1.5, 0.0]]
    """
    from scipy import sparse

    n_atoms = np.shape(dictionary)[0]
    parts = [
        sparse.csr_array((values, atoms, starts), shape=(len(starts) - 1, n_atoms))
        for _, values, atoms, starts in _coded(X, dictionary, k, mean)
    ]
    return sparse.vstack(parts, format="csr") if parts else sparse.csr_array((0, n_atoms))


def projection_r2(
    X: Rows, dictionary: ArrayLike, k: ArrayLike, mean: ArrayLike | None = None
) -> float:
    """Explained variance of `projection_codes`; neither codes nor reconstruction are kept.

    Parameters
    ----------
    X : array (rows, units), Activations, or iterable of arrays (rows, units)
    dictionary : array (n_atoms, units)
    k : int or array (rows,) of int
    mean : array (units,), optional
        Of the rows that a dictionary was made from, say.

    Returns
    -------
    float

    Raises
    ------
    UsageError, WorkbenchError
        As `projection_codes`.

    Examples
    --------
    >>> round(projection_r2([[3.0, 1.0], [-3.0, -1.0]], np.eye(2), 1), 9)
    0.9
    """
    from scipy import sparse

    score, lengths = VarianceExplained(), np.asarray(dictionary, dtype=np.float64)
    centre = 0.0 if mean is None else np.asarray(mean, dtype=np.float64)
    for block, values, atoms, starts in _coded(X, dictionary, k, mean):
        codes = sparse.csr_array((values, atoms, starts), shape=(len(block), len(lengths)))
        score.add(block, codes @ lengths + centre)
    return score.value


_Coded = tuple[NDArray, NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]


def _coded(
    X: Rows, dictionary: ArrayLike, k: ArrayLike, mean: ArrayLike | None
) -> Iterator[_Coded]:
    unit = unit_atoms(dictionary)
    lengths = np.linalg.norm(np.asarray(dictionary, dtype=np.float64), axis=1)
    sizes = _sizes(k, len(unit))
    most = int(sizes.max())
    gram = unit @ unit.T if len(unit) <= _MOST_GRAM else None
    wide = most * most if gram is not None else most * (most + unit.shape[1])
    step = max(1, _BLOCK_VALUES // max(len(unit), wide))
    seen = 0
    for block in row_blocks(X, step):
        rows = block.astype(np.float64)
        if rows.shape[1] != unit.shape[1]:
            raise UsageError(
                f"Found rows of {rows.shape[1]} units for atoms of {unit.shape[1]}; expected the "
                "same units: take rows of the atoms' own site."
            )
        rows -= 0.0 if mean is None else np.asarray(mean, dtype=np.float64)
        own = sizes if len(sizes) == 1 else sizes[seen : seen + len(rows)]
        if len(own) not in (1, len(rows)):
            raise UsageError(
                f"Found {len(sizes)} numbers of atoms for at least {seen + len(rows)} rows; "
                "expected one, or one a row."
            )
        seen += len(rows)
        own = np.broadcast_to(own, len(rows))
        chosen, fitted = _fit_block(rows, unit, own, int(own.max()), gram)
        used = np.arange(chosen.shape[1]) < own[:, None]
        starts = np.concatenate([[0], np.cumsum(own)])
        yield block, (fitted / lengths[chosen])[used], chosen[used], starts


def _sizes(k: ArrayLike, n_atoms: int) -> NDArray[np.int64]:
    sizes = np.atleast_1d(np.asarray(k))
    if sizes.ndim != 1 or not len(sizes) or (sizes < 0).any() or (sizes % 1 != 0).any():
        raise UsageError(
            f"Found k={sizes.tolist()[:8]}; expected how many atoms fire: a whole number, or one "
            "for every row."
        )
    return np.minimum(sizes, n_atoms).astype(np.int64)


def _fit_block(
    rows: NDArray[np.float64],
    unit: NDArray[np.float64],
    sizes: NDArray[np.int64],
    most: int,
    gram: NDArray[np.float64] | None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    projections = rows @ unit.T
    chosen = _largest(np.abs(projections), most)
    unused = np.arange(most) >= sizes[:, None]
    if gram is not None:
        products = gram[chosen[:, :, None], chosen[:, None, :]]
    else:
        atoms = unit[chosen]
        products = atoms @ atoms.transpose(0, 2, 1)
    # Atoms beyond a row's own number get an equation of their own, with the solution zero.
    products[unused] = 0.0
    products.transpose(0, 2, 1)[unused] = 0.0
    diagonal = np.arange(most)
    products[:, diagonal, diagonal] = 1.0 + _JITTER
    wanted = np.where(unused, 0.0, np.take_along_axis(projections, chosen, axis=1))
    fitted = np.linalg.solve(products, wanted[:, :, None])[:, :, 0]
    return chosen, fitted.astype(np.float64)


def _largest(values: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    """Places of the largest values of each row, largest first."""
    if most == 0:
        return np.empty((len(values), 0), dtype=np.int64)
    start = values.shape[1] - most
    top = np.argpartition(values, start, axis=1)[:, start:] if start else None
    if top is None:
        top = np.broadcast_to(np.arange(most), values.shape)
    order = np.argsort(-np.take_along_axis(values, top, axis=1), axis=1, kind="stable")
    return np.take_along_axis(top, order, axis=1).astype(np.int64)
