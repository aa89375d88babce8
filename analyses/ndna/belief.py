"""Belief: how strongly, and how unanimously, activity would have to be pushed to a target."""

from __future__ import annotations

from typing import Any, NamedTuple

from analyses.ndna.namespaces import as_floats, count, masked, namespace, narrowed
from analyses.ndna.probabilities import check_nodes, path_roots
from workbench.errors import UsageError


class BeliefPush(NamedTuple):
    """Push of log p(target) on the Fisher-Rao sphere.

    Attributes
    ----------
    norm : array (..., nodes)
        Fisher-Rao norm of the push, of every position.
    norm_of_mean : array (..., nodes), without the axis of positions
        Norm of the mean push over positions, off the mean direction of the probabilities.
    coherence : array (..., nodes), without the axis of positions
        Norm of the mean over the mean of the norms: 1 where all positions push alike, about 0
        where pushes cancel; NaN where there is no push.
    """

    norm: Any
    norm_of_mean: Any
    coherence: Any


def belief_push(probs: Any, target: Any) -> BeliefPush:
    """Push that log p(target) exerts on probabilities at each node.

    Parameters
    ----------
    probs : array or tensor (..., nodes, classes), or (..., positions, nodes, classes)
        The axis before the nodes, where there is one, are positions that are averaged over.
    target : int, or array of int (...)
        Right class of each path; broadcast over the leading axes.

    Returns
    -------
    BeliefPush
        The tangent ``u * (e_y - q) - <q, e_y - q> u`` with ``u = sqrt(q)``; its norm is
        ``sqrt(q_y - 2 q_y^2 + sum q^3 - (q_y - sum q^2)^2)``, which vanishes both for a target
        that is certain and for one that is impossible.

    Raises
    ------
    UsageError
        If a target is no class, or probabilities are not such.

    Examples
    --------
    >>> import numpy as np
    >>> push = belief_push(np.array([[0.75, 0.25], [0.0, 1.0]]), 1)
    >>> np.round(push.norm, 5).tolist(), np.round(push.coherence, 5).tolist()
    ([0.64952, 0.0], [1.0, nan])
    """
    roots = path_roots(probs, least=1)
    targets = _targets(target, roots)
    tangents, norm = _tangents(roots, targets)
    if roots.ndim == 2:
        roots, tangents, each = roots[None], tangents[None], norm[None]
    else:
        each = norm
    return BeliefPush(norm, *_agreement(roots, tangents, each))


def belief_work(gradients: Any, path: Any) -> Any:
    """Work that a belief does along each step of a path.

    Parameters
    ----------
    gradients : array or tensor (..., nodes, dimensions), or (..., nodes - 1, dimensions)
        Gradient of log p(concept) by the activity at each node, in nats per unit.
    path : array or tensor (..., nodes, dimensions)

    Returns
    -------
    array or tensor (..., nodes - 1)
        ``<gradient, step>`` in nats, at the node that a step leaves; a covector times a vector, so
        that no linear change of basis changes it. To first order the change of log p(concept).

    Raises
    ------
    UsageError
        If shapes disagree, or there are fewer than two nodes.

    Examples
    --------
    >>> import numpy as np
    >>> belief_work(np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([[0.0, 0.0], [3.0, 1.0]])).tolist()
    [3.0]
    """
    fields, nodes = as_floats(gradients, "gradients"), as_floats(path, "path")
    check_nodes(nodes, "a path", "dimensions", 2)
    n_nodes = nodes.shape[-2]
    if (
        fields.ndim < 2
        or fields.shape[-2] not in (n_nodes, n_nodes - 1)
        or (fields.shape[-1] != nodes.shape[-1])
    ):
        raise UsageError(
            f"Found gradients of shape {tuple(fields.shape)} for a path of shape "
            f"{tuple(nodes.shape)}; expected one gradient a node, or one a step."
        )
    steps = nodes[..., 1:, :] - nodes[..., :-1, :]
    return narrowed((fields[..., : n_nodes - 1, :] * steps).sum(-1), path)


def check_targets(targets: Any, n_classes: int) -> None:
    """Refuse targets that are no classes.

    Parameters
    ----------
    targets : array or tensor of int (...)
    n_classes : int

    Raises
    ------
    UsageError
        If one is not a whole number from 0 to ``n_classes - 1``.
    """
    if not any(f"int{bits}" in str(targets.dtype) for bits in (8, 16, 32, 64)):
        raise UsageError(
            f"Found targets of type {targets.dtype}; expected whole numbers, the class of each."
        )
    outside = (targets < 0) | (targets >= n_classes)
    if count(outside):
        raise UsageError(
            f"Found {count(outside)} targets out of range (such as "
            f"{int(targets[outside].reshape(-1)[0])}); expected classes from 0 to {n_classes - 1}."
        )


def _targets(target: Any, roots: Any) -> Any:
    xp = namespace(roots)
    targets = xp.asarray(target, device=roots.device)
    check_targets(targets, roots.shape[-1])
    leading = tuple(roots.shape[:-2])
    try:
        return xp.broadcast_to(targets, leading)
    except (ValueError, RuntimeError) as error:
        raise UsageError(
            f"Found targets of shape {tuple(targets.shape)} for paths of shape {leading}; expected "
            "one target a path."
        ) from error


def _tangents(roots: Any, targets: Any) -> tuple[Any, Any]:
    """Pushes (..., nodes, classes), and their norms (..., nodes)."""
    xp = namespace(roots)
    classes = xp.arange(roots.shape[-1], device=roots.device)
    chosen = (classes == targets[..., None, None]) * xp.ones_like(roots[..., :1])
    probs = roots * roots
    gradient = chosen - probs
    mean = (probs * gradient).sum(-1)[..., None]
    tangents = roots * (gradient - mean)
    return tangents, xp.sqrt((tangents * tangents).sum(-1))


def _agreement(roots: Any, tangents: Any, norm: Any) -> tuple[Any, Any]:
    """Norm of the mean and coherence (..., nodes), over the positions (..., positions, nodes)."""
    mean_root, mean_push, mean_norm = (
        each.mean(axis) for each, axis in ((roots, -3), (tangents, -3), (norm, -2))
    )
    return coherence_of(mean_root, mean_push, mean_norm)


def coherence_of(mean_root: Any, mean_push: Any, mean_norm: Any) -> tuple[Any, Any]:
    """Norm of the mean push and coherence.

    Parameters
    ----------
    mean_root, mean_push : array or tensor (..., nodes, classes)
    mean_norm : array or tensor (..., nodes)

    Returns
    -------
    norm_of_mean, coherence : array or tensor (..., nodes)
    """
    xp = namespace(mean_push)
    squared = (mean_root * mean_root).sum(-1)
    along = (mean_push * mean_root).sum(-1) / xp.where(squared > 0, squared, 1 + 0 * squared)
    off = mean_push - along[..., None] * mean_root
    length = xp.sqrt((off * off).sum(-1))
    undefined = mean_norm == 0
    return length, masked(length / xp.where(undefined, xp.ones_like(length), mean_norm), undefined)
