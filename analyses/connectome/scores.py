"""How well motifs that were found match planted ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analyses.connectome.planted import Planted
from analyses.connectome.wiring import weighted_auc

MODES = ("time", "animal", "pair")


def motif_scores(
    time: NDArray, animals: NDArray, pairs: NDArray, truth: Planted
) -> NDArray[np.float64]:
    """Areas under the ROC curve of loadings against planted frames, animals and pairs.

    Parameters
    ----------
    time : ndarray (time, motifs)
    animals : ndarray (animals, motifs)
    pairs : ndarray (pairs, motifs)
    truth : Planted

    Returns
    -------
    ndarray (planted motifs, 3)
        Of the motif that matches each planted one best on the mean of the three (Hungarian
        method); NaN where all animals carry a motif, and 0 where there are too few motifs.

    Examples
    --------
    >>> from analyses.connectome.planted import planted
    >>> truth = planted(0, n_animals=6, n_motifs=2)
    >>> motif_scores(truth.frames.T, truth.animals.T, truth.pairs.T, truth).tolist()
    [[1.0, nan, 1.0], [1.0, 1.0, 1.0]]
    """
    from scipy.optimize import linear_sum_assignment

    modes = zip((time, animals, pairs), (truth.frames, truth.animals, truth.pairs), strict=True)
    areas = np.stack([_areas(found, planted) for found, planted in modes], axis=-1)
    rows, columns = linear_sum_assignment(-np.nanmean(areas, axis=-1))
    scores = np.zeros((len(areas), len(MODES)))
    scores[rows] = areas[rows, columns]
    return scores


def _areas(found: NDArray, planted: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.array([[weighted_auc(each, truth) for each in found.T] for truth in planted])
