"""Recurrent weights to start from: Gaussian and low-rank, matched in norm, radius or largest value.

The rank knob of Liu et al. 2024 (arXiv 2310.08513): the singular value decomposition of a Gaussian
matrix, cut after `rank` values and scaled back to the norm of the whole matrix.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError, nearest

MATCHES = ("frobenius", "spectral_radius", "singular_value")
GAIN = 1.25


def gaussian_init(n: int, *, gain: float = GAIN, seed: int = 0) -> NDArray[np.float64]:
    """Independent normal weights of standard deviation ``gain / sqrt(n)``.

    Parameters
    ----------
    n : int
        Units.
    gain : float
    seed : int

    Returns
    -------
    ndarray (n, n)
        To, from.

    Raises
    ------
    UsageError
        If there is no unit, or the gain is not a positive number.

    Examples
    --------
    >>> gaussian_init(300).shape
    (300, 300)
    """
    check_size(n)
    if not (np.isfinite(gain) and gain > 0):
        raise UsageError(f"Found gain {gain}; expected a positive number, such as {GAIN}.")
    return gain * np.random.default_rng(seed).standard_normal((n, n)) / np.sqrt(n)


def low_rank_init(
    n: int,
    rank: int,
    norm: float | None = None,
    match: str = "frobenius",
    *,
    gain: float = GAIN,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Gaussian weights cut to a rank, and scaled so that one of three sizes stays the same.

    Parameters
    ----------
    n : int
        Units.
    rank : int
        From 1 to `n`.
    norm : float, optional
        Size to scale to, of the kind that `match` names. By default that of the whole matrix, so
        that rank `n` is `gaussian_init` itself.
    match : {"frobenius", "spectral_radius", "singular_value"}
        What is matched: root of the summed squares (as published), largest absolute eigenvalue, or
        largest singular value. They part: at 100 units, rank 1 of the norm of the whole matrix has
        a largest singular value five times as large, and rank 1 of its largest singular value has a
        fifth of its norm.
    gain : float
        Of the Gaussian matrix.
    seed : int
        Equal seeds give the same Gaussian matrix for all ranks and matches.

    Returns
    -------
    ndarray (n, n)
        To, from.

    Raises
    ------
    UsageError
        If rank, norm or match are out of range.

    References
    ----------
    Liu et al. 2024, section 3; their code matches the Frobenius norm only.

    Examples
    --------
    >>> weight = low_rank_init(100, 5, norm=12.5)
    >>> int(np.linalg.matrix_rank(weight)), round(float(np.linalg.norm(weight)), 10)
    (5, 12.5)
    """
    check_size(n)
    if not (isinstance(rank, (int, np.integer)) and 1 <= rank <= n):
        raise UsageError(f"Found rank {rank} for {n} units; expected a whole number from 1 to {n}.")
    check_match(match)
    whole = gaussian_init(n, gain=gain, seed=seed)
    wanted = weight_norm(whole, match) if norm is None else norm
    return scaled_to(truncated(whole, rank), wanted, match)


def truncated(weight: NDArray, rank: int) -> NDArray[np.float64]:
    """The best approximation of a rank, by singular value decomposition.

    Parameters
    ----------
    weight : ndarray (n, n)
    rank : int

    Returns
    -------
    ndarray (n, n)
        The weight itself where the rank is full.

    Examples
    --------
    >>> truncated(np.diag([3.0, 2.0, 1.0]), 2).diagonal().tolist()
    [3.0, 2.0, 0.0]
    """
    whole = np.asarray(weight, np.float64)
    if rank >= min(whole.shape):
        return whole
    left, values, right = np.linalg.svd(whole, full_matrices=False)
    return (left[:, :rank] * values[:rank]) @ right[:rank]


def weight_norm(weight: NDArray, kind: str = "frobenius") -> float:
    """Size of a weight matrix.

    Parameters
    ----------
    weight : ndarray (n, n)
    kind : {"frobenius", "spectral_radius", "singular_value"}

    Returns
    -------
    float

    Raises
    ------
    UsageError
        If there is no such kind.

    Examples
    --------
    >>> shear = np.array([[1.0, 2.0], [0.0, 1.0]])
    >>> [round(weight_norm(shear, kind), 3) for kind in MATCHES]
    [2.449, 1.0, 2.414]
    """
    check_match(kind)
    if kind == "spectral_radius":
        return float(np.abs(np.linalg.eigvals(weight)).max())
    return float(np.linalg.norm(weight, "fro" if kind == "frobenius" else 2))


def scaled_to(weight: NDArray, norm: float, match: str = "frobenius") -> NDArray[np.float64]:
    """The weight times a positive number, so that its size is `norm`.

    Parameters
    ----------
    weight : ndarray (n, n)
    norm : float
    match : {"frobenius", "spectral_radius", "singular_value"}

    Returns
    -------
    ndarray (n, n)

    Raises
    ------
    UsageError
        If the norm is not positive, or the weight has no size of this kind: all of its eigenvalues
        are zero in a pure feed-forward chain.

    Examples
    --------
    >>> scaled_to(np.eye(3), 2.0, "spectral_radius").diagonal().tolist()
    [2.0, 2.0, 2.0]
    """
    if not (np.isfinite(norm) and norm > 0):
        raise UsageError(f"Found norm {norm}; expected a positive number.")
    found = weight_norm(weight, match)
    if found <= np.finfo(np.float64).eps * max(1.0, float(np.abs(weight).max())):
        raise UsageError(
            f"Found weights whose {match.replace('_', ' ')} is zero, which no factor brings to "
            f"{norm:g}; expected another match, such as 'frobenius', or other weights."
        )
    return np.asarray(weight, np.float64) * (norm / found)


def check_size(n: int) -> None:
    """Refuse a number of units that is none."""
    if not isinstance(n, (int, np.integer)) or n < 1:
        raise UsageError(f"Found n {n}; expected a whole number of units, at least 1.")


def check_match(match: str) -> None:
    """Refuse a match that does not exist."""
    if match not in MATCHES:
        raise UsageError(f"Found match '{match}'; {nearest(match, MATCHES)}")
