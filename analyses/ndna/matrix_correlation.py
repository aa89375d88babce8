"""Mantel's test: do the distances in two matrices go together?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from analyses.ndna.lineage import one_a_model, values_of
from workbench.analysis.measure import Null
from workbench.errors import UsageError
from workbench.statistics.permutation import permutation_null

Method = Literal["pearson", "spearman"]


class Mantel(NamedTuple):
    """Correlation of two matrices of distances.

    Attributes
    ----------
    r : float
    null : Null
        With models of one matrix shuffled; one-sided, greater.
    n : int
        Models.
    """

    r: float
    null: Null
    n: int


def mantel(
    a: Any,
    b: Any,
    strata: Sequence[Any] | None = None,
    method: Method = "pearson",
    n_permutations: int = 999,
    seed: int = 0,
) -> Mantel:
    """Mantel's test: correlation of the distances in two matrices.

    Parameters
    ----------
    a, b : DistanceMatrix, or array (models, models)
        Over the same models in the same order.
    strata : sequence (models,), optional
        Only pairs within one stratum count, such as a family, and models are shuffled within it:
        what distances say beyond who belongs to which family.
    method : {"pearson", "spearman"}
    n_permutations, seed : int

    Returns
    -------
    Mantel

    Raises
    ------
    UsageError
        If shapes disagree, a matrix does not vary, or there is no such method.

    Notes
    -----
    Mantel (1967). The pairs of a matrix are not independent, so the p-value comes from shuffling
    models; no interval is given, for the same reason.

    Examples
    --------
    >>> place = np.array([0.0, 1.0, 3.0, 7.0, 12.0])
    >>> pairs = abs(place[:, None] - place)
    >>> round(mantel(pairs, pairs + 1 - np.eye(5)).r, 6)
    1.0
    """
    first, second = values_of(a), values_of(b)
    if first.shape != second.shape:
        raise UsageError(
            f"Found matrices of {len(first)} and {len(second)} models; expected the same models in "
            "the same order."
        )
    if method not in ("pearson", "spearman"):
        raise UsageError(f"Found method '{method}'; expected 'pearson' or 'spearman'.")
    n = len(first)
    stratum = np.zeros(n) if strata is None else one_a_model(strata, n, "strata")
    rows, columns = np.triu_indices(n, 1)
    within = stratum[rows] == stratum[columns]
    rows, columns = rows[within], columns[within]
    if method == "spearman":
        first, second = (_ranked(each, rows, columns) for each in (first, second))
    fixed = _standardised(first[rows, columns])
    generator = np.random.default_rng(seed)
    orders = [_shuffled(stratum, generator) for _ in range(n_permutations)]
    # Shuffling models within strata only moves the pairs about: mean and spread stay.
    moved = _standardised(second[rows, columns])
    standard = np.zeros_like(second)
    standard[rows, columns] = standard[columns, rows] = moved
    draws = [float(fixed @ standard[order[rows], order[columns]]) for order in orders]
    r = float(fixed @ moved)
    how = "models shuffled" if strata is None else "models shuffled within strata"
    return Mantel(r, permutation_null(r, draws, how, "greater"), n)


def _ranked(matrix: NDArray, rows: NDArray, columns: NDArray) -> NDArray[np.float64]:
    found = np.zeros_like(matrix)
    found[rows, columns] = found[columns, rows] = rankdata(matrix[rows, columns])
    return found


def _standardised(values: NDArray) -> NDArray[np.float64]:
    """Values with mean 0 and squares that sum to 1."""
    centred = values - (values.mean() if len(values) else 0.0)
    size = np.linalg.norm(centred)
    if len(values) < 2 or size <= 1e-12 * max(1e-300, float(np.abs(values).max())):
        raise UsageError(
            f"Found {len(values)} distances that do not vary; expected at least two different ones "
            "in either matrix, or a correlation is undefined."
        )
    return centred / size


def _shuffled(stratum: NDArray, generator: np.random.Generator) -> NDArray[np.int64]:
    order = np.arange(len(stratum))
    for each in np.unique(stratum):
        places = np.flatnonzero(stratum == each)
        order[places] = generator.permutation(places)
    return order
