"""How much every two neurons change together at every moment: the affinity of each pair.

The paper (Dyballa et al. 2024, arXiv 2402.14102) describes its affinity in prose and gives no
formula; those of `affinity` are this project's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analyses.connectome.derivatives import (
    checked_traces,
    present_neurons,
    scaled_derivatives,
    smoothing_frames,
)
from analyses.connectome.pair_affinity import check_kind, derivative_affinity
from workbench.errors import UsageError

FLOOR = 0.05


def affinity(
    traces: Any,
    kind: str = "interval",
    sampling_rate: float | None = None,
    smoothing: float | None = None,
    signed: bool = False,
    floor: float = FLOOR,
    scale: str = "max",
) -> NDArray:
    r"""Affinity of every pair of neurons in every frame.

    With the trace :math:`x_i` of neuron i and a Gaussian :math:`G_\sigma`,

    .. math:: d_i = \partial_t (G_\sigma * x_i), \qquad u_i = d_i / \max_t |d_i|

    and then, by kind,

    - ``minabs``: :math:`a_{ij}(t) = \min(|u_i|, |u_j|)`;
    - ``minabs_same``: ``minabs`` where :math:`d_i` and :math:`d_j` have the same sign, else 0;
    - ``geom``: :math:`a_{ij}(t) = \sqrt{|u_i| |u_j|}`;
    - ``interval``: on each maximal run :math:`I` of frames in which both signs are constant,
      :math:`a_{ij} = \frac{\sum_I \min(|u_i|, |u_j|)}{\sum_I \max(|u_i|, |u_j|)}
      \sqrt{\overline{|u_i|}_I \; \overline{|u_j|}_I}`.

    Parameters
    ----------
    traces : array (time, neurons) or (animals, time, neurons)
        One time axis and one order of neurons for all animals. NaN in all frames of a neuron that
        is missing in an animal.
    kind : {"interval", "minabs", "minabs_same", "geom"}
    sampling_rate : float, optional
        Frames a second.
    smoothing : float, optional
        :math:`\sigma` in seconds if `sampling_rate` is given, else in frames; 0.75 s or 3 frames
        by default.
    signed : bool
        Give the affinity of frames in which both derivatives have the same sign and of those with
        opposite signs as two non-negative blocks, side by side along the pairs.
    floor : float
        Least :math:`\max_t |d_i|`, as a share of the median of it over the animal's neurons; else
        the noise of a silent neuron would be lifted to full size. 0 for none.
    scale : {"max", "quantile"}
        Divide by the largest :math:`|d_i|`, or by its 99th percentile and clip at 1.

    Returns
    -------
    ndarray (time, pairs) or (time, animals, pairs)
        Between 0 and 1, in float32 for traces in float32 and in float64 else; pairs in the order of
        ``numpy.triu_indices(neurons, 1)``, twice as many with `signed` (same signs first). NaN
        where a neuron of the pair is missing; `pair_mask` tells where.

    Raises
    ------
    UsageError
        If there is no such kind or scale, or traces are constant, partly NaN, infinite, of other
        shapes, or all missing in an animal.

    Notes
    -----
    `affinity_blocks` gives the same frame by frame in bounded memory.

    Examples
    --------
    >>> time = np.arange(200) / 10
    >>> traces = np.stack([np.sin(time), 3 * np.sin(time), np.sin(2.7 * time)], axis=1)
    >>> values = affinity(traces, "minabs", sampling_rate=10.0, smoothing=0.2)
    >>> values.shape, int(values.mean(axis=0).argmax())
    ((200, 3), 0)
    """
    shape = np.shape(traces[0]) if isinstance(traces, (list, tuple)) else np.shape(traces)
    single = not isinstance(traces, (list, tuple)) and len(shape) == 2
    options = (kind, sampling_rate, smoothing, signed, floor, scale)
    n_frames = max(1, shape[-2] if len(shape) > 1 else 1)
    blocks = [block for _, block in affinity_blocks(traces, *options, n_frames=n_frames)]
    whole = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
    return whole[:, 0] if single else whole


def affinity_blocks(
    traces: Any,
    kind: str = "interval",
    sampling_rate: float | None = None,
    smoothing: float | None = None,
    signed: bool = False,
    floor: float = FLOOR,
    scale: str = "max",
    n_frames: int = 64,
) -> Iterator[tuple[slice, NDArray]]:
    """Affinity in blocks of frames: the same numbers as `affinity`, in bounded memory.

    Parameters
    ----------
    traces, kind, sampling_rate, smoothing, signed, floor, scale
        As in `affinity`.
    n_frames : int
        Frames in a block.

    Yields
    ------
    frames : slice
    values : ndarray (frames, animals, pairs)

    Raises
    ------
    UsageError
        As `affinity`, and if `n_frames` is not positive.

    Examples
    --------
    >>> traces = np.random.default_rng(0).normal(size=(50, 4))
    >>> blocks = list(affinity_blocks(traces, n_frames=20))
    >>> [(frames.start, values.shape) for frames, values in blocks]
    [(0, (20, 1, 6)), (20, (20, 1, 6)), (40, (10, 1, 6))]
    """
    check_kind(kind, signed)
    if n_frames < 1:
        raise UsageError(f"Found n_frames={n_frames}; expected at least one frame a block.")
    values = checked_traces(traces)
    width = smoothing_frames(sampling_rate, smoothing)
    scaled = scaled_derivatives(values, width, scale, floor)
    yield from derivative_affinity(scaled, kind, signed, n_frames)


def pair_mask(traces: Any, signed: bool = False) -> NDArray[np.bool_]:
    """Pairs of which both neurons are there, by animal: a mask for the factorisation.

    Parameters
    ----------
    traces : array (time, neurons) or (animals, time, neurons)
    signed : bool
        As in `affinity`.

    Returns
    -------
    ndarray (pairs,) or (animals, pairs) of bool

    Examples
    --------
    >>> traces = np.random.default_rng(0).normal(size=(2, 50, 3))
    >>> traces[1, :, 2] = np.nan
    >>> pair_mask(traces).tolist()
    [[True, True, True], [True, False, False]]
    """
    present = present_neurons(checked_traces(traces))
    first, second = np.triu_indices(present.shape[1], 1)
    mask = present[:, first] & present[:, second]
    if signed:
        mask = np.concatenate([mask, mask], axis=1)
    return mask[0] if np.ndim(traces) == 2 else mask
