"""Maps of activity at the size of the image, and where they exceed a threshold.

MILAN enlarges maps with zeros beyond their border, which dims every edge: of a constant 7 x 7 map
a quarter of the pixels fall below it. Here the border value goes on beyond the border.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import UsageError

UPSAMPLING = ("border", "nearest")


def check_upsampling(upsample: str) -> None:
    """Refuse ways to enlarge maps that there are not.

    Raises
    ------
    UsageError
    """
    if upsample not in UPSAMPLING:
        raise UsageError(f"Found upsample='{upsample}'; expected one of {', '.join(UPSAMPLING)}.")


def enlarge(maps: ArrayLike, size: Sequence[int], upsample: str = "border") -> NDArray[np.float32]:
    """Bring maps to the size of an image.

    Parameters
    ----------
    maps : array (..., height, width)
    size : sequence of two int
        Height and width to reach.
    upsample : str
        ``border``: bilinear between the centres of cells, and constant beyond the outermost
        centres, as torch's ``interpolate(mode="bilinear", align_corners=False)``; ``nearest``:
        every cell as it is.

    Returns
    -------
    ndarray (..., size[0], size[1]) of float32

    Raises
    ------
    UsageError
        If the method is unknown, or there are no two axes of space.

    Examples
    --------
    >>> enlarge([[0.0, 4.0]], (1, 4)).tolist()
    [[0.0, 1.0, 3.0, 4.0]]
    """
    values = np.asarray(maps, dtype=np.float32)
    check_upsampling(upsample)
    if values.ndim < 2 or 0 in values.shape[-2:] or len(size) != 2:
        raise UsageError(
            f"Found maps of shape {values.shape} to be brought to size {tuple(size)}; expected "
            "(..., height, width) and two sizes."
        )
    rows = _weights(values.shape[-2], int(size[0]), upsample)
    columns = _weights(values.shape[-1], int(size[1]), upsample)
    return np.asarray(rows @ values @ columns.T, dtype=np.float32)


@lru_cache(maxsize=64)
def _weights(cells: int, pixels: int, upsample: str) -> NDArray[np.float32]:
    """What every pixel takes from every cell: (pixels, cells), rows of sum 1."""
    centre = (np.arange(pixels) + 0.5) * cells / pixels - 0.5
    weights = np.zeros((pixels, cells), np.float32)
    here = np.arange(pixels)
    if upsample == "nearest":
        weights[here, np.clip(np.rint(centre), 0, cells - 1).astype(int)] = 1
        return weights
    centre = np.clip(centre, 0, cells - 1)
    first = np.minimum(centre.astype(int), max(0, cells - 2))
    share = (centre - first).astype(np.float32)
    weights[here, first] += 1 - share
    weights[here, np.minimum(first + 1, cells - 1)] += share
    return weights


def active_masks(
    maps: ArrayLike, threshold: float, size: Sequence[int], upsample: str = "border"
) -> NDArray[np.bool_]:
    """Where enlarged maps exceed a threshold.

    Parameters
    ----------
    maps : array (..., height, width)
    threshold : float
        Of raw activity.
    size : sequence of two int
    upsample : str
        As for `enlarge`.

    Returns
    -------
    ndarray (..., size[0], size[1]) of bool

    Examples
    --------
    >>> active_masks([[0.0, 4.0]], 2.0, (1, 4)).tolist()
    [[False, False, True, True]]
    """
    return enlarge(maps, size, upsample) > threshold


def token_maps(activity: ArrayLike, registers: int = 0) -> NDArray:
    """Tokens of a vision transformer back on their grid.

    Parameters
    ----------
    activity : array (stimuli, tokens, units)
        Class token first, then registers, then patches row by row; or patches alone.
    registers : int

    Returns
    -------
    ndarray (stimuli, units, side, side)
        A view where it can be.

    Raises
    ------
    UsageError
        If the patches do not fill a square.

    Examples
    --------
    >>> tokens = np.array([9.0, 0.0, 1.0, 2.0, 3.0]).reshape(1, 5, 1)
    >>> token_maps(tokens)[0, 0].tolist()
    [[0.0, 1.0], [2.0, 3.0]]
    """
    values = np.asarray(activity)
    n_tokens = values.shape[1] if values.ndim == 3 else 0
    for extra in (0, 1 + registers):
        side = math.isqrt(max(0, n_tokens - extra))
        if side and side**2 == n_tokens - extra:
            patches = values[:, extra:].transpose(0, 2, 1)
            return patches.reshape(len(values), values.shape[2], side, side)
    raise UsageError(
        f"Found activity of shape {values.shape} with {registers} registers; expected (stimuli, "
        "tokens, units) whose patches fill a square, with or without a class token before them."
    )
