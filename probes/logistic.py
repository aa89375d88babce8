"""Penalised logistic regression of several training sets, as problems for `probes.quasi_newton`."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from probes.logistic_rows import Array, Rows
from probes.preconditioning import Preconditioner
from probes.quasi_newton import Point, Secant, dots


@dataclass(frozen=True)
class _Penalised:
    r"""What both objectives share.

    Set s minimises ``sum_i loss_i + penalty / 2 * sum_jk (scale_js W_jk)^2`` over its rows i, which
    is the problem of scikit-learn's `LogisticRegression` with ``C = 1 / penalty`` on units
    standardised by the set's own rows.

    Attributes
    ----------
    rows : Rows
    members : ndarray (sets, cells)
        How much each cell counts.
    ridge : ndarray (sets, 1, units + 1)
        Squared scales.
    penalty : float
    preconditioner : Preconditioner
    tolerance : float
        Largest norm of the gradient, by the inverse Hessian, over the square root of the rows of
        the set: the loss then exceeds its least value by about half the square of it, in nats a
        row.
    """

    rows: Rows
    members: NDArray[np.float64]
    ridge: Array
    penalty: float
    preconditioner: Preconditioner
    tolerance: float

    def curved(self, secant: Secant) -> Secant:
        """See `probes.quasi_newton.Objective`."""
        ridge = self.ridge if len(secant.step) > 1 else self.ridge.mean(axis=0, keepdims=True)
        return Secant(secant.step, secant.turn + self._pull(ridge) * secant.step)

    def precondition(self, gradients: Array) -> Array:
        """See `probes.quasi_newton.Objective`."""
        return self.preconditioner.apply(gradients, self._counts(), self.penalty)

    def limits(self) -> NDArray[np.float64]:
        """See `probes.quasi_newton.Objective`."""
        return self.tolerance * np.sqrt(self._counts())

    def _counts(self) -> NDArray[np.float64]:
        return self.members @ self.rows.sizes

    def _pull(self, ridge: Array) -> Array:
        return ridge.dtype.type(self.penalty) * ridge

    def _with_penalty(
        self, weights: Array, losses: NDArray[np.float64], gradients: Array
    ) -> tuple[NDArray[np.float64], Array]:
        pull = self._pull(self.ridge) * weights
        return losses + 0.5 * dots(pull, weights), gradients + pull


@dataclass(frozen=True)
class Apart(_Penalised):
    """Every training set with weights of its own (sets, classes, units + 1)."""

    def at(self, weights: Array) -> Point:
        """See `probes.quasi_newton.Objective`."""
        losses, gradients = np.zeros(len(weights)), np.zeros_like(weights)
        for number in range(self.rows.n_cells):
            holds = np.flatnonzero(self.members[:, number])
            if len(holds):
                loss, gradient = self.rows.losses(number, weights[holds])
                losses[holds] += loss
                gradients[holds] += gradient
        return Point(weights, losses, gradients)

    def secant(self, before: Point, after: Point) -> Secant:
        """See `probes.quasi_newton.Objective`."""
        return Secant(after.weights - before.weights, after.gradients - before.gradients)

    def penalised(self, point: Point) -> tuple[NDArray[np.float64], Array]:
        """See `probes.quasi_newton.Objective`."""
        return self._with_penalty(point.weights, point.losses, point.gradients)

    def of(self, which: NDArray[np.int64]) -> Apart:
        """See `probes.quasi_newton.Objective`."""
        if len(which) == len(self.members):
            return self
        return replace(self, members=self.members[which], ridge=self.ridge[which])


@dataclass(frozen=True)
class Together(_Penalised):
    """The mean over all training sets, at the same weights (1, classes, units + 1).

    Its points hold losses (1, cells) and their gradients (1, cells, classes, units + 1), of which
    those of every set are sums.
    """

    def at(self, weights: Array) -> Point:
        """See `probes.quasi_newton.Objective`."""
        each = [self.rows.losses(number, weights) for number in range(self.rows.n_cells)]
        losses = np.stack([loss for loss, _ in each], axis=1)
        return Point(weights, losses, np.stack([gradient for _, gradient in each], axis=1))

    def secant(self, before: Point, after: Point) -> Secant:
        """See `probes.quasi_newton.Objective`."""
        old, new = (self.apart(point, self.members).gradients for point in (before, after))
        return Secant(after.weights - before.weights, new - old)

    def penalised(self, point: Point) -> tuple[NDArray[np.float64], Array]:
        """See `probes.quasi_newton.Objective`."""
        mean = self.apart(point, self.members)
        return self._with_penalty(point.weights, mean.losses, mean.gradients)

    def apart(self, point: Point, members: NDArray[np.float64]) -> Point:
        """Losses of sets made of cells (sets, cells), all at the weights of a point."""
        weights = np.repeat(point.weights, len(members), axis=0)
        gradients = np.tensordot(members.astype(weights.dtype), point.gradients[0], axes=1)
        return Point(weights, members @ point.losses[0], gradients)

    def of(self, which: NDArray[np.int64]) -> Together:
        """See `probes.quasi_newton.Objective`."""
        return self
