"""How much two tables of conditions by units resemble each other: what drift is measured by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.float64]


@dataclass(frozen=True)
class Resemblance:
    """A number of two tables, 1 at most, in two steps: many tables are compared with many.

    Attributes
    ----------
    prepare : callable
        Of one table (conditions, units).
    compare : callable
        Two prepared tables to a number.
    """

    prepare: Callable[[Table], Table]
    compare: Callable[[Table, Table], float]

    def __call__(self, first: Table, second: Table) -> float:
        """Resemblance of two tables.

        Parameters
        ----------
        first, second : ndarray (conditions, units)

        Returns
        -------
        float
        """
        return self.compare(self.prepare(first), self.prepare(second))


def resemblances(matched: bool, n_components: int) -> dict[str, Resemblance]:
    """Ways to compare two tables (conditions, units).

    Parameters
    ----------
    matched : bool
        Whether the units are the same in both: tuning can be compared then, and subspaces lie in
        the space of units. Without, they lie in that of conditions.
    n_components : int
        Principal components of a subspace.

    Returns
    -------
    dict of str to Resemblance
        ``representation alignment``, uncentred and centred, equals `representation_alignment`.
        ``subspace overlap`` is the mean squared cosine of the angles between the leading principal
        subspaces. ``tuning correlation`` is the median over units of the correlation over
        conditions; units that do not vary count as 0.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(9, 4))
    >>> {name: round(each(x, 2 * x), 6) for name, each in resemblances(False, 2).items()}
    {'representation alignment': 1.0, 'centred representation alignment': 1.0, \
'subspace overlap': 1.0}
    """
    basis = partial(principal_basis, n_components=n_components, of_units=matched)
    found = {
        "representation alignment": Resemblance(_similarities, _product),
        "centred representation alignment": Resemblance(
            lambda table: _similarities(table - table.mean(axis=0)), _product
        ),
        "subspace overlap": Resemblance(basis, _overlap),
    }
    tuning = {"tuning correlation": Resemblance(_tuning, _median_correlation)}
    return {**found, **tuning} if matched else found


def principal_basis(table: Table, n_components: int, of_units: bool) -> Table:
    """Leading principal components.

    Parameters
    ----------
    table : ndarray (conditions, units)
    n_components : int
    of_units : bool
        Directions in the space of units; otherwise patterns over conditions.

    Returns
    -------
    ndarray (units or conditions, components)
        Orthonormal columns.
    """
    left, _, right = np.linalg.svd(table - table.mean(axis=0), full_matrices=False)
    return right[:n_components].T if of_units else left[:, :n_components]


def _similarities(table: Table) -> Table:
    return _unit_length((table @ table.T).ravel())


def _product(first: Table, second: Table) -> float:
    return float(first @ second)


def _overlap(first: Table, second: Table) -> float:
    return float(((first.T @ second) ** 2).sum() / first.shape[1])


def _tuning(table: Table) -> Table:
    return _unit_length(table - table.mean(axis=0))


def _median_correlation(first: Table, second: Table) -> float:
    return float(np.median((first * second).sum(axis=0)))


def _unit_length(values: Table) -> Table:
    """Columns (or a vector) divided by their length; zeros stay zeros."""
    size = np.linalg.norm(values, axis=0)
    return values / np.where(size > 0, size, 1.0)
