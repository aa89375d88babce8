"""The activity that atoms are learned from: rows of a site, or rows at some places of an image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.analysis.site_rows import SiteRows
from workbench.errors import UsageError, WorkbenchError

# Neighbouring places of an image are much alike: some of them say as much as all.
MOST_PLACES = 8


class SiteLeftOutError(UsageError):
    """Nothing can be learned or tested at a site; others may do."""


@dataclass(frozen=True)
class Observations:
    """Activity as a dictionary sees it: one vector of units an observation.

    Attributes
    ----------
    activity : ndarray (observations, units) of float32
    row : ndarray (observations,) of int
        Place of the row among the sampled rows.
    place : ndarray (observations,) of int
        Place in space, counted along the last axis first; 0 where there is no space.
    space : tuple of int
        Sizes of the axes of space.
    """

    activity: NDArray[np.float32]
    row: NDArray[np.int64]
    place: NDArray[np.int64]
    space: tuple[int, ...]


def observe(source: SiteRows, max_rows: int, seed: int) -> Observations:
    """Read a site, at `MOST_PLACES` places a row at most where it has axes of space.

    Parameters
    ----------
    source : SiteRows
    max_rows : int
        Fewer places are taken where rows times places would be more than this.
    seed : int
        Of the places.

    Returns
    -------
    Observations

    Raises
    ------
    WorkbenchError
        If activity is not finite.
    SiteLeftOutError
        If no unit varies.
    """
    values = source.read()
    space = tuple(values.shape[2:])
    n_rows, n_places = len(values), int(np.prod(space))
    each = min(MOST_PLACES, n_places, max(1, max_rows // n_rows))
    places = _places(n_rows, n_places, each, seed)
    by_place = values.reshape(n_rows, values.shape[1], n_places)
    activity = np.take_along_axis(by_place, places[:, None, :], axis=2)
    activity = np.moveaxis(activity, 1, 2).reshape(n_rows * each, -1).astype(np.float32)
    _check(activity, source)
    return Observations(activity, np.repeat(np.arange(n_rows), each), places.ravel(), space)


def _places(n_rows: int, n_places: int, each: int, seed: int) -> NDArray[np.int64]:
    if each == n_places:
        return np.tile(np.arange(n_places), (n_rows, 1))
    generator = np.random.default_rng([seed, 13])
    drawn = [np.sort(generator.choice(n_places, each, replace=False)) for _ in range(n_rows)]
    return np.array(drawn, dtype=np.int64)


def _check(activity: NDArray[np.float32], source: SiteRows) -> None:
    finite: NDArray[np.bool_] = np.asarray(np.isfinite(activity).all(axis=1))
    if not finite.all():
        raise WorkbenchError(
            f"Found {np.count_nonzero(~finite)} of {len(finite)} observations at site "
            f"'{source.site}' with NaN or infinite values; expected finite activity: select rows "
            "without them or choose other sites with sites=."
        )
    if not (np.ptp(activity, axis=0) > 0).any():
        raise SiteLeftOutError(
            f"Found no unit that varies at site '{source.site}'; expected activity that depends on "
            "the stimuli: choose other sites with sites=."
        )
