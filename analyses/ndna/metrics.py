"""Metrics for paths of activity: whitened, or pulled back from the probabilities."""

from __future__ import annotations

from typing import Any

from analyses.ndna.namespaces import as_floats, namespace, narrowed
from analyses.ndna.probabilities import check_nodes, probability_roots
from workbench.errors import UsageError


def whitened(path: Any, ridge: float = 1e-3) -> Any:
    """A path in units in which all its nodes together have unit covariance.

    Parameters
    ----------
    path : array or tensor (..., nodes, dimensions)
        Covariance is taken over all leading axes and nodes.
    ridge : float
        Share of the mean variance that is added to every variance, because activity seldom fills
        all dimensions.

    Returns
    -------
    array or tensor (..., nodes, dimensions)
        Centred; any invertible linear change of the path (ridge 0) only turns it.

    Raises
    ------
    UsageError
        If there are fewer than two nodes, or nothing varies.

    Examples
    --------
    >>> import numpy as np
    >>> path = np.random.default_rng(0).normal(size=(200, 3)) * [1, 10, 100]
    >>> bool(np.allclose(np.cov(whitened(path, 0.0).T, bias=True), np.eye(3)))
    True
    """
    nodes = as_floats(path, "path", wide=True)
    check_nodes(nodes, "a path", "dimensions", 2)
    xp = namespace(nodes)
    rows = nodes.reshape(-1, nodes.shape[-1])
    rows = rows - rows.mean(0)
    values, axes = xp.linalg.eigh(rows.T @ rows / len(rows))
    spread = float(values.sum()) / len(values)
    if not spread > 0:
        raise UsageError("Found a path that never varies; expected one to whiten.")
    values = xp.clip(values, 0, None) + max(ridge, 1e-14) * spread
    turned = (axes / xp.sqrt(values)) @ axes.T
    return narrowed((rows @ turned).reshape(nodes.shape), path)


def pullback_metric(unembedding: Any, probs: Any) -> Any:
    """Fisher-Rao metric of the probabilities, as a metric of the activity that they are read from.

    Parameters
    ----------
    unembedding : array or tensor (classes, dimensions)
    probs : array or tensor (..., classes)
        Probabilities at each node.

    Returns
    -------
    array or tensor (..., dimensions, dimensions)
        ``W^T (diag q - q q^T) W`` (Curved Inference, arXiv 2507.21107, uses an unembedding
        pullback too); a norm of the last layer is not differentiated.

    Raises
    ------
    UsageError
        If numbers of classes disagree.

    Examples
    --------
    >>> import numpy as np
    >>> pullback_metric(np.eye(2), np.array([0.5, 0.5])).round(9).tolist()
    [[0.25, -0.25], [-0.25, 0.25]]
    """
    weights = as_floats(unembedding, "unembedding")
    roots = probability_roots(probs)
    if weights.ndim != 2 or weights.shape[0] != roots.shape[-1]:
        raise UsageError(
            f"Found an unembedding of shape {tuple(weights.shape)} and probabilities over "
            f"{roots.shape[-1]} classes; expected (classes, dimensions)."
        )
    xp = namespace(roots)
    mean = (roots * roots) @ weights
    scaled = roots[..., None] * (weights - mean[..., None, :])
    return xp.swapaxes(scaled, -1, -2) @ scaled
