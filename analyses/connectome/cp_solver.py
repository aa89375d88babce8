"""Sweeps over all axes until the error no longer falls, from one start."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from analyses.connectome.cp_backends import Array, as_like, machine_epsilon, total
from analyses.connectome.cp_grams import Grams, squared_length
from analyses.connectome.cp_input import Problem
from analyses.connectome.cp_updates import UPDATES

# Sweeps over which progress is judged: a single one may be small by chance.
_WINDOW = 5


@dataclass(frozen=True)
class Descent:
    """Where a start led to.

    Attributes
    ----------
    factors : list of ndarray or Tensor (components, size)
    errors : list of float
        Relative error after every sweep; never rises.
    converged : bool
        Whether it stopped because the error no longer fell.
    """

    factors: list[Array]
    errors: list[float]
    converged: bool


@dataclass(frozen=True)
class Settings:
    """How to descend.

    Attributes
    ----------
    solver : {"hals", "mu"}
    max_iterations : int
        Sweeps.
    tolerance : float
        Stop once the error falls by less than this share of itself a sweep.
    passes : int
        Over the components in each update.
    accelerate : bool
        Whether factors are extrapolated between sweeps.
    enough : float
        Relative error at which to stop.
    """

    solver: str = "hals"
    max_iterations: int = 1000
    tolerance: float = 1e-6
    passes: int = 5
    accelerate: bool = True
    enough: float = 0.0


def random_start(shape: tuple[int, ...], rank: int, seed: int, restart: int) -> list[np.ndarray]:
    """Factors uniform from 0 to 1, the same whatever the library, dtype and device.

    Parameters
    ----------
    shape : tuple of int
    rank, seed, restart : int

    Returns
    -------
    list of ndarray (components, size)

    Examples
    --------
    >>> [each.shape for each in random_start((4, 5), 2, seed=0, restart=0)]
    [(2, 4), (2, 5)]
    """
    generator = np.random.default_rng([seed, restart])
    return [generator.random((size, rank)).T for size in shape]


def descend(problem: Problem, start: list[np.ndarray], settings: Settings) -> Descent:
    """Lower the error from a start.

    HALS is accelerated by extrapolating every factor along its last step as soon as it has been
    updated (Ang, Cohen, Gillis and Hien 2020, *Accelerating block coordinate descent for
    nonnegative tensor factorization*, algorithm 3), except that a sweep which raises the error is
    undone and done again without, so that the error never rises.

    Parameters
    ----------
    problem : Problem
    start : list of ndarray (components, size)
    settings : Settings

    Returns
    -------
    Descent
    """
    sweep = _Sweep(problem, len(start[0]), settings)
    factors = _scaled(problem, [as_like(each, problem.like) for each in start])
    pace = _Pace(settings.accelerate and settings.solver == "hals")
    state, previous = factors, factors
    errors: list[float] = []
    best = math.inf
    floor = max(settings.enough**2, machine_epsilon(problem.like) / 2) * problem.squares
    for _ in range(settings.max_iterations):
        updated, ahead, squares = sweep(state, previous, pace.step)
        if squares <= best:
            best, factors = squares, [*ahead[:-1], updated[-1]]
            state, previous = ahead, updated
            pace.faster()
        else:
            state = previous = factors
            pace.slower()
        errors.append(math.sqrt(max(best, 0.0) / problem.squares))
        if best <= floor or _stalled(errors, settings.tolerance):
            return Descent(factors, errors, True)
    return Descent(factors, errors, False)


class _Pace:
    """How far to extrapolate; nothing right after a sweep that was undone."""

    def __init__(self, accelerate: bool) -> None:
        self._on = accelerate
        self._step, self._limit = 0.5, 1.0
        self._fresh = True

    @property
    def step(self) -> float:
        return 0.0 if self._fresh or not self._on else self._step

    def faster(self) -> None:
        if not self._fresh:
            self._limit = min(1.0, 1.01 * self._limit)
            self._step = min(self._limit, 1.05 * self._step)
        self._fresh = False

    def slower(self) -> None:
        self._limit = self._step
        self._step /= 1.5
        self._fresh = True


class _Sweep:
    """One update of every axis, and the sum of squared errors after it."""

    def __init__(self, problem: Problem, rank: int, settings: Settings) -> None:
        self._problem = problem
        self._update = UPDATES[settings.solver]
        self._passes = settings.passes
        split = problem.contraction.split
        n_axes = len(problem.shape)
        self._groups = range(split), range(split, n_axes)
        self._grams = Grams(rank, n_axes, split, problem.mask, problem.like)

    def __call__(
        self, state: list[Array], previous: list[Array], step: float
    ) -> tuple[list[Array], list[Array], float]:
        ahead, updated = list(state), list(state)
        tensor = self._problem.contraction
        for group, axes in enumerate(self._groups):
            products = tensor.partial(group, ahead)
            shared = self._grams.partial(group, ahead)
            for axis in axes:
                product = tensor.finish(products, ahead, axis)
                gram = self._grams.of_axis(shared, ahead, axis)
                found = self._update(ahead[axis], product, gram, self._passes)
                updated[axis] = found
                if step:
                    ahead[axis] = (found + step * (found - previous[axis])).clip(min=0)
                else:
                    ahead[axis] = found
        explained = 2 * total(product * found) - squared_length(gram, found)
        return updated, ahead, self._problem.squares - explained


def _scaled(problem: Problem, factors: list[Array]) -> list[Array]:
    """Factors whose model is as long as the tensor, each with the same share in it."""
    squares = 1.0
    for factor in factors:
        squares = squares * (factor @ factor.T)
    model = total(squares)
    if model <= 0:
        return factors
    ratio = (problem.squares / model) ** (0.5 / len(factors))
    return [factor * ratio for factor in factors]


def _stalled(errors: list[float], tolerance: float) -> bool:
    if len(errors) <= _WINDOW:
        return False
    return errors[-1 - _WINDOW] - errors[-1] <= _WINDOW * tolerance * errors[-1]
