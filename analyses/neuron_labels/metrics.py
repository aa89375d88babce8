"""How well predicted activity fits real activity: for pairs, and for every text with every unit.

Held-out Pearson correlation, average precision, F1 and IoU are what tells right labels from labels
with missing or with extra positives (Oikarinen et al. 2025, arXiv 2506.05774); AUC and MAD (CoSy,
arXiv 2405.20331) are secondary, because they do not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import UsageError

Floats = NDArray[np.float64]


def correlations(predicted: ArrayLike, real: ArrayLike) -> Floats:
    """Pearson correlation of every prediction with every unit.

    Parameters
    ----------
    predicted : array (texts, stimuli)
    real : array (stimuli, units)

    Returns
    -------
    ndarray (texts, units)
        0 where one of the two does not vary: a constant predicts nothing.

    Raises
    ------
    UsageError
        If the numbers of stimuli differ or values are not finite.

    Examples
    --------
    >>> correlations([[0, 1, 2], [5, 5, 5]], [[1.0], [2.0], [3.0]]).round(6).tolist()
    [[1.0], [0.0]]
    """
    first, second = checked_pair(predicted, real)
    return _standardised(first) @ _standardised(second.T).T


def _standardised(values: Floats) -> Floats:
    """Rows of mean 0 and length 1; zeros where a row does not vary."""
    # Scaling first: squares of tiny or huge activity would leave the range of numbers.
    scale = np.abs(values).max(axis=1, keepdims=True)
    scaled = np.divide(values, scale, out=np.zeros_like(values), where=scale > 0)
    centred = scaled - scaled.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.divide(centred, length, out=np.zeros_like(centred), where=length > 1e-12)


def correlation_draws(predicted: ArrayLike, real: ArrayLike, weights: ArrayLike) -> Floats:
    """Weighted Pearson correlation of each prediction with its own unit, for every draw.

    Parameters
    ----------
    predicted, real : array (units, stimuli)
    weights : array (draws, stimuli)
        How often each stimulus counts, as `workbench.statistics.bootstrap` draws it.

    Returns
    -------
    ndarray (draws, units)

    Examples
    --------
    >>> correlation_draws([[0, 1, 5]], [[0, 2, 1]], [[1, 1, 0]]).round(6).tolist()
    [[1.0]]
    """
    x, y = (_standardised(np.atleast_2d(np.asarray(v, np.float64))) for v in (predicted, real))
    w = np.asarray(weights, np.float64)
    w = w / w.sum(axis=1, keepdims=True)
    mean_x, mean_y = w @ x.T, w @ y.T
    covariance = w @ (x * y).T - mean_x * mean_y
    spread = (w @ (x * x).T - mean_x**2) * (w @ (y * y).T - mean_y**2)
    safe = np.sqrt(np.maximum(spread, 0.0))
    return np.divide(covariance, safe, out=np.zeros_like(covariance), where=safe > 1e-15)


def average_precisions(predicted: ArrayLike, active: ArrayLike) -> Floats:
    """Average precision of every prediction for every unit's activity, cut in two.

    Parameters
    ----------
    predicted : array (texts, stimuli)
    active : array (stimuli, units) of bool

    Returns
    -------
    ndarray (texts, units)
        ``sum_k (R_k - R_(k-1)) P_k`` over the distinct predicted values, as in scikit-learn's
        ``average_precision_score``; NaN where a unit is never active.

    Examples
    --------
    >>> average_precisions([[0.9, 0.8, 0.1]], [[True], [False], [True]]).round(4).tolist()
    [[0.8333]]
    """
    scores, truth = checked_pair(predicted, active)
    return np.stack([_average_precision(row, truth) for row in scores])


def _average_precision(scores: Floats, truth: Floats) -> Floats:
    hits, called = _cumulated(scores, truth)
    total = truth.sum(axis=0)
    gained = np.diff(hits, axis=0, prepend=0.0)
    area = (gained * hits / called[:, None]).sum(axis=0)
    return np.divide(area, total, out=np.full_like(area, np.nan), where=total > 0)


def _cumulated(scores: Floats, truth: Floats) -> tuple[Floats, Floats]:
    """True positives (cuts, units) and positives (cuts,) at each distinct score, from the top."""
    order, ends = _cuts(scores)
    return np.cumsum(truth[order], axis=0)[ends], (ends + 1).astype(np.float64)


def _cuts(scores: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    order = np.argsort(-scores, kind="stable")
    steps = np.flatnonzero(np.diff(scores[order]))
    return order, np.append(steps, len(scores) - 1)


def average_precision_draws(predicted: ArrayLike, active: ArrayLike, weights: ArrayLike) -> Floats:
    """Weighted average precision of one prediction for one unit, for every draw.

    Parameters
    ----------
    predicted : array (stimuli,)
    active : array (stimuli,) of bool
    weights : array (draws, stimuli)

    Returns
    -------
    ndarray (draws,)
        NaN where a draw holds no active stimulus.

    Examples
    --------
    >>> average_precision_draws([0.9, 0.1], [True, False], [[1, 1], [0, 2]]).tolist()
    [1.0, nan]
    """
    order, ends = _cuts(np.asarray(predicted, np.float64))
    counts = np.asarray(weights, np.float64)[:, order]
    called = np.cumsum(counts, axis=1)[:, ends]
    hits = np.cumsum(counts * np.asarray(active, np.float64)[order], axis=1)[:, ends]
    precision = np.divide(hits, called, out=np.zeros_like(hits), where=called > 0)
    area = (np.diff(hits, axis=1, prepend=0.0) * precision).sum(axis=1)
    total = hits[:, -1]
    return np.divide(area, total, out=np.full_like(area, np.nan), where=total > 0)


def best_cuts(predicted: ArrayLike, active: ArrayLike) -> Floats:
    """Where to cut each prediction in two so that F1 with each unit is largest.

    To be chosen on other stimuli than those that `overlaps` is reported on.

    Parameters
    ----------
    predicted : array (texts, stimuli)
    active : array (stimuli, units) of bool

    Returns
    -------
    ndarray (texts, units)
        Predictions of at least this much count as positive.

    Examples
    --------
    >>> best_cuts([[0.9, 0.8, 0.1]], [[True], [True], [False]]).tolist()
    [[0.8]]
    """
    scores, truth = checked_pair(predicted, active)
    total = truth.sum(axis=0)
    found = np.empty((len(scores), truth.shape[1]))
    for number, row in enumerate(scores):
        hits, called = _cumulated(row, truth)
        best = np.argmax(2 * hits / (called[:, None] + total), axis=0)
        order, ends = _cuts(row)
        found[number] = row[order][ends][best]
    return found


@dataclass(frozen=True)
class Overlaps:
    """F1 and IoU (texts, units) of predictions cut in two with activity cut in two."""

    f1: Floats
    iou: Floats


def overlaps(predicted: ArrayLike, active: ArrayLike, cuts: ArrayLike) -> Overlaps:
    """F1 and IoU of every prediction with every unit.

    Parameters
    ----------
    predicted : array (texts, stimuli)
    active : array (stimuli, units) of bool
    cuts : array (texts, units)
        As `best_cuts` gives them.

    Returns
    -------
    Overlaps
        NaN where nothing is predicted and nothing active.

    Examples
    --------
    >>> found = overlaps([[0.9, 0.8, 0.1]], [[True], [False], [False]], [[0.8]])
    >>> round(float(found.f1[0, 0]), 4), float(found.iou[0, 0])
    (0.6667, 0.5)
    """
    scores, truth = checked_pair(predicted, active)
    limits = np.asarray(cuts, np.float64)
    positive = [row[:, None] >= limit for row, limit in zip(scores, limits, strict=True)]
    hits = np.stack([(each * truth).sum(axis=0) for each in positive])
    called = np.stack([each.sum(axis=0) for each in positive])
    both = called + truth.sum(axis=0)
    empty = np.full_like(hits, np.nan)
    f1 = np.divide(2 * hits, both, out=empty.copy(), where=both > 0)
    return Overlaps(f1, np.divide(hits, both - hits, out=empty, where=both > 0))


def overlap_draws(
    positive: ArrayLike, active: ArrayLike, weights: ArrayLike
) -> tuple[Floats, Floats]:
    """Weighted F1 and IoU of each prediction with its own unit, for every draw.

    Parameters
    ----------
    positive, active : array (units, stimuli) of bool
    weights : array (draws, stimuli)

    Returns
    -------
    f1, iou : ndarray (draws, units)
        NaN where a draw holds nothing predicted and nothing active.
    """
    called, truth = (np.asarray(each, np.float64) for each in (positive, active))
    counts = np.asarray(weights, np.float64)
    hits = counts @ (called * truth).T
    both = counts @ called.T + counts @ truth.T
    f1 = np.divide(2 * hits, both, out=np.full_like(hits, np.nan), where=both > 0)
    return f1, np.divide(hits, both - hits, out=np.full_like(hits, np.nan), where=both > 0)


@dataclass(frozen=True)
class Separations:
    """CoSy's AUC and MAD (texts, units) of activity on described stimuli against the others."""

    auc: Floats
    mad: Floats


