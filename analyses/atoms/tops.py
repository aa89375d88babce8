"""What an atom responds to: how often and how strongly, its strongest rows and some weaker ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

N_TOP = 5
QUANTILES = (0.9, 0.75, 0.5, 0.25, 0.1)
EXAMPLES = tuple(f"top {n + 1}" for n in range(N_TOP)) + tuple(f"quantile {q:g}" for q in QUANTILES)
N_BINS = 24
N_NEIGHBOURS = 5
_EQUAL = 1e-5


@dataclass(frozen=True)
class Tops:
    """Activations of every atom, and the observations that show what it responds to.

    Attributes
    ----------
    rate : ndarray (atoms,)
        Share of observations in which an atom is active.
    mean, largest : ndarray (atoms,)
        Of its activations other than zero.
    histogram : ndarray (atoms, bins) of int
        Activations other than zero, in equal bins from 0 to the largest one.
    example : ndarray (atoms, examples) of int
        Observations, as `EXAMPLES` names them; -1 where an atom has too few.
    value : ndarray (atoms, examples)
        Their activations; NaN where there is none.
    first, last : ndarray (atoms, examples) of int
        First and last observation of the span of time in which the atom stays active around it;
        the observation itself where rows are no steps in time.
    """

    rate: NDArray[np.float64]
    mean: NDArray[np.float64]
    largest: NDArray[np.float64]
    histogram: NDArray[np.int64]
    example: NDArray[np.int64]
    value: NDArray[np.float64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]


def find_tops(codes: csr_matrix, joins: NDArray[np.bool_]) -> Tops:
    """Find the strongest observations of every atom, and some at quantiles of its activations.

    Parameters
    ----------
    codes : sparse matrix (observations, atoms)
        Activations, none negative.
    joins : ndarray (observations,) of bool
        Whether an observation belongs to the same event as the one before it: the next step in
        time, or another place of the same image. Of a run of such observations in which an atom
        stays active only the strongest is shown.

    Returns
    -------
    Tops

    Examples
    --------
    >>> from scipy.sparse import csr_matrix
    >>> tops = find_tops(csr_matrix([[0.0], [3.0], [1.0], [2.0]]), np.array([0, 0, 1, 0], bool))
    >>> tops.example[0, :3].tolist()
    [1, 3, -1]
    >>> tops.first[0, 0], tops.last[0, 0]
    (np.int64(1), np.int64(2))
    """
    by_atom = codes.tocsc()
    by_atom.sort_indices()
    n_atoms = by_atom.shape[1]
    found = _empty(n_atoms)
    for atom in range(n_atoms):
        part = slice(by_atom.indptr[atom], by_atom.indptr[atom + 1])
        rows, values = by_atom.indices[part], by_atom.data[part].astype(np.float64)
        active = values > 0
        if active.any():
            _fill(found, atom, rows[active].astype(np.int64), values[active], joins)
    return found


def _empty(n_atoms: int) -> Tops:
    shape = n_atoms, len(EXAMPLES)
    return Tops(
        np.zeros(n_atoms),
        np.zeros(n_atoms),
        np.zeros(n_atoms),
        np.zeros((n_atoms, N_BINS), dtype=np.int64),
        np.full(shape, -1, dtype=np.int64),
        np.full(shape, np.nan),
        np.full(shape, -1, dtype=np.int64),
        np.full(shape, -1, dtype=np.int64),
    )


def _fill(
    found: Tops,
    atom: int,
    rows: NDArray[np.int64],
    values: NDArray[np.float64],
    joins: NDArray[np.bool_],
) -> None:
    found.rate[atom] = len(rows) / len(joins)
    found.mean[atom], found.largest[atom] = values.mean(), values.max()
    found.histogram[atom] = np.histogram(values, N_BINS, (0.0, values.max()))[0]
    starts = np.flatnonzero(~(joins[rows] & (np.diff(rows, prepend=-2) == 1)))
    stops = np.append(starts[1:], len(rows))
    peaks = _peaks(values, starts)
    order = np.argsort(-values[peaks], kind="stable")
    for number, which in _shown(values[peaks[order]]):
        run = order[which]
        found.example[atom, number] = rows[peaks[run]]
        found.value[atom, number] = values[peaks[run]]
        found.first[atom, number] = rows[starts[run]]
        found.last[atom, number] = rows[stops[run] - 1]


def _peaks(values: NDArray[np.float64], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Place of the first largest value of each run."""
    run = np.zeros(len(values), dtype=np.int64)
    run[starts[1:]] = 1
    run = np.cumsum(run)
    order = np.lexsort((np.arange(len(values)), -values, run))
    return order[np.searchsorted(run[order], np.arange(len(starts)))]


def _shown(falling: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Example number and rank of the event that it shows, of activations that fall."""
    n = len(falling)
    # Equal inputs give equal activations: one of them says as much as all.
    new = -np.diff(falling, prepend=np.inf) > _EQUAL * falling
    ranks = np.concatenate([np.flatnonzero(new), np.flatnonzero(~new)])[:N_TOP]
    top = list(enumerate(np.sort(ranks).tolist()))
    if n <= N_TOP:
        return top
    below = [N_TOP + int((1 - quantile) * (n - 1 - N_TOP)) for quantile in QUANTILES]
    # With few events several quantiles fall on one; it is shown once.
    return top + [(N_TOP + k, r) for k, r in enumerate(below) if r not in below[:k]]


def nearest_atoms(
    cosines: NDArray[np.float64], n_neighbours: int = N_NEIGHBOURS
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The most similar other atoms of every atom.

    Parameters
    ----------
    cosines : ndarray (atoms, atoms)
    n_neighbours : int

    Returns
    -------
    neighbours : ndarray (atoms, n_neighbours) of int
        -1 where there are fewer atoms.
    similarity : ndarray (atoms, n_neighbours)
        Their cosines; NaN where there is none.

    Examples
    --------
    >>> cosines = np.array([[1.0, 0.5, -0.9], [0.5, 1.0, 0.0], [-0.9, 0.0, 1.0]])
    >>> nearest_atoms(cosines, 1)[0].tolist()
    [[1], [0], [1]]
    """
    n_atoms = len(cosines)
    others = np.where(np.eye(n_atoms, dtype=bool), -np.inf, cosines)
    order = np.argsort(-others, axis=1, kind="stable")[:, : min(n_neighbours, n_atoms - 1)]
    similarity = np.take_along_axis(cosines, order, axis=1)
    room = ((0, 0), (0, n_neighbours - order.shape[1]))
    return (
        np.pad(order, room, constant_values=-1),
        np.pad(similarity, room, constant_values=np.nan),
    )
