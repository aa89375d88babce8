"""Theory against training: rank and alignment of the start in a two-layer linear network.

``f(x) = w2' W1 x`` on whitened inputs, so that the loss is ``|W1' w2 - target|^2 / 2``, and the
tangent kernel over all parameters is ``W1' W1 + |w2|^2 I``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.learning_regime.alignments import kernel_alignment
from analyses.learning_regime.experiment_contrasts import t_interval
from analyses.learning_regime.initial_connectivity import scaled_to, truncated
from analyses.learning_regime.two_layer_theory import two_layer_linear_alignment
from workbench.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

Pair = tuple[NDArray[np.float64], NDArray[np.float64]]


def run_linear_experiment(
    ranks: Sequence[int] = (1, 5, 20),
    n_draws: int = 12,
    *,
    d: int = 20,
    norm: float = 1e-3,
    target_norm: float = 2.0,
    learning_rate: float = 0.02,
    n_steps: int = 6000,
    seed: int = 0,
) -> pd.DataFrame:
    """Kernel alignment after training from starts of several ranks, and as theory predicts it.

    Parameters
    ----------
    ranks : sequence of int
        From 1 to `d`; beside them an orthogonal start, and one of rank 1 that is aligned with the
        target and balanced.
    n_draws : int
        Of starts and targets.
    d : int
        Inputs, and hidden units.
    norm : float
        Of both layers at the start; the closed form is of small ones.
    target_norm : float
    learning_rate : float
    n_steps : int
    seed : int

    Returns
    -------
    pandas.DataFrame
        ``start``; ``trained`` and its interval ``low``, ``high`` over draws; ``predicted``; and
        ``error``, the largest absolute difference of a draw.

    Raises
    ------
    UsageError
        If a rank is out of range.

    References
    ----------
    Liu et al. 2024 (arXiv 2310.08513), theorem 1 and proposition 1.

    Examples
    --------
    >>> run_linear_experiment((1,), n_draws=3, d=8, n_steps=4000)["trained"].round(3).tolist()[-1]
    1.0
    """
    import pandas as pd

    if not all(1 <= rank <= d for rank in ranks):
        raise UsageError(f"Found ranks {list(ranks)} for {d} inputs; expected 1 to {d}.")
    generator = np.random.default_rng(seed)
    targets = generator.standard_normal((n_draws, d))
    targets *= target_norm / np.linalg.norm(targets, axis=1, keepdims=True)
    rows = []
    for name, (w1, w2) in _linear_starts(ranks, targets, norm, generator).items():
        found, predicted = _alignments(w1, w2, targets, learning_rate, n_steps)
        interval = t_interval(found)
        rows.append(
            {
                "start": name,
                "trained": interval["mean"],
                "low": interval["low"],
                "high": interval["high"],
                "predicted": float(predicted.mean()),
                "error": float(np.abs(found - predicted).max()),
            }
        )
    return pd.DataFrame(rows)


def train_two_layer_linear(
    w1: ArrayLike,
    w2: ArrayLike,
    target: ArrayLike,
    learning_rate: float = 0.02,
    n_steps: int = 6000,
) -> Pair:
    """Gradient descent on ``|W1' w2 - target|^2 / 2``, of one network or many.

    Parameters
    ----------
    w1 : array (..., hidden, inputs)
    w2 : array (..., hidden)
    target : array (..., inputs)
    learning_rate : float
    n_steps : int

    Returns
    -------
    w1, w2 : ndarray
        As they were given, trained.

    Examples
    --------
    >>> w1, w2 = train_two_layer_linear(0.1 * np.eye(2), [0.1, 0.1], [1.0, 0.0], 0.1, 500)
    >>> (w1.T @ w2).round(4)
    array([1., 0.])
    """
    first, second = np.array(w1, np.float64), np.array(w2, np.float64)[..., None]
    wanted = np.asarray(target, np.float64)[..., None]
    for _ in range(n_steps):
        wrong = np.swapaxes(first, -1, -2) @ second - wanted
        step = second @ np.swapaxes(wrong, -1, -2)
        second -= learning_rate * (first @ wrong)
        first -= learning_rate * step
    return first, second[..., 0]


def linear_tangent_kernel(w1: NDArray, w2: NDArray) -> NDArray[np.float64]:
    """Tangent kernel over whitened inputs and all parameters.

    Parameters
    ----------
    w1 : ndarray (hidden, inputs)
    w2 : ndarray (hidden,)

    Returns
    -------
    ndarray (inputs, inputs)

    Examples
    --------
    >>> linear_tangent_kernel(np.eye(2), np.array([1.0, 1.0])).tolist()
    [[3.0, 0.0], [0.0, 3.0]]
    """
    kernel: NDArray[np.float64] = w1.T @ w1 + (w2 @ w2) * np.eye(w1.shape[1])
    return kernel


def _alignments(
    w1: NDArray, w2: NDArray, targets: NDArray, learning_rate: float, n_steps: int
) -> Pair:
    """Trained and predicted alignment of every draw."""
    ended = train_two_layer_linear(w1, w2, targets, learning_rate, n_steps)
    found = [
        kernel_alignment(linear_tangent_kernel(*start), linear_tangent_kernel(*end))
        for start, end in zip(zip(w1, w2, strict=True), zip(*ended, strict=True), strict=True)
    ]
    starts = zip(w1, w2, targets, strict=True)
    return np.array(found), np.array([two_layer_linear_alignment(*each) for each in starts])


def _linear_starts(
    ranks: Sequence[int],
    targets: NDArray[np.float64],
    norm: float,
    generator: np.random.Generator,
) -> dict[str, Pair]:
    """First layers (draws, d, d) and second layers (draws, d) of every start."""
    n_draws, d = targets.shape
    gaussian = generator.standard_normal((n_draws, d, d))
    read_out = generator.standard_normal((n_draws, d))
    read_out *= norm / np.linalg.norm(read_out, axis=1, keepdims=True)
    first = {
        f"rank {rank}": [scaled_to(truncated(each, rank), norm) for each in gaussian]
        for rank in ranks
    }
    first["orthogonal"] = [scaled_to(np.linalg.qr(each)[0], norm) for each in gaussian]
    # Balanced: W1 W1' = w2 w2', which holds for |W1| = |w2| and W1 = w2 b' with a unit vector b.
    directions = targets / np.linalg.norm(targets, axis=1, keepdims=True)
    first["rank 1, aligned"] = list(read_out[:, :, None] * directions[:, None])
    return {name: (np.stack(each), read_out) for name, each in first.items()}
