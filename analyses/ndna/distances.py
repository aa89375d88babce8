"""Distances between curves of models along depth, beside how much warping they took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from analyses.ndna.alignments import align, check_band
from analyses.ndna.curves import Curves
from analyses.ndna.resampling import N_DEPTHS, drawn_tables, jointly_scaled, tables
from workbench.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

BAND = 0.2
# Keeps the tables of an alignment within some tens of megabytes.
_PAIRS_AT_ONCE = 50_000


class Distance(NamedTuple):
    """Distance of two models' curves; ``float(distance)`` is its value.

    Attributes
    ----------
    value : float
        Mean squared distance of aligned depths, of channels scaled to a range of 1: from 0 for the
        same curves to at most 1.
    warping : float
        Mean distance of aligned depths, as a share of the depth: a small value that took much
        warping means curves of one shape at other depths.
    """

    value: float
    warping: float

    def __float__(self) -> float:
        return self.value


@dataclass(frozen=True, eq=False)
class DistanceMatrix:
    """Distances between all of several models.

    Attributes
    ----------
    names : tuple of str (models,)
    values : ndarray (models, models)
        Symmetric, zero on the diagonal.
    warping : ndarray (models, models), optional
        Of each pair; None where distances were not made from curves.

    Raises
    ------
    UsageError
        If names do not fit, or values are not symmetric, finite and zero on the diagonal.

    Examples
    --------
    >>> DistanceMatrix(("a", "b"), np.array([[0.0, 2.0], [2.0, 0.0]])).to_pandas()
         a    b
    a  0.0  2.0
    b  2.0  0.0
    """

    names: tuple[str, ...]
    values: NDArray[np.float64]
    warping: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        check_distances(self.values, self.names)

    def to_pandas(self) -> pd.DataFrame:
        """The values as a table, with names on both sides."""
        import pandas as pd

        return pd.DataFrame(self.values, index=list(self.names), columns=list(self.names))


def distance(
    a: Any,
    b: Any,
    channels: Sequence[str] | str | None = None,
    *,
    among: Mapping[str, Any] | None = None,
    n_depths: int = N_DEPTHS,
    band: float = BAND,
) -> Distance:
    """Distance of two models' curves along depth.

    Mean curves are resampled to equally many depths, every channel is scaled by its range over
    both models together (so that none outweighs the others), and dynamic time warping aligns them
    within a band.

    Parameters
    ----------
    a, b : Curves, or array (nodes, channels) or (nodes,)
        Nodes in order of depth, NaN where undefined; the numbers of nodes may differ.
    channels : sequence of str, or str, optional
        Of curves: ``step`` and ``belief`` (length and belief) by default, or all that both have
        where one lacks these.
    among : mapping of str to Curves or array, optional
        Models whose range scales the channels, the two by default. Distances of several pairs can
        be compared only with one such set: see `distance_matrix`.
    n_depths : int
    band : float
        Depths further apart than this share of the whole are never aligned; 0 gives the mean
        squared Euclidean distance.

    Returns
    -------
    Distance
        Value and warping. Symmetric, and 0 for the same curves; it has no direction, so it cannot
        tell a parent from a child.

    Raises
    ------
    UsageError
        If curves share no channel, probabilities are over different vocabularies, a channel has no
        value, or the band is no share.

    Notes
    -----
    The authors' settings: 32 depths, joint min-max, a Sakoe-Chiba band of .2 and the mean squared
    aligned distance, always beside the extent of warping. Steps are compared as they are: a model
    of more layers has more of them, not shorter ones, as far as has been measured.

    Examples
    --------
    >>> distance([0.0, 1.0, 0.0], [0.0, 1.0, 0.0])
    Distance(value=0.0, warping=0.0)
    >>> float(distance([0.0, 1.0], [1.0, 0.0], band=0.0)) > 0.3
    True
    """
    check_band(band)
    names = (a.name, b.name) if isinstance(a, Curves) and isinstance(b, Curves) else ("a", "b")
    own = dict(zip(names if names[0] != names[1] else ("a", "b"), (a, b), strict=True))
    if among is None:
        scaling = both = tables(own, channels, n_depths)
    else:
        compared = {name if name not in among else f"{name} again": own[name] for name in own}
        every = tables({**among, **compared}, channels, n_depths)
        scaling, both = every[: len(among)], every[len(among) :]
    first, second = jointly_scaled(both, scaling)
    found = align(first, second, band)
    return Distance(float(found.value), float(found.warping))


def distance_matrix(
    models: Mapping[str, Any] | Sequence[Curves],
    channels: Sequence[str] | str | None = None,
    *,
    n_depths: int = N_DEPTHS,
    band: float = BAND,
) -> DistanceMatrix:
    """Distances between all of several models, channels scaled by their range over all of them.

    Parameters
    ----------
    models : mapping of str to Curves, or to array (nodes, channels) or (nodes,)
        At least two; a sequence of Curves goes by their names.
    channels, n_depths, band
        As of `distance`.

    Returns
    -------
    DistanceMatrix

    Raises
    ------
    UsageError
        As `distance`, or if there are fewer than two models.

    Examples
    --------
    >>> flat, slope = np.zeros(4), np.linspace(0, 1, 4)
    >>> found = distance_matrix({"flat": flat, "same": flat, "slope": slope})
    >>> found.values[0, 1], bool(found.values[0, 2] > 0.1)
    (np.float64(0.0), True)
    """
    check_band(band)
    named = named_models(models)
    whole = tables(named, channels, n_depths)
    values, warping = _all_pairs(jointly_scaled(whole, whole), band)
    return DistanceMatrix(tuple(named), values, warping)


def drawn_distances(
    models: Mapping[str, Curves] | Sequence[Curves],
    n_bootstrap: int = 200,
    seed: int = 0,
    channels: Sequence[str] | str | None = None,
    *,
    n_depths: int = N_DEPTHS,
    band: float = BAND,
) -> NDArray[np.float64]:
    """Distances between models over bootstrap draws of prompts, the same prompts for every model.

    Parameters
    ----------
    models : mapping of str to Curves, or sequence of Curves
    n_bootstrap : int
    seed : int
    channels, n_depths, band
        As of `distance`. Channels are scaled as in `distance_matrix`, by all prompts.

    Returns
    -------
    ndarray (draws, models, models)

    Raises
    ------
    UsageError
        As `distance_matrix`, or if models are arrays, have different numbers of prompts, or nothing
        is to be drawn.
    """
    check_band(band)
    named = named_models(models)
    if n_bootstrap < 1:
        raise UsageError(f"Found {n_bootstrap} bootstrap draws; expected at least one.")
    for name, each in named.items():
        if not isinstance(each, Curves):
            raise UsageError(
                f"Found an array for '{name}', without prompts to draw from; expected Curves: pass "
                "n_bootstrap=0 for arrays."
            )
    whole = tables(named, channels, n_depths)
    draws = drawn_tables(named, n_bootstrap, seed, channels, n_depths)
    at_once = max(1, _PAIRS_AT_ONCE // len(named) ** 2)
    parts = [draws[start : start + at_once] for start in range(0, len(draws), at_once)]
    return np.concatenate([_all_pairs(jointly_scaled(each, whole), band)[0] for each in parts])


def check_distances(values: Any, names: Sequence[str]) -> NDArray[np.float64]:
    """A matrix of distances, after a check that it is one.

    Parameters
    ----------
    values : array (models, models)
    names : sequence of str

    Returns
    -------
    ndarray (models, models)

    Raises
    ------
    UsageError
        If names repeat or do not fit, or values are not finite, symmetric, or zero on the
        diagonal, or negative.
    """
    matrix = np.asarray(values, dtype=np.float64)
    if matrix.shape != (len(names), len(names)) or len(set(names)) != len(names):
        raise UsageError(
            f"Found distances of shape {matrix.shape} with {len(names)} names, "
            f"{len(set(names))} of them different; expected a square matrix and one name a row."
        )
    if not np.isfinite(matrix).all() or (matrix < 0).any():
        raise UsageError(
            "Found NaN, infinite or negative distances; expected numbers of 0 or more."
        )
    slack = 1e-9 * max(1e-300, float(matrix.max(initial=0.0)))
    if np.abs(matrix - matrix.T).max(initial=0) > slack or np.diag(matrix).max(initial=0) > slack:
        raise UsageError(
            "Found distances that differ between the two directions, or from 0 between a model "
            "and itself; expected a symmetric matrix with zeros on the diagonal."
        )
    return matrix


def named_models(models: Any) -> dict[str, Any]:
    """Models by name.

    Parameters
    ----------
    models : mapping of str to Curves or array, or sequence of Curves
        Curves in a sequence go by their own names.

    Returns
    -------
    dict of str to Curves or array

    Raises
    ------
    UsageError
        If there are fewer than two, or names repeat or are missing.
    """
    if isinstance(models, Mapping):
        named = {str(name): each for name, each in models.items()}
    else:
        given = list(models) if isinstance(models, Sequence) else []
        named = {each.name: each for each in given if isinstance(each, Curves)}
        if given and len(named) < len(given):
            raise UsageError(
                f"Found {len(given)} models with {len(named)} different names; expected curves "
                "with names of their own, or a mapping from names to curves or arrays."
            )
    if len(named) < 2:
        raise UsageError(
            f"Found {len(named)} named models; expected a mapping from at least two names to "
            "curves or arrays."
        )
    return named


def _all_pairs(scaled: NDArray, band: float) -> tuple[NDArray, NDArray]:
    """Values and warping (..., models, models) of tables (..., models, depths, channels)."""
    n = scaled.shape[-3]
    first, second = np.triu_indices(n, 1)
    found = align(scaled[..., first, :, :], scaled[..., second, :, :], band)
    values, warping = np.zeros((2, *scaled.shape[:-3], n, n))
    values[..., first, second] = values[..., second, first] = found.value
    warping[..., first, second] = warping[..., second, first] = found.warping
    return values, warping
