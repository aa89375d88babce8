"""The authors' named indices of an offspring and its parents, with what is wrong put right.

An offspring is a merge of two models, or any model that is held against two others. Traits are
activity, curves or weights in one space: ``(features,)``, ``(rows, features)``, or ``(layers, rows,
features)`` for one value a layer.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import UsageError


class TraitDominance(NamedTuple):
    """Where an offspring lies between its parents.

    Attributes
    ----------
    share : float or ndarray (layers,)
        Place along the line from parent B (0) to parent A (1); beyond them it is below 0 or above
        1.
    off_line : float or ndarray (layers,)
        Distance from that line, as a share of the parents' distance: how much of the offspring is
        neither parent's.
    score : float or ndarray (layers,)
        The published form: ``sigma(k (share - 1/2))``.
    """

    share: Any
    off_line: Any
    score: Any


def trait_dominance_score(
    offspring: ArrayLike, parent_a: ArrayLike, parent_b: ArrayLike, steepness: float = 10.0
) -> TraitDominance:
    """Trait dominance score (nTDS): which parent an offspring takes after.

    **Published:** ``sigma(k (alpha - 1/2))`` with ``alpha = <O - B, A - B> / |A - B|^2``; elsewhere
    ``(|O - B| - |O - A|) / (|A - B| + eps)``, from -1 to 1, and elsewhere the letters stand for
    *Total Drift Signature*. **Wrong:** the sigmoid hides an offspring beyond either parent, and
    both hide one that is far from the line between them. **Corrected:** alpha itself, beside the
    distance from the line.

    Parameters
    ----------
    offspring, parent_a, parent_b : array (features,), (rows, features) or (layers, rows, features)
    steepness : float
        The published k, which the authors leave open.

    Returns
    -------
    TraitDominance
        NaN where the parents are the same.

    Raises
    ------
    UsageError
        If shapes disagree or values are not finite.

    Examples
    --------
    >>> found = trait_dominance_score([0.75, 1.0], [1.0, 0.0], [0.0, 0.0])
    >>> found.share, found.off_line, round(found.score, 3)
    (0.75, 1.0, 0.924)
    """
    child, one, other = _traits(offspring, parent_a, parent_b)
    line, away = one - other, child - other
    size = _square(line)
    share = _ratio(_product(away, line), size)
    rest = away - np.nan_to_num(share)[..., None, None] * line
    off_line = _ratio(np.sqrt(_square(rest)), np.sqrt(size))
    score = 1 / (1 + np.exp(-steepness * (share - 0.5)))
    return TraitDominance(_plain(share), _plain(off_line), _plain(score))


def divergence_index(
    offspring: ArrayLike,
    parent_a: ArrayLike,
    parent_b: ArrayLike,
    metric: ArrayLike | None = None,
) -> Any:
    """Divergence index (nDIV): how far an offspring leans from the parents' midpoint to parent A.

    **Published:** ``<O - m, A - B> / |A - B|^2`` with the midpoint m, which is the share of
    `trait_dominance_score` less 1/2; and a Fisher variant. **Wrong:** that variant weighs the
    traits themselves, so that it depends on the origin. **Corrected:** the metric weighs
    differences only.

    Parameters
    ----------
    offspring, parent_a, parent_b : array (features,), (rows, features) or (layers, rows, features)
    metric : array (features, features), optional
        Symmetric, positive, such as a Fisher information; Euclidean by default.

    Returns
    -------
    float or ndarray (layers,)
        0 at the midpoint, 1/2 at parent A, -1/2 at parent B; NaN where the parents are the same.

    Raises
    ------
    UsageError
        If shapes disagree or values are not finite.

    Examples
    --------
    >>> divergence_index([0.75, 1.0], [1.0, 0.0], [0.0, 0.0])
    0.25
    """
    child, one, other = _traits(offspring, parent_a, parent_b)
    line, lean = one - other, child - (one + other) / 2
    weighed = line if metric is None else line @ _matrix(metric, line.shape[-1])
    return _plain(_ratio(_product(lean, weighed), _product(line, weighed)))


def parental_share(offspring: ArrayLike, parent_a: ArrayLike, parent_b: ArrayLike) -> Any:
    """Share of an offspring's distances that is the one from parent B: 1 is parent A itself.

    What the second published form of nGDI may have meant. Its formula, ``1/2 [d_1 / (d_1 + d_2) +
    d_2 / (d_1 + d_2)] cos(p_1, p_2)``, is half the cosine of the parents: the offspring cancels.

    Parameters
    ----------
    offspring, parent_a, parent_b : array (features,), (rows, features) or (layers, rows, features)

    Returns
    -------
    float or ndarray (layers,)
        ``d_B / (d_A + d_B)``, 0 to 1; NaN where all three are the same.

    Raises
    ------
    UsageError
        If shapes disagree or values are not finite.

    Examples
    --------
    >>> parental_share([0.75], [1.0], [0.0])
    0.75
    """
    child, one, other = _traits(offspring, parent_a, parent_b)
    to_one, to_other = np.sqrt(_square(child - one)), np.sqrt(_square(child - other))
    return _plain(_ratio(to_other, to_one + to_other))


def epistasis(before: ArrayLike, after: ArrayLike, epsilon: float = 1e-12) -> float:
    """Epistasis (nEPI): how far a change of the model moved its activity.

    As published: the mean over rows of ``|after - before| / (|before| + eps)``. Nothing is wrong
    with it but that it grows with a shift of the origin of ``before``.

    Parameters
    ----------
    before, after : array (rows, features)
        Activity on the same rows.
    epsilon : float

    Returns
    -------
    float

    Raises
    ------
    UsageError
        If shapes disagree or values are not finite.

    Examples
    --------
    >>> epistasis([[3.0, 4.0]], [[3.0, 5.0]]).__round__(6)
    0.2
    """
    first, second = _traits(before, after)
    moved, size = np.linalg.norm(second - first, axis=-1), np.linalg.norm(first, axis=-1)
    return float(np.mean(moved / (size + epsilon)))


def merge_consistency(
    merged: ArrayLike,
    parent_a: ArrayLike,
    parent_b: ArrayLike,
    fisher_a: ArrayLike,
    fisher_b: ArrayLike,
    relative_to: Literal["distance", "norms"] = "distance",
) -> Any:
    """Merge consistency (nCCL): how far a merge is from the parents' Fisher-weighted mean.

    **Published:** ``|x - Phi| / (1/2 (|x_A| + |x_B|) + eps)`` with ``Phi = (F_A + F_B)^-1 (F_A x_A
    + F_B x_B)``. **Wrong:** the divisor depends on the origin, and parents far from it make every
    merge look consistent. **Corrected:** divided by the parents' distance. The full Fisher matrix
    is features by features for every layer; its diagonal is taken too.

    Parameters
    ----------
    merged, parent_a, parent_b : array (features,), (rows, features) or (layers, rows, features)
    fisher_a, fisher_b : array (features,) or (features, features)
        Fisher information, its diagonal or all of it, not negative.
    relative_to : {"distance", "norms"}
        ``norms`` is the published form.

    Returns
    -------
    float or ndarray (layers,)
        0 for the weighted mean; NaN where the divisor is 0.

    Raises
    ------
    UsageError
        If shapes disagree, values are not finite, or the two matrices together have no inverse.

    Examples
    --------
    >>> merge_consistency([0.5, 0.0], [1.0, 0.0], [0.0, 0.0], [1.0, 1.0], [1.0, 1.0])
    0.0
    >>> merge_consistency([0.5, 0.0], [1.0, 0.0], [0.0, 0.0], [3.0, 1.0], [1.0, 1.0])
    0.25
    """
    child, one, other = _traits(merged, parent_a, parent_b)
    if relative_to not in ("distance", "norms"):
        raise UsageError(f"Found relative_to='{relative_to}'; expected 'distance' or 'norms'.")
    weights = [_matrix(each, child.shape[-1]) for each in (fisher_a, fisher_b)]
    total = weights[0] + weights[1]
    if np.linalg.matrix_rank(total) < len(total):
        raise UsageError(
            "Found Fisher matrices whose sum has no inverse; expected every feature to matter in "
            "one of them: add a small ridge."
        )
    mean = np.linalg.solve(total, (one @ weights[0] + other @ weights[1])[..., None, :].mT)[..., 0]
    if relative_to == "distance":
        size = np.sqrt(_square(one - other))
    else:
        size = (np.sqrt(_square(one)) + np.sqrt(_square(other))) / 2
    return _plain(_ratio(np.sqrt(_square(child - mean)), size))


def merge_deviation(child: ArrayLike, parent_a: ArrayLike, parent_b: ArrayLike) -> Any:
    """Deviation of a merge's trait from the mean of its parents' (the site's delta of merges).

    As published, for belief, curvature or length: ``|v - 1/2 (v_1 + v_2)|``.

    Parameters
    ----------
    child, parent_a, parent_b : array (features,), (rows, features) or (layers, rows, features)

    Returns
    -------
    float or ndarray (layers,)
        In units of the trait.

    Raises
    ------
    UsageError
        If shapes disagree or values are not finite.

    Examples
    --------
    >>> merge_deviation([3.0, 4.0], [1.0, 0.0], [-1.0, 0.0])
    5.0
    """
    own, one, other = _traits(child, parent_a, parent_b)
    return _plain(np.sqrt(_square(own - (one + other) / 2)))


def collapse_index(curvature: ArrayLike, length: ArrayLike, belief: ArrayLike) -> NDArray:
    """Collapse of each layer: curvature times length times norm of belief.

    As published. Near 0 where any of the three is, so that it does not say which; and as an
    identity of a model the product was useless where it was tested.

    Parameters
    ----------
    curvature, length, belief : array (..., layers)

    Returns
    -------
    ndarray (..., layers)
        Per radian times radian times norm; NaN where one is undefined.

    Raises
    ------
    UsageError
        If shapes disagree.

    Examples
    --------
    >>> collapse_index([0.5, 0.0], [1.0, 1.0], [0.2, 0.2]).tolist()
    [0.1, 0.0]
    """
    three = [np.asarray(each, dtype=np.float64) for each in (curvature, length, belief)]
    if len({each.shape for each in three}) > 1:
        raise UsageError(
            f"Found curves of shapes {', '.join(str(each.shape) for each in three)}; expected "
            "equally many layers in all three."
        )
    return three[0] * three[1] * three[2]


def _traits(*given: ArrayLike) -> list[NDArray[np.float64]]:
    """Traits as (..., rows, features)."""
    arrays = [np.asarray(each, dtype=np.float64) for each in given]
    if len({each.shape for each in arrays}) > 1 or not arrays[0].size or not arrays[0].ndim:
        raise UsageError(
            f"Found traits of shapes {', '.join(str(each.shape) for each in arrays)}; expected the "
            "same features of all models, at least one."
        )
    if not all(np.isfinite(each).all() for each in arrays):
        raise UsageError("Found NaN or infinite traits; expected finite numbers.")
    return [each[None] if each.ndim == 1 else each for each in arrays]


def _matrix(weights: ArrayLike, n: int) -> NDArray[np.float64]:
    array = np.asarray(weights, dtype=np.float64)
    if array.shape not in ((n,), (n, n)) or not np.isfinite(array).all():
        raise UsageError(
            f"Found weights of shape {array.shape} for {n} features; expected finite numbers of "
            f"shape ({n},) or ({n}, {n})."
        )
    return np.diag(array) if array.ndim == 1 else array


def _product(first: NDArray, second: NDArray) -> NDArray[np.float64]:
    return (first * second).sum(axis=(-2, -1))


def _square(values: NDArray) -> NDArray[np.float64]:
    return _product(values, values)


def _ratio(above: NDArray, below: NDArray) -> NDArray[np.float64]:
    return np.where(below > 0, above / np.where(below > 0, below, 1.0), np.nan)


def _plain(values: NDArray) -> Any:
    return float(values) if values.ndim == 0 else values
