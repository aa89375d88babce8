"""Stimuli in time, and animals brought onto one time axis by them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError

NO_STIMULUS = ""


@dataclass(frozen=True)
class Stimulus:
    """One presentation of a stimulus.

    Attributes
    ----------
    name : str
    onset, offset : float
        Seconds, on the animal's own clock.
    """

    name: str
    onset: float
    offset: float


def checked_stimuli(given: Iterable[Any]) -> list[Stimulus]:
    """Stimuli of one animal in order of time.

    Parameters
    ----------
    given : iterable of (name, onset, offset)

    Returns
    -------
    list of Stimulus

    Raises
    ------
    UsageError
        If an entry is none of these, ends before it begins, or two overlap.

    Examples
    --------
    >>> [each.name for each in checked_stimuli([("salt", 60, 70), ("light", 10, 20)])]
    ['light', 'salt']
    """
    try:
        stimuli = [Stimulus(str(n), float(start), float(stop)) for n, start, stop in given]
    except (TypeError, ValueError):
        raise UsageError(
            "Found stimuli that are not (name, onset, offset); expected such triples, in seconds."
        ) from None
    stimuli.sort(key=lambda each: each.onset)
    for each in stimuli:
        if not each.onset < each.offset:
            raise UsageError(
                f"Found stimulus '{each.name}' from {each.onset:g} to {each.offset:g} s; expected "
                "its onset before its offset."
            )
    for one, other in pairwise(stimuli):
        if other.onset < one.offset:
            raise UsageError(
                f"Found stimulus '{other.name}' at {other.onset:g} s before '{one.name}' ends at "
                f"{one.offset:g} s; expected stimuli that do not overlap: merge or shorten them."
            )
    return stimuli


def checked_times(times: Any, n_frames: int, animal: int) -> NDArray[np.float64]:
    """Times of the frames of one animal, after checks.

    Parameters
    ----------
    times : array (time,)
        Seconds.
    n_frames, animal : int

    Returns
    -------
    ndarray (time,)

    Raises
    ------
    UsageError
        If there are not as many as frames, or they do not rise.
    """
    values = np.asarray(times, dtype=np.float64)
    if values.shape != (n_frames,):
        raise UsageError(
            f"Found times of shape {values.shape} for {n_frames} frames of animal {animal}; "
            "expected one time a frame: check the order of the axes, which is (time, neurons)."
        )
    if not np.isfinite(values).all() or (np.diff(values) <= 0).any():
        raise UsageError(
            f"Found times of animal {animal} that do not rise from frame to frame; expected "
            "sorted, finite seconds: sort the frames by time and leave out doubles."
        )
    return values


def evenly(
    traces: NDArray, times: NDArray[np.float64], rate: float
) -> tuple[NDArray, NDArray[np.float64]]:
    """Traces on a grid of even steps, by linear interpolation; as they are if they lie on one.

    Parameters
    ----------
    traces : ndarray (time, neurons)
    times : ndarray (time,)
        Seconds.
    rate : float
        Frames a second of the grid.

    Returns
    -------
    traces : ndarray (grid, neurons)
    times : ndarray (grid,)
    """
    steps = np.diff(times) * rate
    if np.allclose(steps, 1, atol=1e-3):
        return traces, times
    grid = np.arange(times[0], times[-1] + 1e-9, 1 / rate)
    return interpolated(traces, times, grid), grid


def interpolated(values: NDArray, times: NDArray[np.float64], grid: NDArray[np.float64]) -> NDArray:
    """Values (time, neurons) at other times, linearly between neighbours; NaN columns stay NaN."""
    right = np.clip(np.searchsorted(times, grid), 1, len(times) - 1)
    share = (grid - times[right - 1]) / (times[right] - times[right - 1])
    share = np.clip(share, 0, 1)[:, None]
    mixed = (1 - share) * values[right - 1] + share * values[right]
    return mixed.astype(values.dtype)


@dataclass(frozen=True)
class Window:
    """A span of time around one stimulus, cut out of every animal alike.

    Attributes
    ----------
    name : str
    onsets : tuple of float
        Seconds, by animal.
    before, after, duration : float
        Seconds before the onset, after the end and of the stimulus itself.
    """

    name: str
    onsets: tuple[float, ...]
    before: float
    after: float
    duration: float

    def offsets(self, rate: float) -> NDArray[np.float64]:
        """Seconds since the onset of every frame."""
        first = -round(self.before * rate)
        last = max(first + 1, round((self.duration + self.after) * rate))
        return np.arange(first, last) / rate


def matched_windows(stimuli: Sequence[Sequence[Stimulus]], margin: float) -> list[Window]:
    """Windows of the stimuli that all animals share, in the first animal's order.

    Parameters
    ----------
    stimuli : sequence of sequences of Stimulus
        By animal, in order of time.
    margin : float
        Seconds before and after.

    Returns
    -------
    list of Window
        The second presentation of a stimulus is matched with the second one of others; each lasts
        as long as the shortest.

    Raises
    ------
    UsageError
        If animals were not shown the same stimuli equally often.

    Examples
    --------
    >>> one = [Stimulus("salt", 10, 20), Stimulus("light", 30, 40)]
    >>> other = [Stimulus("light", 5, 14), Stimulus("salt", 50, 60)]
    >>> [(each.name, each.onsets, each.duration) for each in matched_windows([one, other], 0)]
    [('salt', (10, 50), 10), ('light', (30, 5), 9)]
    """
    counts = [Counter(each.name for each in shown) for shown in stimuli]
    for animal, count in enumerate(counts):
        if count != counts[0]:
            raise UsageError(
                f"Found stimuli {dict(counts[0])} in animal 0 and {dict(count)} in animal "
                f"{animal}; expected the same ones equally often: leave out the others."
            )
    keyed = [_numbered(shown) for shown in stimuli]
    windows = []
    for key in keyed[0]:
        same = [each[key] for each in keyed]
        duration = min(each.offset - each.onset for each in same)
        onsets = tuple(each.onset for each in same)
        windows.append(Window(key[0], onsets, margin, margin, duration))
    if not windows:
        raise UsageError(
            "Found no stimulus; expected at least one to align animals by: pass stimuli=."
        )
    return windows


def labels_at(stimuli: Sequence[Stimulus], times: NDArray[np.float64]) -> NDArray[np.str_]:
    """Name of the stimulus that is on at each time, empty where none is.

    Examples
    --------
    >>> labels_at([Stimulus("salt", 1, 3)], np.arange(4.0)).tolist()
    ['', 'salt', 'salt', '']
    """
    names = np.full(len(times), NO_STIMULUS, dtype=object)
    for each in stimuli:
        names[(times >= each.onset) & (times < each.offset)] = each.name
    return names.astype(str)


def _numbered(shown: Sequence[Stimulus]) -> dict[tuple[str, int], Stimulus]:
    seen: Counter[str] = Counter()
    numbered = {}
    for each in shown:
        numbered[each.name, seen[each.name]] = each
        seen[each.name] += 1
    return numbered
