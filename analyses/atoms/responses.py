"""Where in an image atoms respond: their activations at every place of their strongest images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analyses.atoms.reading import Observations
from workbench.analysis.site_rows import SiteRows

if TYPE_CHECKING:
    from analyses.atoms.sae import ThresholdSAE
    from analyses.atoms.tops import Tops

N_MAPS = 3
# Finer maps than this say no more and would fill the result.
MOST_SIDE = 16
_IMAGES_AT_ONCE = 32


def response_maps(
    sae: ThresholdSAE, source: SiteRows, observed: Observations, tops: Tops
) -> NDArray[np.float32] | None:
    """Maps of the strongest images of every atom.

    Parameters
    ----------
    sae : ThresholdSAE
    source : SiteRows
    observed : Observations
    tops : Tops

    Returns
    -------
    ndarray (atoms, `N_MAPS`, y, x) or None
        NaN where an atom has fewer images; None for sites that are no planes.
    """
    if len(observed.space) != 2:
        return None
    height, width = observed.space
    steps = -(-height // MOST_SIDE), -(-width // MOST_SIDE)
    shape = len(tops.rate), N_MAPS, -(-height // steps[0]), -(-width // steps[1])
    maps = np.full(shape, np.nan, dtype=np.float32)
    wanted = tops.example[:, :N_MAPS]
    images = np.where(wanted >= 0, observed.row[wanted], -1)
    needed = np.unique(images[images >= 0])
    for start in range(0, len(needed), _IMAGES_AT_ONCE):
        some = needed[start : start + _IMAGES_AT_ONCE]
        planes = _planes(sae, source.read(some))
        for number, image in enumerate(some):
            for atom, rank in np.argwhere(images == image):
                maps[atom, rank] = coarse(planes[number, :, atom].reshape(height, width), steps)
    return maps


def _planes(sae: ThresholdSAE, values: NDArray) -> NDArray[np.float32]:
    """Activations (images, places, atoms)."""
    images, units = values.shape[:2]
    rows = np.moveaxis(values.reshape(images, units, -1), 1, 2).reshape(-1, units)
    codes = sae.transform(np.ascontiguousarray(rows, dtype=np.float32))
    return np.asarray(codes.toarray()).reshape(images, -1, codes.shape[1])


def coarse(plane: NDArray, steps: tuple[int, int]) -> NDArray:
    """A map with the largest value of every tile.

    Parameters
    ----------
    plane : ndarray (y, x)
    steps : pair of int
        Size of the tiles.

    Returns
    -------
    ndarray (tiles along y, tiles along x)

    Examples
    --------
    >>> coarse(np.arange(6.0).reshape(2, 3), (2, 2)).tolist()
    [[4.0, 5.0]]
    """
    rows = np.maximum.reduceat(plane, range(0, plane.shape[0], steps[0]), axis=0)
    return np.maximum.reduceat(rows, range(0, plane.shape[1], steps[1]), axis=1)
