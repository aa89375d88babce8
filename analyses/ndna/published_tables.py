"""The authors' Methods 1 and 2: geometry of whole tables of tokens, whitened and aligned."""

from __future__ import annotations

from typing import Any

from analyses.ndna.namespaces import as_floats, namespace, narrowed
from workbench.errors import UsageError

_EPSILON = 1e-8
_FLOOR = 1e-12


def token_table_curvature(tables: Any, ridge: float = 1e-3, epsilon: float = _EPSILON) -> Any:
    """Spectral curvature of Methods 1 and 2: whole token tables, whitened and aligned.

    ``|D2 S^(-1/2)|_F / (|D S^(-1/2)|_F^2 + epsilon)^(3/2)``, where D goes to the next layer's
    table turned back by Procrustes and D2 is the change of D, turned back as well. As
    `delta2_over_delta3`, it depends on the size of steps.

    Parameters
    ----------
    tables : array or tensor (..., nodes, tokens, dimensions)
    ridge, epsilon : float
        Added to the covariance, and to the squared speed.

    Returns
    -------
    array or tensor (..., nodes - 2)

    Examples
    --------
    >>> import numpy as np
    >>> tables = np.random.default_rng(0).normal(size=(4, 30, 5))
    >>> token_table_curvature(tables).shape
    (2,)
    """
    changes, whitening = _token_table_steps(tables, ridge)
    xp = namespace(changes)
    # D at l + 1 lives in the axes of layer l + 1; the alignment brings it to those of l.
    second = changes[..., 1:, :, :] @ xp.swapaxes(_rotations(tables)[..., :-1, :, :], -1, -2)
    bend = _frobenius((second - changes[..., :-1, :, :]) @ whitening[..., :-2, :, :])
    speed = _frobenius(changes[..., :-1, :, :] @ whitening[..., :-2, :, :])
    return narrowed(bend / (speed**2 + epsilon) ** 1.5, tables)


def token_table_length(tables: Any, ridge: float = 1e-3) -> Any:
    """Thermodynamic length of Methods 1 and 2: ``|D S^(-1/2)|_F``, one value a step.

    Parameters
    ----------
    tables : array or tensor (..., nodes, tokens, dimensions)
    ridge : float

    Returns
    -------
    array or tensor (..., nodes - 1)
    """
    changes, whitening = _token_table_steps(tables, ridge)
    return narrowed(_frobenius(changes @ whitening[..., :-1, :, :]), tables)


def _frobenius(tables: Any) -> Any:
    xp = namespace(tables)
    return xp.sqrt((tables * tables).sum(-1).sum(-1))


def _centred(tables: Any) -> Any:
    values = as_floats(tables, "token tables", wide=True)
    if values.ndim < 3 or values.shape[-3] < 2:
        raise UsageError(
            f"Found token tables of shape {tuple(values.shape)}; expected (..., nodes, tokens, "
            "dimensions) with at least two nodes."
        )
    return values - values.mean(-2)[..., None, :]


def _rotations(tables: Any) -> Any:
    """Procrustes rotation (..., nodes - 1, dimensions, dimensions) from each layer to the next."""
    values = _centred(tables)
    xp = namespace(values)
    crossed = xp.swapaxes(values[..., :-1, :, :], -1, -2) @ values[..., 1:, :, :]
    left, _, right = xp.linalg.svd(crossed / values.shape[-2], full_matrices=False)
    return left @ right


def _token_table_steps(tables: Any, ridge: float) -> tuple[Any, Any]:
    """Steps (..., nodes - 1, tokens, dimensions) and ``S^(-1/2)`` of every node."""
    values = _centred(tables)
    xp = namespace(values)
    turned = values[..., 1:, :, :] @ xp.swapaxes(_rotations(tables), -1, -2)
    covariance = xp.swapaxes(values, -1, -2) @ values / values.shape[-2]
    spread, axes = xp.linalg.eigh(covariance)
    inverse = 1 / xp.sqrt(xp.clip(spread, _FLOOR, None) + ridge)
    whitening = (axes * inverse[..., None, :]) @ xp.swapaxes(axes, -1, -2)
    return turned - values[..., :-1, :, :], whitening
