"""Which rows follow each other in time, and how fast; asked for, never guessed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workbench.analysis.parameters import positive
from workbench.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from workbench.recording.recording import Recording

LEAST_ROWS = 32
LONGEST_BLOCK = 1024
# Spacing may differ from its mean by this share and still count as steady.
_STEADY = 0.01


@dataclass(frozen=True)
class Pace:
    """Sampling rate and what it counts.

    Attributes
    ----------
    rate : float
        Samples per unit of time.
    unit : str
        Unit of frequencies: ``Hz``, or cycles per step, token or unit of the time column.
    step : str
        What a sample is.
    """

    rate: float
    unit: str
    step: str


@dataclass(frozen=True)
class Blocks:
    """Stretches of time of equal length, none across two sessions.

    Attributes
    ----------
    rows : ndarray (blocks, time) of int
        Row numbers in the recording.
    session : ndarray (blocks,) of int
        Session, trial or text of each.
    n_rows_left_out : int
        Rows in no block.
    """

    rows: NDArray[np.int64]
    session: NDArray[np.int64]
    n_rows_left_out: int


def pace_of(recording: Recording, sampling_rate: float | None) -> Pace:
    """Sampling rate of a recording: as given, as its manifest says, or from its column of time.

    Parameters
    ----------
    recording : Recording
    sampling_rate : float, optional
        In samples per second; goes over everything else.

    Returns
    -------
    Pace

    Raises
    ------
    UsageError
        If nothing says how far rows are apart in time, or their spacing is uneven.
    """
    table = recording.rows
    given = recording.subject.get("sampling_rate_hz")
    if sampling_rate is not None:
        return Pace(positive(sampling_rate, "sampling_rate", " of samples per second"), "Hz", "row")
    if "time" in table:
        spacing = _spacing(table)
        if recording.kind == "brain":
            return Pace(float(given) if given else 1 / spacing, "Hz", "sample")
        if spacing == 1:
            return Pace(1.0, "cycles/step", "step")
        return Pace(1 / spacing, "cycles per unit of time", "step")
    if recording.kind == "language" and "position" in table and "stimulus" in table:
        return Pace(1.0, "cycles/token", "token")
    raise UsageError(
        f"Found no column 'time' in the rows of '{recording.name}'; expected rows that are steps "
        "in time: pass sampling_rate in samples per second if they are, in their order."
    )


def sessions_of(recording: Recording) -> list[NDArray[np.int64]]:
    """Rows of every session, trial or text, in order of time.

    Parameters
    ----------
    recording : Recording

    Returns
    -------
    list of ndarray of int
        All rows at once where every row is a stimulus of its own and nothing says its time.
    """
    table = recording.rows
    groups = _groups(table)
    within = next((name for name in ("time", "position") if name in table), None)
    moment = table[within].to_numpy() if within else np.arange(len(table))
    order = np.lexsort((moment, groups))
    ends = np.flatnonzero(np.diff(groups[order])) + 1
    return [part.astype(np.int64) for part in np.split(order, ends)]


def cut_blocks(
    sessions: list[NDArray[np.int64]], least_blocks: int, most_blocks: int, length: int | None
) -> Blocks:
    """Cut sessions into blocks of one length.

    Parameters
    ----------
    sessions : list of ndarray of int
    least_blocks, most_blocks : int
        Few long sessions are cut into parts until there are at least so many blocks, if these keep
        32 rows; of more than the most, some are chosen that are evenly spread.
    length : int, optional
        Rows a block instead.

    Returns
    -------
    Blocks

    Raises
    ------
    UsageError
        If no session is long enough.
    """
    sizes = np.array([len(each) for each in sessions])
    length = length or _best_length(sizes, least_blocks)
    if length < LEAST_ROWS or sizes.max() < length:
        raise UsageError(
            f"Found sessions of {sizes.max()} rows at most, for blocks of {length}; expected at "
            f"least {LEAST_ROWS} rows in a row: record longer sessions, trials or texts."
        )
    rows, owners = [], []
    for number, session in enumerate(sessions):
        for start in range(0, len(session) - length + 1, length):
            rows.append(session[start : start + length])
            owners.append(number)
    chosen = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), most_blocks)).astype(int))
    kept = np.stack(rows)[chosen]
    return Blocks(kept, np.array(owners)[chosen], int(sizes.sum()) - kept.size)


def _best_length(sizes: NDArray[np.int64], least_blocks: int) -> int:
    """The longest blocks that leave out a tenth of the rows at most, and are enough."""
    parts = np.unique([size // part for size in np.unique(sizes) for part in range(1, 9)])
    fitting = parts[(parts >= LEAST_ROWS) & (parts <= LONGEST_BLOCK)]
    if not len(fitting):
        return int(min(sizes.max(), LONGEST_BLOCK))
    counts = np.array([(sizes // length).sum() for length in fitting])
    used = counts * fitting / sizes.sum()
    for wanted in (
        (counts >= least_blocks) & (used >= 0.9),
        counts >= least_blocks,
        counts == counts.max(),
    ):
        if wanted.any():
            return int(fitting[wanted].max())
    return int(fitting.max())


def _groups(table: pd.DataFrame) -> NDArray[np.int64]:
    """Session of each row; one for all where every row is a stimulus of its own."""
    by = [name for name in ("checkpoint", "stimulus") if name in table]
    groups = table.groupby(by, sort=True).ngroup().to_numpy() if by else np.empty(0)
    if len(np.unique(groups)) in (0, len(table)):
        return np.zeros(len(table), dtype=np.int64)
    return groups.astype(np.int64)


def _spacing(table: pd.DataFrame) -> float:
    groups, times = _groups(table), table["time"].to_numpy(dtype=np.float64)
    order = np.lexsort((times, groups))
    steps = np.diff(times[order])[np.diff(groups[order]) == 0]
    if not len(steps) or not np.isfinite(steps).all():
        raise UsageError(
            "Found no two rows of one session with times; expected a finite time in every row: "
            "pass sampling_rate, or check the column 'time'."
        )
    mean = float(steps.mean())
    if steps.min() <= 0 or np.abs(steps - mean).max() > _STEADY * mean:
        raise UsageError(
            f"Found rows {steps.min():g} to {steps.max():g} apart in time; expected steady steps "
            "of one length: bin the recording evenly, or pass sampling_rate if that is meant."
        )
    return mean
