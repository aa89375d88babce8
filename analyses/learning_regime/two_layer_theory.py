"""What theory says: kernel alignment of a two-layer linear network that starts small."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from analyses.learning_regime.given import given_array, refuse_shapes
from workbench.errors import UsageError


def two_layer_linear_alignment(w1: Any, w2: Any, target: Any = None) -> float:
    r"""Kernel alignment of a two-layer linear network after training, from its start alone.

    For :math:`f(x) = w_2^\top W_1 x`, whitened inputs and gradient flow on the squared error to a
    target :math:`\beta`, with :math:`M = W_1^\top W_1`, :math:`c = \|w_2\|^2` and
    :math:`b = \beta / \|\beta\|` the kernel goes from :math:`M + c I` to one proportional to
    :math:`b b^\top + I`, so that

    .. math:: KA = \frac{\mathrm{tr} M + b^\top M b + c (d + 1)}{\|M + c I\|_F \sqrt{d + 3}}

    Parameters
    ----------
    w1 : array (hidden, inputs)
        Weights at the start.
    w2 : array (hidden,) or (1, hidden)
    target : array (inputs,), optional
        :math:`\beta`; only its direction matters. Without it, the mean over all directions.

    Returns
    -------
    float
        Exact in the limit of a small start; at a start of order one it is not the trained
        alignment.

    Raises
    ------
    UsageError
        If shapes do not go together, or the start or the target is zero.

    References
    ----------
    Derived for this project; it gives what Theorem 1 and Proposition 1 of Liu et al. 2024,
    arXiv 2310.08513, are said to: at one norm, lower rank is richer, unless aligned.

    Examples
    --------
    >>> target = np.array([1.0, 0.0, 0.0])
    >>> aligned = np.outer([1.0, 0.0], target)
    >>> round(two_layer_linear_alignment(aligned, [1.0, 0.0], target), 4)
    1.0
    >>> round(two_layer_linear_alignment(aligned, [1.0, 0.0], target[::-1]), 4)
    0.8333
    """
    first, second = given_array(w1, "w1"), given_array(w2, "w2").reshape(-1)
    if first.ndim != 2 or len(second) != len(first):
        refuse_shapes(first, second, ("w1", "w2"), "(hidden, inputs) and (hidden,)")
    # Only ratios matter, and starts are small.
    largest = max(np.abs(first).max(), np.abs(second).max())
    if not largest:
        raise UsageError("Found a start of zeros, from which nothing is learnt; expected weights.")
    first, second = first / largest, second / largest
    n_inputs = first.shape[1]
    overlaps = first.T @ first
    readout = float(second @ second)
    along = _along(overlaps, target, n_inputs)
    product = np.trace(overlaps) + along + readout * (n_inputs + 1)
    norm = np.linalg.norm(overlaps + readout * np.eye(n_inputs))
    return float(product / (norm * np.sqrt(n_inputs + 3)))


def _along(overlaps: NDArray[np.float64], target: Any, n_inputs: int) -> float:
    if target is None:
        return float(np.trace(overlaps)) / n_inputs
    direction = given_array(target, "target").reshape(-1)
    size = np.linalg.norm(direction)
    if len(direction) != n_inputs or not size:
        raise UsageError(
            f"Found a target of {len(direction)} values and norm {size:.3g}; expected {n_inputs} "
            "values, one an input, not all zero."
        )
    return float(direction @ overlaps @ direction / size**2)
