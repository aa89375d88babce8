"""Dictionaries and data without atoms: what every number of a trained dictionary stands beside.

A dictionary of random directions, data with the same covariance but no other structure, and the
basis that whitens the data. Memorisers are in `memorisers`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.atoms.metric import AtomicInnerProduct
from analyses.atoms.projections import projection_r2
from analyses.atoms.rowblocks import Rows
from workbench.errors import UsageError, nearest

BASES = ("zca", "pca")
_BATCH = 8192


def random_dictionary(
    n_atoms: int, units: int, seed: int, covariance: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Random atoms of length 1.

    Parameters
    ----------
    n_atoms, units : int
    seed : int
    covariance : array (units, units), optional
        Draw directions as the data spread; all directions alike by default. The harder null: such
        atoms know where the variance lies.

    Returns
    -------
    ndarray (n_atoms, units)

    Raises
    ------
    UsageError
        If there is no atom or unit, or the covariance does not fit.

    Examples
    --------
    >>> np.linalg.norm(random_dictionary(3, 5, seed=0), axis=1).round(12).tolist()
    [1.0, 1.0, 1.0]
    """
    if n_atoms < 1 or units < 1:
        raise UsageError(f"Found {n_atoms} atoms of {units} units; expected at least one of each.")
    atoms = np.random.default_rng(seed).standard_normal((n_atoms, units))
    if covariance is not None:
        atoms = atoms @ _spread(np.asarray(covariance, dtype=np.float64), units)
    return atoms / np.linalg.norm(atoms, axis=1, keepdims=True)


def random_dictionary_r2(
    X: Rows,
    n_atoms: int,
    k: ArrayLike,
    mean: ArrayLike,
    *,
    covariance: ArrayLike | None = None,
    n_draws: int = 20,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Explained variance of random dictionaries with as many atoms, and as many a row.

    Parameters
    ----------
    X : array (rows, units) or Activations
        Held-out rows.
    n_atoms : int
    k : int or array (rows,) of int
        Atoms a row: those of the codes that are compared.
    mean : array (units,)
        Subtracted first, as a trained dictionary has a bias.
    covariance : array (units, units), optional
        As in `random_dictionary`.
    n_draws : int
        Number of dictionaries.
    seed : int

    Returns
    -------
    ndarray (draws,)
        Coded by `analyses.atoms.projections.projection_codes`.

    Raises
    ------
    UsageError, WorkbenchError
        As `projection_codes`.

    Examples
    --------
    >>> X = np.random.default_rng(0).standard_normal((50, 4))
    >>> bool((random_dictionary_r2(X, 4, 4, X.mean(axis=0), n_draws=2) > 0.999999).all())
    True
    """
    units = np.shape(mean)[0]
    seeds = np.random.SeedSequence(seed).generate_state(n_draws)
    return np.array(
        [
            projection_r2(X, random_dictionary(n_atoms, units, int(s), covariance), k, mean)
            for s in seeds
        ]
    )


def gaussian_like(like: AtomicInnerProduct | Rows, n_rows: int, seed: int) -> NDArray[np.float32]:
    """Gaussian rows with the mean and covariance of the data, and no other structure.

    Parameters
    ----------
    like : AtomicInnerProduct, array (rows, units) or Activations
        The data, or an inner product that was fitted on them.
    n_rows : int
    seed : int

    Returns
    -------
    ndarray (n_rows, units)

    Raises
    ------
    UsageError, WorkbenchError
        If the data are empty or not finite.

    Examples
    --------
    >>> gaussian_like(np.array([[1.0, 5.0], [3.0, 5.0]]), 4, seed=0)[:, 1].tolist()
    [5.0, 5.0, 5.0, 5.0]
    """
    return np.concatenate(list(gaussian_batches(like, n_rows, seed)))


def gaussian_batches(
    like: AtomicInnerProduct | Rows, n_rows: int, seed: int, size: int = _BATCH
) -> Iterator[NDArray[np.float32]]:
    """The rows of `gaussian_like` in batches; the size does not change them.

    Parameters
    ----------
    like : AtomicInnerProduct, array (rows, units) or Activations
    n_rows : int
    seed : int
    size : int
        Rows a batch.

    Yields
    ------
    ndarray (size, units)

    Raises
    ------
    UsageError, WorkbenchError
        As `gaussian_like`.
    """
    if n_rows < 1 or size < 1:
        raise UsageError(
            f"Found {n_rows} rows in batches of {size}; expected at least one of each."
        )
    moments = like if isinstance(like, AtomicInnerProduct) else _moments(like)
    spread = _spread(moments.covariance_, len(moments.mean_))
    generator = np.random.default_rng(seed)
    for start in range(0, n_rows, size):
        drawn = generator.standard_normal((min(size, n_rows - start), len(spread)))
        yield (drawn @ spread + moments.mean_).astype(np.float32)


def whitened_basis(like: AtomicInnerProduct | Rows, basis: str = "zca") -> NDArray[np.float64]:
    """As many atoms as units, orthogonal under the atomic inner product, of length 1.

    Their coherence under it is zero and they span everything, so q* and R² of all of them are 1
    whatever the data.

    Parameters
    ----------
    like : AtomicInnerProduct, array (rows, units) or Activations
    basis : {"zca", "pca"}
        The one closest to the units, or the principal axes, which no other basis beats at keeping
        variance in the first axes.

    Returns
    -------
    ndarray (units, units)
        Atoms of length 1 in the ordinary sense; of the second moment about zero unless the inner
        product is centred.

    Raises
    ------
    UsageError
        If `basis` is neither.

    Examples
    --------
    >>> X = np.random.default_rng(0).standard_normal((200, 3)) * [1.0, 2.0, 3.0]
    >>> inner = AtomicInnerProduct(ridge=0.0).fit(X)
    >>> np.allclose(inner.cosine(whitened_basis(inner)), np.eye(3))
    True
    """
    if basis not in BASES:
        raise UsageError(f"Found basis='{basis}'; {nearest(str(basis), BASES)}")
    moments = like if isinstance(like, AtomicInnerProduct) else _moments(like)
    matrix = moments.second_moment_ + moments.ridge_ * np.eye(len(moments.mean_))
    if basis == "pca":
        return np.ascontiguousarray(np.linalg.eigh(matrix)[1].T[::-1])
    root = _spread(matrix, len(matrix))
    return root / np.linalg.norm(root, axis=1, keepdims=True)


def _moments(X: Rows) -> AtomicInnerProduct:
    return AtomicInnerProduct(center=True).partial_fit(X)


def _spread(covariance: NDArray[np.float64], units: int) -> NDArray[np.float64]:
    """Symmetric root, which exists for singular covariances too."""
    if covariance.shape != (units, units):
        raise UsageError(
            f"Found a covariance of shape {covariance.shape}; expected ({units}, {units})."
        )
    values, axes = np.linalg.eigh(covariance)
    # Rounding leaves axes without variance slightly negative.
    values[values < np.finfo(np.float64).eps * units * values.max()] = 0.0
    return (axes * np.sqrt(values)) @ axes.T
