"""From rows to samples: sparse codes of every row, pooled over the rows of each sample.

After MONA (arXiv 2503.15573): per row at most k latents, per sample their mean. A sum in place of
the mean turns the choice into one by length.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.atoms.rowblocks import Rows, row_blocks
from analyses.atoms.supports import sparse_codes
from workbench.errors import UsageError, nearest

if TYPE_CHECKING:
    from scipy import sparse

POOLINGS = ("mean", "sum", "max")


@dataclass(frozen=True)
class Pooled:
    """Samples as sparse vectors.

    Attributes
    ----------
    samples : ndarray (samples,)
        Their names, sorted.
    codes : scipy.sparse.csr_array (samples, n_atoms)
        Pooled, not negative.
    activity : ndarray (samples, units)
        Mean activity.
    lengths : ndarray (samples,) of int
        Rows of each sample.
    n_negative : int
        Negative codes that were set to zero: similarity needs codes that are not.
    """

    samples: NDArray
    codes: sparse.csr_array = field(repr=False)
    activity: NDArray[np.float64] = field(repr=False)
    lengths: NDArray[np.int64] = field(repr=False)
    n_negative: int


def pool(
    X: Rows,
    samples: ArrayLike,
    sae: Any,
    *,
    counted: ArrayLike | None = None,
    pooling: str = "mean",
    k: int | None = 192,
    batch_size: int = 4096,
) -> Pooled:
    """Pool the codes of every sample; only non-zeros are kept, and rows are read once.

    Parameters
    ----------
    X : array (rows, units), Activations, or iterable of arrays
    samples : array (rows,)
        Sample of every row, in any order.
    sae : object with ``transform(rows) -> sparse codes``
    counted : array (rows,) of bool, optional
        Rows that enter: leave padding, or special tokens, out. All by default.
    pooling : {"mean", "sum", "max"}
    k : int, optional
        Largest codes of a row that are kept; all if None.
    batch_size : int
        Rows at once.

    Returns
    -------
    Pooled

    Raises
    ------
    UsageError
        If numbers of rows differ, a sample keeps no row, or a choice does not exist.
    WorkbenchError
        If activity or codes are not finite.

    Examples
    --------
    >>> class Itself:
    ...     def transform(self, X):
    ...         return X
    >>> found = pool(np.array([[1.0, 0.0], [3.0, 0.0], [0.0, 5.0]]), ["a", "a", "b"], Itself())
    >>> found.codes.toarray().tolist(), found.lengths.tolist()
    ([[2.0, 0.0], [0.0, 5.0]], [2, 1])
    """
    if pooling not in POOLINGS:
        raise UsageError(f"Found pooling='{pooling}'; {nearest(str(pooling), POOLINGS)}")
    if (k is not None and k < 1) or batch_size < 1:
        raise UsageError(f"Found k={k}, batch_size={batch_size}; expected at least 1 of each.")
    names, numbers = np.unique(np.asarray(samples).reshape(-1), return_inverse=True)
    numbers = _only_counted(numbers.astype(np.int64), names, counted)
    gathered = _Gathered(len(names), pooling)
    seen = n_negative = 0
    for block in row_blocks(X, batch_size):
        own = numbers[seen : seen + len(block)]
        seen += len(block)
        if seen > len(numbers):
            break
        rows, own = block[own >= 0], own[own >= 0]
        if not len(rows):
            continue
        codes = sparse_codes(sae.transform(rows))
        n_negative += int((codes.data < 0).sum())
        gathered.add(rows, _largest(codes.maximum(0), k), own)
    if seen != len(numbers):
        raise UsageError(
            f"Found {len(numbers)} sample names for {'more' if seen > len(numbers) else seen} rows "
            "of activity; expected one a row."
        )
    return gathered.result(names, n_negative)


class _Gathered:
    """Sums, or maxima, of codes by sample and latent."""

    def __init__(self, n_samples: int, pooling: str) -> None:
        self.pooling, self.n_atoms = pooling, 0
        self.lengths = np.zeros(n_samples, dtype=np.int64)
        self.activity: NDArray[np.float64] = np.zeros((n_samples, 0))
        self.keys: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)]
        self.values: list[NDArray[np.float64]] = [np.empty(0)]

    def add(self, rows: NDArray, codes: Any, own: NDArray[np.int64]) -> None:
        from scipy import sparse

        if not self.n_atoms:
            self.n_atoms = codes.shape[1]
            self.activity = np.zeros((len(self.lengths), rows.shape[1]))
        present, place = np.unique(own, return_inverse=True)
        member = sparse.csr_array(
            (np.ones(len(own)), (place, np.arange(len(own)))), shape=(len(present), len(own))
        )
        self.activity[present] += member @ rows.astype(np.float64)
        self.lengths[present] += np.bincount(place)
        of_code = np.repeat(own, np.diff(codes.indptr))
        keys = of_code * self.n_atoms + codes.indices
        self._keep(keys, codes.data.astype(np.float64))

    def _keep(self, keys: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        order = np.argsort(keys, kind="stable")
        starts = np.flatnonzero(np.diff(keys[order], prepend=-1))
        join = np.maximum if self.pooling == "max" else np.add
        self.keys.append(keys[order][starts])
        self.values.append(join.reduceat(values[order], starts) if len(starts) else values)

    def result(self, names: NDArray, n_negative: int) -> Pooled:
        from scipy import sparse

        keys, values = np.concatenate(self.keys), np.concatenate(self.values)
        self._keep(keys, values)
        rows, columns = np.divmod(self.keys[-1], max(1, self.n_atoms))
        shape = (len(names), self.n_atoms)
        codes = sparse.csr_array((self.values[-1], (rows, columns)), shape=shape)
        if self.pooling == "mean":
            codes.data /= np.repeat(self.lengths, np.diff(codes.indptr))
        activity = self.activity / self.lengths[:, None]
        return Pooled(names, sparse_codes(codes), activity, self.lengths, n_negative)


def _only_counted(
    numbers: NDArray[np.int64], names: NDArray, counted: ArrayLike | None
) -> NDArray[np.int64]:
    if counted is not None:
        mask = np.asarray(counted)
        if mask.shape != numbers.shape or mask.dtype != bool:
            raise UsageError(
                f"Found which rows count as {mask.dtype} of shape {mask.shape}; expected bool of "
                f"shape {numbers.shape}."
            )
        numbers = np.where(mask, numbers, -1)
    empty = np.setdiff1d(np.arange(len(names)), numbers)
    if len(empty):
        raise UsageError(
            f"Found {len(empty)} samples without a row that counts (first: '{names[empty[0]]}'); "
            "expected at least one row a sample: leave those samples out."
        )
    if not len(names):
        raise UsageError("Found no sample; expected at least one.")
    return numbers


def _largest(codes: Any, k: int | None) -> Any:
    """The k largest codes of every row."""
    from scipy import sparse

    counts = np.diff(codes.indptr)
    if k is None or not len(counts) or counts.max() <= k:
        return sparse_codes(codes)
    rows = np.repeat(np.arange(len(counts)), counts)
    order = np.lexsort((codes.indices, -codes.data, rows))
    rank = np.arange(codes.nnz) - np.repeat(codes.indptr[:-1], counts)
    kept = np.sort(order[rank < k])
    starts = np.concatenate([[0], np.cumsum(np.minimum(counts, k))])
    return sparse.csr_array((codes.data[kept], codes.indices[kept], starts), shape=codes.shape)
