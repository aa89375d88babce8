"""Turning and curvature of a path in a vector space, from three nodes at a time."""

from __future__ import annotations

from typing import Any

from analyses.ndna.fisher_rao import NOISE
from analyses.ndna.namespaces import (
    angles_between,
    as_floats,
    count,
    masked,
    namespace,
    narrowed,
    norms,
)
from analyses.ndna.probabilities import check_nodes
from workbench.errors import UsageError


def turning_angles(path: Any, metric: Any = None) -> Any:
    """Angle between the steps to and from each interior node.

    Parameters
    ----------
    path : array or tensor (..., nodes, dimensions)
        Nodes in order: layers in order of depth, or moments in order of time.
    metric : array or tensor (dimensions, dimensions) or (..., nodes, dimensions, dimensions)
        Of inner products, such as `pullback_metric`; Euclidean by default.

    Returns
    -------
    array or tensor (..., nodes - 2)
        Radians, 0 on a straight line (Hénaff et al. 2019, equation 1). NaN where a node is
        identical to a neighbour. Independent points turn by 120 degrees on average, a random walk
        by 90.

    Raises
    ------
    UsageError
        If there are fewer than two nodes, or values are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> path = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 2.0], [1.0, 2.0]])
    >>> np.round(np.degrees(turning_angles(path)), 6).tolist()
    [90.0, nan]
    """
    nodes, steps, still = path_steps(path)
    before, after = steps[..., :-1, :], steps[..., 1:, :]
    if metric is not None:
        before, after = measured_by(before, metric, nodes), measured_by(after, metric, nodes)
    undefined = still[..., :-1] | still[..., 1:]
    return narrowed(masked(angles_between(before, after), undefined), path)


def menger_curvature(path: Any, metric: Any = None) -> Any:
    """Curvature of the circle through each interior node and its neighbours.

    Parameters
    ----------
    path : array or tensor (..., nodes, dimensions)
    metric : array or tensor, optional
        As of `turning_angles`.

    Returns
    -------
    array or tensor (..., nodes - 2)
        Reciprocal radius, ``4 area / (a b c)``, in reciprocal units of the path: exact on circles
        of any spacing (Menger 1930). NaN where two of the three nodes are identical.

    Raises
    ------
    UsageError
        As `turning_angles`.

    Examples
    --------
    >>> import numpy as np
    >>> angle = np.array([0.0, 0.1, 0.7, 2.0])
    >>> circle = 3 * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    >>> np.round(menger_curvature(circle), 12).tolist()
    [0.333333333333, 0.333333333333]
    """
    nodes, steps, still = path_steps(path)
    xp = namespace(nodes)
    across = nodes[..., 2:, :] - nodes[..., :-2, :]
    before, after = steps[..., :-1, :], steps[..., 1:, :]
    undefined = still[..., :-1] | still[..., 1:] | (norms(across) <= _least(nodes))
    if metric is not None:
        before, after, across = (
            measured_by(each, metric, nodes) for each in (before, after, across)
        )
    opposite = xp.where(undefined, xp.ones_like(norms(across)), norms(across))
    # The sine of an angle over the opposite side is half the curvature of the circle around.
    turned = 2 * xp.sin(angles_between(before, after)) / opposite
    return narrowed(masked(turned, undefined), path)


def path_steps(path: Any, least: int = 2) -> tuple[Any, Any, Any]:
    """A checked path in double precision, its steps, and which of them are none.

    Parameters
    ----------
    path : array or tensor (..., nodes, dimensions)
    least : int
        Nodes that are needed.

    Returns
    -------
    nodes : array or tensor (..., nodes, dimensions)
    steps : array or tensor (..., nodes - 1, dimensions)
    still : array or tensor (..., nodes - 1) of bool
        Steps within rounding of zero.

    Raises
    ------
    UsageError
        If there are too few nodes, no dimension, or values are not finite.
    """
    given = as_floats(path, "path")
    check_nodes(given, "a path", "dimensions", least)
    xp = namespace(given)
    broken = count(~xp.isfinite(given))
    if broken or not given.shape[-1]:
        raise UsageError(
            f"Found NaN or infinite values in a path ({broken} of shape {tuple(given.shape)}); "
            "expected finite numbers with at least one dimension: leave those rows out."
        )
    nodes = as_floats(given, "path", wide=True)
    steps = nodes[..., 1:, :] - nodes[..., :-1, :]
    return nodes, steps, norms(steps) <= _least(given)


def _least(nodes: Any) -> Any:
    """Length below which a step is rounding: relative to the farthest node of its path."""
    xp = namespace(nodes)
    scale = xp.amax(norms(nodes), -1)[..., None]
    return NOISE * float(xp.finfo(nodes.dtype).eps) * scale


def measured_by(vectors: Any, metric: Any, nodes: Any) -> Any:
    """Vectors whose Euclidean inner products are those of a metric at the interior nodes.

    Parameters
    ----------
    vectors : array or tensor (..., nodes - 2, dimensions)
    metric : array or tensor (dimensions, dimensions) or (..., nodes, dimensions, dimensions)
    nodes : array or tensor (..., nodes, dimensions)

    Returns
    -------
    array or tensor (..., nodes - 2, dimensions)

    Raises
    ------
    UsageError
        If the shape of the metric is another, or it is not symmetric and positive.
    """
    xp = namespace(nodes)
    given = as_floats(metric, "metric", wide=True)
    n_nodes, n_dimensions = nodes.shape[-2:]
    square = tuple(given.shape[-2:]) == (n_dimensions, n_dimensions)
    if not square or (given.ndim > 2 and given.shape[-3] != n_nodes):
        raise UsageError(
            f"Found a metric of shape {tuple(given.shape)}; expected ({n_dimensions}, "
            f"{n_dimensions}), or one such matrix for each of {n_nodes} nodes."
        )
    values, axes = xp.linalg.eigh(given if given.ndim == 2 else given[..., 1:-1, :, :])
    if bool((values < -1e-8 * xp.abs(values).max()).any()):
        raise UsageError(
            "Found a metric with negative eigenvalues; expected a symmetric matrix of inner "
            "products, such as a covariance's inverse."
        )
    return xp.sqrt(xp.clip(values, 0, None)) * (vectors[..., None, :] @ axes)[..., 0, :]
