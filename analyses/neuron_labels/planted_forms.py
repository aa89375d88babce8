"""Truth turned into activity: maps, tokens of images, tokens of texts, voxels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workbench.demo.scene_language import Concept, Either, Phrase, Without
from workbench.demo.scene_words import COLOURS, NOUNS, TEXTURES
from workbench.demo.scenes import Scenes

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]
# Seconds between two volumes, and volumes for which one scene is on.
REPEAT_SECONDS = 2.0
_HRF_SECONDS = 24.0
_FILLER = ("a", ".")


def coverage(mask: Flags, grid: int) -> Floats:
    """Share of every cell of a grid that a mask covers, the fullest cell of an image at 1.

    Parameters
    ----------
    mask : bool array (scenes, size, size)
    grid : int
        Cells across; divides the size.

    Returns
    -------
    float array (scenes, grid, grid)
        Zero throughout where the mask is empty.
    """
    n, size = mask.shape[:2]
    cell = size // grid
    share = mask.reshape(n, grid, cell, grid, cell).mean(axis=(2, 4), dtype=np.float32)
    fullest = share.max(axis=(1, 2), keepdims=True)
    return np.asarray(share / np.where(fullest > 0, fullest, 1))


def random_blobs(chosen: Flags, grid: int, random: np.random.Generator) -> Floats:
    """A blob of two by two cells somewhere in each chosen image.

    Parameters
    ----------
    chosen : bool array (scenes,)
    grid : int
    random : Generator

    Returns
    -------
    float array (scenes, grid, grid)
    """
    corner = random.integers(0, grid - 1, (len(chosen), 2, 1))
    steps = np.arange(grid)
    within = (steps >= corner) & (steps <= corner + 1)
    blob = within[:, 0, :, None] & within[:, 1, None, :]
    return (blob & chosen[:, None, None]).astype(np.float32)


def said_of(scenes: Scenes) -> tuple[list[list[str]], NDArray[np.int64]]:
    """Every scene as a text: of each object ``a striped red circle .``

    Parameters
    ----------
    scenes : Scenes

    Returns
    -------
    texts : list of list of str
    where : int array (tokens, 3)
        Scene, object and place in the phrase: -1 for filler, 0 texture, 1 colour, 2 noun.
    """
    texts: list[list[str]] = [[] for _ in range(len(scenes))]
    where: list[tuple[int, int, int]] = []
    layout = scenes.layout
    before, after = _FILLER
    for scene, number in zip(*np.nonzero(scenes.pixels > 0), strict=True):
        phrase = (
            TEXTURES[layout.texture[scene, number]],
            COLOURS[layout.colour[scene, number]],
            NOUNS[layout.shape[scene, number]],
        )
        texts[scene] += [before, *phrase, after]
        where += [(scene, number, place) for place in (-1, 0, 1, 2, -1)]
    return texts, np.array(where, dtype=np.int64).reshape(-1, 3)


def on_tokens(concept: Concept, scenes: Scenes, where: NDArray[np.int64]) -> Flags:
    """Tokens at which a concept becomes true.

    A single word is true at itself; what combines words is true at the noun, where all has been
    said.

    Parameters
    ----------
    concept : Concept
        Of textures, colours and shapes.
    scenes : Scenes
    where : int array (tokens, 3)
        As `said_of` gives it.

    Returns
    -------
    bool array (tokens,)
    """
    if isinstance(concept, Either):
        return np.logical_or.reduce([on_tokens(part, scenes, where) for part in concept.parts])
    scene, number, place = where.T
    holds = concept.objects(scenes)[scene, number]
    return np.asarray(holds & (place == _place(concept)))


def _place(concept: Concept) -> int:
    if isinstance(concept, Without) or not isinstance(concept, Phrase):
        return 2
    said = (concept.texture, concept.colour, concept.noun)
    given = [place for place, word in enumerate(said) if word is not None]
    return given[0] if len(given) == 1 else 2


def hrf(repeat: float = REPEAT_SECONDS) -> Floats:
    """A haemodynamic response: two gamma densities, the later one taken off.

    Parameters
    ----------
    repeat : float
        Seconds between volumes.

    Returns
    -------
    float array (volumes,)
        Sums to 1; peaks after about 5 seconds.

    References
    ----------
    Glover (1999), Deconvolution of impulse response in event-related BOLD fMRI, NeuroImage 9,
    416-429; parameters of SPM's canonical response.

    Examples
    --------
    >>> response = hrf(1.0)
    >>> int(response.argmax())
    5
    """
    from math import gamma

    time = np.arange(0, _HRF_SECONDS + repeat, repeat)
    rise = time**5 * np.exp(-time) / gamma(6)
    fall = time**15 * np.exp(-time) / gamma(16)
    response = rise - fall / 6
    return np.asarray(response / response.sum(), dtype=np.float32)


def blurred(events: Floats, volumes_each: int) -> Floats:
    """Scenes shown one after the other, seen through the haemodynamic response.

    Parameters
    ----------
    events : float array (scenes, units)
    volumes_each : int
        Volumes for which a scene is on.

    Returns
    -------
    float array (volumes, units)
        ``scenes * volumes_each`` volumes.
    """
    from scipy.signal import fftconvolve

    shown = np.repeat(events, volumes_each, axis=0)
    response = np.convolve(hrf(), np.ones(volumes_each))
    # A single scene shall peak at what its event was, however long it is shown.
    response = (hrf() / response.max())[:, None]
    return np.asarray(fftconvolve(shown, response, axes=0)[: len(shown)], dtype=np.float32)
