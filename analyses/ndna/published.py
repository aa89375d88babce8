"""The authors' definitions as they stand, for comparison only: several are wrong.

Das, *nDNA* (arXiv 2509.18216), its project site and its code, which disagree with each other. Each
function says what is wrong with it; the functions of `analyses.ndna` are the corrected ones.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from analyses.ndna.belief import belief_push
from analyses.ndna.fisher_rao import fisher_rao_turning
from analyses.ndna.graphs import laplacian_eigenvalues
from analyses.ndna.namespaces import as_floats, namespace, narrowed, norms
from analyses.ndna.probabilities import check_nodes, path_roots
from analyses.ndna.published_indices import offspring_dissimilarity, trait_dominance_difference
from analyses.ndna.published_tables import token_table_curvature, token_table_length
from workbench.errors import UsageError

_EPSILON = 1e-8

__all__ = [
    "PublishedBelief",
    "arccos_steps",
    "delta2_over_delta3",
    "euclidean_length",
    "gradient_energy",
    "graph_curvature",
    "interior_angle",
    "interior_angle_curvature",
    "mean_push",
    "offspring_dissimilarity",
    "plotted_score",
    "raw_second_difference",
    "score",
    "simple_curvature",
    "token_table_curvature",
    "token_table_length",
    "torsion",
    "trait_dominance_difference",
]


class PublishedBelief(NamedTuple):
    """Belief as the authors' code reports it.

    Attributes
    ----------
    library, driver : array (..., nodes)
        Twice the norm of the mean push (``nDNA-v1``), and the norm itself (the driver of the later
        submission).
    """

    library: Any
    driver: Any


def raw_second_difference(path: Any) -> Any:
    """Spectral curvature of the project site: ``|h[l+1] - 2 h[l] + h[l-1]|``.

    Falls with the square of the step and grows with the norm of the residual stream: no curvature.

    Parameters
    ----------
    path : array or tensor (..., nodes, dimensions)

    Returns
    -------
    array or tensor (..., nodes - 2)
        In units of the path.

    Examples
    --------
    >>> import numpy as np
    >>> raw_second_difference(np.array([[0.0], [1.0], [4.0]])).tolist()
    [2.0]
    """
    nodes = _path(path)
    return narrowed(norms(nodes[..., 2:, :] - 2 * nodes[..., 1:-1, :] + nodes[..., :-2, :]), path)


def delta2_over_delta3(path: Any, epsilon: float = 0.0) -> Any:
    """Curvature of Methods 1 and 2 for one position: ``|D2 h| / (|D h|^2 + epsilon)^(3/2)``.

    Has the unit 1/length^2: on one circle it doubles whenever the step is halved.

    Parameters
    ----------
    path : array or tensor (..., nodes, dimensions)
        Whitened and aligned already, where the authors do so; see `token_table_curvature`.
    epsilon : float

    Returns
    -------
    array or tensor (..., nodes - 2)

    Examples
    --------
    >>> import numpy as np
    >>> angle = np.arange(12) * 2 * np.pi / 12
    >>> circle = 3 * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    >>> round(float(delta2_over_delta3(circle)[0]), 3)
    0.215
    """
    nodes = _path(path)
    speed = norms(nodes[..., 1:, :] - nodes[..., :-1, :])[..., 1:]
    bend = norms(nodes[..., 2:, :] - 2 * nodes[..., 1:-1, :] + nodes[..., :-2, :])
    return narrowed(bend / (speed**2 + epsilon) ** 1.5, path)


def simple_curvature(probs: Any, epsilon: float = _EPSILON) -> Any:
    """Curvature of the old Method 5: ``|P D2 u| / (|P D u|^2 + epsilon)^(3/2)``, ``u = sqrt(q)``.

    P takes away what is along u. As `delta2_over_delta3`, it depends on the size of steps.

    Parameters
    ----------
    probs : array or tensor (..., nodes, classes)
    epsilon : float

    Returns
    -------
    array or tensor (..., nodes - 2)
    """
    roots = path_roots(probs)
    here = roots[..., 1:-1, :]
    bend = _off(roots[..., 2:, :] - 2 * here + roots[..., :-2, :], here)
    speed = _off(roots[..., 2:, :] - here, here)
    return norms(bend) / (norms(speed) ** 2 + epsilon) ** 1.5


def interior_angle(probs: Any) -> Any:
    """Angle of Method 5: that inside the vertex, pi on a straight path and 0 on a way back.

    Parameters
    ----------
    probs : array or tensor (..., nodes, classes)

    Returns
    -------
    array or tensor (..., nodes - 2)
        Radians: pi minus `fisher_rao_turning`.

    Examples
    --------
    >>> import numpy as np
    >>> angle = np.linspace(0.1, 1.3, 9)
    >>> geodesic = np.stack([np.cos(angle) ** 2, np.sin(angle) ** 2], axis=-1)
    >>> np.round(interior_angle(geodesic)[0], 6)
    np.float64(3.141593)
    """
    return math.pi - fisher_rao_turning(probs)


def interior_angle_curvature(probs: Any) -> Any:
    """Curvature of Method 5: `interior_angle` over ``a + b``, the angles to both neighbours.

    Largest where a path is straight: on a geodesic it is ``pi / (a + b)`` instead of 0.

    Parameters
    ----------
    probs : array or tensor (..., nodes, classes)

    Returns
    -------
    array or tensor (..., nodes - 2)

    Examples
    --------
    >>> import numpy as np
    >>> angle = np.linspace(0.1, 1.3, 9)
    >>> geodesic = np.stack([np.cos(angle) ** 2, np.sin(angle) ** 2], axis=-1)
    >>> round(float(interior_angle_curvature(geodesic)[0]), 2)
    10.47
    """
    steps = arccos_steps(probs)
    xp = namespace(steps)
    around = (steps[..., :-1] + steps[..., 1:]) / 2
    return interior_angle(probs) / xp.where(around > 0, around, xp.ones_like(around))


def arccos_steps(probs: Any) -> Any:
    """Steps of Method 5: ``2 arccos`` of the Bhattacharyya coefficient.

    In float32 it floors near .0015 radians, because the coefficient rounds to 1.

    Parameters
    ----------
    probs : array or tensor (..., nodes, classes)

    Returns
    -------
    array or tensor (..., nodes - 1)
        Radians.
    """
    roots = path_roots(probs)
    xp = namespace(roots)
    shared = (roots[..., 1:, :] * roots[..., :-1, :]).sum(-1)
    return 2 * xp.arccos(xp.clip(shared, -1, 1))


def mean_push(probs: Any, target: Any) -> PublishedBelief:
    """Belief of Method 5: norm of the mean tangent push, with and without the factor 2.

    Alone it confounds strength with agreement; `belief_push` gives both.

    Parameters
    ----------
    probs, target
        As of `belief_push`.

    Returns
    -------
    PublishedBelief
    """
    # The code halves the tangent, and its library doubles the norm again.
    norm = belief_push(probs, target).norm_of_mean
    return PublishedBelief(norm, norm / 2)


def euclidean_length(path: Any) -> Any:
    """Thermodynamic length of the FAQ: the sum of Euclidean steps.

    Parameters
    ----------
    path : array or tensor (..., nodes, dimensions)

    Returns
    -------
    array or tensor (...)
        In units of the path.
    """
    nodes = _path(path)
    return narrowed(norms(nodes[..., 1:, :] - nodes[..., :-1, :]).sum(-1), path)


def gradient_energy(gradients: Any) -> Any:
    """Thermodynamic length of the project site: ``sum |grad log p|^2`` over examples.

    A trace of the Fisher information, proportional to the number of examples: no length.

    Parameters
    ----------
    gradients : array or tensor (..., examples, parameters)

    Returns
    -------
    array or tensor (...)
    """
    values = as_floats(gradients, "gradients", wide=True)
    return narrowed((values * values).sum(-1).sum(-1), gradients)


def graph_curvature(tokens: Any, width: float | None = None, n_smallest: int | None = None) -> Any:
    """Spectral curvature of the FAQ: from eigenvalues of the graph of tokens.

    Says how connected a cloud of tokens is, nothing of the path along depth.

    Parameters
    ----------
    tokens : array or tensor (..., tokens, dimensions)
    width : float, optional
        As of `graph_gap`.
    n_smallest : int, optional
        Mean of so many smallest eigenvalues above the first; by default the second over the
        largest.

    Returns
    -------
    array or tensor (...)
    """
    eigenvalues = laplacian_eigenvalues(as_floats(tokens, "tokens", wide=True), width)
    if n_smallest is not None:
        return narrowed(eigenvalues[..., 1 : n_smallest + 1].mean(-1), tokens)
    return narrowed(eigenvalues[..., 1] / eigenvalues[..., -1], tokens)


def torsion(path: Any) -> Any:
    """Torsion of the FAQ, which exists in three dimensions only.

    ``<D[l-1] x D[l], D[l+1]> / |D[l-1] x D[l]|^2``, with D the steps.

    Parameters
    ----------
    path : array or tensor (..., nodes, 3)

    Returns
    -------
    array or tensor (..., nodes - 3)

    Raises
    ------
    UsageError
        In another number of dimensions.
    """
    nodes = _path(path)
    if nodes.shape[-1] != 3:
        raise UsageError(
            f"Found a path in {nodes.shape[-1]} dimensions; expected 3, for a cross product: use "
            "frenet_torsion, which takes any."
        )
    steps = nodes[..., 1:, :] - nodes[..., :-1, :]
    xp = namespace(nodes)
    across = xp.linalg.cross(steps[..., :-2, :], steps[..., 1:-1, :])
    return narrowed((across * steps[..., 2:, :]).sum(-1) / (across * across).sum(-1), path)


def score(curvature: Any, length: Any, belief: Any, weights: Any = None) -> Any:
    """The scalar ``sum w kappa L |v|`` over layers: useless for identity (4 of 18 checkpoints).

    Parameters
    ----------
    curvature, length, belief : array or tensor (..., layers)
    weights : array or tensor (layers,), optional
        Uniform by default.

    Returns
    -------
    array or tensor (...)
    """
    parts = as_floats(curvature, "curvature") * length * belief
    return (parts if weights is None else parts * weights).sum(-1)


def plotted_score(curvature: Any, length: Any, belief: Any) -> Any:
    """The score that the authors' plots show: another one, ``k v / log(1 + L)`` of squeezed values.

    Channels are cut at 1.5 interquartile ranges beyond the quartiles and mapped to .005 ... 1.

    Parameters
    ----------
    curvature, length, belief : array or tensor (layers,)

    Returns
    -------
    array or tensor (layers,)
    """
    squeezed = [_squeezed(as_floats(each, "channel")) for each in (curvature, length, belief)]
    xp = namespace(squeezed[0])
    return squeezed[0] * squeezed[2] / xp.log(1 + squeezed[1])


def _squeezed(values: Any) -> Any:
    xp = namespace(values)
    low, high = xp.quantile(values, 0.25), xp.quantile(values, 0.75)
    cut = xp.clip(values, low - 1.5 * (high - low), high + 1.5 * (high - low))
    span = cut.max() - cut.min()
    return 0.005 + 0.995 * (cut - cut.min()) / xp.where(span > 0, span, xp.ones_like(span))


def _path(path: Any) -> Any:
    nodes = as_floats(path, "path", wide=True)
    check_nodes(nodes, "a path", "dimensions", 2)
    return nodes


def _off(vectors: Any, unit: Any) -> Any:
    return vectors - (vectors * unit).sum(-1)[..., None] * unit
