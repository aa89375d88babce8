"""What every format is read into: series of activity, sessions, and spans of time with labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.errors import WorkbenchError
from workbench.subjects.brains.clock import Clock, time_facts
from workbench.subjects.brains.intervals import Intervals
from workbench.subjects.brains.spikes import SpikeTrains
from workbench.subjects.brains.values import Values

if TYPE_CHECKING:
    import pandas as pd

UNSTATED = "not stated"


@dataclass(frozen=True)
class Sampled:
    """One session of a series that was sampled.

    Attributes
    ----------
    values : Values
        ``(time, unit)``.
    clock : Clock, optional
        None for a map, which has no time.
    """

    values: Values
    clock: Clock | None


@dataclass(frozen=True)
class Series:
    """Activity at one site.

    Attributes
    ----------
    name : str
        Name of the site.
    units : DataFrame
        One row a unit, as `unit_table` makes it.
    quantity : str
        What a value is, with its physical unit.
    parts : tuple of Sampled or SpikeTrains
        One a session.
    is_default : bool
        Whether ``*`` means it too.
    """

    name: str
    units: pd.DataFrame
    quantity: str
    parts: tuple[Sampled | SpikeTrains, ...]
    is_default: bool = True

    @property
    def is_spikes(self) -> bool:
        """Whether these are spike times, which have rows only once they are binned."""
        return isinstance(self.parts[0], SpikeTrains)

    @property
    def dtype(self) -> np.dtype:
        """Dtype of the values; of counts for spikes."""
        part = self.parts[0]
        return part.count_dtype if isinstance(part, SpikeTrains) else part.values.dtype

    @property
    def time_base(self) -> Any:
        """Equal for two series if, and only if, their samples were taken at the same moments."""
        clocks = [part.clock for part in self.parts if isinstance(part, Sampled)]
        return tuple(None if clock is None else clock.key for clock in clocks)

    @property
    def pace(self) -> str:
        """The sampling rate or mean spacing, for people."""
        if self.is_spikes:
            return "spike times"
        n = sum(part.values.shape[0] for part in self.parts if isinstance(part, Sampled))
        try:
            facts = time_facts([part.clock for part in self.parts if isinstance(part, Sampled)])
        except WorkbenchError:
            return f"time stamps that do not rise, {n} samples"
        if "sampling_rate_hz" in facts:
            return f"{facts['sampling_rate_hz']:.6g} Hz, {n} samples"
        if "spacing_seconds" in facts:
            return f"uneven, {facts['spacing_seconds']['mean']:.4g} s on average, {n} samples"
        return f"no time, {n} samples"


@dataclass(frozen=True)
class Session:
    """One unbroken span of recording: a run, a segment, an animal's session.

    Attributes
    ----------
    about : dict
        Its row in the table of stimuli.
    intervals : tuple of Intervals
        Trials first.
    labels : DataFrame, optional
        One row a sample: what is known of each moment.
    """

    about: dict[str, Any]
    intervals: tuple[Intervals, ...] = ()
    labels: pd.DataFrame | None = None


@dataclass(frozen=True)
class Traces:
    """A recorded brain, read from no matter what.

    Attributes
    ----------
    series : tuple of Series
    sessions : tuple of Session
        As many as parts of each series.
    about : dict
        Facts for people: source, animal, licence.
    notes : dict
        What a reader must know: what was guessed, left out, transposed.
    file : object
        What must stay open as long as values are read.
    """

    series: tuple[Series, ...]
    sessions: tuple[Session, ...]
    about: dict[str, Any] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)
    file: Any = None
