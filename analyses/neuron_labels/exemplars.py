"""Exemplars of every unit of a site, in one pass over a recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analyses.neuron_labels.accumulating import ExemplarAccumulator
from analyses.neuron_labels.masks import active_masks, check_upsampling
from analyses.neuron_labels.spans import (
    WINDOW,
    Rows,
    describe_rows,
    distinct,
    stimuli_of,
    tokens_of,
    windows_around,
)
from analyses.neuron_labels.splitting import SHARES, chosen_part, divide
from analyses.neuron_labels.types import Exemplars, Stimuli, UnitExemplars
from workbench.errors import UsageError

if TYPE_CHECKING:
    from workbench.recording.activations import Activations
    from workbench.recording.recording import Recording

_BATCH_BYTES = 2**25
# Windows of different texts may read alike: so many times as many peaks are kept to choose from.
_POOL = 2


def compute_exemplars(
    recording: Recording,
    site: str,
    k: int = 15,
    quantile: float = 0.99,
    upsample: str = "border",
    split: str | None = "exemplars",
    stimuli: Stimuli | None = None,
    *,
    shares: Sequence[float] = SHARES,
    window: int = WINDOW,
    seed: int = 0,
) -> Exemplars:
    """The stimuli that drive each unit of a site most, and where in them it is active.

    One pass keeps for every unit the strongest stimuli, their maps, and a sketch of all its
    activity; masks are where the enlarged map exceeds the quantile. Of tokens and of steps in time
    the rows around each peak are read again.

    Parameters
    ----------
    recording : Recording or Stream
        Rows are images with or without maps, tokens of texts, or steps in time.
    site : str
    k : int
        Exemplars a unit.
    quantile : float
        Of all activity of a unit; it is active where it exceeds that.
    upsample : str
        As for `masks.enlarge`: ``border`` or ``nearest``.
    split : str, optional
        Part of the stimuli to choose from: ``exemplars``, ``probe`` or ``held-out``; None for all
        of them, as MILAN does, which leaves nothing to test labels on.
    stimuli : Stimuli, optional
        Images, or what else was shown, by the column ``stimulus`` of the recording; by default
        what the recording knows: texts, labels.
    shares : sequence of three float
        Of the three parts.
    window : int
        Tokens or steps shown around a peak.
    seed : int
        Of the split and of the sketch.

    Returns
    -------
    Exemplars

    Raises
    ------
    UsageError
        If there is no recording, no such site or part, if stimuli are too few, or activity has more
        than two axes of space.
    WorkbenchError
        If activity is not finite.

    References
    ----------
    Hernandez et al., Natural Language Descriptions of Deep Visual Features, arXiv 2201.11114, 3.1.

    Examples
    --------
    >>> import workbench as wb
    >>> maps = np.zeros((9, 1, 2, 2), np.float32)
    >>> maps[4, 0, 0, 1] = 1
    >>> images = np.arange(9 * 48, dtype=np.uint8).reshape(9, 4, 4, 3)
    >>> rec = wb.from_arrays({"conv": maps}, kind="vision")
    >>> shown = Stimuli("vision", images=images)
    >>> unit = compute_exemplars(rec, "conv", k=3, quantile=0.9, split=None, stimuli=shown)[0]
    >>> unit.stimuli.tolist(), unit.masks[0].astype(int).tolist()[0]
    ([4, 0, 1], [0, 1, 1, 1])
    """
    if not hasattr(recording, "sites"):
        raise UsageError(
            f"Found activity of type '{type(recording).__name__}'; expected a recording: open it "
            "with workbench.open, or make one of arrays with workbench.from_arrays."
        )
    check_upsampling(upsample)
    activations = recording[site]
    if len(activations.shape) > 4:
        raise UsageError(
            f"Found activity of shape {activations.shape} at '{site}'; expected at most two axes "
            "of space: select or flatten the others."
        )
    rows = describe_rows(recording, stimuli)
    known = stimuli if stimuli is not None else stimuli_of(recording, rows)
    _check_numbers(rows, stimuli)
    blocks = divide(rows.contents, shares, seed)
    used = np.isin(rows.block, chosen_part(blocks, split, len(rows.contents)))
    pool = k if rows.kind == "vision" else _POOL * k
    seen = ExemplarAccumulator(pool, quantile, rows.kind == "vision", seed=seed)
    _feed(seen, activations, rows.groups, used)
    chosen = _Chosen(site, rows, known, seen, k, upsample, seen.thresholds)
    sets = (
        chosen.with_maps(activations)
        if rows.kind == "vision"
        else chosen.spans(activations, window)
    )
    parts = {name: np.unique(rows.stimulus[np.isin(rows.block, b)]) for name, b in blocks.items()}
    chosen_from = np.unique(rows.stimulus[used])
    return Exemplars(
        site, rows.kind, sets, chosen.thresholds, quantile, k, known, chosen_from, parts
    )


def _check_numbers(rows: Rows, stimuli: Stimuli | None) -> None:
    if stimuli is not None and len(rows.stimulus) and int(rows.stimulus.max()) >= len(stimuli):
        raise UsageError(
            f"Found {len(stimuli)} stimuli for a recording that names number "
            f"{int(rows.stimulus.max())}; expected one for each number in the column 'stimulus'."
        )


def _feed(
    seen: ExemplarAccumulator,
    activations: Activations,
    groups: NDArray[np.int64],
    used: NDArray[np.bool_],
) -> None:
    size = max(1, _BATCH_BYTES // max(4, 4 * int(np.prod(activations.shape[1:]))))
    for batch, numbers in activations.batches(size, return_rows=True):
        wanted = used[numbers]
        chosen = numbers[wanted]
        seen.update(batch if wanted.all() else batch[wanted], chosen, groups[chosen])


@dataclass(eq=False)
class _Chosen:
    """What one pass found, to be made into sets of exemplars."""

    site: str
    rows: Rows
    stimuli: Stimuli | None
    seen: ExemplarAccumulator
    k: int
    upsample: str
    thresholds: NDArray[np.float64]

    def with_maps(self, activations: Activations) -> Sequence[UnitExemplars]:
        top, space = self.seen.strongest, self.seen.space
        maps = top.maps
        if maps is None and np.prod(space) > 1:
            maps = read_again(activations, top.numbers)
        shape = (1, *space)[-2:] if space else (1, 1)
        values = top.values[..., None] if maps is None else maps
        return MapExemplars(self, values.reshape(*top.numbers.shape, *shape), bool(space))

    def spans(self, activations: Activations, window: int) -> Sequence[UnitExemplars]:
        peaks = self.seen.strongest.numbers
        windows = windows_around(self.rows, peaks, window).rows
        kept = [distinct(self.rows, w, p, self.k) for w, p in zip(windows, peaks, strict=True)]
        used = np.full((len(peaks), self.k, window), -1)
        for unit, places in enumerate(kept):
            used[unit, : len(places)] = windows[unit, places]
        activity = read_again(activations, used)
        return [self._span(u, places, used[u], activity[u]) for u, places in enumerate(kept)]

    def _span(
        self, unit: int, places: NDArray[np.int64], rows: NDArray[np.int64], activity: NDArray
    ) -> UnitExemplars:
        rows, activity = rows[: len(places)], activity[: len(places)].reshape(len(places), -1)
        inside = [span[span >= 0] for span in rows]
        masks = np.zeros(rows.shape, dtype=bool)
        # Windows begin at the first column, as their tokens do.
        for mask, span, values in zip(masks, rows, activity, strict=True):
            active = values[span >= 0] > self.thresholds[unit]
            mask[: len(active)] = active
        top = self.seen.strongest
        return UnitExemplars(
            unit,
            self.site,
            self.rows.kind,
            self.rows.stimulus[top.numbers[unit, places]],
            top.values[unit, places],
            masks,
            tokens=[list(tokens_of(self.rows, span)) for span in inside]
            if self.rows.tokens is not None
            else None,
            spans=np.array([(s.min(), s.max() + 1) for s in inside], np.int64).reshape(-1, 2),
            threshold=float(self.thresholds[unit]),
        )


class MapExemplars(Sequence[UnitExemplars]):
    """Sets of exemplars whose masks are made when they are asked for.

    Parameters
    ----------
    chosen : _Chosen
    maps : ndarray (units, k, height, width)
    has_space : bool
        Units without space are active everywhere.
    """

    def __init__(self, chosen: _Chosen, maps: NDArray[np.float32], has_space: bool) -> None:
        self._chosen, self._maps, self._has_space = chosen, maps, has_space

    def __len__(self) -> int:
        return len(self._maps)

    def __getitem__(self, unit: int) -> UnitExemplars:  # type: ignore[override]
        chosen, number = self._chosen, range(len(self))[unit]
        top = chosen.seen.strongest
        there = top.numbers[number] >= 0
        stimuli = chosen.rows.stimulus[top.numbers[number][there]]
        shown = chosen.stimuli.images if chosen.stimuli is not None else None
        images = None if shown is None else shown[stimuli]
        size = self._maps.shape[-2:] if images is None else images.shape[1:3]
        threshold = float(chosen.thresholds[number])
        maps = self._maps[number][there]
        masks = np.ones((len(maps), *size), dtype=bool)
        if self._has_space:
            masks = active_masks(maps, threshold, size, chosen.upsample)
        values = top.values[number][there]
        return UnitExemplars(
            number, chosen.site, "vision", stimuli, values, masks, images, threshold=threshold
        )


def read_again(activations: Activations, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Activity of every unit at rows of its own, each row read once.

    Parameters
    ----------
    activations : Activations
    rows : ndarray (units, ...) of int
        -1 for none, which is NaN.

    Returns
    -------
    ndarray (units, ..., *space) of float32
    """
    space = activations.shape[2:]
    found = np.full((rows.size, *space), np.nan, np.float32)
    flat = rows.reshape(-1)
    unit = np.repeat(np.arange(len(rows)), rows.size // max(1, len(rows)))
    order = np.argsort(flat, kind="stable")
    order = order[flat[order] >= 0]
    wanted, first = np.unique(flat[order], return_index=True)
    edges = np.append(first, len(order))
    size = max(1, _BATCH_BYTES // max(4, 4 * int(np.prod(activations.shape[1:]))))
    for start in range(0, len(wanted), size):
        stop = min(start + size, len(wanted))
        values = activations.to_numpy(wanted[start:stop])
        here = order[edges[start] : edges[stop]]
        found[here] = values[np.searchsorted(wanted[start:stop], flat[here]), unit[here]]
    return found.reshape(*rows.shape, *space)
