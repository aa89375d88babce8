"""What is under a mask, in numbers: colours, patches, outline, place and surroundings.

Colours and patches are codes learnt by k-means, after Coates and Ng (2012), *Learning feature
representations with k-means*. Images are brought to 32 x 32 pixels first.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from workbench.recording.identity import digest_array

SIZE = 32
PATCH = 5
_RINGS = 6
_HARMONICS = (2, 3, 4, 5, 6)
_DIRECTIONS = 4
# Patches below this contrast are all alike: noise on a plain ground.
_CONTRAST = 0.02
_CHUNK = 256

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class CodeMaps:
    """What every pixel of some images shows.

    Attributes
    ----------
    colour, patch : ndarray (images, 32, 32) of int
        Codes.
    vivid : ndarray (images, 32, 32)
        How far from grey, 0 to 1.
    """

    colour: NDArray[np.int64]
    patch: NDArray[np.int64]
    vivid: Floats

    def take(self, images: NDArray[np.int64]) -> CodeMaps:
        """Those of some images."""
        return CodeMaps(self.colour[images], self.patch[images], self.vivid[images])


@dataclass(frozen=True, eq=False)
class Codebook:
    """Colours and patches that occur in images.

    Attributes
    ----------
    colours : ndarray (colours, 3)
    patches : ndarray (patches, 25)
        Of brightness and of vividness, side by side, each of mean 0.
    """

    colours: Floats
    patches: Floats

    @property
    def n_features(self) -> int:
        """Length of the vector of one exemplar."""
        return len(self.colours) + len(self.patches) + _RINGS + len(_HARMONICS) + 4 + _DIRECTIONS

    def fingerprint(self) -> str:
        """Hash of the codes."""
        return digest_array(np.concatenate([self.colours.ravel(), self.patches.ravel()]))

    def encode(self, images: NDArray[np.uint8]) -> CodeMaps:
        """Codes of every pixel.

        Parameters
        ----------
        images : ndarray (images, height, width, 3) of uint8

        Returns
        -------
        CodeMaps
        """
        parts = [self._encode(images[at : at + _CHUNK]) for at in range(0, len(images), _CHUNK)]
        joined = [np.concatenate([getattr(part, name) for part in parts]) for name in _MAPS]
        return CodeMaps(*joined)

    def _encode(self, images: NDArray[np.uint8]) -> CodeMaps:
        pixels = resized(images)
        vivid = pixels.max(axis=3) - pixels.min(axis=3)
        shape = pixels.shape[:3]
        patches = patches_of(pixels, vivid)
        # Plain ground has a code of its own, beyond the last.
        codes = _nearest(patches, self.patches)
        codes[np.abs(patches).max(axis=1) < _CONTRAST] = len(self.patches) - 1
        colours = _nearest(pixels.reshape(-1, 3), self.colours)
        return CodeMaps(colours.reshape(shape), codes.reshape(shape), vivid)

    def pool(self, maps: CodeMaps, masks: NDArray[np.bool_]) -> Floats:
        """One vector for each image and mask.

        Parameters
        ----------
        maps : CodeMaps
            Of k images.
        masks : ndarray (k, height, width) of bool

        Returns
        -------
        ndarray (k, features)
        """
        weights = resized(masks[..., None].astype(np.uint8) * 255)[..., 0]
        # A mask that is empty says nothing about where to look: the whole image.
        weights[weights.sum(axis=(1, 2)) == 0] = 1
        flat = weights.reshape(len(weights), -1)
        share = flat / flat.sum(axis=1, keepdims=True)
        parts = [
            _histogram(maps.colour, share, len(self.colours)),
            _histogram(maps.patch, share, len(self.patches)),
            _outline(maps.vivid, weights),
            _place(weights),
            _surroundings(maps.vivid, weights),
        ]
        return np.concatenate(parts, axis=1).astype(np.float32)


_MAPS = ("colour", "patch", "vivid")


def learn_codebook(
    images: NDArray[np.uint8], n_colours: int = 24, n_patches: int = 64, seed: int = 0
) -> Codebook:
    """Learn colours and patches.

    Parameters
    ----------
    images : ndarray (images, height, width, 3) of uint8
    n_colours, n_patches : int
    seed : int

    Returns
    -------
    Codebook

    Examples
    --------
    >>> from workbench.demo.scenes import render
    >>> learn_codebook(render(40, seed=0).images, 8, 16).n_features
    43
    """
    generator = np.random.default_rng(seed)
    pixels = resized(images)
    vivid = pixels.max(axis=3) - pixels.min(axis=3)
    colours = pixels.reshape(-1, 3)
    # Most of an image is ground: colours are learnt from what is not grey, and from some ground.
    odd = generator.permutation(np.flatnonzero(vivid.ravel() > 0.2))[:6000]
    ground = generator.permutation(len(colours))[:2000]
    patches = patches_of(pixels, vivid)
    busy = generator.permutation(np.flatnonzero(np.abs(patches).max(axis=1) > 0.1))[:12_000]
    return Codebook(
        _centres(colours[np.concatenate([odd, ground])], n_colours, seed),
        _centres(patches[busy], n_patches, seed),
    )


def patches_of(pixels: Floats, vivid: Floats) -> Floats:
    """Brightness and vividness around every pixel, less their means.

    Parameters
    ----------
    pixels : ndarray (images, height, width, 3)
    vivid : ndarray (images, height, width)

    Returns
    -------
    ndarray (images x height x width, 2 x 25)
    """
    half = PATCH // 2
    found = []
    for channel in (pixels.mean(axis=3), vivid):
        padded = np.pad(channel, ((0, 0), (half, half), (half, half)), mode="edge")
        windows = np.lib.stride_tricks.sliding_window_view(padded, (PATCH, PATCH), axis=(1, 2))
        flat = windows.reshape(-1, PATCH * PATCH)
        found.append(flat - flat.mean(axis=1, keepdims=True))
    return np.concatenate(found, axis=1).astype(np.float32)


def resized(images: NDArray[np.uint8], size: int = SIZE) -> Floats:
    """Images as brightness between 0 and 1, at one size: every pixel the mean of what it covers.

    Parameters
    ----------
    images : ndarray (images, height, width, channels) of uint8
    size : int

    Returns
    -------
    ndarray (images, size, size, channels)

    Examples
    --------
    >>> resized(np.full((1, 50, 64, 3), 255, np.uint8)).min().round(4)
    np.float32(1.0)
    """
    values: Floats = images.astype(np.float32) / np.float32(255)
    if images.shape[1:3] == (size, size):
        return values
    rows, columns = _overlap(images.shape[1], size), _overlap(images.shape[2], size)
    covered = np.einsum("py,nyxc,qx->npqc", rows, values, columns, optimize=True)
    return np.asarray(covered, dtype=np.float32)


@lru_cache(maxsize=16)
def _overlap(given: int, wanted: int) -> Floats:
    edges = np.arange(wanted + 1) * given / wanted
    low = np.maximum(edges[:-1, None], np.arange(given))
    high = np.minimum(edges[1:, None], np.arange(given) + 1)
    cover = np.maximum(high - low, 0)
    return (cover / cover.sum(axis=1, keepdims=True)).astype(np.float32)


def _centres(points: Floats, n: int, seed: int) -> Floats:
    from sklearn.cluster import MiniBatchKMeans

    found = MiniBatchKMeans(n, random_state=seed, n_init=1, batch_size=2048).fit(points)
    return np.asarray(found.cluster_centers_, dtype=np.float32)


def _nearest(points: Floats, centres: Floats) -> NDArray[np.int64]:
    # |x - c|^2 without |x|^2, which is the same for all.
    distance = (centres**2).sum(axis=1) - 2 * points @ centres.T
    return np.asarray(np.argmin(distance, axis=1))


def _histogram(codes: NDArray[np.int64], share: Floats, n: int) -> Floats:
    rows = np.arange(len(codes))[:, None] * n
    places = (codes.reshape(len(codes), -1) + rows).ravel()
    counts = np.bincount(places, share.ravel(), minlength=len(codes) * n)
    return np.asarray(np.sqrt(counts.reshape(len(codes), n)), dtype=np.float32)


def _outline(vivid: Floats, weights: Floats) -> Floats:
    """How vivid pixels lie around their centre: rings, and harmonics of the angle."""
    thing = (vivid * weights + 1e-6).reshape(len(vivid), -1)
    thing /= thing.sum(axis=1, keepdims=True)
    y, x = (axis.ravel() for axis in np.mgrid[:SIZE, :SIZE].astype(np.float32))
    dy, dx = y - (thing @ y)[:, None], x - (thing @ x)[:, None]
    radius = np.hypot(dy, dx)
    scale = np.sqrt((thing * radius**2).sum(axis=1, keepdims=True))
    turn = (dx + 1j * dy) / np.maximum(radius, 1e-6)
    edges = np.linspace(0, 1.9, _RINGS + 1)
    ring = np.clip(np.digitize(radius / scale, edges) - 1, 0, _RINGS - 1)
    rings = _histogram(ring, thing, _RINGS)
    waves, wave = [], turn
    for _ in _HARMONICS:
        wave = wave * turn
        waves.append(np.abs(np.einsum("np,np->n", thing, wave)))
    found: Floats = np.concatenate([rings, np.stack(waves, axis=1)], axis=1).astype(np.float32)
    return found


def _place(weights: Floats) -> Floats:
    """Centre, distance from the middle, and extent of the mask."""
    share = weights / weights.sum(axis=(1, 2), keepdims=True)
    place = (np.arange(SIZE) + 0.5) / SIZE * 2 - 1
    y, x = share.sum(axis=2) @ place, share.sum(axis=1) @ place
    found = [y, x, np.maximum(np.abs(y), np.abs(x)), weights.mean(axis=(1, 2))]
    return np.stack(found, axis=1).astype(np.float32)


def _surroundings(vivid: Floats, weights: Floats) -> Floats:
    """Vivid pixels outside the mask: above, below, left and right of its centre."""
    rest = np.where(weights > 0, 0, vivid) * (vivid > 0.2)
    place = np.arange(SIZE, dtype=np.float32)
    share = weights / weights.sum(axis=(1, 2), keepdims=True)
    y = place[None, :, None] - (share.sum(axis=2) @ place)[:, None, None]
    x = place[None, None, :] - (share.sum(axis=1) @ place)[:, None, None]
    upright = np.abs(y) > np.abs(x)
    sides = (upright & (y < 0), upright & (y > 0), ~upright & (x < 0), ~upright & (x > 0))
    found = np.stack([np.sqrt((rest * side).mean(axis=(1, 2))) for side in sides], axis=1)
    return found.astype(np.float32)


def set_features(vectors: Floats) -> Floats:
    """One vector for a set of exemplars: means, and how much exemplars differ.

    Parameters
    ----------
    vectors : ndarray (..., k, features)

    Returns
    -------
    ndarray (..., 2 x features)
        The same for exemplars in any order.
    """
    return np.concatenate([vectors.mean(axis=-2), vectors.std(axis=-2)], axis=-1)
