"""Rows of a site in a plane: principal components of a sample, or two units as they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.recording.activations import Activations


@dataclass(frozen=True)
class Projection:
    """Rows in a plane.

    Attributes
    ----------
    rows : ndarray (shown,) int64
        Row numbers in the recording, rising.
    coordinates : ndarray (shown, 2)
        In units of the activity.
    axes : tuple of str
        What the two axes are.
    n_rows, n_units : int
        Of the recording at this site.
    explained : float, optional
        Share of the sample's variance in the plane; None for two units.
    left_out : int
        Sampled rows that hold values that are not finite.
    """

    rows: NDArray[np.int64]
    coordinates: NDArray
    axes: tuple[str, str]
    n_rows: int
    n_units: int
    explained: float | None
    left_out: int


def project(
    activations: Activations, n: int, seed: int = 0, units: tuple[int, int] | None = None
) -> Projection:
    """Project a sample of rows onto a plane.

    Parameters
    ----------
    activations : Activations (rows, units, ...)
        Further axes are flattened into the units.
    n : int
        At most so many rows, drawn without replacement.
    seed : int
        Of the draw.
    units : pair of int, optional
        Two units to show as they are; the first two principal components by default.

    Returns
    -------
    Projection

    Examples
    --------
    >>> import workbench as wb
    >>> rec = wb.from_arrays({"area": np.arange(12.0).reshape(6, 2)})
    >>> shown = project(rec["area"], 4)
    >>> shown.coordinates.shape, round(shown.explained, 3)
    ((4, 2), 1.0)
    """
    rows = sample_rows(len(activations), n, seed)
    values = activations.to_numpy(rows).reshape(len(rows), -1).astype(np.float64)
    finite = np.isfinite(values).all(axis=1)
    kept = values[finite]
    if units is None:
        coordinates, axes, explained = _principal_components(kept)
    else:
        coordinates, explained = kept[:, list(units)], None
        axes = (f"unit {units[0]} (activity)", f"unit {units[1]} (activity)")
    return Projection(
        rows[finite],
        coordinates,
        axes,
        len(activations),
        values.shape[1],
        explained,
        int(len(rows) - finite.sum()),
    )


def sample_rows(n_rows: int, n: int, seed: int) -> NDArray[np.int64]:
    """Draw row numbers without replacement, in rising order.

    Examples
    --------
    >>> sample_rows(3, 10, 0).tolist()
    [0, 1, 2]
    """
    if n_rows <= n:
        return np.arange(n_rows)
    return np.sort(np.random.default_rng(seed).choice(n_rows, size=n, replace=False))


def _principal_components(values: NDArray) -> tuple[NDArray, tuple[str, str], float]:
    from sklearn.decomposition import PCA

    n_components = min(2, *values.shape)
    coordinates = np.zeros((len(values), 2))
    shares = np.zeros(2)
    # Constant activity has no principal components; its rows all lie at the origin.
    if n_components and np.ptp(values, axis=0).any():
        pca = PCA(n_components, svd_solver="auto", random_state=0)
        coordinates[:, :n_components] = pca.fit_transform(values)
        shares[:n_components] = pca.explained_variance_ratio_
    axes = (f"PC 1 ({shares[0]:.1%} of variance)", f"PC 2 ({shares[1]:.1%} of variance)")
    return coordinates, axes, float(shares.sum())
