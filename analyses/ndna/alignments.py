"""Dynamic time warping of many pairs of curves at once, in a band about the diagonal."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import UsageError


class Alignment(NamedTuple):
    """Best alignment of two curves.

    Attributes
    ----------
    value : ndarray (...)
        Mean squared distance of aligned nodes, in squared units of the curves.
    warping : ndarray (...)
        Mean distance of aligned nodes along depth, as a share of the depth: 0 on the diagonal.
    """

    value: NDArray[np.float64]
    warping: NDArray[np.float64]


def align(first: ArrayLike, second: ArrayLike, band: float = 0.2) -> Alignment:
    """Align curves so that their mean squared distance is least.

    Parameters
    ----------
    first, second : array (..., nodes, channels)
        Finite; leading axes are pairs and are broadcast. All channels are warped alike.
    band : float
        Nodes further apart than this share of the depth are never aligned; 0 compares node by
        node.

    Returns
    -------
    Alignment
        Of each pair. The value is the same both ways round; among equally good alignments the one
        that warps least is reported.

    Raises
    ------
    UsageError
        If shapes disagree, values are not finite, or the band is no share.

    Notes
    -----
    Sakoe and Chiba (1978), the symmetric form of their table I (P = 0): a diagonal step counts
    twice, so that the weights of every path sum to twice the number of nodes and the mean that is
    reported is exactly the one that is minimised. Squared distances are averaged over channels.

    Examples
    --------
    >>> bump = np.array([0.0, 0.0, 1.0, 0.0, 0.0])[:, None]
    >>> later = np.array([0.0, 0.0, 0.0, 1.0, 0.0])[:, None]
    >>> align(bump, later, band=0.0).value, align(bump, later, band=0.2).value
    (np.float64(0.4), np.float64(0.0))
    """
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    _check(one, other, band)
    pairs = np.broadcast_shapes(one.shape[:-2], other.shape[:-2])
    nodes = one.shape[-2]
    radius = int(band * nodes + 1e-9)
    # Rows of the table of sums, with a node outside at each end; infinite means out of reach.
    total, warp = _row(pairs, nodes), _row(pairs, nodes)
    for i in range(nodes):
        above, above_warp = total, warp
        total, warp = _row(pairs, nodes), _row(pairs, nodes)
        for j in range(max(0, i - radius), min(nodes, i + radius + 1)):
            gap = np.square(one[..., i, :] - other[..., j, :]).mean(-1)
            if i == j == 0:
                total[1], warp[1] = 2 * gap, 0
                continue
            weights = ((above[j], above_warp[j], 2), (above[j + 1], above_warp[j + 1], 1))
            options = (*weights, (total[j], warp[j], 1))
            sums = [each + weight * gap for each, _, weight in options]
            best = np.minimum.reduce(sums)
            warps = [
                np.where(each == best, far + weight * abs(i - j), np.inf)
                for each, (_, far, weight) in zip(sums, options, strict=True)
            ]
            total[j + 1], warp[j + 1] = best, np.minimum.reduce(warps)
    return Alignment(
        (total[-1] / (2 * nodes))[()], (warp[-1] / (2 * nodes * max(1, nodes - 1)))[()]
    )


def _row(pairs: tuple[int, ...], nodes: int) -> NDArray[np.float64]:
    return np.full((nodes + 1, *pairs), np.inf)


def _check(one: NDArray, other: NDArray, band: float) -> None:
    if one.ndim < 2 or other.ndim < 2 or one.shape[-2:] != other.shape[-2:] or 0 in one.shape:
        raise UsageError(
            f"Found curves of shapes {one.shape} and {other.shape}; expected two arrays (..., "
            "nodes, channels) with equally many nodes and channels: resample them first."
        )
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        raise UsageError(
            "Found NaN or infinite values in curves to align; expected finite numbers: leave out "
            "nodes where a channel is undefined, or resample the curves over them."
        )
    check_band(band)


def check_band(band: float) -> None:
    """Refuse a band that is no share of the depth.

    Raises
    ------
    UsageError
        If it is not between 0 and 1.
    """
    if not 0 <= band <= 1:
        raise UsageError(
            f"Found band {band}; expected a share of the depth, from 0 (no warping) to 1 (any)."
        )
