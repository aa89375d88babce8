"""Probabilities as points of the unit sphere: their square roots."""

from __future__ import annotations

from typing import Any

from analyses.ndna.namespaces import as_floats, count, namespace
from workbench.errors import UsageError

_TOLERANCE = 1e-3
# Rounding of whoever made the probabilities; what lies below is no rounding.
_LEAST = -1e-6


def probability_roots(probs: Any, what: str = "probabilities") -> Any:
    """Square roots of probabilities, as unit vectors.

    Parameters
    ----------
    probs : array (..., classes)
        Not negative, summing to 1 over the last axis.
    what : str
        Name for errors.

    Returns
    -------
    array (..., classes)

    Raises
    ------
    UsageError
        If there is no class, or values are NaN, negative or do not sum to 1.

    Examples
    --------
    >>> import numpy as np
    >>> probability_roots(np.array([0.64, 0.36])).tolist()
    [0.8, 0.6]
    """
    values = as_floats(probs, what)
    xp = namespace(values)
    if values.ndim < 1 or not values.shape[-1]:
        raise UsageError(
            f"Found {what} of shape {tuple(values.shape)}; expected (..., classes), with at least "
            "one class."
        )
    sums = values.sum(-1)
    _check(values, sums, what)
    return xp.sqrt(xp.clip(values, 0, None) / sums[..., None])


def path_roots(probs: Any, least: int = 2) -> Any:
    """Unit vectors of a path of probabilities.

    Parameters
    ----------
    probs : array (..., nodes, classes)
    least : int
        Nodes that are needed.

    Returns
    -------
    array (..., nodes, classes)

    Raises
    ------
    UsageError
        As `probability_roots`, or if there are fewer nodes.
    """
    values = as_floats(probs, "probabilities")
    check_nodes(values, "probabilities", "classes", least)
    return probability_roots(values)


def check_nodes(values: Any, what: str, last: str, least: int) -> None:
    """Refuse a path with too few nodes.

    Raises
    ------
    UsageError
        If there is no axis of nodes, or fewer nodes than ``least``.
    """
    n_nodes = values.shape[-2] if values.ndim > 1 else 0
    if n_nodes < least:
        raise UsageError(
            f"Found {what} of shape {tuple(values.shape)}; expected (..., nodes, {last}) with at "
            f"least {least} nodes, such as the layers of a model: one is no path."
        )


def _check(values: Any, sums: Any, what: str) -> None:
    xp = namespace(values)
    # A sum is not finite wherever one of its terms is not.
    broken = count(~xp.isfinite(sums))
    if broken:
        raise UsageError(
            f"Found NaN or infinite values in {broken} of {sums.reshape(-1).shape[0]} rows of "
            f"{what}; expected finite numbers: leave those rows out."
        )
    negative = count(values < _LEAST)
    if negative:
        raise UsageError(
            f"Found {negative} negative {what} (down to {float(values.min()):.3g}); expected "
            "numbers from 0 to 1: are these logits? Apply a softmax first."
        )
    furthest = float(xp.abs(sums - 1).max()) if sums.reshape(-1).shape[0] else 0.0
    if furthest > _TOLERANCE:
        raise UsageError(
            f"Found {what} that sum to 1 only within {furthest:.3g}; expected sums of 1 over the "
            "last axis: normalise them first."
        )
