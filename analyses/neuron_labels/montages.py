"""Exemplar pictures of a unit side by side, dark where the unit is not active."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray

# As annotators of MILAN saw them.
OUTSIDE = 0.25
COLUMNS = 5
_GAP = 2
_SMALLEST = 64


def montage(
    images: NDArray[np.uint8], masks: NDArray[np.bool_], columns: int = COLUMNS
) -> NDArray[np.uint8]:
    """Pictures in a grid, what lies outside the mask at a quarter of its brightness.

    Parameters
    ----------
    images : ndarray (k, y, x, 3) of uint8
    masks : ndarray (k, y, x) of bool
    columns : int

    Returns
    -------
    ndarray (rows * y + gaps, columns * x + gaps, 3) of uint8
        Small pictures are enlarged to 64 pixels or more, pixel by pixel.

    Examples
    --------
    >>> montage(np.full((6, 32, 32, 3), 200, np.uint8), np.zeros((6, 32, 32), bool)).max()
    np.uint8(255)
    """
    shown = np.where(masks[..., None], images, images * OUTSIDE).astype(np.uint8)
    factor = max(1, -(-_SMALLEST // shown.shape[1]))
    shown = shown.repeat(factor, axis=1).repeat(factor, axis=2)
    height, width = shown.shape[1] + _GAP, shown.shape[2] + _GAP
    n_rows = -(-len(shown) // columns)
    sheet = np.full((n_rows * height - _GAP, columns * width - _GAP, 3), 255, np.uint8)
    for number, picture in enumerate(shown):
        top, left = number // columns * height, number % columns * width
        sheet[top : top + height - _GAP, left : left + width - _GAP] = picture
    return sheet


def as_source(picture: NDArray[np.uint8]) -> str:
    """A picture as text that a browser shows: PNG in base64.

    Parameters
    ----------
    picture : ndarray (y, x, 3) of uint8

    Returns
    -------
    str
    """
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
