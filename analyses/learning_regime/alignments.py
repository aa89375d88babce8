"""How much activity and tangent kernels after training resemble those before."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from analyses.learning_regime.given import given_array, refuse_shapes

# What centring leaves of a constant by rounding is no structure.
ROUNDING = 64 * np.finfo(np.float64).eps


def representation_alignment(h0: Any, hf: Any, centered: bool = False) -> float:
    r"""Alignment of the similarities between rows, before and after training.

    With :math:`R = H H^\top`,

    .. math:: RA = \frac{\langle R_f, R_0 \rangle}{\|R_f\|_F \, \|R_0\|_F}

    Parameters
    ----------
    h0, hf : array (rows, units) or (rows, ...)
        Activity for the same inputs before and after. Further axes are flattened; the number of
        units may differ.
    centered : bool
        Subtract every unit's mean over rows first, which gives linear CKA (Kornblith et al. 2019).
        Rectified units have large means, which keep the uncentred number high.

    Returns
    -------
    float
        Between 0 and 1; 1 if the similarities are the same up to a factor: for any rotation,
        permutation or common scale of units. No activity both times gives 1, no activity once 0.

    Raises
    ------
    UsageError
        If the numbers of rows differ, or values are not finite.

    References
    ----------
    Liu et al. 2024, arXiv 2310.08513 (uncentred).

    Examples
    --------
    >>> h0 = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> representation_alignment(h0, h0[:, ::-1] * 3)
    1.0
    >>> round(representation_alignment(h0, h0[::-1]), 4)
    0.7
    """
    first, second = _rows_by_units(h0, "h0"), _rows_by_units(hf, "hf")
    if len(first) != len(second):
        refuse_shapes(first, second, ("h0", "hf"), "the same rows in both")
    if centered:
        first, second = _centered_columns(first), _centered_columns(second)
    first, second = _scaled(first), _scaled(second)
    return _cosine(
        _similarity_product(first, second),
        _similarity_product(first, first),
        _similarity_product(second, second),
    )


def kernel_alignment(k0: Any, kf: Any, centered: bool = False) -> float:
    r"""Alignment of two kernels, as of tangent kernels before and after training.

    .. math:: KA = \frac{\langle K_f, K_0 \rangle}{\|K_f\|_F \, \|K_0\|_F}

    Parameters
    ----------
    k0, kf : array (rows, rows), or (rows * outputs, rows * outputs)
        Kernels of the same inputs before and after.
    centered : bool
        Centre both kernels, :math:`C K C` with :math:`C = I - 11^\top / n` over all n rows of the
        kernel (Cortes et al. 2012).

    Returns
    -------
    float
        1 if the kernels are the same up to a positive factor; between 0 and 1 for kernels (no
        negative eigenvalues). Two kernels of zeros give 1 (nothing changed), one of zeros gives 0.

    Raises
    ------
    UsageError
        If they are not square and of one shape, or not finite.

    References
    ----------
    Liu et al. 2024, arXiv 2310.08513 (uncentred).

    Examples
    --------
    >>> kernel_alignment(np.eye(3), 2 * np.eye(3)), kernel_alignment(np.zeros((2, 2)), np.eye(2))
    (1.0, 0.0)
    >>> round(kernel_alignment(np.eye(4), np.ones((4, 4))), 4)
    0.5
    """
    first, second = _square(k0, "k0"), _square(kf, "kf")
    if first.shape != second.shape:
        refuse_shapes(first, second, ("k0", "kf"), "kernels of the same inputs and outputs")
    if centered:
        first, second = _centered_kernel(first), _centered_kernel(second)
    first, second = _scaled(first).ravel(), _scaled(second).ravel()
    return _cosine(float(first @ second), float(first @ first), float(second @ second))


def kernel_target_alignment(kernel: Any, targets: Any) -> float:
    r"""How far the kernel's large directions are those of the targets.

    .. math:: \frac{y^\top K y}{\|y\|^2 \, \mathrm{tr} K}

    Parameters
    ----------
    kernel : array (rows, rows) or (rows * outputs, rows * outputs)
        In the second form its rows are ordered by row, then output, as `tangent_kernel` gives them.
    targets : array (rows,) or (rows, outputs)
        For a kernel over rows and outputs, y is the targets read row by row. For a kernel over
        rows alone the outputs are summed over,
        :math:`\mathrm{tr}(Y^\top K Y) / (\|Y\|_F^2 \, \mathrm{tr} K)`. Classes must be one-hot, and
        means are the caller's to subtract.

    Returns
    -------
    float
        The targets' share of the kernel's trace: at most the largest eigenvalue's share, and 1 / n
        for the identity of size n. 0 for a kernel or targets of zeros.

    Raises
    ------
    UsageError
        If there are neither as many targets nor as many rows of targets as the kernel has rows.

    References
    ----------
    Cristianini et al. 2001, with the trace in place of the Frobenius norm, as in the reviews of
    Liu et al. 2024.

    Examples
    --------
    >>> y = np.array([1.0, -1.0, 1.0])
    >>> kernel_target_alignment(np.outer(y, y), y)
    1.0
    >>> round(kernel_target_alignment(np.eye(6), np.ones((3, 2))), 4)
    0.1667
    """
    square, wanted = _square(kernel, "kernel"), given_array(targets, "targets")
    if wanted.size == len(square):
        columns = wanted.reshape(-1, 1)
    elif wanted.ndim == 2 and len(wanted) == len(square):
        columns = wanted
    else:
        refuse_shapes(
            square,
            wanted,
            ("kernel", "targets"),
            "one target, or one row of targets, for every row of the kernel (classes as one-hot)",
        )
    columns, square = _scaled(columns), _scaled(square)
    size = float((columns**2).sum()) * float(np.trace(square))
    return float((columns * (square @ columns)).sum()) / size if size else 0.0


def sign_similarity(h0: Any, hf: Any) -> float:
    """Fraction of values whose sign is the same before and after.

    Parameters
    ----------
    h0, hf : array, any shape
        Activity for the same inputs before and after; zero is a sign of its own.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    UsageError
        If the shapes differ, or values are not finite.

    Examples
    --------
    >>> sign_similarity([[1.0, 0.0, -2.0, 3.0]], [[2.0, 0.0, 1.0, 1.0]])
    0.75
    """
    first, second = given_array(h0, "h0"), given_array(hf, "hf")
    if first.shape != second.shape:
        refuse_shapes(first, second, ("h0", "hf"), "the same shape")
    return float((np.sign(first) == np.sign(second)).mean())


def _rows_by_units(values: Any, name: str) -> NDArray[np.float64]:
    array = given_array(values, name)
    return array.reshape(len(array), -1) if array.ndim else array.reshape(1, 1)


def _square(values: Any, name: str) -> NDArray[np.float64]:
    array = given_array(values, name)
    if array.ndim != 2 or array.shape[0] != array.shape[1]:
        refuse_shapes(array, array.T, (name, "its transpose"), "a square kernel")
    return array


def _scaled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values over the largest, so that fourth powers of small or large ones stay in range."""
    largest = np.abs(values).max()
    return values / largest if largest else values


def _centered_columns(values: NDArray[np.float64]) -> NDArray[np.float64]:
    centred = values - values.mean(axis=0)
    return _without_rounding(centred, values)


def _centered_kernel(kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    means = kernel.mean(axis=0, keepdims=True)
    centred = kernel - means - kernel.mean(axis=1, keepdims=True) + means.mean()
    return _without_rounding(centred, kernel)


def _without_rounding(
    centred: NDArray[np.float64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.where(np.abs(centred).max() > ROUNDING * np.abs(values).max(), centred, 0.0)


def _similarity_product(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """<XX', YY'>, through whichever of the two products is smaller."""
    if first.shape[1] * second.shape[1] <= len(first) ** 2:
        return float(((first.T @ second) ** 2).sum())
    return float(((first @ first.T) * (second @ second.T)).sum())


def _cosine(product: float, first: float, second: float) -> float:
    """Product over norms; 1 where nothing was and nothing is, 0 where only one is nothing."""
    if not first or not second:
        return float(first == second)
    return float(np.clip(product / np.sqrt(first * second), -1, 1))
