"""Which rows are learned from and which are held out: whole stimuli, or whole blocks of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workbench.analysis.row_order import canonical_order, time_blocks
from workbench.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from workbench.recording.recording import Recording

# Fewer groups than these cannot be split into parts that both hold several.
LEAST_GROUPS = 4
# With fewer stimuli than these, trials or blocks of time are held out in their place.
ENOUGH_GROUPS = 10
# A long series is cut into so many blocks of time, whose ends are not held out.
N_BLOCKS = 40
EDGE = 0.1


@dataclass(frozen=True)
class Split:
    """Rows to learn from and rows held out, in the order of stimulus and time.

    Attributes
    ----------
    rows : ndarray (sampled,) of int
        Row numbers in the recording.
    groups : ndarray (sampled,) of int
        What is held out as a whole: stimulus, or block of time.
    held_out : ndarray (sampled,) of bool
    follows : ndarray (sampled,) of bool
        Whether a row is the next step in time after the sampled row before it.
    unit : str
        What the groups are: ``stimuli``, ``trials`` or ``blocks of time``.
    """

    rows: NDArray[np.int64]
    groups: NDArray[np.int64]
    held_out: NDArray[np.bool_]
    follows: NDArray[np.bool_]
    unit: str


def draw_split(recording: Recording, max_rows: int, test_fraction: float, seed: int) -> Split:
    """Draw stimuli, and hold some of them out.

    Rows of one stimulus depend on each other, so a stimulus is learned from or held out as a
    whole. Where there are few stimuli but many steps in time, trials or blocks of time take their
    place, and the rows at the ends of held-out blocks are left out.

    Parameters
    ----------
    recording : Recording
    max_rows : int
        Rows to take, about; whole stimuli are drawn at random until there are so many.
    test_fraction : float
        Share of the stimuli that is held out.
    seed : int

    Returns
    -------
    Split
        The same for the same rows in another order, where the row table tells them apart.

    Raises
    ------
    UsageError
        If there are too few stimuli to hold any out.

    Examples
    --------
    >>> import workbench as wb
    >>> rec = wb.from_arrays({"a": np.zeros((8, 2))}, {"stimulus": np.repeat(range(4), 2)})
    >>> split = draw_split(rec, 100, 0.25, seed=0)
    >>> len(split.rows), int(split.held_out.sum()), split.unit
    (8, 4, 'stimuli')
    """
    table = recording.rows
    rows = canonical_order(table)
    stimuli = _codes(table, "stimulus", rows)
    series = _series(table, rows, stimuli)
    timed = "time" in table and recording.kind != "language"
    groups, depth, unit = stimuli, np.full(len(rows), 0.5), "stimuli"
    if timed and stimuli.max() + 1 < ENOUGH_GROUPS:
        if series.max() + 1 >= ENOUGH_GROUPS:
            groups, unit = series, "trials"
        elif len(rows) >= 2 * N_BLOCKS:
            (groups, depth), unit = time_blocks(series, N_BLOCKS), "blocks of time"
    generator = np.random.default_rng([seed, 11])
    chosen, held = _drawn(groups, max_rows, test_fraction, generator, unit)
    keep = np.isin(groups, chosen)
    held_out = np.isin(groups, held)
    keep &= ~held_out | ((depth >= EDGE) & (depth <= 1 - EDGE))
    places = _thinned(np.flatnonzero(keep), max_rows, generator)
    follows = np.zeros(len(places), dtype=bool)
    if timed:
        follows[1:] = (np.diff(places) == 1) & (np.diff(series[places]) == 0)
    return Split(rows[places], groups[places], held_out[places], follows, unit)


def _codes(table: pd.DataFrame, name: str, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    if name not in table:
        return np.arange(len(rows), dtype=np.int64)
    values = table[name].to_numpy()[rows]
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def _series(
    table: pd.DataFrame, rows: NDArray[np.int64], stimuli: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Runs of rows in which time goes on: a session, or a trial of it."""
    breaks = np.diff(stimuli, prepend=stimuli[:1]) != 0
    for name in ("trial", "checkpoint"):
        if name in table:
            codes = table[name].astype("category").cat.codes.to_numpy()[rows]
            breaks |= np.diff(codes, prepend=codes[:1]) != 0
    return np.cumsum(breaks).astype(np.int64)


def _drawn(
    groups: NDArray[np.int64],
    max_rows: int,
    test_fraction: float,
    generator: np.random.Generator,
    unit: str,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    names, sizes = np.unique(groups, return_counts=True)
    if len(names) < LEAST_GROUPS:
        raise UsageError(
            f"Found {len(names)} {unit}; expected at least {LEAST_GROUPS}, to hold some out: "
            "record more stimuli, or rows with a column 'time'."
        )
    order = generator.permutation(len(names))
    enough = int(np.searchsorted(np.cumsum(sizes[order]), max_rows)) + 1
    order = order[: max(LEAST_GROUPS, enough)]
    n_test = min(max(2, round(test_fraction * len(order))), len(order) - 2)
    return names[order], names[order[:n_test]]


def _thinned(
    places: NDArray[np.int64], max_rows: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    # The last stimulus drawn, or one long one, may go far beyond the limit.
    if len(places) <= 1.1 * max_rows:
        return places
    return np.sort(generator.choice(places, max_rows, replace=False))
