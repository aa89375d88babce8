"""Curves of models with any number of layers as tables of equally many depths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.ndna.curves import Curves, even_depth, same_vocabulary
from analyses.ndna.reading import RESIDUAL_CHANNELS
from workbench.errors import UsageError

N_DEPTHS = 32
# Length and belief: what told checkpoints apart best where the authors' curves were tested.
DEFAULT_CHANNELS = ("step", "belief")


def resampled(values: ArrayLike, depth: ArrayLike, n_depths: int = N_DEPTHS) -> NDArray[np.float64]:
    """Curves at equally spaced depths, by linear interpolation.

    Parameters
    ----------
    values : array (..., nodes)
        NaN where undefined; the nodes with a value are joined, and beyond the first and last of
        them their values are kept.
    depth : array (nodes,)
        Rising from 0 to 1.
    n_depths : int
        At least two.

    Returns
    -------
    ndarray (..., depths)

    Raises
    ------
    UsageError
        If a curve has no value at all, or there are fewer than two depths.

    Examples
    --------
    >>> resampled([np.nan, 1.0, 2.0, np.nan, 4.0], np.linspace(0, 1, 5), 5).tolist()
    [1.0, 1.0, 2.0, 3.0, 4.0]
    """
    curves, places = np.asarray(values, dtype=np.float64), np.asarray(depth, dtype=np.float64)
    if n_depths < 2:
        raise UsageError(f"Found {n_depths} depths to resample to; expected at least two.")
    rows = curves.reshape(-1, curves.shape[-1])
    found = np.empty((len(rows), n_depths))
    wanted = even_depth(n_depths)
    patterns, which = np.unique(np.isfinite(rows), axis=0, return_inverse=True)
    for number, defined in enumerate(patterns):
        if not defined.any():
            raise UsageError("Found a curve without any defined value; expected at least one node.")
        chosen = which.reshape(-1) == number
        weights = _weights(places[defined], wanted)
        found[chosen] = rows[chosen][:, defined] @ weights
    return found.reshape(*curves.shape[:-1], n_depths)


def _weights(places: NDArray, wanted: NDArray) -> NDArray:
    """Weights (nodes, depths) of linear interpolation."""
    unit = np.eye(len(places))
    return np.stack([np.interp(wanted, places, row) for row in unit])


def compared_channels(
    models: Mapping[str, Curves], channels: Sequence[str] | str | None
) -> tuple[str, ...]:
    """Channels to compare models by, after refusing mixed vocabularies.

    Parameters
    ----------
    models : mapping of str to Curves
    channels : sequence of str, or str, optional
        ``step`` and ``belief`` by default, or all that every model has where one lacks these.

    Returns
    -------
    tuple of str

    Raises
    ------
    UsageError
        If a model has no such channel, the models share none, or a channel of probabilities is
        compared over different vocabularies.
    """
    if isinstance(channels, str):
        channels = (channels,)
    if channels is None:
        first, *rest = models.values()
        shared = [each for each in first.channels if all(each in m.channels for m in rest)]
        channels = DEFAULT_CHANNELS if set(DEFAULT_CHANNELS) <= set(shared) else shared
    if not channels:
        raise UsageError(
            f"Found no channel that all of {', '.join(models)} have; expected at least one to "
            "compare: compute the same channels for each."
        )
    if not set(channels) <= set(RESIDUAL_CHANNELS):
        same_vocabulary(models)
    for curves in models.values():
        for channel in channels:
            curves.values(channel)
    return tuple(channels)


def tables(
    models: Mapping[str, Any],
    channels: Sequence[str] | str | None = None,
    n_depths: int = N_DEPTHS,
) -> NDArray[np.float64]:
    """Mean curves of models at equally spaced depths.

    Parameters
    ----------
    models : mapping of str to Curves, or to array (nodes, channels) or (nodes,)
        All curves or all arrays; nodes of an array are equally spaced, and NaN where undefined.
    channels : sequence of str, or str, optional
        Of curves; as of `compared_channels`.
    n_depths : int

    Returns
    -------
    ndarray (models, depths, channels)

    Raises
    ------
    UsageError
        If models cannot be compared, or a channel of one has no value.
    """
    curves = {name: each for name, each in models.items() if isinstance(each, Curves)}
    if len(curves) not in (0, len(models)):
        raise UsageError(
            "Found both curves and plain arrays; expected one kind, so that channels agree: pass "
            "all models as Curves, or all as arrays."
        )
    if not curves:
        return _array_tables(models, channels, n_depths)
    chosen = compared_channels(curves, channels)
    found = [
        [
            _resampled_of(name, channel, each.mean(channel), each.depth, n_depths)
            for channel in chosen
        ]
        for name, each in curves.items()
    ]
    return np.moveaxis(np.array(found), 1, 2)


def drawn_tables(
    models: Mapping[str, Curves],
    n_bootstrap: int,
    seed: int = 0,
    channels: Sequence[str] | str | None = None,
    n_depths: int = N_DEPTHS,
) -> NDArray[np.float64]:
    """Mean curves of bootstrap draws of prompts, the same prompts for every model.

    Parameters
    ----------
    models : mapping of str to Curves
        With the same prompts.
    n_bootstrap, seed : int
    channels, n_depths
        As of `tables`.

    Returns
    -------
    ndarray (draws, models, depths, channels)

    Raises
    ------
    UsageError
        As `tables`, or if models have different numbers of prompts.
    """
    counts = {name: each.n_prompts for name, each in models.items()}
    if len(set(counts.values())) > 1:
        raise UsageError(
            f"Found curves over {sorted(set(counts.values()))} prompts; expected the same prompts "
            "for every model, because they are drawn together."
        )
    chosen = compared_channels(models, channels)
    found = [
        [
            _resampled_of(name, c, each.draws(c, n_bootstrap, seed), each.depth, n_depths)
            for c in chosen
        ]
        for name, each in models.items()
    ]
    return np.moveaxis(np.array(found), (2, 0, 3, 1), (0, 1, 2, 3))


def jointly_scaled(values: NDArray, among: NDArray) -> NDArray[np.float64]:
    """Scale every channel by its range over several models: 0 is the least value and 1 the largest.

    Parameters
    ----------
    values : ndarray (..., depths, channels)
    among : ndarray (models, depths, channels)
        Whose range it is; a channel that never varies is only shifted.

    Returns
    -------
    ndarray (..., depths, channels)
    """
    flat = among.reshape(-1, among.shape[-1])
    low, high = flat.min(axis=0), flat.max(axis=0)
    return (values - low) / np.where(high > low, high - low, 1.0)


def _resampled_of(
    name: str, channel: str, values: NDArray, depth: NDArray, n_depths: int
) -> NDArray[np.float64]:
    if not np.isfinite(values).any(axis=-1).all():
        raise UsageError(
            f"Found channel '{channel}' of '{name}' without any defined value; expected at least "
            "one node: leave the channel out, or give more prompts."
        )
    return resampled(values, depth, n_depths)


def _array_tables(
    models: Mapping[str, Any], channels: Sequence[str] | str | None, n_depths: int
) -> NDArray[np.float64]:
    if channels is not None:
        raise UsageError(
            "Found names of channels for plain arrays; expected none, as their channels have no "
            "names: choose columns of the arrays, or pass Curves."
        )
    arrays = {name: _as_table(each) for name, each in models.items()}
    widths = {each.shape[1] for each in arrays.values()}
    if len(widths) > 1:
        raise UsageError(
            f"Found curves of {sorted(widths)} channels; expected equally many in every model."
        )
    found = [
        [
            _resampled_of(name, str(c), each[:, c], even_depth(len(each)), n_depths)
            for c in range(each.shape[1])
        ]
        for name, each in arrays.items()
    ]
    return np.moveaxis(np.array(found), 1, 2)


def _as_table(values: Any) -> NDArray[np.float64]:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"Found curves of type {type(values).__name__} that are no array of numbers; expected "
            "Curves, or an array (nodes,) or (nodes, channels)."
        ) from error
    array = array[:, None] if array.ndim == 1 else array
    if array.ndim != 2 or len(array) < 2 or not array.shape[1]:
        raise UsageError(
            f"Found curves of shape {np.shape(values)}; expected (nodes,) or (nodes, channels) "
            "with at least two nodes: one layer is no path."
        )
    return array
