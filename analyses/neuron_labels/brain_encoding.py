"""Linear encoders from features of stimuli to units, and how much of the predictable they predict.

Ridge regression in closed form, its penalty chosen for each unit inside the training part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import UsageError

ALPHAS = tuple(float(each) for each in np.logspace(-2, 5, 15))
# Below this, nothing repeats, and dividing by it would make anything of noise.
_LEAST_CEILING = 0.05


@dataclass(frozen=True, eq=False)
class BrainEncoder:
    """A linear map from features to units.

    Attributes
    ----------
    weights : ndarray (units, features)
    bias : ndarray (units,)
    alphas : ndarray (units,)
        Penalty of each unit, relative to the mean variance of a feature times the stimuli.
    scores : ndarray (units,)
        Correlation of predicted and real activity in cross-validation inside training.
    """

    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    alphas: NDArray[np.float64]
    scores: NDArray[np.float64]

    def predict(self, features: ArrayLike) -> NDArray[np.float64]:
        """Predicted activity (stimuli, units) of features (stimuli, features)."""
        return np.asarray(features, dtype=np.float64) @ self.weights.T + self.bias


def fit_encoder(
    features: ArrayLike,
    activity: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    alphas: Sequence[float] = ALPHAS,
    n_folds: int = 5,
    seed: int = 0,
) -> BrainEncoder:
    """Ridge regression with one penalty a unit, chosen by cross-validated correlation.

    Parameters
    ----------
    features : array (stimuli, features)
    activity : array (stimuli, units)
    groups : array (stimuli,), optional
        Stimuli of one group are never in two folds, such as repeats, or time steps of one run.
    alphas : sequence of float
        Penalties to choose from, in units of the features' mean variance times the stimuli.
    n_folds : int
    seed : int
        Of the folds.

    Returns
    -------
    BrainEncoder

    Raises
    ------
    UsageError
        If shapes do not fit, values are not finite, or there are fewer groups than folds.

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> features = generator.normal(size=(200, 3))
    >>> encoder = fit_encoder(features, features @ np.array([[1.0], [0.0], [-2.0]]))
    >>> encoder.weights.round(1).tolist()
    [[1.0, 0.0, -2.0]]
    """
    x, y = np.asarray(features, dtype=np.float64), np.asarray(activity, dtype=np.float64)
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y):
        raise UsageError(
            f"Found features of shape {x.shape} and activity of shape {y.shape}; expected "
            "(stimuli, features) and (stimuli, units) of the same stimuli."
        )
    if not np.isfinite(x).all() or not np.isfinite(y).all():
        raise UsageError(
            "Found features or activity that are not finite; expected finite numbers: leave out "
            "such stimuli or units."
        )
    group = np.arange(len(x)) if groups is None else np.asarray(groups)
    predicted = np.empty((len(alphas), *y.shape))
    for train, test in _folds(group, n_folds, seed):
        weights, mean_x, mean_y = _ridge(x[train], y[train], alphas)
        predicted[:, test] = np.einsum("sf,afu->asu", x[test] - mean_x, weights) + mean_y
    scores = np.stack([correlation_by_unit(each, y) for each in predicted])
    best = scores.argmax(axis=0)
    weights, mean_x, mean_y = _ridge(x, y, alphas)
    units = np.arange(y.shape[1])
    chosen = weights[best, :, units]
    return BrainEncoder(
        chosen, mean_y - chosen @ mean_x, np.asarray(alphas)[best], scores[best, units]
    )


def _ridge(
    x: NDArray[np.float64], y: NDArray[np.float64], alphas: Sequence[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Weights (alphas, features, units) and means; one decomposition serves all penalties."""
    mean_x, mean_y = x.mean(axis=0), y.mean(axis=0)
    left, sizes, right = np.linalg.svd(x - mean_x, full_matrices=False)
    scale = float(np.square(sizes).sum()) / x.shape[1] or 1.0
    turned = left.T @ (y - mean_y)
    weights = [
        right.T @ ((sizes / (sizes**2 + alpha * scale))[:, None] * turned) for alpha in alphas
    ]
    return np.stack(weights), mean_x, mean_y


def _folds(
    groups: NDArray, n_folds: int, seed: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    names, number = np.unique(groups, return_inverse=True)
    if n_folds < 2 or len(names) < n_folds:
        raise UsageError(
            f"Found {len(names)} groups of stimuli for {n_folds} folds; expected two folds or "
            "more, and a group for each: give more stimuli or ask for fewer folds."
        )
    fold = np.random.default_rng(seed).permutation(len(names)) % n_folds
    for each in range(n_folds):
        inside = fold[number] == each
        yield np.flatnonzero(~inside), np.flatnonzero(inside)


def correlation_by_unit(predicted: ArrayLike, real: ArrayLike) -> NDArray[np.float64]:
    """Pearson's correlation of each column; 0 where one is constant.

    Parameters
    ----------
    predicted, real : array (stimuli, units)

    Returns
    -------
    ndarray (units,)
    """
    one, other = (np.asarray(each, dtype=np.float64) for each in (predicted, real))
    one, other = one - one.mean(axis=0), other - other.mean(axis=0)
    size = np.sqrt(np.square(one).sum(axis=0) * np.square(other).sum(axis=0))
    return np.where(size > 1e-12, (one * other).sum(axis=0) / np.maximum(size, 1e-12), 0.0)


def noise_ceiling(repeats: ArrayLike) -> NDArray[np.float64]:
    """The correlation that the true response to stimuli would reach with the mean over repeats.

    Signal variance s is that of means over repeats, less what noise adds to it, and the ceiling is
    ``sqrt(s / (s + noise / repeats))``.

    Parameters
    ----------
    repeats : array (repeats, stimuli, units)
        Each stimulus shown as often.

    Returns
    -------
    ndarray (units,)
        From 0 to 1; 0 where nothing repeats.

    Raises
    ------
    UsageError
        If there are fewer than two repeats or stimuli.

    References
    ----------
    Allen et al. 2022, A massive 7T fMRI dataset (NSD), noise ceiling.

    Examples
    --------
    >>> signal = np.arange(5.0)[None, :, None]
    >>> noise_ceiling(np.concatenate([signal, signal])).tolist()
    [1.0]
    """
    values = np.asarray(repeats, dtype=np.float64)
    if values.ndim != 3 or values.shape[0] < 2 or values.shape[1] < 2:
        raise UsageError(
            f"Found repeats of shape {values.shape}; expected (repeats, stimuli, units) with two "
            "or more repeats and stimuli."
        )
    noise = values.var(axis=0, ddof=1).mean(axis=0) / len(values)
    total = values.mean(axis=0).var(axis=0, ddof=1)
    signal = np.maximum(total - noise, 0)
    return np.sqrt(signal / np.maximum(signal + noise, 1e-300))


def normalised_correlation(
    predicted: ArrayLike, repeats: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Correlation with the mean over repeats, as a share of the ceiling.

    Parameters
    ----------
    predicted : array (stimuli, units)
    repeats : array (repeats, stimuli, units)

    Returns
    -------
    ndarray (units,)
        NaN where the ceiling is so low that nothing can be said; above 1 by chance only.
    ndarray (units,)
        Ceilings.

    Raises
    ------
    UsageError
        If there are fewer than two repeats or stimuli.
    """
    ceiling = noise_ceiling(repeats)
    found = correlation_by_unit(predicted, np.asarray(repeats, dtype=np.float64).mean(axis=0))
    known = ceiling > _LEAST_CEILING
    return np.where(known, found / np.where(known, ceiling, 1), np.nan), ceiling
