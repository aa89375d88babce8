"""The embedded brain recordings as traces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.subjects.brains.clock import StampedClock, SteadyClock
from workbench.subjects.brains.traces import Sampled, Series, Session, Traces
from workbench.subjects.brains.unit_table import unit_table
from workbench.subjects.brains.values import ArrayValues

if TYPE_CHECKING:
    import pandas as pd

    from workbench.demo.brain import BrainArrays
    from workbench.subjects.brains.clock import Clock


def demo_traces(demo: str) -> Traces:
    """Traces of ``brain`` or ``brain-spikes``.

    Parameters
    ----------
    demo : str

    Returns
    -------
    Traces

    Examples
    --------
    >>> [session.about["session"] for session in demo_traces("brain-spikes").sessions]
    ['200 Hz', '800 Hz']
    """
    from workbench.demo import brain

    arrays = brain.fmri() if demo == "brain" else brain.grasshopper()
    rows = arrays.row_labels
    runs = rows["run"].to_numpy() if "run" in rows else np.full(len(rows), "session")
    names = list(dict.fromkeys(runs.tolist()))
    spans = [np.flatnonzero(runs == name)[[0, -1]] + [0, 1] for name in names]
    parts = tuple(
        Sampled(ArrayValues(arrays.traces[first:last]), _clock(arrays, rows.iloc[first:last]))
        for first, last in spans
    )
    labels = rows.drop(columns="time_seconds")
    sessions = tuple(
        Session({"session": name}, labels=labels.iloc[first:last].reset_index(drop=True))
        for name, (first, last) in zip(names, spans, strict=True)
    )
    units = unit_table(len(arrays.unit_names), arrays.unit_names, arrays.unit_labels)
    site = "bold" if demo == "brain" else "spikes"
    about = {"source": arrays.source, "licence": arrays.licence}
    return Traces((Series(site, units, arrays.quantity, parts),), sessions, about)


def _clock(arrays: BrainArrays, rows: pd.DataFrame) -> Clock:
    times = rows["time_seconds"].to_numpy()
    steady = SteadyClock(len(times), arrays.sampling_rate, float(times[0]))
    exact = np.array_equal(steady.seconds(0, len(times)), times)
    return steady if exact else StampedClock(times)
