"""How well clusters agree with classes, for one or many labellings of the same rows.

Adjusted mutual information (Vinh, Epps and Bailey 2010, *Information theoretic measures for
clusterings comparison*, JMLR 11, equation 10, with the mean of both entropies above), from counts
of rows by class and cluster.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def counts_of(
    codes: NDArray[np.int64],
    clusters: NDArray[np.int64],
    weights: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Count rows by class and cluster.

    Parameters
    ----------
    codes : ndarray (draws, rows) of int
        Class of each row, counted from 0, in each draw.
    clusters : ndarray (rows,) of int
        Cluster of each row, counted from 0.
    weights : ndarray (draws, rows), optional
        How often each row counts.

    Returns
    -------
    ndarray (draws, classes, clusters)

    Examples
    --------
    >>> counts_of(np.array([[0, 0, 1]]), np.array([0, 1, 1])).tolist()
    [[[1.0, 1.0], [0.0, 1.0]]]
    """
    shape = len(codes), int(codes.max()) + 1, int(clusters.max()) + 1
    cells = (np.arange(len(codes))[:, None] * shape[1] + codes) * shape[2] + clusters
    given = None if weights is None else weights.ravel()
    counts = np.bincount(cells.ravel(), given, minlength=int(np.prod(shape)))
    return counts.astype(np.float64).reshape(shape)


def adjusted_mutual_information(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Adjusted mutual information of classes and clusters.

    Parameters
    ----------
    counts : ndarray (draws, classes, clusters)
        As `counts_of` gives them, without weights.

    Returns
    -------
    ndarray (draws,)
        1 for the same partition, 0 on average for clusters that say nothing of classes; slightly
        negative values occur.

    Examples
    --------
    >>> adjusted_mutual_information(np.array([[[5.0, 0.0], [0.0, 5.0]]])).tolist()
    [1.0]
    """
    expected = np.array(_expected_each(counts))
    return _adjusted(counts, expected)


def redrawn_agreement(
    counts: NDArray[np.float64], redrawn: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Adjusted mutual information of rows that are drawn anew, centred on that of all rows.

    Rows that are drawn twice raise mutual information, which is why draws are centred; what chance
    gives is that of all rows.

    Parameters
    ----------
    counts : ndarray (classes, clusters)
    redrawn : ndarray (draws, classes, clusters)

    Returns
    -------
    ndarray (draws,)
    """
    draws = _adjusted(redrawn, np.array(_expected_each(counts[None])))
    return draws - draws.mean() + adjusted_mutual_information(counts[None])


def _adjusted(counts: NDArray[np.float64], expected: NDArray[np.float64]) -> NDArray[np.float64]:
    classes, clusters = _entropy(counts.sum(axis=2)), _entropy(counts.sum(axis=1))
    information = classes + clusters - _entropy(counts.reshape(len(counts), -1))
    above = (classes + clusters) / 2 - expected
    # One cluster says nothing, and leaves nothing to say.
    smallest = np.finfo(np.float64).eps
    above = np.where(above < 0, np.minimum(above, -smallest), np.maximum(above, smallest))
    same = (classes == 0) & (clusters == 0)
    return np.where(same, 1.0, (information - expected) / above)


def _entropy(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Entropy (draws,) in nats of counts (draws, cells)."""
    from scipy.special import entr

    shares = counts / counts.sum(axis=1, keepdims=True)
    return np.asarray(entr(shares).sum(axis=1))


def _expected_each(counts: NDArray[np.float64]) -> list[float]:
    """Mutual information (draws,) that chance gives; draws with the same margins share it."""
    from sklearn.metrics.cluster import expected_mutual_information

    known: dict[bytes, float] = {}
    found = []
    for table in counts:
        margins = [np.sort(table.sum(axis=axis)) for axis in (1, 0)]
        key = np.concatenate(margins).tobytes()
        if key not in known:
            used = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
            total = int(used.sum())
            known[key] = float(expected_mutual_information(used.astype(np.int64), total))
        found.append(known[key])
    return found
