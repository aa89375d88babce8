"""Atoms as directions: written so that a metric becomes the ordinary inner product."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.atoms.rowblocks import as_rows
from workbench.errors import UsageError, WorkbenchError

if TYPE_CHECKING:
    from analyses.atoms.metric import AtomicInnerProduct

Metric: TypeAlias = "AtomicInnerProduct | ArrayLike | None"


def unit_atoms(
    dictionary: ArrayLike, metric: Metric = None, name: str = "the dictionary"
) -> NDArray[np.float64]:
    """Atoms in coordinates in which the inner product is the ordinary one, each of length 1.

    Parameters
    ----------
    dictionary : array (n_atoms, units)
    metric : AtomicInnerProduct or array (units, units), optional
        Euclidean by default.
    name : str
        What the message calls it.

    Returns
    -------
    ndarray (n_atoms, units)
        Their ordinary inner products are the cosines of the atoms.

    Raises
    ------
    UsageError
        If an atom is zero, or the metric does not fit or is not positive definite.
    WorkbenchError
        If values are not finite.

    Examples
    --------
    >>> unit_atoms([[3.0, 4.0]]).round(12).tolist()
    [[0.6, 0.8]]
    """
    atoms = measured(dictionary, metric, name)
    lengths = np.linalg.norm(atoms, axis=1)
    if not lengths.all():
        raise UsageError(
            f"Found {int((lengths == 0).sum())} atoms of length zero in {name}; expected "
            "directions: leave those atoms out."
        )
    return atoms / lengths[:, None]


def measured(
    dictionary: ArrayLike, metric: Metric = None, name: str = "the dictionary"
) -> NDArray[np.float64]:
    """Atoms in coordinates in which the inner product is the ordinary one, of their own length.

    Parameters
    ----------
    dictionary : array (n_atoms, units)
    metric : AtomicInnerProduct or array (units, units), optional
    name : str
        What the message calls it.

    Returns
    -------
    ndarray (n_atoms, units)

    Raises
    ------
    UsageError, WorkbenchError
        As `unit_atoms`.

    Examples
    --------
    >>> measured([[1.0, 2.0]], np.diag([4.0, 1.0])).tolist()
    [[2.0, 2.0]]
    """
    atoms = as_rows(dictionary, name).astype(np.float64)
    if not np.isfinite(atoms).all():
        bad = int((~np.isfinite(atoms).all(axis=1)).sum())
        raise WorkbenchError(
            f"Found NaN or infinite values in {bad} of {len(atoms)} atoms of {name}; expected "
            "finite numbers: training has diverged, or the file is damaged."
        )
    if metric is None:
        return atoms
    if hasattr(metric, "whiten"):
        return metric.whiten(atoms)
    return np.asarray(atoms @ _root(np.asarray(metric, dtype=np.float64), atoms.shape[1]))


def _root(metric: NDArray[np.float64], n_units: int) -> NDArray[np.float64]:
    if metric.shape != (n_units, n_units) or not np.allclose(metric, metric.T):
        raise UsageError(
            f"Found a metric of shape {metric.shape}; expected a symmetric one of shape "
            f"({n_units}, {n_units}): the second moment's inverse over the same units."
        )
    try:
        return np.linalg.cholesky(metric).astype(np.float64)
    except np.linalg.LinAlgError:
        raise UsageError(
            "Found a metric that is not positive definite; expected one: fit an "
            "AtomicInnerProduct with a larger ridge."
        ) from None
