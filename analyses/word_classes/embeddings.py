"""Two-dimensional pictures of distances: MDS, t-SNE and UMAP.

All start from classical scaling, so that a picture depends on the data and the seed alone, and the
three of one site can be compared.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

METHODS = ("mds", "tsne", "umap")


def embed(distances: NDArray[np.float64], method: str, seed: int) -> NDArray[np.float64]:
    """Place points in the plane so that their distances are kept, each method in its own sense.

    Parameters
    ----------
    distances : ndarray (rows, rows)
        Symmetric, zero on the diagonal.
    method : {"mds", "tsne", "umap"}
        Metric scaling by SMACOF, t-SNE or UMAP.
    seed : int

    Returns
    -------
    ndarray (rows, 2)
        In arbitrary units; orientation has no meaning.

    Examples
    --------
    >>> points = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0], [3.0, 4.0]])
    >>> distances = np.hypot(*(points[:, None] - points).transpose(2, 0, 1))
    >>> embed(distances, "mds", seed=0).shape
    (4, 2)
    """
    start = classical_scaling(distances)
    if not distances.any():
        return start
    # Some hundred points give a second thread nothing to do but to wait for the first, which on a
    # busy machine takes several times as long.
    with threadpool_limits(1):
        if method == "mds":
            return _mds(distances, start)
        if method == "tsne":
            return _tsne(distances, start, seed)
        return _umap(distances, start, seed)


def classical_scaling(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Classical (Torgerson) scaling: the plane that holds most of the squared distances.

    Parameters
    ----------
    distances : ndarray (rows, rows)

    Returns
    -------
    ndarray (rows, 2)
        In the unit of the distances, centred on zero.
    """
    squares = distances**2
    centred = squares - squares.mean(axis=0) - squares.mean(axis=1)[:, None] + squares.mean()
    values, vectors = np.linalg.eigh(-centred / 2)
    leading = vectors[:, :-3:-1] * np.sqrt(np.maximum(values[:-3:-1], 0))
    # The sign of an eigenvector is arbitrary and differs between libraries.
    return leading * np.where(leading[np.abs(leading).argmax(axis=0), [0, 1]] < 0, -1, 1)


def _mds(distances: NDArray[np.float64], start: NDArray[np.float64]) -> NDArray[np.float64]:
    from sklearn.manifold import smacof

    points, _ = smacof(distances, n_components=2, init=start, n_init=1, max_iter=100, eps=1e-4)
    return points


def _tsne(
    distances: NDArray[np.float64], start: NDArray[np.float64], seed: int
) -> NDArray[np.float64]:
    from sklearn.manifold import TSNE

    spread = start[:, 0].std() or 1.0
    model = TSNE(
        metric="precomputed",
        init=(start / spread * 1e-4).astype(np.float32),
        perplexity=min(30.0, (len(distances) - 1) / 3),
        max_iter=500,
        random_state=seed,
    )
    return model.fit_transform(distances).astype(np.float64)


def _umap(
    distances: NDArray[np.float64], start: NDArray[np.float64], seed: int
) -> NDArray[np.float64]:
    import warnings

    from umap import UMAP

    largest = np.abs(start).max() or 1.0
    model = UMAP(
        metric="precomputed",
        n_neighbors=min(15, len(distances) - 1),
        init=(start / largest * 10).astype(np.float32),
        random_state=seed,
        n_jobs=1,
    )
    with warnings.catch_warnings():
        # It warns that new points cannot be placed later; none will be.
        warnings.filterwarnings("ignore", message="using precomputed metric")
        return model.fit_transform(distances).astype(np.float64)
