"""When samples were taken: at a constant rate, or at time stamps of their own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError, WorkbenchError

# Onsets and samples that lie on one moment differ by rounding.
_SAME_MOMENT = 1e-6
_STEADY = 0.01
_BLOCK = 65_536


@dataclass(frozen=True)
class Spacing:
    """Distances of neighbouring samples in seconds; ``count`` distances, ``total`` in all."""

    shortest: float
    longest: float
    total: float
    count: int

    @property
    def mean(self) -> float:
        """Mean distance."""
        return self.total / self.count


class Clock(ABC):
    """Times of the samples of one session, in seconds, rising.

    Attributes
    ----------
    n : int
        Number of samples.
    lead : float
        Seconds by which what a sample stands for begins before its time: half a bin.
    """

    n: int
    lead: float = 0.0

    @abstractmethod
    def seconds(self, start: int, stop: int) -> NDArray[np.float64]:
        """Times of the samples ``start`` to ``stop``, ``(stop - start,)``."""

    @abstractmethod
    def index(self, moments: NDArray[np.float64]) -> NDArray[np.int64]:
        """Number of the first sample at or after each moment, ``(moments,)``.

        A sample that precedes a moment by less than a millionth of a step counts as at it.
        """

    @property
    @abstractmethod
    def spacing(self) -> Spacing | None:
        """Distances of samples; None for a single one."""

    @property
    @abstractmethod
    def key(self) -> Any:
        """What two clocks share if, and only if, their samples were taken at the same moments."""

    @property
    def first(self) -> float:
        """Time of the first sample."""
        return float(self.seconds(0, 1)[0])

    @property
    def last(self) -> float:
        """Time of the last sample."""
        return float(self.seconds(self.n - 1, self.n)[0])


class SteadyClock(Clock):
    """Samples at a constant rate.

    Parameters
    ----------
    n : int
    rate : float
        In Hz.
    start : float
        Time of the first sample in seconds.
    lead : float
        See `Clock`.

    Examples
    --------
    >>> clock = SteadyClock(5, rate=10.0)
    >>> clock.seconds(2, 4).tolist(), clock.index(np.array([0.1, 0.15, 9.0])).tolist()
    ([0.2, 0.3], [1, 2, 5])
    """

    def __init__(self, n: int, rate: float, start: float = 0.0, lead: float = 0.0) -> None:
        if not 0 < rate < np.inf or not np.isfinite(start):
            raise WorkbenchError(
                f"Found a sampling rate of {rate} Hz from {start} s on; expected a positive rate "
                "and a finite start: the file's facts about time are damaged."
            )
        self.n, self.rate, self.start, self.lead = n, rate, start, lead

    def seconds(self, start: int, stop: int) -> NDArray[np.float64]:
        """See `Clock.seconds`."""
        return self.start + np.arange(start, stop) / self.rate

    def index(self, moments: NDArray[np.float64]) -> NDArray[np.int64]:
        """See `Clock.index`."""
        steps = np.ceil((moments - self.start) * self.rate - _SAME_MOMENT)
        return np.clip(steps, 0, self.n).astype(np.int64)

    @property
    def spacing(self) -> Spacing | None:
        """See `Clock.spacing`."""
        step = 1 / self.rate
        return Spacing(step, step, step * (self.n - 1), self.n - 1) if self.n > 1 else None

    @property
    def key(self) -> Any:
        """See `Clock.key`."""
        return ("steady", self.n, self.rate, self.start)


class StampedClock(Clock):
    """Samples with time stamps.

    Parameters
    ----------
    stamps : array-like (time,)
        Seconds, rising; a dataset on disk is read in blocks and never as a whole.
    name : str
        Whose times they are, for messages.

    Raises
    ------
    WorkbenchError
        If stamps are missing or do not rise.

    Examples
    --------
    >>> clock = StampedClock(np.array([0.0, 0.5, 1.1]))
    >>> clock.index(np.array([0.4, 0.5, 2.0])).tolist(), round(clock.spacing.mean, 2)
    ([1, 1, 3], 0.55)
    """

    def __init__(self, stamps: Any, name: str = "the samples") -> None:
        self._stamps, self._name = stamps, name
        self.n = len(stamps)

    def seconds(self, start: int, stop: int) -> NDArray[np.float64]:
        """See `Clock.seconds`."""
        return np.asarray(self._stamps[start:stop], dtype=np.float64)

    def index(self, moments: NDArray[np.float64]) -> NDArray[np.int64]:
        """See `Clock.index`."""
        margin = _SAME_MOMENT * (self.spacing.mean if self.spacing else 0.0)
        found = np.empty(len(moments), dtype=np.int64)
        sought = moments - margin
        blocks = np.maximum(np.searchsorted(self._survey[1], sought) - 1, 0)
        for block in np.unique(blocks):
            here = blocks == block
            start = int(block) * _BLOCK
            stamps = self.seconds(start, min(start + _BLOCK, self.n))
            found[here] = start + np.searchsorted(stamps, sought[here])
        return found

    @property
    def spacing(self) -> Spacing | None:
        """See `Clock.spacing`."""
        return self._survey[0]

    @property
    def key(self) -> Any:
        """See `Clock.key`."""
        return ("stamped", self._survey[2])

    @cached_property
    def _survey(self) -> tuple[Spacing | None, NDArray[np.float64], str]:
        """Spacing, first stamp of each block, digest: from one pass over the stamps."""
        import hashlib

        running, heads, steps = hashlib.sha256(), [], []
        before = np.empty(0)
        for start in range(0, self.n, _BLOCK):
            stamps = self.seconds(start, min(start + _BLOCK, self.n))
            step = np.diff(np.concatenate([before, stamps]))
            if not np.isfinite(stamps).all() or (step <= 0).any():
                raise WorkbenchError(_not_rising(self._name, start, stamps, step))
            running.update(stamps.tobytes())
            heads.append(stamps[0])
            steps.append((step.min(initial=np.inf), step.max(initial=0.0), step.sum()))
            before = stamps[-1:]
        shortest, longest, total = np.array(steps).T
        spacing = Spacing(
            float(shortest.min()), float(longest.max()), float(total.sum()), self.n - 1
        )
        return spacing if self.n > 1 else None, np.array(heads), running.hexdigest()


def _not_rising(
    name: str, start: int, stamps: NDArray[np.float64], step: NDArray[np.float64]
) -> str:
    if not np.isfinite(stamps).all():
        at = start + int(np.flatnonzero(~np.isfinite(stamps))[0])
        return (
            f"Time stamp {at} of {name} is missing or infinite; expected seconds throughout: mend "
            "the file, or choose other sites."
        )
    at = max(start - 1, 0) + int(np.flatnonzero(step <= 0)[0])
    return (
        f"Time stamps of {name} do not rise after sample {at}; expected rising seconds: sort the "
        "samples, split the file where its clock starts anew, or choose other sites."
    )


def time_facts(clocks: Sequence[Clock | None]) -> dict[str, Any]:
    """Spacing and, where it is constant within one per cent, the sampling rate.

    Parameters
    ----------
    clocks : sequence of Clock or None
        One a session.

    Returns
    -------
    dict
        ``spacing_seconds`` with ``min``, ``mean`` and ``max``, and ``sampling_rate_hz``; empty
        where no session has two samples.

    Examples
    --------
    >>> time_facts([SteadyClock(5, 10.0)])["sampling_rate_hz"]
    10.0
    """
    found = [clock.spacing for clock in clocks if clock is not None]
    spacings = [spacing for spacing in found if spacing is not None]
    if not spacings:
        return {}
    shortest = min(spacing.shortest for spacing in spacings)
    longest = max(spacing.longest for spacing in spacings)
    mean = sum(spacing.total for spacing in spacings) / sum(spacing.count for spacing in spacings)
    facts: dict[str, Any] = {
        "spacing_seconds": {"min": float(shortest), "mean": float(mean), "max": float(longest)}
    }
    if max(longest - mean, mean - shortest) <= _STEADY * mean:
        rates = {clock.rate for clock in clocks if isinstance(clock, SteadyClock)}
        exact = len(rates) == 1 and all(isinstance(clock, SteadyClock) for clock in clocks)
        facts["sampling_rate_hz"] = float(rates.pop()) if exact else float(1 / mean)
    return facts


def seconds_of(stamps: Any, name: str, unit: str | None) -> Any:
    """Time stamps in seconds, by the unit that a user stated.

    Parameters
    ----------
    stamps : array-like (time,)
    name : str
        What they are called; a name that ends in a unit other than seconds needs ``unit``.
    unit : str, optional
        ``s``, ``ms`` or ``min``.

    Returns
    -------
    array-like (time,)

    Raises
    ------
    UsageError
        If the unit is none of these, or the name contradicts seconds.

    Examples
    --------
    >>> seconds_of(np.array([0, 250]), "t", "ms").tolist()
    [0.0, 0.25]
    """
    factors = {"s": 1.0, "ms": 1e-3, "min": 60.0}
    if unit is None:
        if name.lower().endswith(("_ms", "_min", "minutes", "milliseconds", "msec")):
            raise UsageError(
                f"Found times '{name}'; expected to know their unit: pass time_unit=s, ms or min."
            )
        return stamps
    if unit not in factors:
        raise UsageError(f"Found time_unit '{unit}'; expected s, ms or min.")
    return stamps if unit == "s" else np.asarray(stamps, dtype=np.float64) * factors[unit]
