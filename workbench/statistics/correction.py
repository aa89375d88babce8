"""Corrections for many comparisons: over sites, over labels, over units."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import UsageError

ALPHA = 0.05
"""What a corrected p-value must not exceed for a measure to beat its null."""


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Holm's step-down correction: bounds the chance of any false finding.

    Parameters
    ----------
    p_values : array (tests,)

    Returns
    -------
    ndarray (tests,)
        Corrected p-values in the order given (Holm 1979).

    Raises
    ------
    UsageError
        If a p-value is not between 0 and 1.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return _unsorted(stepped, order)


def benjamini_hochberg(p_values: ArrayLike) -> NDArray[np.float64]:
    """Benjamini and Hochberg's step-up correction: bounds the share of false findings.

    Parameters
    ----------
    p_values : array (tests,)

    Returns
    -------
    ndarray (tests,)
        Corrected p-values in the order given (Benjamini and Hochberg 1995).

    Raises
    ------
    UsageError
        If a p-value is not between 0 and 1.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.02, 0.03, 0.5]).tolist()
    [0.04, 0.04, 0.04, 0.5]
    """
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    stepped = np.minimum.accumulate(scaled[::-1])[::-1]
    return _unsorted(stepped, order)


def _checked(p_values: ArrayLike) -> NDArray[np.float64]:
    p = np.asarray(p_values, dtype=np.float64).reshape(-1)
    if not ((p >= 0) & (p <= 1)).all():
        raise UsageError(
            "Found p-values outside 0 to 1, or NaN; expected probabilities: leave out tests that "
            "were not made."
        )
    return p


def _unsorted(stepped: NDArray[np.float64], order: NDArray[np.intp]) -> NDArray[np.float64]:
    corrected = np.empty_like(stepped)
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected
