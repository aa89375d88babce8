"""Non-negative CP decomposition as an estimator of scikit-learn's kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from analyses.connectome.cp_backends import Array, as_like, indices_like, to_numpy
from analyses.connectome.cp_contraction import khatri_rao
from analyses.connectome.cp_input import check_rank, problem
from analyses.connectome.cp_restarts import factorise
from analyses.connectome.cp_solver import Settings
from workbench.analysis.parameters import check_choices, check_whole
from workbench.errors import UsageError

SOLVERS = ("hals", "mu", "tensorly")


class NonnegativeCP(BaseEstimator):
    r"""A non-negative tensor as a sum of few non-negative rank-one tensors.

    .. math:: X_{ijk\ldots} \approx \sum_r w_r \, a_{ir} b_{jr} c_{kr} \cdots,
              \quad w, a, b, c \ge 0

    minimises the squared error over the observed cells. For time x subjects x pairs every component
    is a network with a time course and a profile over subjects. Missing cells do not enter at all:
    each row of a factor is fitted to its own observed cells.

    Parameters
    ----------
    rank : int
        Number of components; at most the product of all sizes but the largest.
    solver : {"hals", "mu", "tensorly"}
        Hierarchical alternating least squares with extrapolation; multiplicative updates; or
        tensorly's (HALS, and with a mask its multiplicative updates, which fill in), for
        comparison. HALS is the fastest by far.
    n_restarts : int
        Random starts, of which the one of least error is kept.
    seed : int
        Equal seeds give equal starts on every library, dtype and device.
    max_iterations : int
        Sweeps over all axes, for each start.
    tolerance : float
        A start ends once the error falls by less than this share of itself a sweep (mean over
        five). Lower for a stationary point, such as 1e-9.
    passes : int
        Over the components in every update of a factor.
    accelerate : bool
        Whether HALS extrapolates; the error never rises either way.
    dtype : {"float32", "float64"}, optional
        Of the computation; by default that of the tensor.

    Attributes
    ----------
    factors_ : list of array (size, rank)
        One for every axis; columns of length one. Numpy arrays, or tensors on the device of the
        tensor that was fitted.
    weights_ : array (rank,)
        Falling.
    error_ : float
        Length of the residual over the observed cells, relative to that of the observed tensor.
    history_ : ndarray (sweeps,)
        Relative error after every sweep of the best restart; never rises.
    undetermined_ : list of ndarray (size, rank) of bool
        Loadings about which no observed cell says anything, set to 0: a pair that was missing in
        every subject that carries the component.
    restarts_ : Restarts
        Errors and similarity of every restart.
    n_iter_ : int
        Sweeps of the best restart.

    Examples
    --------
    >>> time, subjects, pairs = np.eye(6)[:, :2], np.ones((3, 2)), np.eye(8)[:, :2]
    >>> tensor = np.einsum("tr,sr,pr->tsp", time, subjects, pairs)
    >>> model = NonnegativeCP(2).fit(tensor)
    >>> [factor.shape for factor in model.factors_], bool(model.error_ < 1e-6)
    ([(6, 2), (3, 2), (8, 2)], True)
    """

    def __init__(
        self,
        rank: int,
        solver: str = "hals",
        n_restarts: int = 4,
        seed: int = 0,
        max_iterations: int = 1000,
        tolerance: float = 1e-6,
        passes: int = 8,
        accelerate: bool = True,
        dtype: str | None = None,
    ) -> None:
        self.rank = rank
        self.solver = solver
        self.n_restarts = n_restarts
        self.seed = seed
        self.max_iterations = max_iterations
        self.tolerance = tolerance
        self.passes = passes
        self.accelerate = accelerate
        self.dtype = dtype

    def fit(
        self, tensor: Any, mask: Any = None, *, start: Sequence[ArrayLike] | None = None
    ) -> Self:
        """Find components.

        Parameters
        ----------
        tensor : array (...), sparse array (...), or (coordinates, values, shape)
            At least two axes, such as (time, subjects, pairs); none negative. Numpy or torch;
            sparse ones of scipy, torch or pydata's ``sparse.COO``, or a tuple of coordinates
            (axes, entries), values (entries,) and shape, where cells that are not listed are
            zeros.
        mask : array of bool, optional
            True where a cell was observed. Of the tensor's shape, or one that broadcasts to it,
            such as (subjects, pairs): what does not depend on time is fastest. Hidden cells may
            hold NaN.
        start : sequence of array (size, rank), optional
            The only start, in place of random ones; its length as a whole is set to the tensor's.

        Returns
        -------
        NonnegativeCP

        Raises
        ------
        UsageError
            If the rank is beyond its limit, the tensor has fewer than two axes, negative cells,
            NaN that no mask hides or nothing but zeros; the mask does not fit, or hides a whole
            entry of an axis but the last; or a parameter is not what it can be.
        """
        self._check()
        given = problem(tensor, mask, self.dtype)
        rank = check_rank(self.rank, given.shape)
        initial = None if start is None else _checked_start(start, given.shape, rank)
        found = factorise(given, rank, self._settings(), self.n_restarts, self.seed, initial)
        self.factors_ = [as_like(each, given.like) for each in found.factors]
        self.weights_ = as_like(found.weights, given.like)
        self.error_ = found.error
        self.history_ = found.history
        self.undetermined_ = found.undetermined
        self.restarts_ = found.restarts
        self.n_iter_ = len(found.history)
        return self

    def reconstruct(self, cells: ArrayLike | None = None) -> Array:
        """The model's tensor, or some of its cells.

        Parameters
        ----------
        cells : array (axes, n) of int, optional
            Which cells; all of them by default, which a sparse tensor may be too large for.

        Returns
        -------
        array (...) or (n,)

        Raises
        ------
        UsageError
            If nothing was fitted, or cells do not fit the axes.

        Examples
        --------
        >>> model = NonnegativeCP(1).fit(np.full((2, 3, 4), 5.0))
        >>> model.reconstruct().shape, model.reconstruct([[0], [1], [2]]).round(6).tolist()
        ((2, 3, 4), [5.0])
        """
        if not hasattr(self, "factors_"):
            raise UsageError("Found a model that was not fitted; expected components: call fit.")
        factors = [each.T for each in self.factors_]
        factors[0] = factors[0] * self.weights_[:, None]
        if cells is None:
            shape = tuple(each.shape[1] for each in factors)
            return (factors[0].T @ khatri_rao(factors[1:])).reshape(shape)
        places = np.asarray(to_numpy(cells))
        if places.ndim != 2 or len(places) != len(factors):
            raise UsageError(
                f"Found cells of shape {places.shape}; expected ({len(factors)}, n): one row of "
                "indices for every axis."
            )
        product: Array = 1.0
        for factor, index in zip(factors, places, strict=True):
            product = product * factor[:, indices_like(index, factor)]
        return product.sum(0)

    def _settings(self) -> Settings:
        return Settings(
            self.solver, self.max_iterations, self.tolerance, self.passes, self.accelerate
        )

    def _check(self) -> None:
        check_choices(self, {"solver": SOLVERS})
        check_whole(self, {"n_restarts": 1, "max_iterations": 1, "passes": 1})
        if not self.tolerance >= 0:
            raise UsageError(f"Found tolerance={self.tolerance!r}; expected at least 0.")


def _checked_start(
    start: Sequence[ArrayLike], shape: tuple[int, ...], rank: int
) -> list[np.ndarray]:
    arrays = [np.asarray(to_numpy(each), dtype=np.float64) for each in start]
    shapes, expected = [each.shape for each in arrays], [(size, rank) for size in shape]
    if shapes != expected:
        raise UsageError(f"Found a start of shapes {shapes}; expected {expected}.")
    if any(not np.isfinite(each).all() or (each < 0).any() for each in arrays):
        raise UsageError("Found a start with negative or missing entries; expected none below 0.")
    return [each.T for each in arrays]
