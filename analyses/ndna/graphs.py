"""Connectivity of the tokens of a layer: eigenvalues of a graph, not a curvature."""

from __future__ import annotations

from typing import Any, NamedTuple

from analyses.ndna.namespaces import as_floats, namespace, narrowed
from workbench.errors import UsageError


class GraphGap(NamedTuple):
    """Eigenvalues of a normalised Laplacian.

    Attributes
    ----------
    gap : array (...)
        Second smallest: 0 where tokens fall apart into groups.
    largest : array (...)
        At most 2.
    """

    gap: Any
    largest: Any


def graph_gap(tokens: Any, width: float | None = None) -> GraphGap:
    """Spectral gap of the graph that joins near tokens.

    Parameters
    ----------
    tokens : array or tensor (..., tokens, dimensions)
    width : float, optional
        Sigma of the weights ``exp(-distance^2 / sigma^2)``, in units of the activity; by default
        the root of the mean squared distance, layer by layer.

    Returns
    -------
    GraphGap
        Of ``I - D^(-1/2) W D^(-1/2)``. The authors' FAQ calls their ratio a curvature.

    Raises
    ------
    UsageError
        If there are fewer than two tokens, or the width is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> graph_gap(np.array([[0.0], [1.0]])).gap.round(6)
    np.float64(2.0)
    >>> two_groups = np.array([[0.0], [0.1], [50.0], [50.1]])
    >>> bool(graph_gap(two_groups, width=1.0).gap < 1e-9)
    True
    """
    values = as_floats(tokens, "tokens", wide=True)
    if values.ndim < 2 or values.shape[-2] < 2:
        raise UsageError(
            f"Found tokens of shape {tuple(values.shape)}; expected (..., tokens, dimensions) with "
            "at least two tokens to join."
        )
    if width is not None and not width > 0:
        raise UsageError(f"Found width={width}; expected a positive distance.")
    eigenvalues = laplacian_eigenvalues(values, width)
    return GraphGap(narrowed(eigenvalues[..., 1], tokens), narrowed(eigenvalues[..., -1], tokens))


def laplacian_eigenvalues(values: Any, width: float | None) -> Any:
    """Eigenvalues (..., tokens) of the normalised Laplacian, in rising order."""
    xp = namespace(values)
    n_tokens = values.shape[-2]
    gaps = values[..., :, None, :] - values[..., None, :, :]
    squares = (gaps * gaps).sum(-1)
    mean = squares.sum(-1).sum(-1)[..., None, None] / (n_tokens * (n_tokens - 1))
    scale = xp.where(mean > 0, mean, xp.ones_like(mean)) if width is None else width**2
    one = xp.asarray(xp.eye(n_tokens), dtype=values.dtype, device=values.device)
    weights = xp.exp(-squares / scale) * (1 - one)
    degree = weights.sum(-1)
    inverse = 1 / xp.sqrt(xp.where(degree > 0, degree, xp.ones_like(degree)))
    return xp.linalg.eigvalsh(one - inverse[..., :, None] * weights * inverse[..., None, :])
