"""Coherence of a dictionary: how close its atoms lie to each other, over all pairs.

All pairs are gone through in blocks; only a histogram and sums are kept. For overcomplete
dictionaries no root mean square can be below Welch's bound (Welch 1974), so that every coherence is
read beside it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.atoms.directions import Metric, unit_atoms
from workbench.errors import UsageError

BINS = 2**16
BLOCK = 1024


@dataclass(frozen=True)
class Coherence:
    """Absolute cosines of all pairs of different atoms.

    Attributes
    ----------
    n_atoms, units : int
    max, mean, rms : float
        Over all pairs, exact.
    histogram : ndarray (bins,) of int
        Pairs by absolute cosine, in equal bins from 0 to 1.
    per_atom_max : ndarray (n_atoms,)
        Largest absolute cosine of every atom with another one.
    """

    n_atoms: int
    units: int
    max: float
    mean: float
    rms: float
    histogram: NDArray[np.int64] = field(repr=False)
    per_atom_max: NDArray[np.float64] = field(repr=False)
    _atoms: NDArray[np.float64] = field(repr=False)

    @property
    def n_pairs(self) -> int:
        """Number of pairs."""
        return self.n_atoms * (self.n_atoms - 1) // 2

    @property
    def welch(self) -> float:
        """Welch's bound for as many atoms and units."""
        return welch_bound(self.n_atoms, self.units)

    @cached_property
    def _below(self) -> NDArray[np.int64]:
        return np.cumsum(self.histogram)

    def quantile(self, q: float) -> float:
        """Absolute cosine below which a share of all pairs lies.

        Parameters
        ----------
        q : float
            Between 0 and 1.

        Returns
        -------
        float
            To within the width of a bin of the histogram; exact at 1.

        Raises
        ------
        UsageError
            If `q` is no share.
        """
        if not 0 <= q <= 1:
            raise UsageError(f"Found quantile {q}; expected a share between 0 and 1.")
        if q == 1:
            return self.max
        # At 0: the lower edge of the first bin that holds a pair.
        wanted = max(q * self.n_pairs, 1e-9)
        place = int(np.searchsorted(self._below, wanted, side="left"))
        inside = int(self.histogram[place])
        part = 1 - (self._below[place] - wanted) / inside
        return min(float((place + part) / len(self.histogram)), self.max)

    def babel(self, k: int) -> float:
        """Babel function: the largest sum of absolute cosines of one atom with k others.

        Parameters
        ----------
        k : int
            Number of other atoms, from 0 to one less than there are atoms.

        Returns
        -------
        float
            At most ``k`` times the largest coherence (Tropp 2004, *Greed is good*).

        Raises
        ------
        UsageError
            If there are not so many other atoms.
        """
        if not 0 <= k < self.n_atoms:
            raise UsageError(
                f"Found k={k} for {self.n_atoms} atoms; expected 0 to {self.n_atoms - 1} others."
            )
        largest = 0.0
        for start in range(0, self.n_atoms if k else 0, BLOCK):
            rows = slice(start, min(start + BLOCK, self.n_atoms))
            cosines = _cosines(self._atoms, rows, slice(0, self.n_atoms))
            top = np.partition(cosines, self.n_atoms - k, axis=1)[:, self.n_atoms - k :]
            largest = max(largest, float(top.sum(axis=1).max()))
        return largest


def coherence(
    dictionary: ArrayLike, metric: Metric = None, bins: int = BINS, block: int = BLOCK
) -> Coherence:
    """Absolute cosines of all pairs of atoms, in bounded memory.

    Parameters
    ----------
    dictionary : array (n_atoms, units)
        Atoms of any length but zero.
    metric : AtomicInnerProduct or array (units, units), optional
        Euclidean by default.
    bins : int
        Bins of the histogram.
    block : int
        Atoms of a block; the result does not depend on it.

    Returns
    -------
    Coherence

    Raises
    ------
    UsageError
        If there are fewer than two atoms, an atom is zero, or the metric does not fit.
    WorkbenchError
        If values are not finite.

    Examples
    --------
    >>> found = coherence([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
    >>> round(found.max, 4), round(found.mean, 4), round(found.babel(2), 4)
    (0.7071, 0.4714, 1.4142)
    >>> round(found.quantile(0.5), 4)
    0.7071
    """
    atoms = unit_atoms(dictionary, metric)
    n_atoms, units = atoms.shape
    if n_atoms < 2 or bins < 1 or block < 1:
        raise UsageError(
            f"Found {n_atoms} atoms, {bins} bins and blocks of {block}; expected at least two "
            "atoms, a bin and an atom a block."
        )
    counts, per_atom = np.zeros(bins, dtype=np.int64), np.zeros(n_atoms)
    total = squares = 0.0
    for start in range(0, n_atoms, block):
        rows = slice(start, min(start + block, n_atoms))
        for other in range(start, n_atoms, block):
            columns = slice(other, min(other + block, n_atoms))
            cosines = _cosines(atoms, rows, columns)
            # Pairs within a block are seen twice, those of two blocks once.
            weight = 1 if other == start else 2
            total += weight * float(cosines.sum())
            squares += weight * float(np.vdot(cosines, cosines))
            counts += weight * _counted(cosines, bins)
            np.maximum(per_atom[rows], cosines.max(axis=1), out=per_atom[rows])
            np.maximum(per_atom[columns], cosines.max(axis=0), out=per_atom[columns])
    counts[0] -= n_atoms
    pairs = n_atoms * (n_atoms - 1)
    return Coherence(
        n_atoms,
        units,
        float(per_atom.max()),
        total / pairs,
        math.sqrt(squares / pairs),
        counts // 2,
        per_atom,
        atoms,
    )


def welch_bound(n_atoms: int, units: int) -> float:
    """Least root mean square, and so least maximum, of the cosines of all pairs.

    Parameters
    ----------
    n_atoms, units : int

    Returns
    -------
    float
        ``sqrt((n - H) / (H (n - 1)))``; 0 where there are no more atoms than units.

    Raises
    ------
    UsageError
        If there is no atom or no unit.

    Examples
    --------
    >>> round(welch_bound(1024, 256), 4)
    0.0542
    >>> welch_bound(4, 4)
    0.0
    """
    if n_atoms < 1 or units < 1:
        raise UsageError(f"Found {n_atoms} atoms and {units} units; expected at least one of each.")
    if n_atoms <= units:
        return 0.0
    return math.sqrt((n_atoms - units) / (units * (n_atoms - 1)))


def _cosines(atoms: NDArray[np.float64], rows: slice, columns: slice) -> NDArray[np.float64]:
    """Absolute cosines of two blocks of atoms; zero of an atom with itself."""
    cosines = np.minimum(np.abs(atoms[rows] @ atoms[columns].T), 1.0)
    same = np.arange(max(rows.start, columns.start), min(rows.stop, columns.stop))
    cosines[same - rows.start, same - columns.start] = 0.0
    return cosines


def _counted(cosines: NDArray[np.float64], bins: int) -> NDArray[np.int64]:
    places = np.minimum((cosines * bins).astype(np.int64), bins - 1)
    return np.bincount(places.reshape(-1), minlength=bins)
