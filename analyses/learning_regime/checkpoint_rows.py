"""Rows of a recording by checkpoint: the same observations at each, in the same order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workbench.analysis.companions import check_untrained
from workbench.analysis.row_order import canonical_order
from workbench.errors import UsageError
from workbench.recording.recording import Recording

if TYPE_CHECKING:
    import pandas as pd

CHECKPOINT = "checkpoint"
# What says which observation a row is, within a checkpoint.
_KEYS = ("stimulus", "position", "word", "time", "trial")
_LEAST_ROWS = 4


@dataclass(frozen=True, eq=False)
class CheckpointRows:
    """A sample of observations, found at every checkpoint.

    Attributes
    ----------
    names : list of str
        Of the checkpoints, in the order of training.
    steps : ndarray (checkpoints,)
        Of training; NaN where they are not known.
    sources : list of pair of Recording and ndarray (rows,) of int
        Where the rows of each checkpoint lie.
    groups : ndarray (rows,) of int
        Stimulus of each row; equally many rows each, one group after the other.
    """

    names: list[str]
    steps: NDArray[np.float64]
    sources: list[tuple[Recording, NDArray[np.int64]]]
    groups: NDArray[np.int64]

    @property
    def n_groups(self) -> int:
        """Number of independent stimuli."""
        return int(self.groups[-1]) + 1


def checkpoint_rows(
    recording: Recording, before: Recording | None, sites: list[str], n_rows: int, seed: int
) -> CheckpointRows:
    """Sample rows that every checkpoint has.

    Parameters
    ----------
    recording : Recording
        With a column ``checkpoint`` in its row table, or, beside ``before``, of one checkpoint.
        Checkpoints are ordered by ``step``, else by number; names count as they come.
    before : Recording, optional
        Of the first checkpoint.
    sites : list of str
    n_rows : int
        Spread over as many stimuli as there are.
    seed : int

    Returns
    -------
    CheckpointRows

    Raises
    ------
    UsageError
        If there are no two checkpoints, or they do not have the same rows and units.
    """
    if before is not None:
        sources = _two(recording, before, sites)
        names, steps = ["before", recording.name], np.full(2, np.nan)
    else:
        parts = _by_checkpoint(recording)
        names, steps = _names(recording.rows, parts), _steps(recording.rows, parts)
        sources = [(recording, rows) for rows in parts]
    ordered = [(each, rows[canonical_order(each.rows.iloc[rows])]) for each, rows in sources]
    _check_same(ordered, names)
    first, rows = ordered[0]
    place, groups = _sample(first.rows.iloc[rows], n_rows, seed)
    return CheckpointRows(names, steps, [(each, own[place]) for each, own in ordered], groups)


def _two(
    recording: Recording, before: Recording, sites: list[str]
) -> list[tuple[Recording, NDArray[np.int64]]]:
    if CHECKPOINT in recording.rows and recording.rows[CHECKPOINT].nunique() > 1:
        raise UsageError(
            "Found several checkpoints in the recording and a recording 'before'; expected one of "
            "the two: leave before= out."
        )
    check_untrained(recording, before, sites)
    for site in sites:
        ours, theirs = recording[site].shape[1:], before[site].shape[1:]
        if ours != theirs:
            raise UsageError(
                f"Found units of shape {theirs} at site '{site}' before and {ours} after; expected "
                "checkpoints of one network."
            )
    return [(each, np.arange(each.n_rows)) for each in (before, recording)]


def _by_checkpoint(recording: Recording) -> list[NDArray[np.int64]]:
    if CHECKPOINT not in recording.rows:
        raise UsageError(
            f"Found no column 'checkpoint' in the rows of '{recording.name}'; expected a recording "
            "of several checkpoints: capture with --checkpoints, or give that of the first one as "
            "before=."
        )
    codes = recording.rows[CHECKPOINT]
    found = [np.flatnonzero(codes == code).astype(np.int64) for code in codes.unique()]
    order = _order(recording.rows, found)
    found = [found[place] for place in order]
    if len(found) < 2:
        raise UsageError(
            f"Found one checkpoint in '{recording.name}'; expected at least two: capture with more "
            "--checkpoints, or give that of the first one as before=."
        )
    return found


def _order(rows: pd.DataFrame, parts: list[NDArray[np.int64]]) -> NDArray[np.intp]:
    """By step where it is known, else by number; names stay in the order in which they come."""
    steps = _steps(rows, parts)
    if np.isfinite(steps).all():
        return np.argsort(steps, kind="stable")
    codes = rows[CHECKPOINT].iloc[[part[0] for part in parts]].to_numpy()
    return np.argsort(codes, kind="stable") if codes.dtype.kind in "iuf" else np.arange(len(parts))


def _names(rows: pd.DataFrame, parts: list[NDArray[np.int64]]) -> list[str]:
    column = "checkpoint_name" if "checkpoint_name" in rows else CHECKPOINT
    return [str(rows[column].iloc[part[0]]) for part in parts]


def _steps(rows: pd.DataFrame, parts: list[NDArray[np.int64]]) -> NDArray[np.float64]:
    if "step" not in rows:
        return np.full(len(parts), np.nan)
    steps = rows["step"].astype("Float64")
    return np.array([steps.iloc[part[0]] for part in parts], dtype=object).astype(np.float64)


def _keys(rows: pd.DataFrame) -> list[str]:
    return [name for name in _KEYS if name in rows]


def _check_same(ordered: list[tuple[Recording, NDArray[np.int64]]], names: list[str]) -> None:
    first, rows = ordered[0]
    if len(rows) < _LEAST_ROWS:
        raise UsageError(
            f"Found {len(rows)} rows a checkpoint; expected at least {_LEAST_ROWS}: record more "
            "stimuli."
        )
    for name, (other, part) in zip(names, ordered, strict=True):
        same = len(part) == len(rows) and all(
            first.rows[key].iloc[rows].tolist() == other.rows[key].iloc[part].tolist()
            for key in _keys(first.rows)
        )
        if not same:
            raise UsageError(
                f"Found other rows at checkpoint '{name}' ({len(part)}) than at '{names[0]}' "
                f"({len(rows)}); expected the same stimuli at each: finish the capture."
            )


def _sample(
    rows: pd.DataFrame, n_rows: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of equally many rows of each stimulus, and the stimulus of each."""
    generator = np.random.default_rng(seed)
    stimulus = rows["stimulus"].to_numpy() if "stimulus" in rows else np.arange(len(rows))
    _, codes, counts = np.unique(stimulus, return_inverse=True, return_counts=True)
    if len(counts) < _LEAST_ROWS:
        # Too few stimuli to shuffle: rows stand for themselves.
        codes, counts = np.arange(len(rows)), np.ones(len(rows), dtype=int)
    kept = np.sort(generator.permutation(len(counts))[: min(n_rows, len(counts))])
    each = max(1, min(n_rows // len(kept), int(counts[kept].min())))
    places = [
        np.sort(generator.permutation(np.flatnonzero(codes == group))[:each]) for group in kept
    ]
    return np.concatenate(places), np.repeat(np.arange(len(kept)), each)
