"""L-BFGS for several problems that lie side by side, and for what is known of their curvature."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
_MEMORY = 30
_ARMIJO = 1e-4
_HALVINGS = 30


@dataclass(frozen=True)
class Point:
    """Weights of every problem, with value and gradient of its loss, the penalty left out.

    Attributes
    ----------
    weights : ndarray (problems, ...)
    losses : ndarray (problems,)
    gradients : ndarray (problems, ...)
    """

    weights: Array
    losses: NDArray[np.float64]
    gradients: Array

    def of(self, which: NDArray[np.int64]) -> Point:
        """Some of the problems."""
        return Point(self.weights[which], self.losses[which], self.gradients[which])

    def replaced(self, which: NDArray[np.int64], by: Point) -> Point:
        """With other points of some of the problems."""
        new = Point(self.weights.copy(), self.losses.copy(), self.gradients.copy())
        new.weights[which] = by.weights
        new.losses[which] = by.losses
        new.gradients[which] = by.gradients
        return new


@dataclass(frozen=True)
class Secant:
    """A step, and how the gradient turned along it: what L-BFGS knows of the curvature.

    Attributes
    ----------
    step, turn : ndarray (problems or 1, ...)
        One where all problems are taken to be alike.
    """

    step: Array
    turn: Array

    @cached_property
    def curvature(self) -> NDArray[np.float64]:
        """By how much the gradient rose along the step (problems or 1,)."""
        return dots(self.step, self.turn)

    def of(self, which: NDArray[np.int64]) -> Secant:
        """For some of the problems."""
        if len(self.step) in (1, len(which)):
            return self
        return Secant(self.step[which], self.turn[which])


class Objective(Protocol):
    """Several penalised losses."""

    def at(self, weights: Array) -> Point:
        """Losses and their gradients, the penalty left out."""

    def penalised(self, point: Point) -> tuple[NDArray[np.float64], Array]:
        """Values and gradients, the penalty added."""

    def secant(self, before: Point, after: Point) -> Secant:
        """What two points tell of the losses, the penalty left out."""

    def curved(self, secant: Secant) -> Secant:
        """The same with the penalty."""

    def precondition(self, gradients: Array) -> Array:
        """Gradients times nearly the inverse Hessian."""

    def limits(self) -> NDArray[np.float64]:
        """Norms of the gradients at which each problem is solved, by the inverse Hessian."""

    def of(self, which: NDArray[np.int64]) -> Self:
        """Some of the problems."""


@dataclass(frozen=True)
class Minimum:
    """Where a search ended.

    Attributes
    ----------
    point : Point
    secants : list of Secant
        Of the losses without the penalty, oldest first; a problem that had ended stands still.
    iterations : int
    converged : bool
        Whether every gradient fell to its limit, or its value as far as precision allows.
    """

    point: Point
    secants: list[Secant]
    iterations: int
    converged: bool


def minimise(
    objective: Objective,
    start: Point,
    known: Sequence[Secant] = (),
    keep: int = 10,
    max_iterations: int = 200,
) -> Minimum:
    """Search for the minimum of every problem; those that have ended cost nothing more.

    Parameters
    ----------
    objective : Objective
    start : Point
    known : sequence of Secant
        Of the losses without the penalty, from earlier searches; the last one counts most.
    keep : int
        Secants of this search that are returned.
    max_iterations : int

    Returns
    -------
    Minimum
    """
    point, found = start, deque[Secant](maxlen=keep)
    curved = deque((objective.curved(each) for each in known), maxlen=_MEMORY)
    precision = float(np.finfo(start.weights.dtype).eps)
    stuck = np.zeros(len(start.weights), dtype=bool)
    iteration = 0
    while True:
        values, gradients = objective.penalised(point)
        norms = np.sqrt(np.maximum(dots(gradients, objective.precondition(gradients)), 0))
        open_ = np.flatnonzero(~stuck & (norms > objective.limits()))
        if not len(open_) or iteration == max_iterations:
            return Minimum(point, list(found), iteration, not len(open_))
        part = objective.of(open_)
        direction = -_two_loops(gradients[open_], [s.of(open_) for s in curved], part.precondition)
        reached = _line_search(part, point.of(open_), direction)
        # A problem whose value no longer falls is as good as its precision allows.
        fall = values[open_] - part.penalised(reached)[0]
        stuck[open_] = fall <= precision * np.abs(values[open_])
        after = point.replaced(open_, reached)
        found.append(objective.secant(point, after))
        curved.append(objective.curved(found[-1]))
        point = after
        iteration += 1


def _line_search(objective: Objective, point: Point, direction: Array) -> Point:
    """Halve the step of every problem until its value has fallen enough (Armijo's rule)."""
    values, gradients = objective.penalised(point)
    slopes = dots(gradients, direction)
    steps = np.ones(len(direction))
    reached, short = point, np.arange(len(direction))
    for _ in range(_HALVINGS):
        part = objective.of(short)
        moves = steps[short].astype(direction.dtype)[:, None, None] * direction[short]
        trial = part.at(point.weights[short] + moves)
        fine = part.penalised(trial)[0] <= (values + _ARMIJO * steps * slopes)[short]
        reached = reached.replaced(short[fine], trial.of(np.flatnonzero(fine)))
        short = short[~fine]
        if not len(short):
            break
        steps[short] *= 0.5
    # What cannot be improved at this precision stays where it is.
    return reached


def _two_loops(
    gradients: Array, secants: Sequence[Secant], precondition: Callable[[Array], Array]
) -> Array:
    """The inverse Hessian of every problem, as far as known, times its gradient (Nocedal 1980)."""
    direction = gradients.copy()
    done = []
    for secant in reversed(secants):
        curvature = secant.curvature
        inverse = np.where(curvature > 0, 1 / np.where(curvature > 0, curvature, 1), 0)
        alpha = inverse * dots(secant.step, direction)
        direction -= _times(alpha, secant.turn)
        done.append((secant, alpha, inverse))
    direction = precondition(direction)
    if done:
        direction *= _gain(secants[-1], gradients, precondition)
    for secant, alpha, inverse in reversed(done):
        beta = inverse * dots(secant.turn, direction)
        direction += _times(alpha - beta, secant.step)
    return direction


def _gain(secant: Secant, like: Array, precondition: Callable[[Array], Array]) -> Array:
    """By how much the last step was too long or too short for the preconditioner."""
    turn = np.broadcast_to(secant.turn, like.shape)
    curvature, length = secant.curvature, dots(turn, precondition(turn))
    usable = (curvature > 0) & (length > 0)
    gain = np.where(usable, curvature / np.where(usable, length, 1), 1)
    return gain.astype(like.dtype)[:, None, None]


def _times(factors: NDArray[np.float64], each: Array) -> Array:
    return factors.astype(each.dtype)[:, None, None] * each


def dots(first: Array, second: Array) -> NDArray[np.float64]:
    """Inner products (problems,) of two arrays (problems or 1, classes, units)."""
    return np.einsum("skd,skd->s", first, second, dtype=np.float64)
