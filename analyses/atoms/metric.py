"""The atomic inner product: angles that do not depend on the basis in which activity is written.

After *Towards Atoms of Large Language Models* (arXiv 2509.20784): ``<u, v> = u' S v`` with ``S``
the inverse second moment of activity, that is, the ordinary inner product of whitened vectors.
Written from its description, not a copy of its program. Recentring of angles at 90 degrees follows
from the algebra for any dictionary; it says nothing about atoms by itself.
"""

from __future__ import annotations

import warnings
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.atoms.directions import unit_atoms
from analyses.atoms.moments import Moments
from analyses.atoms.rowblocks import Rows, as_rows, row_blocks, site_of
from workbench.errors import UsageError, nearest

_PARAMETERS = ("ridge", "center")


class AtomicInnerProduct:
    """Inner product given by the inverse second moment of activity.

    Parameters
    ----------
    ridge : float
        Added to the diagonal of the second moment, as a share of its mean diagonal, so that the
        unit of activity does not matter. As it goes to zero, angles become invariant under any
        invertible linear map of activity; with it they are not.
    center : bool
        Whether the mean is removed first (covariance in place of second moment).

    Attributes
    ----------
    n_rows_ : int
    mean_ : ndarray (units,)
    ridge_ : float
        What was added to the diagonal, in the squared unit of activity.
    metric_ : ndarray (units, units)
        ``S``, float64.
    effective_rank_ : float
        Exponential of the entropy of the spectrum (Roy and Vetterli 2007).
    site_ : str or None
        Hook site of the recording that it was fitted on.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((500, 3)) @ [[3.0, 0, 0], [1, 1, 0], [0, 0, 0.2]]
    >>> inner = AtomicInnerProduct(ridge=0.0).fit(X)
    >>> white = inner.whiten(X)
    >>> np.allclose(white.T @ white / 500, np.eye(3))
    True
    >>> inner.cosine([[1.0, 0, 0]], [[2.0, 0, 0]]).round(6).tolist()
    [[1.0]]
    """

    _moments: Moments
    site_: str | None

    def __init__(self, ridge: float = 1e-6, center: bool = False) -> None:
        self.ridge = ridge
        self.center = center

    def fit(self, X: Rows, y: Any = None) -> Self:
        """Fit to rows, forgetting earlier ones.

        Parameters
        ----------
        X : array (rows, units), Activations, or iterable of arrays (rows, units)
            Added up in float64, whatever the dtype.
        y : ignored

        Returns
        -------
        AtomicInnerProduct
            Itself.

        Raises
        ------
        UsageError
            If shapes do not fit, there is no row, or the second moment is singular and no ridge
            is added.
        WorkbenchError
            If values are not finite.
        """
        self._moments, self.site_ = Moments(), None
        self.partial_fit(X)
        self._check_rank()
        return self

    def partial_fit(self, X: Rows, y: Any = None) -> Self:
        """Add rows; the order and size of the parts do not matter.

        Parameters
        ----------
        X : array (rows, units), Activations, or iterable of arrays (rows, units)
        y : ignored

        Returns
        -------
        AtomicInnerProduct
            Itself.

        Raises
        ------
        UsageError
            If shapes do not fit, or rows come from another site than before.
        WorkbenchError
            If values are not finite.
        """
        if not self.ridge >= 0:
            raise UsageError(f"Found ridge={self.ridge}; expected a share of at least 0.")
        if not hasattr(self, "_moments"):
            self._moments, self.site_ = Moments(), None
        self._check_site(X)
        for block in row_blocks(X):
            self._moments.add(block)
        self.site_ = site_of(X) or self.site_
        for derived in ("second_moment_", "effective_rank_", "metric_", "_factor"):
            self.__dict__.pop(derived, None)
        return self

    @property
    def n_rows_(self) -> int:
        """Rows so far."""
        return self._fitted.n_rows

    @property
    def mean_(self) -> NDArray[np.float64]:
        """Mean of every unit, removed or not."""
        return self._fitted.mean

    @property
    def covariance_(self) -> NDArray[np.float64]:
        """Covariance ``(units, units)`` over all rows, without ridge."""
        return self._fitted.scatter / self._fitted.n_rows

    @cached_property
    def second_moment_(self) -> NDArray[np.float64]:
        """Second moment ``(units, units)``, about the mean if `center`, without ridge."""
        mean = self._fitted.mean
        return self.covariance_ if self.center else self.covariance_ + np.outer(mean, mean)

    @property
    def ridge_(self) -> float:
        """What is added to the diagonal, in the squared unit of activity."""
        return float(self.ridge * np.trace(self.second_moment_) / len(self.mean_))

    @cached_property
    def effective_rank_(self) -> float:
        """Exponential of the entropy of the spectrum of the second moment."""
        share = np.clip(np.linalg.eigvalsh(self.second_moment_), 0, None)
        share = share[share > 0] / share.sum()
        return float(np.exp(-np.sum(share * np.log(share))))

    @cached_property
    def metric_(self) -> NDArray[np.float64]:
        """``S``, the inverse of the second moment with its ridge."""
        from scipy.linalg import cho_solve

        inverse = cho_solve((self._factor, True), np.eye(len(self._factor)))
        return (inverse + inverse.T) / 2

    def whiten(self, X: ArrayLike) -> NDArray[np.float64]:
        """Coordinates in which the inner product is the ordinary one.

        Parameters
        ----------
        X : array (n, units)
            Directions or rows. The map is linear: nothing is subtracted.

        Returns
        -------
        ndarray (n, units)
            ``X L^-T`` for the Cholesky factor ``L`` of the second moment with its ridge; the
            symmetric root of ``S`` differs from it by a rotation.

        Raises
        ------
        UsageError
            If the number of units differs, or rows come from another site.
        """
        from scipy.linalg import solve_triangular

        n_units = len(self.mean_)
        self._check_site(X)
        values = as_rows(X, "vectors").astype(np.float64)
        if values.shape[1] != n_units:
            raise UsageError(
                f"Found vectors of {values.shape[1]} units; expected {n_units}, as the inner "
                "product was fitted on."
            )
        return np.ascontiguousarray(solve_triangular(self._factor, values.T, lower=True).T)

    def cosine(self, U: ArrayLike, V: ArrayLike | None = None) -> NDArray[np.float64]:
        """Cosines between vectors.

        Parameters
        ----------
        U : array (n, units)
        V : array (m, units), optional
            `U` itself by default.

        Returns
        -------
        ndarray (n, m)

        Raises
        ------
        UsageError
            If a vector is zero or the number of units differs.
        """
        one = unit_atoms(U, self)
        other = one if V is None else unit_atoms(V, self)
        return np.clip(one @ other.T, -1.0, 1.0)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters by name."""
        return {name: getattr(self, name) for name in _PARAMETERS}

    def set_params(self, **parameters: Any) -> Self:
        """Change parameters by name; fit again afterwards.

        Raises
        ------
        UsageError
            If a name is not a parameter.
        """
        for name, value in parameters.items():
            if name not in _PARAMETERS:
                raise UsageError(f"Found no parameter '{name}'; {nearest(name, _PARAMETERS)}")
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        return f"AtomicInnerProduct(ridge={self.ridge!r}, center={self.center!r})"

    @property
    def _fitted(self) -> Moments:
        if not hasattr(self, "_moments") or not self._moments.n_rows:
            raise UsageError(
                "Found no rows in the inner product; expected at least one: call fit first."
            )
        return self._moments

    def _check_site(self, X: Any) -> None:
        given, own = site_of(X), self.site_
        if given and own and given != own:
            raise UsageError(
                f"Found activity at site '{given}'; expected site '{own}', at which the inner "
                "product was fitted: angles of one site mean nothing at another."
            )

    @cached_property
    def _factor(self) -> NDArray[np.float64]:
        """Lower Cholesky factor of the second moment with its ridge."""
        from scipy.linalg import lapack

        matrix = self.second_moment_ + self.ridge_ * np.eye(len(self.mean_))
        # Units of unlike scale are no singularity: the condition is that of the matrix scaled to
        # ones on its diagonal, and so is the factor.
        scale = np.sqrt(np.diag(matrix))
        if (scale > 0).all():
            scaled = matrix / np.outer(scale, scale)
            factor, failed = lapack.dpotrf(scaled, lower=True, clean=True)
            norm = float(np.abs(scaled).sum(axis=0).max())
            condition = 0.0 if failed else lapack.dpocon(factor, norm, uplo="L")[0]
            if condition > np.finfo(np.float64).eps * len(scale):
                return factor * scale[:, None]
        raise UsageError(
            f"Found a singular second moment of {self.n_rows_} rows{self._why_singular()}; "
            "expected one that can be inverted: pass a larger ridge, such as 1e-6, or leave "
            "constant and redundant units out."
        )

    def _check_rank(self) -> None:
        why = self._why_singular()
        if not self.ridge > 0:
            _ = self._factor
        elif why:
            warnings.warn(
                f"Found a singular second moment of {self.n_rows_} rows{why}; only the ridge "
                f"({self.ridge:g} of the mean diagonal) decides angles there: record more rows or "
                "leave those units out.",
                stacklevel=3,
            )

    def _why_singular(self) -> str:
        moments, n_units = self._fitted, len(self.mean_)
        squares, means = np.diag(self.covariance_), moments.mean**2
        constant = squares <= 1e-24 * np.maximum(means, squares.max())
        # About zero, one constant unit is a direction like any other; two are the same one.
        if not self.center and np.count_nonzero(constant & (means > 0)) < 2:
            constant &= means == 0
        dead = np.flatnonzero(constant)
        if len(dead):
            shown = ", ".join(str(unit) for unit in dead[:5]) + (", ..." if len(dead) > 5 else "")
            return f", {len(dead)} of {n_units} units constant ({shown})"
        return f", fewer than its {n_units} units" if moments.n_rows < n_units else ""
