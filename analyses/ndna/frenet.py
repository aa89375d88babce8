"""Curvature and torsion of a curve in any dimension, by Gram determinants of its derivatives.

Gluck 1966 (*Higher curvatures of curves in Euclidean space*); Teo, arXiv 2511.09782. With D_k the
Gram determinant of the first k derivatives, curvature is ``sqrt(D_2) / D_1^(3/2)`` and torsion
``sqrt(D_3) / D_2``. Both are computed from the parts of the derivatives that are orthogonal to the
lower ones, whose squared lengths multiply to the determinants: these would cancel in floats.
"""

from __future__ import annotations

from typing import Any

from analyses.ndna.angles import path_steps
from analyses.ndna.fisher_rao import NOISE
from analyses.ndna.namespaces import as_floats, masked, namespace, narrowed, norms


def frenet_curvature(path: Any) -> Any:
    """First generalised curvature at each interior node.

    Parameters
    ----------
    path : array or tensor (..., nodes, dimensions)
        Nodes of a curve, about equally far apart: derivatives are central differences.

    Returns
    -------
    array or tensor (..., nodes - 2)
        In reciprocal units of the path, at any uniform step; NaN where the curve stands still.

    Raises
    ------
    UsageError
        If there are fewer than two nodes, or values are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> angle = np.linspace(0, 2, 200)
    >>> circle = 3 * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    >>> bool(np.allclose(frenet_curvature(circle), 1 / 3, rtol=1e-4))
    True
    """
    nodes, _, _ = path_steps(path)
    first, bent, least = _two_derivatives(nodes, path)
    still = norms(first) <= least
    speed = _safe(norms(first), still)
    return narrowed(masked(norms(bent) / speed**2, still), path)


def frenet_torsion(path: Any) -> Any:
    """Second generalised curvature, the torsion, at each interior node.

    Parameters
    ----------
    path : array or tensor (..., nodes, dimensions)
        As of `frenet_curvature`.

    Returns
    -------
    array or tensor (..., nodes - 2)
        In reciprocal units of the path, without sign: how fast the curve leaves its plane. NaN
        at the first and last interior node, which a third derivative does not reach, and where the
        curve is straight and has no plane.

    Raises
    ------
    UsageError
        As `frenet_curvature`.

    Examples
    --------
    >>> import numpy as np
    >>> angle = np.linspace(0, 4 * np.pi, 257)
    >>> helix = np.stack([2 * np.cos(angle), 2 * np.sin(angle), 0.7 * angle], axis=-1)
    >>> torsion = frenet_torsion(helix)
    >>> np.round(torsion[:2], 4).tolist(), np.round(torsion[5], 3).tolist()
    ([nan, 0.156], 0.156)
    """
    nodes, _, _ = path_steps(path)
    xp = namespace(nodes)
    first, bent, least = _two_derivatives(nodes, path)
    none = xp.full_like(first[..., 0], float("nan"))
    if nodes.shape[-2] < 5:
        return narrowed(none, path)
    inner = slice(1, -1)
    third = _third(nodes)
    tangent = _unit(first[..., inner, :])
    normal = _unit(bent[..., inner, :])
    twisted = _without(_without(third, tangent), normal)
    twisted = _without(_without(twisted, tangent), normal)
    flat = (norms(bent) <= least) | (norms(first) <= least)
    flat = flat[..., inner]
    scale = _safe(norms(first) * norms(bent), xp.zeros_like(first[..., 0]) > 0)[..., inner]
    torsion = masked(norms(twisted) / _safe(scale, flat), flat)
    edge = none[..., :1]
    return narrowed(xp.concatenate([edge, torsion, edge], -1), path)


def gram_determinants(path: Any) -> tuple[Any, Any, Any]:
    """Gram determinants of the first, first two and first three derivatives.

    Parameters
    ----------
    path : array or tensor (..., nodes, dimensions)
        At least five nodes.

    Returns
    -------
    tuple of array or tensor (..., nodes - 4)
        At the nodes that a third derivative reaches.

    Raises
    ------
    UsageError
        If there are fewer than five nodes, or values are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> line = np.arange(10.0).reshape(5, 2)
    >>> [round(float(each[0]), 9) for each in gram_determinants(line)]
    [8.0, 0.0, 0.0]
    """
    nodes, _, _ = path_steps(path, least=5)
    xp = namespace(nodes)
    inner = slice(1, -1)
    derivatives = (_first(nodes)[..., inner, :], _second(nodes)[..., inner, :], _third(nodes))
    stacked = xp.stack(derivatives, -2)
    gram = stacked @ xp.swapaxes(stacked, -1, -2)
    parts = (xp.linalg.det(gram[..., :order, :order]) for order in (1, 2, 3))
    first, second, third = (narrowed(each, path) for each in parts)
    return first, second, third


def _first(nodes: Any) -> Any:
    return (nodes[..., 2:, :] - nodes[..., :-2, :]) / 2


def _second(nodes: Any) -> Any:
    steps = nodes[..., 1:, :] - nodes[..., :-1, :]
    return steps[..., 1:, :] - steps[..., :-1, :]


def _third(nodes: Any) -> Any:
    second = _second(nodes)
    return (second[..., 2:, :] - second[..., :-2, :]) / 2


def _two_derivatives(nodes: Any, given: Any) -> tuple[Any, Any, Any]:
    """First derivative, what of the second is across it, and their rounding."""
    xp = namespace(nodes)
    first, second = _first(nodes), _second(nodes)
    tangent = _unit(first)
    bent = _without(_without(second, tangent), tangent)
    scale = xp.amax(norms(nodes), -1)[..., None]
    epsilon = float(xp.finfo(as_floats(given, "path").dtype).eps)
    return first, bent, NOISE * epsilon * scale


def _without(vectors: Any, unit: Any) -> Any:
    return vectors - (vectors * unit).sum(-1)[..., None] * unit


def _unit(vectors: Any) -> Any:
    lengths = norms(vectors)
    return vectors / _safe(lengths, lengths == 0)[..., None]


def _safe(values: Any, undefined: Any) -> Any:
    xp = namespace(values)
    return xp.where(undefined | (values == 0), xp.ones_like(values), values)
