"""Recurrent weights with structure: blocks, Dale's law, over-represented motifs.

The recipes of Liu et al. 2024 for these starts are not public; all numbers are parameters. Dale's
law holds at initialisation only, as in the study: training may change signs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analyses.learning_regime.initial_connectivity import (
    GAIN,
    check_match,
    check_size,
    gaussian_init,
    scaled_to,
    weight_norm,
)
from workbench.errors import UsageError


def block_init(
    n: int,
    n_blocks: int = 4,
    within: float = 0.5,
    between: float = 0.05,
    *,
    mean: float = 0.0,
    norm: float | None = None,
    match: str = "frobenius",
    seed: int = 0,
) -> NDArray[np.float64]:
    """Groups of units that are wired more densely within than between (a stochastic block model).

    Parameters
    ----------
    n : int
        Units, in blocks of equal size (to one) in their order.
    n_blocks : int
    within, between : float
        Probabilities of a connection in a block and across.
    mean : float
        Of the weights of connections, in their standard deviations: 0 for Gaussian weights, more
        for blocks that excite themselves and give the spectrum an outlier for every block.
    norm : float, optional
        Size of the kind `match`; that of `gaussian_init` of the same seed by default.
    match : {"frobenius", "spectral_radius", "singular_value"}
    seed : int

    Returns
    -------
    ndarray (n, n)
        To, from.

    Raises
    ------
    UsageError
        If there are more blocks than units, or probabilities are none.

    Examples
    --------
    >>> weight = block_init(40, n_blocks=2, within=1.0, between=0.0)
    >>> bool(weight[:20, :20].all()), bool(weight[20:, :20].any())
    (True, False)
    """
    check_size(n)
    if not (1 <= n_blocks <= n and 0 <= between <= 1 and 0 < within <= 1):
        raise UsageError(
            f"Found {n_blocks} blocks of {n} units, wired with {within} within and {between} "
            "between; expected at most one block a unit, and probabilities."
        )
    generator = np.random.default_rng(seed)
    block = np.arange(n) * n_blocks // n
    chance = np.where(block[:, None] == block, within, between)
    weights = mean + generator.standard_normal((n, n))
    return _sized(weights * (generator.random((n, n)) < chance), norm, match, seed)


def dale_init(
    n: int,
    excitatory: float = 0.8,
    *,
    balanced: bool = True,
    norm: float | None = None,
    match: str = "frobenius",
    seed: int = 0,
) -> NDArray[np.float64]:
    """Every unit excites all that it reaches, or inhibits them: columns of one sign.

    Parameters
    ----------
    n : int
        Units; the first ones excite.
    excitatory : float
        Share that excites, between 0 and 1.
    balanced : bool
        Whether inhibitory weights are larger by as much as there are fewer of them, so that weights
        sum to zero on average. Otherwise their mean gives the spectrum an outlier.
    norm, match, seed
        As `block_init`.

    Returns
    -------
    ndarray (n, n)
        To, from; absolute normal weights.

    Raises
    ------
    UsageError
        If one of the two kinds would be empty.

    Examples
    --------
    >>> weight = dale_init(10, excitatory=0.7)
    >>> bool((weight[:, :7] >= 0).all()), bool((weight[:, 7:] <= 0).all())
    (True, True)
    """
    check_size(n)
    n_excitatory = round(excitatory * n) if np.isfinite(excitatory) else 0
    if not 0 < n_excitatory < n:
        raise UsageError(
            f"Found a share of {excitatory} excitatory of {n} units; expected at least one unit of "
            "each kind."
        )
    n_inhibitory = n - n_excitatory
    inhibition = n_excitatory / n_inhibitory if balanced else 1.0
    signs = np.repeat([1.0, -inhibition], [n_excitatory, n_inhibitory])
    return _sized(np.abs(gaussian_init(n, seed=seed)) * signs, norm, match, seed)


def chain_motif_init(
    n: int,
    *,
    chain: float = 0.0,
    reciprocal: float = 0.0,
    convergent: float | None = None,
    divergent: float | None = None,
    norm: float | None = None,
    match: str = "frobenius",
    seed: int = 0,
) -> NDArray[np.float64]:
    """Normal weights in which pairs of connections of a motif are correlated.

    ``W_ij = sqrt(convergent) r_i + sqrt(divergent) s_j + e_ij`` with normal ``r`` and ``s`` that
    are correlated within a unit, and ``e_ij`` with ``e_ji``: the Gaussian form of second-order
    networks. Positive chains give the spectrum an outlier.

    Parameters
    ----------
    n : int
        Units.
    chain : float
        Correlation of ``W_ij`` with ``W_jk`` (k to j to i).
    reciprocal : float
        Correlation of ``W_ij`` with ``W_ji``.
    convergent, divergent : float, optional
        Correlation of ``W_ij`` with ``W_ik``, and with ``W_kj``; the absolute value of `chain` by
        default, which is the least that can carry it.
    norm, match, seed
        As `block_init`.

    Returns
    -------
    ndarray (n, n)
        To, from.

    Raises
    ------
    UsageError
        If no matrix has these correlations.

    References
    ----------
    Zhao, Beverlin, Netoff and Nykamp 2011, Frontiers in Computational Neuroscience 5:28 (SONETs).

    Examples
    --------
    >>> weight = chain_motif_init(200, reciprocal=0.6)
    >>> upper = np.triu_indices(200, 1)
    >>> round(float(np.corrcoef(weight[upper], weight.T[upper])[0, 1]), 1)
    0.6
    """
    check_size(n)
    rows = abs(chain) if convergent is None else convergent
    columns = abs(chain) if divergent is None else divergent
    rest = _rest_correlation(chain, reciprocal, rows, columns)
    generator = np.random.default_rng(seed)
    across = chain / np.sqrt(rows * columns) if chain else 0.0
    received = generator.standard_normal(n)
    sent = across * received + np.sqrt(max(0.0, 1 - across**2)) * generator.standard_normal(n)
    own = np.sqrt(max(0.0, 1 - rows - columns)) * _reciprocal_noise(n, rest, generator)
    weights = np.sqrt(rows) * received[:, None] + np.sqrt(columns) * sent + own
    return _sized(weights, norm, match, seed)


def _rest_correlation(chain: float, reciprocal: float, rows: float, columns: float) -> float:
    """Correlation of what is left of ``W_ij`` and ``W_ji`` once rows and columns are taken out."""
    left = 1 - rows - columns
    # Rows and columns that are tied correlate the two directions as well.
    wanted = reciprocal - 2 * chain
    possible = min(rows, columns) >= 0 and chain**2 <= rows * columns * (1 + 1e-12) and left >= 0
    if not possible or abs(wanted) > left + 1e-12:
        raise UsageError(
            f"Found correlations chain {chain}, reciprocal {reciprocal}, convergent {rows} and "
            f"divergent {columns}, which no weights have; expected chain squared at most "
            "convergent times divergent, and convergent + divergent + |reciprocal - 2 chain| at "
            "most 1."
        )
    return wanted / left if left else 0.0


def _reciprocal_noise(
    n: int, correlation: float, generator: np.random.Generator
) -> NDArray[np.float64]:
    noise = generator.standard_normal((n, n))
    lower = np.tril_indices(n, -1)
    mirrored = noise.T[lower]
    noise[lower] = correlation * mirrored + np.sqrt(max(0.0, 1 - correlation**2)) * noise[lower]
    return noise


def _sized(
    weights: NDArray[np.float64], norm: float | None, match: str, seed: int
) -> NDArray[np.float64]:
    check_match(match)
    if norm is None:
        norm = weight_norm(gaussian_init(len(weights), gain=GAIN, seed=seed), match)
    return scaled_to(weights, norm, match)