def separations(described: ArrayLike, real: ArrayLike) -> Separations:
    """How far activity on described stimuli lies above activity on the others.

    Parameters
    ----------
    described : array (texts, stimuli) of bool
    real : array (stimuli, units)

    Returns
    -------
    Separations
        Area under the ROC curve with ties as halves, and ``(mean on described - mean on others) /
        sd on others``; NaN where a text describes all stimuli or none, or the others do not vary.

    References
    ----------
    Kopf et al. 2024, CoSy, arXiv 2405.20331, equations 3 and 4.

    Examples
    --------
    >>> separations([[True, False, False]], [[3.0], [1.0], [2.0]]).auc.tolist()
    [[1.0]]
    """
    from scipy.stats import rankdata

    shown, values = checked_pair(described, real)
    inside = shown.sum(axis=1)[:, None]
    outside = shown.shape[1] - inside
    ranks = rankdata(values, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        auc = (shown @ ranks - inside * (inside + 1) / 2) / (inside * outside)
        mean = (1 - shown) @ values / outside
        variance = (1 - shown) @ values**2 / outside - mean**2
        mad = (shown @ values / inside - mean) / np.sqrt(np.maximum(variance, 0.0))
    auc[~((inside > 0) & (outside > 0)).repeat(auc.shape[1], axis=1)] = np.nan
    mad[~np.isfinite(mad)] = np.nan
    return Separations(auc, mad)


def checked_pair(predicted: ArrayLike, real: ArrayLike) -> tuple[Floats, Floats]:
    """Predictions (texts, stimuli) and activity (stimuli, units) as finite numbers.

    Parameters
    ----------
    predicted : array (texts, stimuli)
    real : array (stimuli, units)

    Returns
    -------
    pair of ndarray

    Raises
    ------
    UsageError
        If the shapes do not fit, there are fewer than two stimuli, or values are not finite.
    """
    first, second = np.asarray(predicted, np.float64), np.asarray(real, np.float64)
    fits = first.ndim == 2 and second.ndim == 2 and first.shape[1] == len(second)
    if not fits or len(second) < 2:
        raise UsageError(
            f"Found predictions of shape {first.shape} and activity of shape {second.shape}; "
            "expected (texts, stimuli) and (stimuli, units) with at least two stimuli."
        )
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise UsageError(
            "Found NaN or infinite values among predictions or activity; expected finite numbers: "
            "leave out stimuli without activity."
        )
    return first, second
