"""What labels are re-ranked and tested on: probe and held-out rows of a site, drawn uniformly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analyses.neuron_labels.parts import HELD_OUT, PROBE
from analyses.neuron_labels.pooling import pooled
from analyses.neuron_labels.spans import describe_rows
from analyses.neuron_labels.types import Exemplars, Kind, Stimuli
from workbench.errors import UsageError, WorkbenchError
from workbench.recording.recording import Recording

if TYPE_CHECKING:
    from analyses.neuron_labels.spans import Rows

_AT_ONCE = 2048


@dataclass(frozen=True, eq=False)
class Observed:
    """Rows of a site in the order in which simulators predict them.

    Attributes
    ----------
    kind : str
    activity : ndarray (rows, units)
        The largest over space.
    groups : ndarray (rows,) of int
        Image, text, trial or segment of each row.
    parts : dict of str to ndarray of int
        Groups of the probe and of the held-out part.
    stimuli : Stimuli, optional
        For simulators: images of the rows, or texts whose tokens the rows are, or labels.
    level : str
        ``token`` if rows are tokens of texts, else ``text``.
    """

    kind: Kind
    activity: NDArray[np.float32]
    groups: NDArray[np.int64]
    parts: dict[str, NDArray[np.int64]]
    stimuli: Stimuli | None
    level: str

    def of_part(self, name: str) -> NDArray[np.int64]:
        """Rows of a part, in order."""
        return np.flatnonzero(np.isin(self.groups, self.parts[name]))


def observe(
    recording: Recording, site: str, exemplars: Exemplars, max_rows: int, seed: int
) -> Observed:
    """Read probe and held-out rows of a site.

    Parameters
    ----------
    recording : Recording
    site : str
    exemplars : Exemplars
        Whose parts are taken.
    max_rows : int
        Of each part, about; whole stimuli are drawn at random.
    seed : int

    Returns
    -------
    Observed

    Raises
    ------
    UsageError
        If a part holds fewer than four stimuli, or a text several rows that are no tokens.
    WorkbenchError
        If activity is not finite.
    """
    rows = describe_rows(recording, exemplars.stimuli)
    parts = {
        name: _drawn(rows, exemplars.parts[name], name, max_rows, seed)
        for name in (PROBE, HELD_OUT)
    }
    wanted = np.isin(rows.block, np.concatenate(list(parts.values())))
    chosen = rows.order[wanted[rows.order]]
    activity = _read(recording, site, chosen)
    groups = rows.block[chosen]
    level = "token" if rows.tokens is not None else "text"
    if rows.kind != "brain" and level == "text":
        activity, groups, chosen = _one_row_each(activity, groups, chosen, rows.kind)
    stimuli = _shown(exemplars.stimuli, rows, chosen, groups)
    return Observed(rows.kind, activity, groups, parts, stimuli, level)


def _drawn(
    rows: Rows, part: NDArray[np.int64], name: str, max_rows: int, seed: int
) -> NDArray[np.int64]:
    """Blocks of a part: all, or as many as hold the rows that are wanted."""
    blocks = np.unique(rows.block[np.isin(rows.stimulus, part)])
    if len(blocks) < 4:
        raise UsageError(
            f"Found {len(blocks)} stimuli in the part '{name}'; expected at least four: record "
            "more stimuli."
        )
    order = np.random.default_rng([seed, 71]).permutation(blocks)
    sizes = np.cumsum(np.bincount(rows.block, minlength=int(blocks.max()) + 1)[order])
    return np.sort(order[: max(4, int(np.searchsorted(sizes, max_rows, side="right")))])


def _read(recording: Recording, site: str, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    parts = [
        pooled(recording[site].to_numpy(rows[start : start + _AT_ONCE])).astype(np.float32)
        for start in range(0, len(rows), _AT_ONCE)
    ]
    values = np.concatenate(parts)
    if not np.isfinite(values).all():
        raise WorkbenchError(
            f"Found NaN or infinite activity at '{site}'; expected finite numbers: leave such rows "
            "or units out with select."
        )
    return values


def _one_row_each(
    activity: NDArray[np.float32],
    groups: NDArray[np.int64],
    chosen: NDArray[np.int64],
    kind: str,
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """The largest activity of each image or text."""
    order = np.argsort(groups, kind="stable")
    numbers, first = np.unique(groups[order], return_index=True)
    if len(numbers) < len(groups) and kind == "language":
        raise UsageError(
            "Found several rows a text without a column 'token'; expected the tokens, or one row a "
            "text: capture with positions 'all' or 'mean'."
        )
    return np.maximum.reduceat(activity[order], first, axis=0), numbers, chosen[order][first]


def _shown(
    stimuli: Stimuli | None, rows: Rows, chosen: NDArray[np.int64], groups: NDArray[np.int64]
) -> Stimuli | None:
    if stimuli is None:
        return None
    texts = rows.kind == "language"
    return stimuli.take(np.unique(groups) if texts else rows.stimulus[chosen])
