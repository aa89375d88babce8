"""Recovery of planted atoms: one learned atom for each true one, and which of them fire where."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.atoms.directions import Metric, unit_atoms
from analyses.atoms.supports import sparse_codes
from workbench.errors import UsageError


@dataclass(frozen=True)
class Recovery:
    """Learned atoms matched one to one with others.

    Attributes
    ----------
    mean_max_cosine : float
        Mean cosine over the true atoms; those without a partner count as 0.
    matched : ndarray (n_true,)
        Cosine of each true atom with its partner; 0 without one.
    assignment : ndarray (n_true,) of int
        Learned atom of each true one; -1 without one.
    nearest : ndarray (n_true,)
        Largest cosine of each true atom with any learned one, partners or not.
    """

    mean_max_cosine: float
    matched: NDArray[np.float64] = field(repr=False)
    assignment: NDArray[np.int64] = field(repr=False)
    nearest: NDArray[np.float64] = field(repr=False)

    def __float__(self) -> float:
        return self.mean_max_cosine

    def share_above(self, cosine: float) -> float:
        """Share of the true atoms that are matched with at least a cosine."""
        return float(np.mean(self.matched >= cosine))


@dataclass(frozen=True)
class SupportScores:
    """How well learned codes fire where the true ones do.

    Attributes
    ----------
    precision, recall, f1 : float
        Over all rows and atoms together.
    exact : float
        Share of rows in which exactly the true atoms fire.
    """

    precision: float
    recall: float
    f1: float
    exact: float


def recovery(
    learned: ArrayLike, true: ArrayLike, metric: Metric = None, signed: bool = True
) -> Recovery:
    """Match learned atoms with true ones, one to one, for the largest sum of cosines.

    Parameters
    ----------
    learned : array (n_learned, units)
    true : array (n_true, units)
        Planted atoms, or those of another seed.
    metric : AtomicInnerProduct or array (units, units), optional
        Euclidean by default.
    signed : bool
        Whether an atom that points the other way counts as another one, as it does where codes
        cannot be negative.

    Returns
    -------
    Recovery
        Over the true atoms: further learned atoms cost nothing.

    Raises
    ------
    UsageError
        If the numbers of units differ, or an atom is zero.
    WorkbenchError
        If values are not finite.

    Examples
    --------
    >>> found = recovery([[0.0, 3.0], [1.0, 1.0], [2.0, 0.0]], np.eye(2))
    >>> found.mean_max_cosine, found.assignment.tolist()
    (1.0, [2, 0])
    """
    from scipy.optimize import linear_sum_assignment

    one, other = np.asarray(learned), np.asarray(true)
    if one.ndim == other.ndim == 2 and one.shape[1] != other.shape[1]:
        raise UsageError(
            f"Found learned atoms of {one.shape[1]} units and true ones of {other.shape[1]}; "
            "expected the same units: compare atoms of one site."
        )
    own = unit_atoms(other, metric, "the true dictionary")
    cosines = own @ unit_atoms(one, metric, "the learned dictionary").T
    cosines = np.clip(cosines if signed else np.abs(cosines), -1.0, 1.0)
    rows, columns = linear_sum_assignment(cosines, maximize=True)
    matched, assignment = np.zeros(len(cosines)), np.full(len(cosines), -1, dtype=np.int64)
    matched[rows], assignment[rows] = cosines[rows, columns], columns
    return Recovery(float(matched.mean()), matched, assignment, cosines.max(axis=1))


def support_scores(codes: Any, true_codes: Any, assignment: ArrayLike) -> SupportScores:
    """Compare which atoms fire with which ones truly did.

    Parameters
    ----------
    codes : sparse or dense array (rows, n_learned)
    true_codes : sparse or dense array (rows, n_true)
    assignment : array (n_true,) of int
        Learned atom of each true one, -1 for none, as `recovery` gives it. What fires without
        being anyone's partner counts as a false alarm.

    Returns
    -------
    SupportScores
        NaN where nothing fires at all.

    Raises
    ------
    UsageError
        If shapes do not fit.

    Examples
    --------
    >>> support_scores([[0.0, 1.0, 1.0]], [[1.0, 0.0]], [1, 0])
    SupportScores(precision=0.5, recall=1.0, f1=0.6666666666666666, exact=0.0)
    """
    found, true, partner = sparse_codes(codes), sparse_codes(true_codes), np.asarray(assignment)
    if found.shape[0] != true.shape[0] or partner.shape != (true.shape[1],):
        raise UsageError(
            f"Found codes of shape {found.shape}, true codes of shape {true.shape} and an "
            f"assignment of shape {partner.shape}; expected the same rows, and a learned atom or "
            "-1 for every true one."
        )
    partner = partner.astype(np.int64)
    if len(partner) and partner.max() >= found.shape[1]:
        raise UsageError(
            f"Found learned atom {int(partner.max())} in the assignment; expected one of the "
            f"{found.shape[1]} atoms of the codes."
        )
    renamed = np.full(found.shape[1], -1, dtype=np.int64)
    renamed[partner[partner >= 0]] = np.flatnonzero(partner >= 0)
    hits = _hits_by_row(found, true, renamed)
    fired, wanted = np.diff(found.indptr), np.diff(true.indptr)
    n_hits, n_fired, n_wanted = int(hits.sum()), int(fired.sum()), int(wanted.sum())
    return SupportScores(
        _share(n_hits, n_fired),
        _share(n_hits, n_wanted),
        _share(2 * n_hits, n_fired + n_wanted),
        _share(int(((hits == fired) & (hits == wanted)).sum()), len(hits)),
    )


def _hits_by_row(found: Any, true: Any, renamed: NDArray[np.int64]) -> NDArray[np.int64]:
    n_rows, n_true = true.shape
    names = renamed[found.indices]
    rows = np.repeat(np.arange(n_rows), np.diff(found.indptr))[names >= 0]
    keys = rows * n_true + names[names >= 0]
    true_rows = np.repeat(np.arange(n_rows), np.diff(true.indptr))
    hit = np.isin(keys, true_rows * n_true + true.indices, assume_unique=True)
    return np.bincount(rows[hit], minlength=n_rows)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
