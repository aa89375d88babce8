"""Attention as connectivity between units, beside the baseline that it must beat.

Attention weights agree with directed truth only modestly (arXiv 2508.16776), so
`attention_agreement` always gives the cross-correlation of the activity beside them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.brain_dynamics.inputs import plain_array, real_array
from workbench.analysis.parameters import whole
from workbench.errors import UsageError, nearest

AGGREGATES = ("max", "mean", "rollout")


@dataclass(frozen=True)
class Agreement:
    """How well estimated connections agree with true ones, off the diagonal.

    Attributes
    ----------
    auroc : float
        Area under the ROC curve of true against absent connections; .5 by chance.
    rank_correlation : float
        Spearman's, with the size of the true weights.
    n_connections, n_pairs : int
    """

    auroc: float
    rank_correlation: float
    n_connections: int
    n_pairs: int


@dataclass(frozen=True)
class AttentionAgreement:
    """Attention beside its baseline, on the same truth.

    Attributes
    ----------
    attention, cross_correlation : Agreement
    """

    attention: Agreement
    cross_correlation: Agreement


def attention_connectivity(
    attention: ArrayLike, how: str = "rollout", skip_first: bool = True
) -> NDArray[np.float64]:
    """Attention of all layers and heads as one matrix.

    Parameters
    ----------
    attention : array (layers, heads, queries, keys)
        As many queries as keys for a rollout.
    how : {"rollout", "max", "mean"}
        Rollout: the largest head of each layer, ``(A + I) / 2``, rows scaled to sum to 1, layers
        multiplied (Abnar and Zuidema 2020, as in Neuroformer's `attention_vis.py`, arXiv
        2311.00136). Otherwise the largest or the mean over layers and heads.
    skip_first : bool
        Whether a rollout leaves out layer 0, as Neuroformer's code does.

    Returns
    -------
    ndarray (queries, keys)

    Raises
    ------
    UsageError
        If the shape does not fit, attention is negative, or a rollout has no layer left.

    Examples
    --------
    >>> attention = np.full((2, 1, 2, 2), 0.5)
    >>> attention_connectivity(attention).tolist()
    [[0.75, 0.25], [0.25, 0.75]]
    """
    if how not in AGGREGATES:
        raise UsageError(f"Found how='{how}'; {nearest(str(how), AGGREGATES)}")
    weights = real_array(attention, "attention", 4)
    if weights.ndim != 4 or (weights < 0).any():
        raise UsageError(
            f"Found attention of shape {weights.shape}, least {weights.min():g}; expected (layers, "
            "heads, queries, keys), none negative: pass the weights after the softmax."
        )
    if how != "rollout":
        return weights.max(axis=(0, 1)) if how == "max" else weights.mean(axis=(0, 1))
    layers = weights[1:] if skip_first else weights
    if weights.shape[2] != weights.shape[3] or not len(layers):
        raise UsageError(
            f"Found attention of shape {weights.shape}; expected as many queries as keys and a "
            "layer left for a rollout: use how='mean', or skip_first=False for one layer."
        )
    total = np.eye(weights.shape[-1])
    for layer in layers.max(axis=1):
        mixed = (layer + np.eye(len(layer))) / 2
        total = mixed / mixed.sum(axis=-1, keepdims=True) @ total
    return total


def attention_between_units(
    attention: ArrayLike, query_units: ArrayLike, key_units: ArrayLike, n_units: int
) -> NDArray[np.float64]:
    """Mean attention from tokens of one unit to tokens of another.

    Parameters
    ----------
    attention : array (queries, keys)
        As `attention_connectivity` gives it.
    query_units, key_units : array (queries,), array (keys,) of int
        Unit of each token: the one that is predicted, and the one that is attended to.
    n_units : int

    Returns
    -------
    ndarray (units, units)
        As (to, from): rows are predicted units. Zero for pairs that never met.

    Raises
    ------
    UsageError
        If shapes do not match or a unit is out of range.

    Examples
    --------
    >>> attention_between_units([[0.2, 0.8], [0.4, 0.6]], [0, 0], [0, 1], 2).round(3).tolist()
    [[0.3, 0.7], [0.0, 0.0]]
    """
    weights = real_array(attention, "attention", 2)
    queries, keys = plain_array(query_units), plain_array(key_units)
    if weights.shape != (len(queries), len(keys)):
        raise UsageError(
            f"Found attention of shape {weights.shape} for {len(queries)} query and {len(keys)} "
            "key tokens; expected one row a query and one column a key."
        )
    for name, units in (("query_units", queries), ("key_units", keys)):
        if units.dtype.kind not in "iu" or units.min() < 0 or units.max() >= n_units:
            raise UsageError(
                f"Found {name} that are not whole numbers of 0 to {n_units - 1}; expected the unit "
                "of each token."
            )
    to, source = (units[:, None] == np.arange(n_units) for units in (queries, keys))
    sums = to.T @ weights @ source
    pairs = np.outer(to.sum(axis=0), source.sum(axis=0))
    return np.divide(sums, pairs, out=np.zeros_like(sums), where=pairs > 0)


def cross_correlation(activity: ArrayLike, max_lag: int = 5) -> NDArray[np.float64]:
    """Largest correlation of each unit with each other one's activity some steps before.

    Parameters
    ----------
    activity : array (time, units)
    max_lag : int
        Lags from 1 to this are tried.

    Returns
    -------
    ndarray (units, units)
        As (to, from); 0 for units that never vary, and on the diagonal.

    Raises
    ------
    UsageError
        If there are too few steps.

    Examples
    --------
    >>> cause = np.random.default_rng(0).normal(size=300)
    >>> found = cross_correlation(np.stack([cause, np.roll(cause, 2)], axis=1))
    >>> bool(found[1, 0] > 0.99), bool(found[0, 1] < 0.3)
    (True, True)
    """
    values = real_array(activity, "activity", 2)
    whole(max_lag, "max_lag", 1)
    if values.ndim != 2 or len(values) < max_lag + 3:
        raise UsageError(
            f"Found activity of shape {values.shape}; expected (time, units) with at least "
            f"{max_lag + 3} steps."
        )
    found = np.max([_lagged(values, lag) for lag in range(1, max_lag + 1)], axis=0)
    np.fill_diagonal(found, 0.0)
    return found


def connectivity_agreement(estimate: ArrayLike, truth: ArrayLike) -> Agreement:
    """Agreement of estimated connections with true ones, off the diagonal.

    Parameters
    ----------
    estimate : array (units, units)
        Larger where a connection is more likely, as (to, from).
    truth : array (units, units)
        True weights; a connection is there where they are not zero.

    Returns
    -------
    Agreement

    Raises
    ------
    UsageError
        If shapes do not match, or all or no pairs are connected.

    Examples
    --------
    >>> truth = np.array([[0, 1, 0], [0, 0, 1], [0, 0, 0]])
    >>> connectivity_agreement(truth + 0.1, truth).auroc
    1.0
    """
    from scipy.stats import rankdata

    found, true = real_array(estimate, "estimate", 2), real_array(truth, "truth", 2)
    if found.shape != true.shape or found.shape[0] != found.shape[-1] or found.ndim != 2:
        raise UsageError(
            f"Found an estimate of shape {found.shape} and a truth of shape {true.shape}; expected "
            "(units, units) of both."
        )
    off = ~np.eye(len(true), dtype=bool)
    ranks, sizes = rankdata(found[off]), np.abs(true[off])
    linked = sizes > 0
    n_linked, n_absent = int(linked.sum()), int((~linked).sum())
    if not n_linked or not n_absent:
        raise UsageError(
            f"Found {n_linked} true connections and {n_absent} absent ones; expected some of each "
            "to tell apart."
        )
    auroc = (ranks[linked].sum() - n_linked * (n_linked + 1) / 2) / (n_linked * n_absent)
    return Agreement(float(auroc), _correlation(ranks, rankdata(sizes)), n_linked, len(sizes))


def attention_agreement(
    estimate: ArrayLike, activity: ArrayLike, truth: ArrayLike, max_lag: int = 5
) -> AttentionAgreement:
    """Agreement of attention with true connections, beside that of cross-correlation.

    Parameters
    ----------
    estimate : array (units, units)
        As `attention_between_units` gives it.
    activity : array (time, units)
        Of the same units, for the baseline.
    truth : array (units, units)
        True weights, as (to, from).
    max_lag : int
        Lags of the baseline.

    Returns
    -------
    AttentionAgreement

    Examples
    --------
    >>> cause = np.random.default_rng(0).normal(size=300)
    >>> activity = np.stack([cause, np.roll(cause, 2)], axis=1)
    >>> found = attention_agreement([[0, 0.1], [0.2, 0]], activity, [[0, 0], [1, 0]])
    >>> found.attention.auroc, found.cross_correlation.auroc
    (1.0, 1.0)
    """
    baseline = cross_correlation(activity, max_lag)
    return AttentionAgreement(
        connectivity_agreement(estimate, truth), connectivity_agreement(baseline, truth)
    )


def _lagged(values: NDArray[np.float64], lag: int) -> NDArray[np.float64]:
    before, after = values[:-lag] - values[:-lag].mean(axis=0), values[lag:]
    after = after - after.mean(axis=0)
    scale = np.outer(np.linalg.norm(after, axis=0), np.linalg.norm(before, axis=0))
    product = after.T @ before
    return np.divide(product, scale, out=np.zeros_like(product), where=scale > 0)


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum() / scale) if scale else 0.0
