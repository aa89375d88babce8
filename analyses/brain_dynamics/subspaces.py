"""Angles between subspaces, such as those that two readouts use."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.brain_dynamics.inputs import real_array
from workbench.analysis.parameters import whole
from workbench.errors import UsageError


def principal_angles(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """Principal angles between the spans of two sets of directions.

    Their cosines are the singular values of ``Q_A^T Q_B`` for orthonormal bases of both (Bjorck and
    Golub 1973); small angles are taken from sines, which keeps them exact.

    Parameters
    ----------
    a, b : array (units, directions)
        Columns span the subspaces; dependent columns count once. One direction may be (units,).

    Returns
    -------
    ndarray (angles,)
        Radians in rising order, as many as the smaller subspace has dimensions: all 0 if one lies
        within the other, all pi / 2 if they are orthogonal.

    Raises
    ------
    UsageError
        If numbers of units differ, or a subspace has no dimension.

    Examples
    --------
    >>> principal_angles([[1.0], [0.0]], [[1.0], [1.0]]).round(4).tolist()
    [0.7854]
    """
    first, second = _basis(a, "a"), _basis(b, "b")
    if len(first) != len(second):
        raise UsageError(
            f"Found directions in {len(first)} and {len(second)} units; expected the same units."
        )
    if first.shape[1] < second.shape[1]:
        first, second = second, first
    product = first.T @ second
    cosines = np.clip(np.linalg.svd(product, compute_uv=False), 0.0, 1.0)
    sines = np.sort(np.linalg.svd(second - first @ product, compute_uv=False))
    from_sines = np.arcsin(np.clip(sines, 0.0, 1.0))
    return np.where(cosines**2 > 0.5, from_sines, np.arccos(cosines))


def random_angles(
    n_units: int, n_first: int, n_second: int, n_draws: int = 199, seed: int = 0
) -> NDArray[np.float64]:
    """Principal angles between random subspaces: the null of `principal_angles`.

    Parameters
    ----------
    n_units : int
    n_first, n_second : int
        Dimensions of the subspaces.
    n_draws : int
    seed : int

    Returns
    -------
    ndarray (draws, angles)
        In many units random subspaces are nearly orthogonal, so large angles alone say little.

    Raises
    ------
    UsageError
        If a number is out of range.

    Examples
    --------
    >>> random_angles(10, 2, 3, n_draws=4).shape
    (4, 2)
    """
    whole(n_units, "n_units", 1)
    for name, value in (("n_first", n_first), ("n_second", n_second)):
        whole(value, name, 1, n_units)
    generator = np.random.default_rng(seed)
    return np.stack(
        [
            principal_angles(
                generator.standard_normal((n_units, n_first)),
                generator.standard_normal((n_units, n_second)),
            )
            for _ in range(whole(n_draws, "n_draws", 1))
        ]
    )


def _basis(directions: ArrayLike, name: str) -> NDArray[np.float64]:
    values = real_array(directions, name)
    columns = values[:, None] if values.ndim == 1 else values
    if columns.ndim != 2:
        raise UsageError(f"Found {name} of shape {values.shape}; expected (units, directions).")
    vectors, sizes, _ = np.linalg.svd(columns, full_matrices=False)
    kept = sizes > max(columns.shape) * np.finfo(np.float64).eps * sizes.max()
    if not kept.any():
        raise UsageError(f"Found only zeros in {name}; expected at least one direction.")
    return vectors[:, kept]
