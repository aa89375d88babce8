"""Rows for training: shuffled batches of one size, from an array, a site, or given batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analyses.atoms.rowblocks import as_rows, row_blocks, site_of
from workbench.errors import UsageError, WorkbenchError


class Feed:
    """Batches of float32 rows of one size, pass after pass.

    Parameters
    ----------
    X : array (rows, units), Activations, or iterable of arrays (rows, units)
        Arrays are permuted anew for every pass; sites are read through their own shuffling buffer;
        batches are taken in the order that they come in.

    Attributes
    ----------
    units : int
    site : str or None
        Name of the site of a recording.
    n_rows : int or None
        Unknown for batches.
    """

    def __init__(self, X: Any) -> None:
        self.site = site_of(X)
        self._source = X
        self._array: NDArray | None = None
        self._once = False
        if self.site is not None:
            self.n_rows: int | None = len(X)
            self.units = int(np.prod(X.shape[1:]))
            as_rows(np.empty((0, *X.shape[1:]), np.float32))
        elif hasattr(X, "sites") or not _is_array(X):
            self.n_rows = None
            self.units, self._source, self._once = _opened(X)
        else:
            self._array = as_rows(X)
            self.n_rows, self.units = self._array.shape
            for _ in row_blocks(self._array):
                pass
        if self.n_rows is not None and self.n_rows < 2:
            raise UsageError(
                f"Found {self.n_rows} rows; expected at least two: pass the rows of a whole site."
            )

    @property
    def is_endless(self) -> bool:
        """Whether it can be gone through more than once."""
        return not self._once

    def sample(self, n: int, seed: int) -> NDArray[np.float32]:
        """Some rows to begin with; they come again in the batches.

        Parameters
        ----------
        n : int
            At most so many.
        seed : int

        Returns
        -------
        ndarray (rows, units)
        """
        if self._array is not None:
            order = np.random.default_rng([seed, 1]).permutation(len(self._array))[:n]
            return np.asarray(self._array[np.sort(order)], dtype=np.float32)
        taken: list[NDArray] = []
        blocks = iter(self._source) if self._once else self._blocks(min(n, 4096), seed)
        for block in blocks:
            taken.append(block)
            if sum(map(len, taken)) >= n:
                break
        if not taken:
            raise UsageError("Found no batch of rows; expected at least one: pass activity.")
        if self._once:
            self._source = chain(taken, blocks)
        rows = np.concatenate(taken)[:n]
        _check(rows)
        return rows.astype(np.float32)

    def batches(self, size: int, seed: int, skip: int = 0) -> Iterator[NDArray[np.float32]]:
        """One pass.

        Parameters
        ----------
        size : int
            Rows a batch. Fewer rows at the end are left out, unless there is no full batch.
        seed : int
            Of the order of rows.
        skip : int
            Batches at the start to leave out.

        Yields
        ------
        ndarray (size, units), float32
        """
        if self._array is not None:
            yield from self._permuted(self._array, size, seed, skip)
            return
        whole = False
        for number, rows in enumerate(_rebatched(self._blocks(size, seed), size)):
            if len(rows) < size and whole:
                return
            whole = True
            if number >= skip:
                _check(rows)
                yield np.ascontiguousarray(rows, dtype=np.float32)

    def _permuted(
        self, array: NDArray, size: int, seed: int, skip: int
    ) -> Iterator[NDArray[np.float32]]:
        order = np.random.default_rng([seed, 2]).permutation(len(array))
        size = min(size, len(array))
        for start in range(skip * size, len(array) - size + 1, size):
            yield np.take(array, order[start : start + size], axis=0).astype(np.float32, copy=False)

    def _blocks(self, size: int, seed: int) -> Iterable[NDArray]:
        if self.site is not None:
            return self._source.batches(size, shuffle=seed)
        return (as_rows(batch) for batch in self._source)


def _is_array(X: Any) -> bool:
    nested = isinstance(X, (list, tuple)) and len(X) > 0 and np.ndim(X[0]) == 1
    return hasattr(X, "__array__") or nested


def _opened(X: Any) -> tuple[int, Iterable[NDArray], bool]:
    """Units of batches, and the batches again; whether they can be had only once."""
    if hasattr(X, "sites"):
        row_blocks(X).__next__()
    iterator = iter(X)
    first = next(iterator, None)
    if first is None:
        raise UsageError("Found no batch of rows; expected at least one: pass activity.")
    units = as_rows(first).shape[1]
    once = iterator is X
    return units, chain([first], iterator) if once else X, once


def _rebatched(blocks: Iterable[NDArray], size: int) -> Iterator[NDArray]:
    waiting: list[NDArray] = []
    count = 0
    for block in blocks:
        waiting.append(block)
        count += len(block)
        if count < size:
            continue
        rows = np.concatenate(waiting) if len(waiting) > 1 else block
        for start in range(0, count - size + 1, size):
            yield rows[start : start + size]
        rest = rows[count - count % size :]
        waiting, count = ([rest], len(rest)) if len(rest) else ([], 0)
    if count:
        yield np.concatenate(waiting)


def _check(rows: NDArray) -> None:
    # A sum is one quick pass; only where it is not finite are the values looked at one by one.
    if np.isfinite(rows.sum(dtype=np.float64)):
        return
    bad = int((~np.isfinite(rows)).sum())
    raise WorkbenchError(
        f"Found {bad} NaN or infinite values in a batch of {len(rows)} rows; expected finite "
        "numbers: leave those rows out or capture again."
    )
