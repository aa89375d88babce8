"""The authors' named indices between two models, with what is wrong with them put right.

Das, *nDNA* (arXiv 2509.18216) and its project site name more indices than they define. Given here
and in `analyses.ndna.merge_indices`: nHD, nGDI, nKaryotyping, nTDS, nDIV, nEPI, nCCL, and the
deviation and collapse of merges. **Not given**, because no formula of them is known: nTEDS (*Trait
Entropic Drift Score*) and nTransmissibility.

All compare activity on the same rows (tokens, images). None is an identity, and none has been shown
to find descent; `analyses.ndna.lineage` tests whether a number does.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.ndna.fisher_rao import fisher_rao_distance
from workbench.errors import UsageError


def neural_hamming_distance(
    a: ArrayLike,
    b: ArrayLike,
    of: Literal["similarities", "units"] = "similarities",
    threshold: float = 0.0,
) -> float:
    """Neural Hamming distance (nHD): how often two models' on-and-off patterns differ.

    **Published:** the mean over layers of the share of entries with ``1(a > t) != 1(b > t)``; a
    caption has another definition, a count of layers with offsets beyond a threshold. **Wrong:** a
    rotation of one model's activity, which changes nothing it computes, changes every unit.
    **Corrected** (the default): the same share for the similarities between rows (inner products
    about the mean row), which rotations, shifts and positive scalings leave as they are.

    Parameters
    ----------
    a, b : array (rows, units) or (layers, rows, units)
        The same layers and rows; with ``of="similarities"`` the units may differ.
    of : {"similarities", "units"}
        ``units`` is the published form.
    threshold : float
        Of the activity, with ``of="units"``.

    Returns
    -------
    float
        Share from 0 to 1; .5 is what unrelated balanced patterns give.

    Raises
    ------
    UsageError
        If shapes disagree, values are not finite, or there is no such form.

    Examples
    --------
    >>> activity = np.array([[1.0, -1.0], [-2.0, 0.5], [0.3, 0.4]])
    >>> turned = activity @ np.array([[0.0, 1.0], [-1.0, 0.0]])
    >>> neural_hamming_distance(activity, turned)
    0.0
    >>> neural_hamming_distance(activity, turned, of="units").__round__(3)
    0.5
    """
    first, second = _layers(a), _layers(b)
    if of not in ("similarities", "units"):
        raise UsageError(f"Found of='{of}'; expected 'similarities' or 'units'.")
    if first.shape[:2] != second.shape[:2] or (of == "units" and first.shape != second.shape):
        raise _disagree(first, second)
    if of == "units":
        return float(np.mean((first > threshold) != (second > threshold)))
    rows, columns = np.triu_indices(first.shape[1], 1)
    signs = [_similarities(each)[:, rows, columns] > 0 for each in (first, second)]
    return float(np.mean(signs[0] != signs[1]))


def genetic_dissimilarity_index(
    a: ArrayLike,
    b: ArrayLike,
    probs_a: Any,
    probs_b: Any,
    alpha: float = 0.5,
    width: float | None = None,
) -> float:
    """Genetic dissimilarity index (nGDI): of activity by MMD, of predictions by Fisher-Rao.

    **Published:** ``alpha MMD_RBF + (1 - alpha) d_FR``. **Wrong:** the two terms have different
    ranges, so that alpha means nothing; and the site's other formula, of an offspring and two
    parents, is half the cosine of the parents whatever the offspring (see
    `analyses.ndna.merge_indices.parental_share` for what it may have meant). **Corrected:** either
    term is divided by the most it can be, the square root of 2 and pi.

    Parameters
    ----------
    a, b : array (rows, units)
        Activity of either model in one space; the rows need not correspond.
    probs_a, probs_b : array (rows, classes)
        Predictions of either model for the same rows.
    alpha : float
        Weight of the activity, 0 to 1.
    width : float, optional
        Of the kernel, in units of the activity; the median distance of all rows by default.

    Returns
    -------
    float
        0 to 1.

    Raises
    ------
    UsageError
        If shapes disagree, values are not finite, probabilities are not such, or alpha is no share.

    Examples
    --------
    >>> activity, probs = np.eye(3), np.eye(3)
    >>> genetic_dissimilarity_index(activity, activity, probs, probs)
    0.0
    >>> genetic_dissimilarity_index(activity, activity, probs, probs[::-1], alpha=0.0).__round__(3)
    0.667
    """
    first, second = _layers(a)[0], _layers(b)[0]
    if np.ndim(a) != 2 or np.ndim(b) != 2 or first.shape[1] != second.shape[1]:
        raise _disagree(np.asarray(a), np.asarray(b))
    if not 0 <= alpha <= 1:
        raise UsageError(f"Found alpha {alpha}; expected a share from 0 to 1.")
    apart = float(np.mean(fisher_rao_distance(probs_a, probs_b)))
    spread = maximum_mean_discrepancy(first, second, width)
    return alpha * spread / math.sqrt(2) + (1 - alpha) * apart / math.pi


def maximum_mean_discrepancy(a: NDArray, b: NDArray, width: float | None = None) -> float:
    """Maximum mean discrepancy of two clouds of points under a Gaussian kernel.

    Parameters
    ----------
    a, b : ndarray (rows, units)
    width : float, optional
        The median distance between all different rows by default.

    Returns
    -------
    float
        From 0 to the square root of 2 (Gretton et al. 2012, equation 5).

    Examples
    --------
    >>> maximum_mean_discrepancy(np.zeros((2, 1)), np.full((2, 1), 1e9), width=1.0).__round__(4)
    1.4142
    """
    from scipy.spatial.distance import cdist

    both = np.concatenate([a, b])
    squares = cdist(both, both, "sqeuclidean")
    if width is None:
        different = squares[squares > 0]
        width = float(np.sqrt(np.median(different))) if len(different) else 1.0
    kernel = np.exp(-squares / (2 * width**2))
    n = len(a)
    means = kernel[:n, :n].mean() + kernel[n:, n:].mean() - 2 * kernel[:n, n:].mean()
    return float(np.sqrt(max(0.0, means)))


def karyotype_distance(a: ArrayLike, b: ArrayLike) -> float:
    """Karyotype distance (nKaryotyping): between the cluster centres of two models' layers.

    **Published:** the mean over layers of ``mean_k |b_lk(A) - b_lk(B)|`` plus lambda times a
    *structural variance*. **Wrong:** which cluster of one model belongs to which of the other is
    not said, so that renumbering clusters changes the value; and the variance is not defined.
    **Corrected:** clusters are matched layer by layer so that their distance is least; the
    undefined term is left out.

    Parameters
    ----------
    a, b : array (clusters, units) or (layers, clusters, units)
        Centres of clusters, in one space.

    Returns
    -------
    float
        In units of the activity.

    Raises
    ------
    UsageError
        If shapes disagree or values are not finite.

    Examples
    --------
    >>> centres = np.array([[0.0, 0.0], [3.0, 4.0]])
    >>> karyotype_distance(centres, centres[::-1])
    0.0
    """
    from scipy.optimize import linear_sum_assignment
    from scipy.spatial.distance import cdist

    first, second = _layers(a), _layers(b)
    if first.shape != second.shape:
        raise _disagree(first, second)
    costs = [cdist(one, other) for one, other in zip(first, second, strict=True)]
    return float(np.mean([cost[linear_sum_assignment(cost)].mean() for cost in costs]))


def _similarities(layers: NDArray) -> NDArray[np.float64]:
    centred = layers - layers.mean(axis=1, keepdims=True)
    return centred @ centred.transpose(0, 2, 1)


def _layers(values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    array = array[None] if array.ndim == 2 else array
    if array.ndim != 3 or 0 in array.shape:
        raise UsageError(
            f"Found activity of shape {np.shape(values)}; expected (rows, units) or (layers, rows, "
            "units), none of them empty."
        )
    if not np.isfinite(array).all():
        raise UsageError("Found NaN or infinite activity; expected finite numbers.")
    return array


def _disagree(first: NDArray, second: NDArray) -> UsageError:
    return UsageError(
        f"Found activity of shapes {first.shape} and {second.shape}; expected the same layers, "
        "rows and units in both models: compare models of one architecture on the same stimuli."
    )
