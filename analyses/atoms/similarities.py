"""Similarities of sparse samples with one vector; time grows with the non-zeros alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Similarity = Callable[[Any, NDArray[np.float64]], NDArray[np.float64]]


def jaccard(codes: Any, prototype: NDArray[np.float64]) -> NDArray[np.float64]:
    """Generalised Jaccard similarity.

    Parameters
    ----------
    codes : scipy.sparse.csr_array (samples, n_atoms)
        Not negative.
    prototype : ndarray (n_atoms,)
        Not negative.

    Returns
    -------
    ndarray (samples,)
        ``sum min(z, p) / sum max(z, p)``, from 0 to 1; 0 where both are zero throughout.

    Examples
    --------
    >>> from scipy import sparse
    >>> jaccard(sparse.csr_array([[1.0, 0.0], [1.0, 2.0]]), np.array([1.0, 1.0])).tolist()
    [0.5, 0.6666666666666666]
    """
    shared = _by_row(codes, np.minimum(codes.data, prototype[codes.indices]))
    either = _by_row(codes, codes.data) + prototype.sum() - shared
    return np.divide(shared, either, out=np.zeros_like(shared), where=either > 0)


def cosine(codes: Any, prototype: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cosine.

    Parameters
    ----------
    codes : scipy.sparse.csr_array (samples, n_atoms)
    prototype : ndarray (n_atoms,)

    Returns
    -------
    ndarray (samples,)
        0 where a vector is zero.

    Examples
    --------
    >>> from scipy import sparse
    >>> cosine(sparse.csr_array([[3.0, 4.0]]), np.array([1.0, 0.0])).tolist()
    [0.6]
    """
    lengths = np.sqrt(_by_row(codes, codes.data**2)) * np.linalg.norm(prototype)
    products = codes @ prototype
    return np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)


def euclidean(codes: Any, prototype: NDArray[np.float64]) -> NDArray[np.float64]:
    """Euclidean distance, negative, so that larger means more alike.

    Parameters
    ----------
    codes : scipy.sparse.csr_array (samples, n_atoms)
    prototype : ndarray (n_atoms,)

    Returns
    -------
    ndarray (samples,)

    Examples
    --------
    >>> from scipy import sparse
    >>> euclidean(sparse.csr_array([[3.0, 4.0]]), np.zeros(2)).tolist()
    [-5.0]
    """
    # Over the non-zeros: the difference from the prototype in place of the prototype alone.
    own = prototype[codes.indices]
    squares = float(prototype @ prototype) + _by_row(codes, (codes.data - own) ** 2 - own**2)
    return -np.sqrt(np.maximum(squares, 0.0))


SIMILARITIES: dict[str, Similarity] = {
    "jaccard": jaccard,
    "cosine": cosine,
    "euclidean": euclidean,
}


def alike(codes: Any, queries: Any, least: float) -> Iterator[NDArray[np.int64]]:
    """Samples of a Jaccard similarity of at least so much with each of some others.

    Parameters
    ----------
    codes : scipy.sparse.csr_array (samples, n_atoms)
    queries : scipy.sparse.csr_array (queries, n_atoms)
    least : float
        Above 0.

    Yields
    ------
    ndarray of int
        Samples, for each query, rising. Only those are compared that share one of a query's rarest
        latents, as many of them as the similarity allows to miss, and whose total is close enough.

    Examples
    --------
    >>> from scipy import sparse
    >>> codes = sparse.csr_array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.05]])
    >>> [found.tolist() for found in alike(codes, codes, 0.9)]
    [[0, 2], [1], [0, 2]]
    """
    columns, totals = codes.tocsc(), _by_row(codes, codes.data)
    frequency = np.diff(columns.indptr)
    for number, total in enumerate(_by_row(queries, queries.data)):
        query = row(queries, number)
        names = np.flatnonzero(query)
        names = names[np.argsort(frequency[names], kind="stable")]
        # Whoever shares none of these has lost too much to reach `least`.
        beyond = np.cumsum(query[names]) > (1 - least) * total * (1 + 1e-9)
        names = names[: int(beyond.argmax()) + 1 if beyond.any() else len(names)]
        spans = [columns.indices[columns.indptr[n] : columns.indptr[n + 1]] for n in names]
        near = np.unique(np.concatenate([np.empty(0, dtype=np.int64), *spans]))
        ratio = np.minimum(totals[near], total) >= least * np.maximum(totals[near], total) - 1e-9
        near = near[ratio]
        yield near[jaccard(codes[near], query) >= least]


def row(codes: Any, number: int) -> NDArray[np.float64]:
    """One sample as a dense vector.

    Parameters
    ----------
    codes : scipy.sparse.csr_array (samples, n_atoms)
    number : int

    Returns
    -------
    ndarray (n_atoms,)
    """
    vector = np.zeros(codes.shape[1])
    span = slice(codes.indptr[number], codes.indptr[number + 1])
    vector[codes.indices[span]] = codes.data[span]
    return vector


def _by_row(codes: Any, values: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy import sparse

    rows = sparse.csr_array((values, codes.indices, codes.indptr), shape=codes.shape)
    return np.asarray(rows @ np.ones(codes.shape[1]), dtype=np.float64)
