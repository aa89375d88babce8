"""The three decision tasks of the study, to their original definitions.

Written anew after neurogym 0.0.1 (``PerceptualDecisionMaking``, ``DelayMatchSample`` and
``ContextDecisionMaking``), because version 2 silently changes two of them: context is then
implicit, and the fixation input is on during the fixation period only, which lasts 0 ms here.
Periods are those of Liu et al. 2024 (arXiv 2310.08513): eight steps of 100 ms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError, nearest

Seed = int | Sequence[int]
# Held-out trials never share a generator with those of training.
_HELD_OUT = 0x7E57


@dataclass(frozen=True, eq=False)
class Trials:
    """Trials of a task.

    Attributes
    ----------
    inputs : ndarray (trials, steps, channels) of float32
    targets : ndarray (trials, steps) of int
        The output that should be largest at every step.
    conditions : dict of str to ndarray (trials,)
        What was drawn for each trial.
    """

    inputs: NDArray[np.float32]
    targets: NDArray[np.int64]
    conditions: Mapping[str, NDArray[Any]]


class Task(Protocol):
    """What a network can be trained on.

    Attributes
    ----------
    name : str
    n_inputs, n_outputs, n_steps : int
    taught_from, answered_from : int
        First step that enters the loss, and that counts for accuracy.
    """

    @property
    def name(self) -> str: ...
    @property
    def n_inputs(self) -> int: ...
    @property
    def n_outputs(self) -> int: ...
    @property
    def n_steps(self) -> int: ...
    @property
    def taught_from(self) -> int: ...
    @property
    def answered_from(self) -> int: ...

    def trials(self, n_trials: int, seed: Seed = 0) -> Trials:
        """Trials to train on; equal seeds give equal trials."""

    def held_out(self, n_trials: int, seed: int = 0) -> Trials:
        """Trials that training never sees."""


@dataclass(frozen=True)
class DecisionTask:
    """What the three tasks share: outputs 0 = fixate, 1 and 2; one decision at the end.

    Parameters
    ----------
    dt : int
        Milliseconds a step.
    sigma : float
        Noise of the inputs; its standard deviation a step is ``sigma / sqrt(dt)``.
    """

    dt: int = 100
    sigma: float = 1.0

    name: ClassVar[str]
    n_inputs: ClassVar[int]
    n_outputs: ClassVar[int] = 3
    taught_from: ClassVar[int] = 0

    def periods(self) -> dict[str, int]:
        """Lengths of the periods, in milliseconds, in their order."""
        raise NotImplementedError

    @property
    def n_steps(self) -> int:
        """Steps of a trial."""
        return sum(_n_steps(name, length, self.dt) for name, length in self.periods().items())

    @property
    def answered_from(self) -> int:
        """First step of the decision."""
        return self.n_steps - _n_steps("decision", self.periods()["decision"], self.dt)

    def steps_of(self, period: str) -> slice:
        """Steps of a period.

        Parameters
        ----------
        period : str

        Returns
        -------
        slice

        Examples
        --------
        >>> DelayMatchSample().steps_of("test")
        slice(6, 7, None)
        """
        start = 0
        for name, length in self.periods().items():
            stop = start + _n_steps(name, length, self.dt)
            if name == period:
                return slice(start, stop)
            start = stop
        raise UsageError(f"Found no period '{period}'; {nearest(period, self.periods())}")

    def trials(self, n_trials: int, seed: Seed = 0) -> Trials:
        """Draw trials.

        Parameters
        ----------
        n_trials : int
        seed : int or sequence of int
            Equal seeds give equal trials.

        Returns
        -------
        Trials

        Raises
        ------
        UsageError
            If there is no trial to draw, or a period is no whole number of steps.
        """
        if n_trials < 1:
            raise UsageError(f"Found n_trials {n_trials}; expected at least one trial.")
        generator = np.random.default_rng(seed)
        inputs = np.zeros((n_trials, self.n_steps, self.n_inputs), np.float32)
        inputs[:, : self.answered_from, 0] = 1.0
        answers, conditions = self._fill(inputs, generator)
        targets = np.zeros(inputs.shape[:2], np.int64)
        targets[:, self.answered_from :] = answers[:, None]
        return Trials(inputs, targets, {**conditions, "answer": answers})

    def held_out(self, n_trials: int, seed: int = 0) -> Trials:
        """Draw trials from generators that training never uses.

        Parameters
        ----------
        n_trials : int
        seed : int

        Returns
        -------
        Trials
        """
        return self.trials(n_trials, (_HELD_OUT, seed))

    def _fill(
        self, inputs: NDArray[np.float32], generator: np.random.Generator
    ) -> tuple[NDArray[np.int64], dict[str, NDArray[Any]]]:
        raise NotImplementedError

    def _add_noise(self, part: NDArray[np.float32], generator: np.random.Generator) -> None:
        noise = generator.standard_normal(part.shape, np.float32)
        part += np.float32(self.sigma / np.sqrt(self.dt)) * noise


@dataclass(frozen=True)
class PerceptualDecisionMaking(DecisionTask):
    """2AF: which of two noisy channels is the stronger one?

    Parameters
    ----------
    dt, sigma
        As `DecisionTask`.
    stimulus, decision : int
        Milliseconds.
    coherences : tuple of float
        Differences between the channels, in percent; at 0 the answer is drawn by chance.

    Examples
    --------
    >>> trials = PerceptualDecisionMaking().trials(4, seed=0)
    >>> trials.inputs.shape, trials.inputs[0, :, 0].tolist()
    ((4, 8, 3), [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0])
    """

    stimulus: int = 700
    decision: int = 100
    coherences: tuple[float, ...] = (0.0, 6.4, 12.8, 25.6, 51.2)

    name: ClassVar[str] = "2AF"
    n_inputs: ClassVar[int] = 3

    def periods(self) -> dict[str, int]:
        """Lengths of the periods, in milliseconds, in their order."""
        return {"stimulus": self.stimulus, "decision": self.decision}

    def _fill(
        self, inputs: NDArray[np.float32], generator: np.random.Generator
    ) -> tuple[NDArray[np.int64], dict[str, NDArray[Any]]]:
        answers = generator.integers(1, 3, size=len(inputs))
        coherence = generator.choice(self.coherences, size=len(inputs))
        shown = inputs[:, self.steps_of("stimulus"), 1:]
        shown += _pair(answers, coherence / 100)[:, None]
        self._add_noise(shown, generator)
        return answers, {"coherence": coherence}


@dataclass(frozen=True)
class DelayMatchSample(DecisionTask):
    """DMS: is the test the same as the sample before the delay? 1 = match, 2 = non-match.

    Parameters
    ----------
    dt, sigma
        As `DecisionTask`.
    sample, delay, test, decision : int
        Milliseconds.

    Examples
    --------
    >>> trials = DelayMatchSample(sigma=0).trials(50, seed=0)
    >>> same = (trials.inputs[:, 0, 1:] == trials.inputs[:, 6, 1:]).all(axis=1)
    >>> bool((same == (trials.targets[:, -1] == 1)).all())
    True
    """

    sample: int = 100
    delay: int = 500
    test: int = 100
    decision: int = 100

    name: ClassVar[str] = "DMS"
    n_inputs: ClassVar[int] = 3

    def periods(self) -> dict[str, int]:
        """Lengths of the periods, in milliseconds, in their order."""
        lengths = self.sample, self.delay, self.test, self.decision
        return dict(zip(("sample", "delay", "test", "decision"), lengths, strict=True))

    def _fill(
        self, inputs: NDArray[np.float32], generator: np.random.Generator
    ) -> tuple[NDArray[np.int64], dict[str, NDArray[Any]]]:
        answers = generator.integers(1, 3, size=len(inputs))
        sample = generator.integers(1, 3, size=len(inputs))
        test = np.where(answers == 1, sample, 3 - sample)
        for period, stimulus in (("sample", sample), ("test", test)):
            shown = inputs[:, self.steps_of(period), 1:]
            shown += _pair(stimulus, 1.0)[:, None]
            self._add_noise(shown, generator)
        return answers, {"sample": sample, "test": test}


@dataclass(frozen=True)
class ContextDecisionMaking(DecisionTask):
    """CXT: which channel of the modality that the context names was the stronger one?

    Channels are fixation, two for each modality, and two that name the context, which stay on
    during the decision. Noise is on all of them during the stimulus.

    Parameters
    ----------
    dt, sigma
        As `DecisionTask`.
    stimulus, delay, decision : int
        Milliseconds.
    coherences : tuple of float
        Differences between the channels of a modality, in percent.

    Examples
    --------
    >>> trials = ContextDecisionMaking().trials(3, seed=0)
    >>> trials.inputs.shape, trials.inputs[:, -1, :5].any(), trials.inputs[:, -1, 5:].sum(axis=1)
    ((3, 8, 7), np.False_, array([1., 1., 1.], dtype=float32))
    """

    stimulus: int = 200
    delay: int = 500
    decision: int = 100
    coherences: tuple[float, ...] = (5.0, 15.0, 50.0)

    name: ClassVar[str] = "CXT"
    n_inputs: ClassVar[int] = 7

    def periods(self) -> dict[str, int]:
        """Lengths of the periods, in milliseconds, in their order."""
        return {"stimulus": self.stimulus, "delay": self.delay, "decision": self.decision}

    def _fill(
        self, inputs: NDArray[np.float32], generator: np.random.Generator
    ) -> tuple[NDArray[np.int64], dict[str, NDArray[Any]]]:
        n_trials = len(inputs)
        # Of both modalities: the side that is stronger, and by how much.
        sides = generator.integers(1, 3, size=(n_trials, 2))
        coherences = generator.choice(self.coherences, size=(n_trials, 2))
        context = generator.integers(2, size=n_trials)
        shown = inputs[:, self.steps_of("stimulus")]
        for modality in (0, 1):
            means = _pair(sides[:, modality], coherences[:, modality] / 100)
            shown[:, :, 1 + 2 * modality : 3 + 2 * modality] = means[:, None]
        self._add_noise(shown, generator)
        inputs[np.arange(n_trials), :, 5 + context] += 1.0
        return sides[np.arange(n_trials), context], {
            "context": context,
            "coherence": coherences[np.arange(n_trials), context],
            "other_side": sides[np.arange(n_trials), 1 - context],
            "other_coherence": coherences[np.arange(n_trials), 1 - context],
        }


TASKS: dict[str, type[DecisionTask]] = {
    task.name: task for task in (PerceptualDecisionMaking, DelayMatchSample, ContextDecisionMaking)
}


def as_task(task: str | Task) -> Task:
    """A task by its name, or as it was given.

    Parameters
    ----------
    task : str or Task
        *2AF*, *DMS*, *CXT* or *digits*.

    Returns
    -------
    Task

    Raises
    ------
    UsageError
        If there is no such task.

    Examples
    --------
    >>> as_task("2AF").n_inputs
    3
    """
    if not isinstance(task, str):
        return task
    if task == "digits":
        from analyses.learning_regime.sequential_digits import SequentialDigits

        return SequentialDigits()
    if task not in TASKS:
        raise UsageError(f"Found no task '{task}'; {nearest(task, [*TASKS, 'digits'])}")
    return TASKS[task]()


def _pair(stronger: NDArray[np.int64], difference: Any) -> NDArray[np.float32]:
    """Means (trials, 2) of two channels, of which the first or second is the stronger one."""
    # On a ring of two channels cos(theta - theta*) is 1 for the channel itself, -1 for the other.
    sign = np.where(stronger == 1, 1.0, -1.0) * difference
    return (0.5 + 0.5 * np.stack([sign, -sign], axis=1)).astype(np.float32)


def _n_steps(period: str, length: int, dt: int) -> int:
    n, rest = divmod(length, dt)
    if rest or n < 1:
        raise UsageError(
            f"Found {length} ms for '{period}' at {dt} ms a step; expected a whole number of "
            "steps, at least one."
        )
    return int(n)
