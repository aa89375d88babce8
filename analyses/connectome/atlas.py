"""The atlas: how strongly each motif is expressed under each stimulus, beside shifted stimuli."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.statistics.permutation import circular_shifts, permutation_p


@dataclass(frozen=True, eq=False)
class Atlas:
    """Expression of motifs by stimulus.

    Attributes
    ----------
    stimuli : list of str
        In alphabetical order; those that are on in at least one frame.
    mean : ndarray (motifs, stimuli)
        Mean expression while the stimulus is on.
    contrast : ndarray (motifs, stimuli)
        That minus the mean of all other frames, in standard deviations over frames and animals.
    selectivity : ndarray (motifs,)
        Largest contrast.
    null : ndarray (draws, motifs)
        The same for stimuli shifted in time.
    p_values : ndarray (motifs,)
    """

    stimuli: list[str]
    mean: NDArray[np.float64]
    contrast: NDArray[np.float64]
    selectivity: NDArray[np.float64]
    null: NDArray[np.float64]
    p_values: NDArray[np.float64]


def make_atlas(
    expression: NDArray, labels: NDArray[np.str_], n_null: int = 199, seed: int = 0
) -> Atlas | None:
    """Compare the expression of motifs between stimuli.

    Parameters
    ----------
    expression : ndarray (time, animals, motifs)
    labels : ndarray (animals, time) of str
        Stimulus in every frame, empty where none is.
    n_null : int
        Shifts of the stimuli in time: of all animals together where they share them, else of each.
    seed : int

    Returns
    -------
    Atlas or None
        None without any stimulus, or with one that is always on.

    Examples
    --------
    >>> expression = np.zeros((40, 2, 1))
    >>> expression[10:20] = 1.0
    >>> labels = np.full((2, 40), "      ")
    >>> labels[:, 10:20] = "salt"
    >>> atlas = make_atlas(expression, np.char.strip(labels))
    >>> atlas.stimuli, atlas.mean.tolist(), atlas.p_values[0] < 0.05
    (['salt'], [[1.0]], np.True_)
    """
    stimuli = [str(name) for name in np.unique(labels) if name]
    coded = np.array([labels == name for name in stimuli]).reshape(len(stimuli), *labels.shape)
    counts = coded.sum(axis=(1, 2))
    if not stimuli or counts.max() == labels.size:
        return None
    values = np.moveaxis(expression, 1, 0).astype(np.float64)
    spread = values.std(axis=(0, 1))
    scaled = (values - values.mean(axis=(0, 1))) / np.where(spread > 0, spread, 1)
    observed = _contrasts(scaled, coded, counts)
    generator = np.random.default_rng([seed, 6])
    shared = bool((labels == labels[0]).all())
    orders = (_shift(labels.shape, shared, generator) for _ in range(n_null))
    null = np.stack([_contrasts(scaled, coded[:, *order], counts).max(axis=1) for order in orders])
    selectivity = observed.max(axis=1)
    p_values = [
        permutation_p(float(value), draws, "greater")
        for value, draws in zip(selectivity, null.T, strict=True)
    ]
    mean = np.einsum("swt,wtm->ms", coded, values) / counts
    return Atlas(stimuli, mean, observed, selectivity, null, np.array(p_values))


def _contrasts(
    scaled: NDArray[np.float64], coded: NDArray[np.bool_], counts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Mean inside minus mean outside (motifs, stimuli); the overall mean is zero."""
    size = coded[0].size
    sums = coded.reshape(len(coded), size).astype(np.float64) @ scaled.reshape(size, -1)
    outside = np.maximum(size - counts, 1)
    return (sums / counts[:, None] + sums / outside[:, None]).T


def _shift(
    shape: tuple[int, int], shared: bool, generator: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Places (animals, time) to look the labels up at."""
    n_animals, n_frames = shape
    n_series = 1 if shared else n_animals
    series = np.repeat(np.arange(n_series), n_frames)
    frames = circular_shifts(series, generator).reshape(n_series, n_frames) % n_frames
    animals = np.arange(n_animals)[:, None]
    return animals, np.broadcast_to(frames, shape)
