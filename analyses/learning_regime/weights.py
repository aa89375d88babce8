"""How far weights moved, and how many directions they have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analyses.learning_regime.given import given_array, refuse_shapes
from workbench.errors import UsageError, nearest

KINDS = ("eigenvalue", "singular", "entropy")


def weight_change(before: Any, after: Any, relative: bool = True) -> float:
    r"""Frobenius norm of the change of weights, :math:`\|W_f - W_0\|_F`.

    Parameters
    ----------
    before, after : array, tensor, module, or mapping of names to them (state dict)
        For several weights, all are read as one long vector. Entries that are not floating point
        (counters) are no weights.
    relative : bool
        Divide by :math:`\|W_0\|_F`.

    Returns
    -------
    float
        0 for no change; infinite if relative to weights of zero that did change.

    Raises
    ------
    UsageError
        If names or shapes differ, or values are not finite.

    References
    ----------
    Liu et al. 2024, arXiv 2310.08513 (not relative).

    Examples
    --------
    >>> weight_change(np.eye(2), 2 * np.eye(2))
    1.0
    >>> weight_change({"a": [3.0], "b": [0.0]}, {"a": [3.0], "b": [4.0]}, relative=False)
    4.0
    """
    first, second = _named(before, "before"), _named(after, "after")
    _check_names(first, second)
    changed, started = 0.0, 0.0
    for name, start in first.items():
        old, new = given_array(start, f"{name} before"), given_array(second[name], f"{name} after")
        if old.shape != new.shape:
            refuse_shapes(old, new, (f"{name} before", "after"), "checkpoints of one network")
        changed = float(np.hypot(changed, np.linalg.norm(new - old)))
        started = float(np.hypot(started, np.linalg.norm(old)))
    if not relative or not changed:
        return changed
    return changed / started if started else float("inf")


def effective_rank(weight: Any, kind: str = "eigenvalue") -> float:
    r"""Effective number of directions of a weight matrix.

    - ``eigenvalue``: :math:`\sum_i |\lambda_i| / (|\lambda_1| N)` with eigenvalues
      :math:`\lambda` of a square matrix of N units: a share between 1 / N and 1.
    - ``singular``: the same share with singular values, N being the smaller side.
    - ``entropy``: :math:`\exp(-\sum_i p_i \log p_i)`, :math:`p_i = s_i / \sum_j s_j`, of singular
      values s (Roy and Vetterli 2007): a number between 1 and N, as it was defined.

    Parameters
    ----------
    weight : array (out, in) or (out, in, ...)
        Further axes, as of a convolution's kernel, count as inputs.
    kind : {"eigenvalue", "singular", "entropy"}

    Returns
    -------
    float
        0 for a matrix of zeros, and by eigenvalue for a nilpotent one.

    Raises
    ------
    UsageError
        If there is no such kind, the weight is a vector, or not square for eigenvalues.

    References
    ----------
    Eigenvalues: review of Liu et al. 2024, arXiv 2310.08513. Roy and Vetterli 2007, The effective
    rank, EUSIPCO.

    Examples
    --------
    >>> effective_rank(np.eye(4)), effective_rank(np.eye(4), "entropy")
    (1.0, 4.0)
    >>> effective_rank(np.ones((4, 4)), "singular")
    0.25
    """
    if kind not in KINDS:
        raise UsageError(f"Found kind='{kind}': {nearest(kind, KINDS)}")
    matrix = given_array(weight, "weight")
    if matrix.ndim < 2:
        raise UsageError(f"Found a weight of shape {matrix.shape}; expected a matrix.")
    matrix = matrix.reshape(len(matrix), -1)
    sizes = _eigenvalue_sizes(matrix) if kind == "eigenvalue" else _singular_values(matrix)
    if not sizes.max():
        return 0.0
    if kind != "entropy":
        return float(sizes.sum() / (sizes.max() * len(sizes)))
    shares = sizes[sizes > 0] / sizes.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def _named(weights: Any, name: str) -> dict[str, Any]:
    """Names and arrays of what was given; a single array is called 'weight'."""
    if hasattr(weights, "named_parameters"):
        return dict(weights.named_parameters())
    if not isinstance(weights, Mapping):
        return {"weight": weights}
    found = {str(key): value for key, value in weights.items() if _is_weight(value)}
    if not found:
        raise UsageError(f"Found no weights in '{name}'; expected names with arrays or tensors.")
    return found


def _is_weight(value: Any) -> bool:
    """Lists count; tensors and arrays do if they are floating point."""
    kind = str(getattr(value, "dtype", "float"))
    return "float" in kind


def _check_names(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    for here, there, place in ((before, after, "after"), (after, before, "before")):
        missing = [name for name in here if name not in there]
        if missing:
            raise UsageError(
                f"Found {len(missing)} weights without a partner {place}, such as "
                f"'{missing[0]}': {nearest(missing[0], there)}; expected one network."
            )


def _singular_values(matrix: NDArray[np.float64]) -> NDArray:
    return np.linalg.svd(matrix, compute_uv=False)


def _eigenvalue_sizes(matrix: NDArray[np.float64]) -> NDArray:
    if matrix.shape[0] != matrix.shape[1]:
        raise UsageError(
            f"Found a weight of shape {matrix.shape}; eigenvalues are of square matrices: take "
            "kind='singular' or 'entropy'."
        )
    return np.abs(np.linalg.eigvals(matrix))
