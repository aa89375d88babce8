"""Every metric for every text with every unit, on stimuli that are held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analyses.neuron_labels.metrics import (
    average_precision_draws,
    average_precisions,
    best_cuts,
    correlation_draws,
    correlations,
    overlap_draws,
    overlaps,
    separations,
)
from workbench.statistics.bootstrap import bootstrap_weights

PEARSON, PRECISION, F1, IOU = "pearson", "average precision", "f1", "iou"
AUC, MAD = "CoSy AUC", "CoSy MAD"
HEADLINE = (PEARSON, PRECISION, F1, IOU)
SECONDARY = (AUC, MAD)
METRICS = (*HEADLINE, *SECONDARY)
_DESCRIBED = 0.5


@dataclass(frozen=True)
class Data:
    """What texts predict and what units do.

    Attributes
    ----------
    probe, held_out : ndarray (texts, rows)
        Predictions.
    active_probe, active : ndarray (rows, units) of bool
        Activity above each unit's own cut, on the probe and on held-out rows.
    real : ndarray (rows, units)
        Held-out activity.
    groups : ndarray (rows,)
        Stimulus of each held-out row.
    """

    probe: NDArray[np.float64]
    held_out: NDArray[np.float64]
    active_probe: NDArray[np.bool_]
    active: NDArray[np.bool_]
    real: NDArray[np.float64]
    groups: NDArray[np.int64]


def activity_cuts(probe: NDArray[np.floating], quantile: float) -> NDArray[np.float64]:
    """Activity that each unit exceeds in a share ``1 - quantile`` of the probe: (units,).

    Examples
    --------
    >>> activity_cuts(np.arange(5.0)[:, None], 0.5).tolist()
    [2.0]
    """
    return np.quantile(np.asarray(probe, np.float64), quantile, axis=0)


def score_all(data: Data) -> dict[str, NDArray[np.float64]]:
    """Metrics by name: (texts, units) each, NaN where one is not defined.

    Parameters
    ----------
    data : Data

    Returns
    -------
    dict of str to ndarray
    """
    found = overlaps(data.held_out, data.active, best_cuts(data.probe, data.active_probe))
    described = separations(described_rows(data.held_out), data.real)
    return {
        PEARSON: correlations(data.held_out, data.real),
        PRECISION: average_precisions(data.held_out, data.active),
        F1: found.f1,
        IOU: found.iou,
        AUC: described.auc,
        MAD: described.mad,
    }


def described_rows(predicted: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Stimuli that a text describes: predicted at least half as active as the strongest."""
    strongest = predicted.max(axis=1, keepdims=True)
    return (predicted >= _DESCRIBED * strongest) & (
        predicted > predicted.min(axis=1, keepdims=True)
    )


def own_draws(
    data: Data, own: NDArray[np.int64], n_draws: int, seed: int
) -> dict[str, NDArray[np.float64]]:
    """Headline metrics of each unit's own text over draws of held-out stimuli: (draws, units).

    Parameters
    ----------
    data : Data
    own : ndarray (units,) of int
        Number of each unit's text.
    n_draws : int
    seed : int

    Returns
    -------
    dict of str to ndarray
    """
    generator = np.random.default_rng([seed, 43])
    weights = bootstrap_weights(data.groups, n_draws, generator)
    predicted, active = data.held_out[own], data.active
    cuts = best_cuts(data.probe, data.active_probe)[own, np.arange(len(own))]
    f1, iou = overlap_draws(predicted >= cuts[:, None], active.T, weights)
    pairs = zip(predicted, active.T, strict=True)
    precision = [average_precision_draws(row, truth, weights) for row, truth in pairs]
    return {
        PEARSON: correlation_draws(predicted, data.real.T, weights),
        PRECISION: np.stack(precision, axis=1),
        F1: f1,
        IOU: iou,
    }


def shuffled_draws(
    data: Data, own: NDArray[np.int64], n_draws: int, seed: int
) -> NDArray[np.float64]:
    """Correlation of each unit with its own text on shuffled stimuli: (draws, units).

    Where stimuli hold several rows, such as the tokens of a text or steps in time, the series is
    turned round instead: neighbours resemble each other.

    Parameters
    ----------
    data : Data
    own : ndarray (units,) of int
    n_draws : int
    seed : int

    Returns
    -------
    ndarray (draws, units)
    """
    generator = np.random.default_rng([seed, 47])
    order = np.argsort(data.groups, kind="stable")
    single = len(np.unique(data.groups)) == len(order)
    rows = np.arange(len(order))
    found = []
    for _ in range(n_draws):
        least = max(1, len(order) // 20)
        other = (
            generator.permutation(rows)
            if single
            else np.roll(rows, generator.integers(least, max(least + 1, len(order) - least)))
        )
        weights = np.ones((1, len(order)))
        predicted = data.held_out[own][:, order][:, other]
        found.append(correlation_draws(predicted, data.real[order].T, weights)[0])
    return np.array(found)


def means_of(
    scores: Mapping[str, NDArray[np.float64]], rows: Sequence[int] | NDArray[np.int64]
) -> dict[str, float]:
    """Mean over units of every metric, when unit ``n`` has text ``rows[n]``; NaN left out."""
    units = np.arange(len(rows))
    return {name: _mean(table[np.asarray(rows), units]) for name, table in scores.items()}


def _mean(values: NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")
