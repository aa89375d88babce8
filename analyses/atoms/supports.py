"""Supports of sparse codes: how many atoms fire in a row, and which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError, WorkbenchError

if TYPE_CHECKING:
    from scipy import sparse


def sparse_codes(codes: Any) -> sparse.csr_array:
    """Codes as a sparse array without stored zeros.

    Parameters
    ----------
    codes : sparse or dense array (rows, n_atoms)

    Returns
    -------
    scipy.sparse.csr_array (rows, n_atoms)
        Sorted columns, no duplicates, no zeros; a copy only where that needs one.

    Raises
    ------
    UsageError
        If there is another number of axes.
    WorkbenchError
        If codes are not finite.

    Examples
    --------
    >>> sparse_codes([[0.0, 2.0], [0.0, 0.0]]).nnz
    1
    """
    from scipy import sparse

    array = codes if sparse.issparse(codes) else np.asarray(codes)
    if array.ndim != 2:
        raise UsageError(
            f"Found codes of shape {array.shape}; expected (rows, n_atoms), sparse or dense."
        )
    rows = sparse.csr_array(array)
    if not np.isfinite(rows.data).all():
        raise WorkbenchError(
            f"Found {int((~np.isfinite(rows.data)).sum())} NaN or infinite codes; expected finite "
            "numbers: check the activity and the dictionary that made them."
        )
    if rows.has_canonical_format and np.all(rows.data):
        return rows
    rows = rows.copy()
    rows.sum_duplicates()
    rows.eliminate_zeros()
    return rows


def support_sizes(codes: Any) -> NDArray[np.int64]:
    """Number of atoms that fire in every row (L0).

    Parameters
    ----------
    codes : sparse or dense array (rows, n_atoms), array (rows,) of int, or int
        Codes, or the numbers themselves.

    Returns
    -------
    ndarray (rows,) of int

    Raises
    ------
    UsageError
        If there is no row, or numbers are negative or not whole.

    Examples
    --------
    >>> support_sizes([[0.5, 0.0, 1.0], [0.0, 0.0, 0.0]]).tolist()
    [2, 0]
    >>> support_sizes([3, 4]).tolist()
    [3, 4]
    """
    if getattr(codes, "ndim", None) == 2 or np.ndim(codes) == 2:
        sizes = np.diff(sparse_codes(codes).indptr)
    else:
        sizes = np.asarray(codes).reshape(-1)
    if not len(sizes) or (sizes < 0).any() or (sizes != np.floor(sizes)).any():
        raise UsageError(
            f"Found {len(sizes)} numbers of atoms that fire; expected at least one, all whole and "
            "not negative: pass codes of shape (rows, n_atoms) or their numbers of non-zeros."
        )
    return sizes.astype(np.int64)
