"""Which of many stimuli was it: retrieval of stimulus features from activity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, clone

from probes.base import activity_of
from probes.ridge import fit_ridge
from probes.scores import other_rows
from probes.splits import group_folds, refuse_leakage
from probes.standardizing import Standard
from workbench.analysis.measure import Null
from workbench.errors import UsageError, nearest
from workbench.statistics.bootstrap import bootstrap_weights, percentile_interval
from workbench.statistics.permutation import permutation_null

if TYPE_CHECKING:
    import torch

METHODS = ("contrastive", "ridge")
_VALIDATION_FOLDS = 8


class RetrievalProbe(BaseEstimator):
    """A linear map from activity to the space of stimulus features, for telling stimuli apart.

    ``contrastive`` learns by choosing the right one of a batch: the score of candidate j for row i
    is ``<z_i, y_j> / |y_j|``, candidates normalised and activity not, as published (Défossez et al.
    2023, equation 2), so that the length of z is its confidence. ``ridge`` learns to predict the
    features and compares by cosine; it is the baseline that the other must beat.

    Parameters
    ----------
    method : {"contrastive", "ridge"}
    penalty : float
        Ridge penalty, or weight decay of the contrastive map.
    learning_rate : float
    batch_size : int
    max_epochs : int
    patience : int
        Epochs without a lower loss on groups kept aside (an eighth); the best epoch is kept.
    seed : int

    Attributes
    ----------
    n_features_ : int
    history_ : ndarray (epochs,)
        Contrastive loss on the groups kept aside, in nats.
    """

    def __init__(
        self,
        method: str = "contrastive",
        penalty: float = 1e-2,
        learning_rate: float = 3e-3,
        batch_size: int = 128,
        max_epochs: int = 200,
        patience: int = 10,
        seed: int = 0,
    ) -> None:
        self.method = method
        self.penalty = penalty
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.patience = patience
        self.seed = seed

    def fit(self, X: ArrayLike, Y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Learn from activity and the features of what was shown.

        Parameters
        ----------
        X : array (rows, units, ...)
        Y : array (rows, features)
        groups : array (rows,), optional

        Returns
        -------
        RetrievalProbe

        Raises
        ------
        UsageError
            If numbers of rows differ or there is no such method.
        WorkbenchError
            If activity or features are not finite.
        """
        if self.method not in METHODS:
            raise UsageError(f"Found method '{self.method}'; {nearest(self.method, METHODS)}")
        x, y = _paired(X, Y)
        self.n_features_ = y.shape[1]
        self._features = Standard.of(y)
        if self.method == "ridge":
            # The penalty is per row, so that it means the same for few and for many.
            path = fit_ridge(x, self._features.transform(y), np.array([self.penalty * len(x)]))
            self._standard, self._weights = path.standard, path.coefficients[0]
            self.history_ = np.zeros(0)
            return self
        each = np.arange(len(x)) if groups is None else np.asarray(groups)
        self._standard = Standard.of(x)
        self._weights = self._contrasted(
            self._standard.transform(x), self._features.transform(y), each
        )
        return self

    def _contrasted(self, x: NDArray[Any], y: NDArray[Any], groups: NDArray[Any]) -> NDArray[Any]:
        import torch

        n_groups = len(np.unique(groups))
        aside = np.zeros(len(x), dtype=bool)
        if n_groups > 1:
            aside = group_folds(groups, min(_VALIDATION_FOLDS, n_groups), seed=self.seed) == 0
        inputs = torch.as_tensor(x.astype(np.float32))
        targets = torch.as_tensor(_unit_rows(y).astype(np.float32))
        train, test = np.flatnonzero(~aside), np.flatnonzero(aside if aside.any() else ~aside)
        generator = torch.Generator().manual_seed(self.seed)
        # Ridge is where it starts: what it knows already need not be learned anew.
        started = fit_ridge(x[train], y[train], np.array([self.penalty * len(train)]))
        first = started.coefficients[0] / max(1e-6, float(np.std(x @ started.coefficients[0])))
        weights = torch.as_tensor(first.astype(np.float32)).requires_grad_()
        optimiser = torch.optim.AdamW([weights], lr=self.learning_rate, weight_decay=self.penalty)
        history: list[float] = []
        best = weights.detach().clone()
        for _ in range(self.max_epochs):
            order = train[torch.randperm(len(train), generator=generator).numpy()]
            for start in range(0, len(order), self.batch_size):
                batch = order[start : start + self.batch_size]
                optimiser.zero_grad()
                _contrastive_loss(inputs[batch] @ weights, targets[batch]).backward()
                optimiser.step()
            with torch.no_grad():
                history.append(float(_contrastive_loss(inputs[test] @ weights, targets[test])))
            if history[-1] <= min(history):
                best = weights.detach().clone()
            if len(history) - 1 - int(np.argmin(history)) >= self.patience:
                break
        self.history_ = np.array(history)
        return best.numpy()

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Point (rows, features) that activity is mapped to, in standardised features."""
        return self._standard.transform(activity_of(X)) @ self._weights

    def similarities(self, X: ArrayLike, candidates: ArrayLike) -> NDArray[Any]:
        """Score of every candidate for every row.

        Parameters
        ----------
        X : array (rows, units, ...)
        candidates : array (candidates, features)

        Returns
        -------
        ndarray (rows, candidates)
        """
        known = self._features.transform(np.asarray(candidates, dtype=np.float64))
        return self.predict(X) @ _unit_rows(known).T


def _contrastive_loss(points: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    import torch

    scores = points @ targets.T
    return torch.nn.functional.cross_entropy(scores, torch.arange(len(scores)))


def _unit_rows(y: NDArray[Any]) -> NDArray[Any]:
    return y / (1e-8 + np.linalg.norm(y, axis=1, keepdims=True))


def _paired(X: ArrayLike, Y: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    x, y = activity_of(X), activity_of(Y)
    if len(x) != len(y):
        raise UsageError(
            f"Found {len(x)} rows of activity and {len(y)} of features; expected equally many."
        )
    return x, y


@dataclass(frozen=True)
class Retrieval:
    """How often the right stimulus is among the first few.

    Attributes
    ----------
    top : dict of int to float
        By number of guesses: share of rows whose stimulus is among them.
    interval : dict of int to pair of float
        95 %, over groups drawn with replacement.
    chance : dict of int to float
        Guesses over candidates.
    null : dict of int to Null
        The same predictions beside the stimuli of other rows.
    n : int
    n_candidates : float
        Different stimuli in a fold, on average: a stimulus shown twice is one candidate.
    """

    top: dict[int, float]
    interval: dict[int, tuple[float, float]]
    chance: dict[int, float]
    null: dict[int, Null]
    n: int
    n_candidates: float


def retrieve(
    probe: RetrievalProbe,
    X: ArrayLike,
    Y: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    top: tuple[int, ...] = (1, 10),
    folds: ArrayLike | None = None,
    n_folds: int = 5,
    n_permutations: int = 200,
    n_bootstrap: int = 200,
    seed: int = 0,
) -> Retrieval:
    """Fit a retrieval probe on some folds of groups and rank the stimuli of the others.

    Candidates are the different stimuli of the fold; rows that were shown the same are never on
    both sides of a split.

    Parameters
    ----------
    probe : RetrievalProbe
    X : array (rows, units, ...)
    Y : array (rows, features)
    groups : array (rows,), optional
        Kept on one side; rows of equal features by default. Given groups must not tear such rows
        apart.
    top : tuple of int
        Numbers of guesses.
    folds : array (rows,) of int, optional
    n_folds, n_permutations, n_bootstrap : int
    seed : int

    Returns
    -------
    Retrieval

    Raises
    ------
    UsageError
        If a stimulus lies in two folds, or numbers of rows or folds do not fit.
    """
    x, y = _paired(X, Y)
    _, identity = np.unique(y, axis=0, return_inverse=True)
    identity = identity.reshape(-1)
    each = identity if groups is None else np.asarray(groups)
    fold = group_folds(each, n_folds, seed=seed) if folds is None else np.asarray(folds)
    ranks = np.empty(len(x), dtype=np.int64)
    null_ranks = np.empty((n_permutations, len(x)), dtype=np.int64)
    sizes = np.empty(len(x))
    generator = np.random.default_rng(seed)
    for number in np.unique(fold):
        rows, test = fold != number, fold == number
        refuse_leakage(each, rows, test)
        refuse_leakage(identity, rows, test)
        fitted = clone(probe).fit(x[rows], y[rows], each[rows])
        shown, first, right = np.unique(identity[test], return_index=True, return_inverse=True)
        scores = fitted.similarities(x[test], y[test][first])
        sizes[test] = len(shown)
        ranks[test] = _ranks(scores, right)
        for draw in range(n_permutations):
            order = other_rows(right, right, generator)
            null_ranks[draw, test] = _ranks(scores, right[order])
    weights = bootstrap_weights(each, n_bootstrap, generator)
    found = {k: ranks < k for k in top}
    shares = {k: float(hits.mean()) for k, hits in found.items()}
    return Retrieval(
        shares,
        {
            k: percentile_interval([np.average(hits, weights=w) for w in weights])
            for k, hits in found.items()
        },
        {k: float(np.mean(np.minimum(1.0, k / sizes))) for k in top},
        {
            k: permutation_null(
                shares[k], (null_ranks < k).mean(axis=1), "stimuli of other rows", "greater"
            )
            for k in top
        },
        len(x),
        float(sizes.mean()),
    )


def _ranks(scores: NDArray[Any], right: NDArray[np.int64]) -> NDArray[np.int64]:
    """Candidates with a higher score than the right one, and half of those with the same."""
    own = scores[np.arange(len(scores)), right][:, None]
    above = (scores > own).sum(axis=1)
    return above + ((scores == own).sum(axis=1) - 1) // 2
