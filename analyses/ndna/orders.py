"""The null of a path: the same nodes in another order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

    from analyses.ndna.lenses import Lens


@dataclass(frozen=True)
class OrderNull:
    """What paths say in their own order, and in random ones.

    Attributes
    ----------
    turning, straightness : ndarray (rows,)
        Of each row: mean turning over interior nodes in radians, and chord over length.
    null_turning, null_straightness : ndarray (draws,)
        Means over rows, with the nodes in a random order, the same for all rows.
    """

    turning: NDArray[np.float64]
    straightness: NDArray[np.float64]
    null_turning: NDArray[np.float64]
    null_straightness: NDArray[np.float64]


def order_null(
    squares: NDArray[np.float64], n_draws: int, seed: int, on_sphere: bool = False
) -> OrderNull:
    """Compare paths with the same nodes in random orders.

    Parameters
    ----------
    squares : ndarray (rows, nodes, nodes)
        Squared distances between the nodes of each row; chords, where nodes are on a sphere.
    n_draws : int
    seed : int
    on_sphere : bool
        Whether nodes are roots of probabilities, on the unit sphere.

    Returns
    -------
    OrderNull

    Examples
    --------
    >>> line = (np.arange(6.0)[:, None] - np.arange(6.0)) ** 2
    >>> found = order_null(line[None], 19, seed=0)
    >>> round(float(found.turning[0]), 6), float(found.straightness[0])
    (0.0, 1.0)
    >>> bool((found.null_turning > 0).any())
    True
    """
    generator = np.random.default_rng([seed, 11])
    n_nodes = squares.shape[1]
    turning, straightness = _measured(squares, np.arange(n_nodes), on_sphere)
    draws = [
        [_mean(each) for each in _measured(squares, generator.permutation(n_nodes), on_sphere)]
        for _ in range(n_draws)
    ]
    null_turning, null_straightness = np.array(draws).reshape(n_draws, 2).T
    return OrderNull(turning, straightness, null_turning, null_straightness)


def squared_distances(states: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared distances (rows, nodes, nodes) between the states (rows, nodes, units) of each row.

    Examples
    --------
    >>> squared_distances(np.array([[[0.0], [3.0]]])).tolist()
    [[[0.0, 9.0], [9.0, 0.0]]]
    """
    steps = np.diff(states, axis=1)
    return from_steps(steps @ steps.swapaxes(1, 2))


def squared_chords(states: torch.Tensor, lens: Lens) -> NDArray[np.float64]:
    """Squared chords between the roots of what a lens reads at each node.

    Parameters
    ----------
    states : Tensor (rows, nodes, units)
    lens : Lens

    Returns
    -------
    ndarray (rows, nodes, nodes)
    """
    import torch

    from analyses.ndna.lenses import logits_of

    found = []
    with torch.inference_mode():
        for row in states:
            logits = logits_of(lens.features(row[None])[0], lens)
            roots = logits.softmax(-1).sqrt_()
            steps = roots[1:] - roots[:-1]
            found.append((steps @ steps.mT).double().cpu().numpy())
    return from_steps(np.stack(found))


def from_steps(gram: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared distances between nodes, from inner products of the steps between neighbours.

    Parameters
    ----------
    gram : ndarray (rows, nodes - 1, nodes - 1)

    Returns
    -------
    ndarray (rows, nodes, nodes)
    """
    n_nodes = gram.shape[1] + 1
    # Node i is the sum of the first i steps.
    sums = np.tril(np.ones((n_nodes, n_nodes - 1)), -1)
    inner = sums @ gram @ sums.T
    own = np.einsum("rii->ri", inner)
    return np.clip(own[:, :, None] + own[:, None, :] - 2 * inner, 0, None)


def _measured(
    squares: NDArray[np.float64], order: NDArray, on_sphere: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    near = squares[:, order[:-1], order[1:]]
    before, after = near[:, :-1], near[:, 1:]
    inner = (squares[:, order[:-2], order[2:]] - before - after) / 2
    lengths, chord = np.sqrt(near), np.sqrt(squares[:, order[0], order[-1]])
    if on_sphere:
        inner = inner + before * after / 4
        before, after = before - before**2 / 4, after - after**2 / 4
        lengths, chord = (4 * np.arcsin(np.clip(each / 2, 0, 1)) for each in (lengths, chord))
    product = np.sqrt(np.clip(before * after, 0, None))
    with np.errstate(invalid="ignore", divide="ignore"):
        angle = np.arccos(np.clip(inner / product, -1, 1))
        straightness = chord / lengths.sum(axis=1)
    angle[product == 0] = np.nan
    defined = np.isfinite(angle)
    total = np.where(defined, angle, 0).sum(axis=1)
    count = defined.sum(axis=1)
    turning = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return turning, straightness


def _mean(values: NDArray[np.float64]) -> float:
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if len(defined) else float("nan")
