"""Fisher-Rao geometry of a path of probabilities: steps, length, turning and curvature.

Square roots of probabilities lie on the unit sphere; the Fisher-Rao distance is twice the angle
between them (Rao 1945; Crooks 2007, arXiv 0706.0559, for the length of a path).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from analyses.ndna.namespaces import angles_between, as_floats, masked, namespace
from analyses.ndna.probabilities import path_roots, probability_roots

# Steps below so many rounding errors have no direction.
NOISE = 32


class FisherRaoPath(NamedTuple):
    """A path of probabilities, measured.

    Attributes
    ----------
    steps : array (..., nodes - 1)
        Fisher-Rao distance between neighbouring nodes, in radians, at most pi.
    length : array (...)
        Their sum.
    chord : array (...)
        Distance between first and last node.
    straightness : array (...)
        Chord over length: 1 on a geodesic; NaN where the length is 0.
    energy : array (...)
        Number of steps times the sum of their squares, in square radians: at least the squared
        length, and equal to it where all steps are equal.
    tail_length : array (..., nodes)
        Length that still lies ahead of each node.
    """

    steps: Any
    length: Any
    chord: Any
    straightness: Any
    energy: Any
    tail_length: Any


def fisher_rao_distance(p: Any, q: Any) -> Any:
    """Fisher-Rao distance between probabilities.

    Parameters
    ----------
    p, q : array or tensor (..., classes)
        Not negative, summing to 1; leading axes are broadcast.

    Returns
    -------
    array or tensor (...)
        ``4 asin(|sqrt(p) - sqrt(q)| / 2)``, in radians from 0 to pi. Equal to ``2 arccos`` of the
        Bhattacharyya coefficient, but accurate for tiny distances too.

    Raises
    ------
    UsageError
        If probabilities are NaN, negative, do not sum to 1, or are over different classes.

    Examples
    --------
    >>> import numpy as np
    >>> float(fisher_rao_distance(np.array([0.8, 0.2]), np.array([0.3, 0.7]))).__round__(6)
    1.055018
    >>> float(fisher_rao_distance(np.array([1.0, 0.0]), np.array([0.0, 1.0]))).__round__(6)
    3.141593
    """
    first, second = as_floats(p, "probabilities"), as_floats(q, "probabilities")
    if first.shape[-1:] != second.shape[-1:]:
        raise mixed_classes(first.shape[-1:], second.shape[-1:])
    return sphere_distances(probability_roots(first), probability_roots(second))


def mixed_classes(first: Any, second: Any) -> Exception:
    """The error for probabilities over different classes."""
    from workbench.errors import UsageError

    return UsageError(
        f"Found probabilities over {tuple(first)} and {tuple(second)} classes; expected one "
        "vocabulary for both: distributions over different classes are not comparable."
    )


def fisher_rao_path(probs: Any) -> FisherRaoPath:
    """Measure a path of probabilities.

    Parameters
    ----------
    probs : array or tensor (..., nodes, classes)
        Not negative, summing to 1 over the last axis.

    Returns
    -------
    FisherRaoPath

    Raises
    ------
    UsageError
        If there are fewer than two nodes, or probabilities are not such.

    Examples
    --------
    >>> import numpy as np
    >>> path = fisher_rao_path(np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]))
    >>> np.round(path.steps, 4).tolist(), round(float(path.straightness), 4)
    ([1.5708, 1.5708], 1.0)
    >>> np.round(path.tail_length, 4).tolist()
    [3.1416, 1.5708, 0.0]
    """
    roots = path_roots(probs)
    steps = sphere_distances(roots[..., :-1, :], roots[..., 1:, :])
    return measured_path(steps, sphere_distances(roots[..., 0, :], roots[..., -1, :]))


def measured_path(steps: Any, chord: Any) -> FisherRaoPath:
    """A measured path, from its steps (..., nodes - 1) and its chord (...)."""
    xp = namespace(steps)
    length = steps.sum(-1)
    undefined = length == 0
    straightness = masked(chord / xp.where(undefined, xp.ones_like(length), length), undefined)
    ahead = xp.flip(xp.cumsum(xp.flip(steps, (-1,)), -1), (-1,))
    tail = xp.concatenate([ahead, xp.zeros_like(steps[..., :1])], -1)
    energy = steps.shape[-1] * (steps * steps).sum(-1)
    return FisherRaoPath(steps, length, chord, straightness, energy, tail)


def fisher_rao_turning(probs: Any) -> Any:
    """Angle by which a path of probabilities turns at each interior node.

    Parameters
    ----------
    probs : array or tensor (..., nodes, classes)

    Returns
    -------
    array or tensor (..., nodes - 2)
        Radians, 0 on a geodesic, pi where the path returns: the angle between the tangents of the
        geodesics to and from the node. It is pi minus the interior angle that the authors report.
        NaN where a node is identical to a neighbour, or opposite to it.

    Raises
    ------
    UsageError
        As `fisher_rao_path`.

    Examples
    --------
    >>> import numpy as np
    >>> probs = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0], [0.5, 0.5], [0.5, 0.5]])
    >>> np.round(fisher_rao_turning(probs), 4).tolist()
    [0.0, 3.1416, nan]
    """
    return sphere_turning(path_roots(probs))


def curvature(probs: Any) -> Any:
    """Curvature of a path of probabilities at each interior node.

    Parameters
    ----------
    probs : array or tensor (..., nodes, classes)

    Returns
    -------
    array or tensor (..., nodes - 2)
        Turning over the mean Fisher-Rao step on both sides, per radian; NaN where the turning is
        undefined.

    Raises
    ------
    UsageError
        As `fisher_rao_path`.

    Examples
    --------
    >>> import numpy as np
    >>> angle = np.linspace(0.2, 0.9, 5)
    >>> geodesic = np.stack([np.cos(angle) ** 2, np.sin(angle) ** 2], axis=-1)
    >>> bool((np.abs(curvature(geodesic)) < 1e-12).all())
    True
    """
    roots = path_roots(probs)
    steps = sphere_distances(roots[..., :-1, :], roots[..., 1:, :])
    return turning_over_step(sphere_turning(roots), steps)


def turning_over_step(turning: Any, steps: Any) -> Any:
    """Curvature (..., nodes - 2) from turning (..., nodes - 2) and steps (..., nodes - 1)."""
    xp = namespace(turning)
    around = (steps[..., :-1] + steps[..., 1:]) / 2
    return turning / xp.where(around > 0, around, xp.ones_like(around))


def sphere_distances(first: Any, second: Any) -> Any:
    """Fisher-Rao distance of unit vectors (..., classes): twice their angle."""
    xp = namespace(first)
    gap = first - second
    return 4 * xp.arcsin(xp.clip(xp.sqrt((gap * gap).sum(-1)) / 2, 0, 1))


def sphere_turning(roots: Any) -> Any:
    """Turning (..., nodes - 2) of a path of unit vectors (..., nodes, classes)."""
    steps = roots[..., 1:, :] - roots[..., :-1, :]
    here, before, after = roots[..., 1:-1, :], steps[..., :-1, :], steps[..., 1:, :]
    # Tangents by differences, because u·v of neighbours rounds to 1: u·(v - u) is -|v - u|² / 2.
    back, ahead = ((each * each).sum(-1) for each in (before, after))
    arriving = before - back[..., None] / 2 * here
    leaving = after + ahead[..., None] / 2 * here
    return masked(angles_between(arriving, leaving), no_direction(back, ahead, _epsilon(roots)))


def no_direction(before: Any, after: Any, epsilon: float) -> Any:
    """Whether squared chords (...) are too short, or those of opposite points, for a tangent."""
    least = (NOISE * epsilon) ** 2
    return (before <= least) | (after <= least) | (before >= 4 - 1e-6) | (after >= 4 - 1e-6)


def _epsilon(values: Any) -> float:
    return float(namespace(values).finfo(values.dtype).eps)
