"""Planted worms: traces in which motifs of co-activity are known.

Every neuron wanders slowly and on its own. In the epoch of a motif, in the animals that carry it,
its neurons share one more slow signal, each with its own gain, one in five with the opposite sign.
The last motif overlaps the first two in neurons and in time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError

# Frames of 480, neurons of 40 and animals of 12 that each motif covers; scaled to other sizes.
_EPOCHS = ((60, 140), (200, 280), (340, 420), (150, 330))
_GROUPS = ((0, 10), (10, 18), (18, 24), (5, 14))
_CARRIERS = (tuple(range(12)), tuple(range(8)), tuple(range(4, 12)), (0, 3, 6, 9))
_SIZES = (12, 480, 40)
_SMOOTHING = 6
_MARGIN = 30


@dataclass(frozen=True, eq=False)
class Planted:
    """Planted worms and the truth about them.

    Attributes
    ----------
    traces : ndarray (animals, time, neurons)
        NaN where a neuron is missing in an animal.
    frames : ndarray (motifs, time) of bool
        When each motif is on.
    animals : ndarray (motifs, animals) of bool
        Who carries it.
    neurons : ndarray (motifs, neurons) of bool
        Which neurons take part.
    """

    traces: NDArray[np.float64]
    frames: NDArray[np.bool_]
    animals: NDArray[np.bool_]
    neurons: NDArray[np.bool_]

    @property
    def pairs(self) -> NDArray[np.bool_]:
        """Pairs (motifs, pairs) of which both neurons take part."""
        first, second = np.triu_indices(self.neurons.shape[1], 1)
        return self.neurons[:, first] & self.neurons[:, second]


def planted(
    seed: int = 0,
    n_animals: int = 12,
    n_frames: int = 480,
    n_neurons: int = 40,
    noise: float = 0.25,
    missing: float = 0.1,
    n_motifs: int = 4,
) -> Planted:
    """Make traces of several animals with motifs of co-activity.

    Parameters
    ----------
    seed : int
    n_animals, n_frames, n_neurons : int
        Motifs cover the same shares of other sizes: neurons 0 to 9 of 40 in all animals, 10 to 17
        in the first two thirds, 18 to 23 in the last two thirds, and 5 to 13 in every third one.
    noise : float
        White noise of every frame, in fifths of the standard deviation 1 of a motif.
    missing : float
        Share of the neurons that are missing in each animal; others in each.
    n_motifs : int
        The first so many of the four motifs; 0 plants nothing.

    Returns
    -------
    Planted

    Raises
    ------
    UsageError
        If a size is too small to hold the motifs, or a share is not one.

    Examples
    --------
    >>> worms = planted(seed=0, n_animals=3)
    >>> worms.traces.shape, worms.pairs.sum(axis=1).tolist()
    ((3, 480, 40), [45, 28, 15, 36])
    """
    _check_sizes(n_animals, n_frames, n_neurons, missing, n_motifs)
    generator = np.random.default_rng(seed)
    truth = _truth(n_animals, n_frames, n_neurons, n_motifs)
    animals = [_animal(generator, animal, truth, noise) for animal in range(n_animals)]
    traces = np.stack(animals)
    _remove(traces, missing, np.random.default_rng([seed, 1]))
    return Planted(traces, *truth)


def _animal(
    generator: np.random.Generator,
    animal: int,
    truth: tuple[NDArray[np.bool_], ...],
    noise: float,
) -> NDArray[np.float64]:
    from scipy.ndimage import gaussian_filter1d

    shape = (truth[0].shape[1], truth[2].shape[1])
    traces = gaussian_filter1d(generator.normal(size=shape), _SMOOTHING, axis=0, mode="wrap")
    traces *= 0.35 / traces.std(axis=0)
    for frames, carriers, neurons in zip(*truth, strict=True):
        if carriers[animal]:
            drive = generator.normal(size=int(frames.sum()) + 2 * _MARGIN)
            shared = gaussian_filter1d(drive, _SMOOTHING)[_MARGIN:-_MARGIN]
            size = int(neurons.sum())
            gains = generator.uniform(0.7, 1.3, size)
            gains *= generator.choice([1, -1], p=[0.8, 0.2], size=size)
            traces[np.ix_(frames, neurons)] += 1.5 * np.outer(shared / shared.std(), gains)
    return traces + noise * 0.2 * generator.normal(size=shape)


def _check_sizes(
    n_animals: int, n_frames: int, n_neurons: int, missing: float, n_motifs: int
) -> None:
    if n_animals < 1 or n_frames < 60 or n_neurons < 20:
        raise UsageError(
            f"Found {n_animals} animals, {n_frames} frames and {n_neurons} neurons; expected at "
            "least 1, 60 and 20, for the motifs to have room."
        )
    if not 0 <= missing <= 0.5 or not 0 <= n_motifs <= len(_GROUPS):
        raise UsageError(
            f"Found missing={missing} and n_motifs={n_motifs}; expected a share of at most 0.5 and "
            f"at most {len(_GROUPS)} motifs."
        )


def _truth(
    n_animals: int, n_frames: int, n_neurons: int, n_motifs: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    frames = _spans(_EPOCHS, _SIZES[1], n_frames)
    neurons = _spans(_GROUPS, _SIZES[2], n_neurons)
    place = np.arange(n_animals) * _SIZES[0] // max(n_animals, 1)
    if n_animals >= _SIZES[0]:
        place = np.arange(n_animals) % _SIZES[0]
    animals = np.array([np.isin(place, carriers) for carriers in _CARRIERS])
    return frames[:n_motifs], animals[:n_motifs], neurons[:n_motifs]


def _spans(spans: tuple[tuple[int, int], ...], of: int, size: int) -> NDArray[np.bool_]:
    places = np.arange(size)
    ends = [(start * size // of, stop * size // of) for start, stop in spans]
    return np.array([(places >= start) & (places < stop) for start, stop in ends])


def _remove(traces: NDArray[np.float64], share: float, generator: np.random.Generator) -> None:
    n_neurons = traces.shape[2]
    for values in traces:
        gone = generator.permutation(n_neurons)[: int(share * n_neurons)]
        values[:, gone] = np.nan
