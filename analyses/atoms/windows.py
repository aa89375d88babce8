"""The window of thresholds that separates atoms which fire from those which do not.

After *Towards Atoms of Large Language Models* (arXiv 2509.20784). For unit atoms of coherence at
most ``e``, rows of at most K atoms and coefficients between ``least`` and ``largest``, every
threshold between ``e K largest`` and ``least - e (K - 1) largest`` fires exactly the atoms of the
support. Coefficients keep cross-talk of up to ``e (K - 1) largest``, which least squares on the
support removes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from analyses.atoms.coherences import coherence
from analyses.atoms.directions import Metric, measured
from analyses.atoms.supports import sparse_codes
from workbench.errors import UsageError


@dataclass(frozen=True)
class ThresholdWindow:
    """Thresholds at which the support is exact, and what they follow from.

    Attributes
    ----------
    epsilon : float
        Coherence of the dictionary.
    K : int
        Atoms that fire in a row.
    delta_min, delta_max : float
        Smallest and largest coefficient on the support, of atoms of length 1.
    low, high : float
        The window; empty where `low` is not below `high`.
    """

    epsilon: float
    K: int
    delta_min: float
    delta_max: float
    low: float
    high: float

    @property
    def feasible(self) -> bool:
        """Whether there is such a threshold: ``delta_min > epsilon (2 K - 1) delta_max``."""
        return self.low < self.high

    @property
    def threshold(self) -> float:
        """Middle of the window; NaN if it is empty."""
        return (self.low + self.high) / 2 if self.feasible else float("nan")


def threshold_window(
    dictionary: ArrayLike, codes: Any, metric: Metric = None, share: float = 1.0
) -> ThresholdWindow:
    """Thresholds that the theorem allows for a dictionary and its codes.

    Parameters
    ----------
    dictionary : array (n_atoms, units)
    codes : sparse or dense array (rows, n_atoms)
        Coefficients; those of atoms that are not of length 1 are scaled to such atoms. Negative
        ones leave no window.
    metric : AtomicInnerProduct or array (units, units), optional
        Euclidean by default.
    share : float
        Share of pairs, rows and coefficients that must obey it. The theorem asks for all (1); with
        0.9, coherence, K and the largest coefficient are their 0.9-quantiles and the smallest
        coefficient its 0.1-quantile.

    Returns
    -------
    ThresholdWindow

    Raises
    ------
    UsageError
        If shapes do not fit, nothing fires, or `share` is no share.

    Examples
    --------
    >>> window = threshold_window(np.eye(3), [[1.0, 0.0, 0.0], [0.0, 1.2, 1.1]])
    >>> window.low, window.high, window.feasible
    (0.0, 1.0, True)
    """
    atoms = measured(dictionary, metric)
    found = sparse_codes(codes)
    if found.shape[1] != len(atoms):
        raise UsageError(
            f"Found codes of {found.shape[1]} atoms for a dictionary of {len(atoms)}; expected "
            "one column an atom."
        )
    if not found.nnz or not 0.5 <= share <= 1:
        raise UsageError(
            f"Found {found.nnz} coefficients and share {share}; expected codes in which atoms "
            "fire, and a share between 0.5 and 1."
        )
    deltas = found.data * np.linalg.norm(atoms, axis=1)[found.indices]
    epsilon = coherence(atoms).quantile(share)
    size = max(1, int(np.quantile(np.diff(found.indptr), share, method="inverted_cdf")))
    least = float(np.quantile(deltas, 1 - share))
    largest = float(np.quantile(np.abs(deltas), share))
    low, high = epsilon * size * largest, least - epsilon * (size - 1) * largest
    return ThresholdWindow(epsilon, size, least, largest, low, high)
