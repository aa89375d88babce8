"""Animals on one time axis and one order of neurons, as scaled derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analyses.connectome.affinity import FLOOR
from analyses.connectome.derivatives import (
    checked_traces,
    scaled_derivatives,
    smoothing_frames,
)
from analyses.connectome.joining import animal_names, by_animal, join_animals
from analyses.connectome.stimulus_epochs import (
    Stimulus,
    Window,
    checked_stimuli,
    checked_times,
    evenly,
    interpolated,
    labels_at,
    matched_windows,
)
from workbench.errors import UsageError

_LEAST_NEURONS = 3


@dataclass(frozen=True, eq=False)
class Cohort:
    """What the affinity of all animals is computed from.

    Attributes
    ----------
    animals, neurons : list of str
        Names.
    scaled : ndarray (animals, time, neurons)
        Smoothed derivatives between -1 and 1; NaN where a neuron is missing.
    times : ndarray (time,)
        Seconds, or frames where no rate is known; of pieces laid end to end where animals were
        aligned by their stimuli.
    breaks : tuple of int
        Frames at which another piece begins.
    labels : ndarray (animals, time) of str
        Stimulus in every frame, empty where none is.
    missing : list of str
        Neurons that no animal has; they are left out.
    """

    animals: list[str]
    neurons: list[str]
    scaled: NDArray
    times: NDArray[np.float64]
    breaks: tuple[int, ...]
    labels: NDArray[np.str_]
    missing: tuple[str, ...] = ()

    @property
    def present(self) -> NDArray[np.bool_]:
        """Which neurons (animals, neurons) are there."""
        return ~np.isnan(self.scaled[:, 0])


@dataclass(frozen=True)
class Preparation:
    """How traces become scaled derivatives; the parameters of `affinity.affinity`.

    Attributes
    ----------
    sampling_rate, smoothing : float, optional
    floor : float
    scale : str
    margin : float
        Seconds (or frames) before and after each stimulus where animals are aligned by them.
    """

    sampling_rate: float | None = None
    smoothing: float | None = None
    floor: float = FLOOR
    scale: str = "max"
    margin: float = 0.0


def make_cohort(
    traces: Any,
    names: Any = None,
    times: Any = None,
    stimuli: Any = None,
    preparation: Preparation | None = None,
) -> Cohort:
    """Join animals by neuron names and, if their stimuli came at different times, by stimulus.

    Parameters
    ----------
    traces, names
        As `joining.join_animals` takes them.
    times : array (time,), or list or dict of them by animal, optional
        Seconds of the frames, rising. Traces with uneven steps are interpolated.
    stimuli : sequence of (name, onset, offset), or list or dict of them by animal, optional
        Seconds, or frames where there are neither times nor a rate.
    preparation : Preparation, optional

    Returns
    -------
    Cohort

    Raises
    ------
    UsageError
        If traces, names, times or stimuli are not what is expected, or time axes differ and there
        are no stimuli to align by.

    Examples
    --------
    >>> traces = np.random.default_rng(0).normal(size=(2, 50, 4))
    >>> cohort = make_cohort(traces, stimuli=[("salt", 10, 20)])
    >>> cohort.scaled.shape, (cohort.labels == "salt").sum(axis=1).tolist()
    ((2, 50, 4), [10, 10])
    """
    preparation = preparation or Preparation()
    neurons, arrays = join_animals(traces, names)
    clocks = _clocks(traces, arrays, times, preparation)
    rate = _rate(clocks, times, preparation)
    shown = _shown(stimuli, traces)
    pairs = [evenly(values, clock, rate) for values, clock in zip(arrays, clocks, strict=True)]
    width = _width(times, rate, preparation)
    scaled = [_scaled(values, width, preparation) for values, _ in pairs]
    clocks = [clock.astype(np.float64) for _, clock in pairs]
    if _one_axis(clocks, rate) and (shown is None or all(each == shown[0] for each in shown)):
        together = np.stack(scaled)
        axis, breaks = clocks[0], tuple[int, ...]()
        labels = np.stack([labels_at(each, axis) for each in shown or [[]] * len(scaled)])
    elif shown is None:
        raise UsageError(
            f"Found time axes that do not match ({_described(clocks)}); expected one for all "
            "animals, or stimuli= by animal to align them by."
        )
    else:
        windows = matched_windows(shown, preparation.margin)
        together, axis, breaks, labels = _cut(scaled, clocks, windows, rate)
    return _without_missing(animal_names(traces), neurons, together, axis, breaks, labels)


def _clocks(
    traces: Any, arrays: list[NDArray], times: Any, preparation: Preparation
) -> list[NDArray[np.float64]]:
    if times is None:
        step = 1 / (preparation.sampling_rate or 1.0)
        return [np.arange(len(values), dtype=np.float64) * step for values in arrays]
    shared = not isinstance(times, dict) and np.ndim(times[0]) == 0
    given = [times] * len(arrays) if shared else by_animal(times, traces, "times")
    return [
        checked_times(each, len(values), number)
        for number, (each, values) in enumerate(zip(given, arrays, strict=True))
    ]


def _rate(clocks: list[NDArray[np.float64]], times: Any, preparation: Preparation) -> float:
    smoothing_frames(preparation.sampling_rate, preparation.smoothing)
    if preparation.sampling_rate is not None:
        return float(preparation.sampling_rate)
    if times is None:
        return 1.0
    steps = np.concatenate([np.diff(clock) for clock in clocks])
    if not len(steps):
        raise UsageError("Found one frame only; expected traces with at least two frames.")
    return float(1 / np.median(steps))


def _width(times: Any, rate: float, preparation: Preparation) -> float:
    known = times is not None or preparation.sampling_rate is not None
    return smoothing_frames(rate if known else None, preparation.smoothing)


def _shown(stimuli: Any, traces: Any) -> list[list[Stimulus]] | None:
    if stimuli is None:
        return None
    n_animals = len(animal_names(traces))
    if not isinstance(stimuli, dict) and all(_is_triple(each) for each in stimuli):
        return [checked_stimuli(stimuli)] * n_animals
    return [checked_stimuli(each) for each in by_animal(stimuli, traces, "stimuli")]


def _is_triple(entry: Any) -> bool:
    return isinstance(entry, Sequence) and len(entry) == 3 and isinstance(entry[0], str)


def _scaled(values: NDArray, width: float, preparation: Preparation) -> NDArray:
    checked = checked_traces(values)
    return scaled_derivatives(checked, width, preparation.scale, preparation.floor)[0]


def _one_axis(clocks: list[NDArray[np.float64]], rate: float) -> bool:
    return all(
        len(clock) == len(clocks[0]) and float(np.abs(clock - clocks[0]).max()) * rate < 0.5
        for clock in clocks
    )


def _described(clocks: list[NDArray[np.float64]]) -> str:
    spans = [f"{len(c)} frames from {c[0]:g} to {c[-1]:g}" for c in clocks]
    return "; ".join(dict.fromkeys(spans))


def _cut(
    scaled: list[NDArray], clocks: list[NDArray[np.float64]], windows: list[Window], rate: float
) -> tuple[NDArray, NDArray[np.float64], tuple[int, ...], NDArray[np.str_]]:
    pieces, labels = [], []
    for window in windows:
        offsets = window.offsets(rate)
        pieces.append(
            np.stack(
                [
                    _piece(values, clock, onset + offsets, window.name)
                    for values, clock, onset in zip(scaled, clocks, window.onsets, strict=True)
                ]
            )
        )
        on = (offsets >= 0) & (offsets < window.duration)
        labels.append(np.where(on, window.name, ""))
    lengths = [piece.shape[1] for piece in pieces]
    breaks = tuple(int(each) for each in np.cumsum(lengths)[:-1])
    axis = np.arange(sum(lengths)) / rate
    return (
        np.concatenate(pieces, axis=1),
        axis,
        breaks,
        np.tile(np.concatenate(labels), (len(scaled), 1)),
    )


def _piece(
    values: NDArray, clock: NDArray[np.float64], grid: NDArray[np.float64], name: str
) -> NDArray:
    step = clock[1] - clock[0]
    if grid[0] < clock[0] - step or grid[-1] > clock[-1] + step:
        raise UsageError(
            f"Found stimulus '{name}' with its margin from {grid[0]:g} to {grid[-1]:g} in a "
            f"recording from {clock[0]:g} to {clock[-1]:g}; expected it to lie within: lower "
            "margin= or leave that stimulus out."
        )
    return interpolated(values, clock, grid)


def _without_missing(
    animals: list[str],
    neurons: list[str],
    scaled: NDArray,
    times: NDArray[np.float64],
    breaks: tuple[int, ...],
    labels: NDArray[np.str_],
) -> Cohort:
    there = (~np.isnan(scaled[:, 0])).any(axis=0)
    kept = [name for name, present in zip(neurons, there, strict=True) if present]
    gone = tuple(name for name, present in zip(neurons, there, strict=True) if not present)
    if len(kept) < _LEAST_NEURONS:
        raise UsageError(
            f"Found {len(kept)} neurons with activity; expected at least {_LEAST_NEURONS}, for "
            "pairs to form groups."
        )
    return Cohort(animals, kept, scaled[:, :, there], times, breaks, labels, gone)
