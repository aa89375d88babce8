"""Explained variance and L0 of an autoencoder on rows that it may not have seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from analyses.atoms.evaluation import VarianceExplained
from analyses.atoms.rowblocks import row_blocks

if TYPE_CHECKING:
    from analyses.atoms.sae import ThresholdSAE

_ROWS = 4096


def evaluate(sae: ThresholdSAE, X: Any) -> tuple[float, float]:
    """Explained variance and L0, block by block.

    Parameters
    ----------
    sae : ThresholdSAE
        Fitted.
    X : array (rows, units), Activations, or iterable of arrays

    Returns
    -------
    r2, l0 : float
    """
    score, fired, rows = VarianceExplained(), 0, 0
    for block in row_blocks(X, _ROWS):
        codes = sae.transform(block)
        score.add(np.asarray(block), sae.inverse_transform(codes))
        fired, rows = fired + codes.nnz, rows + len(block)
    return score.value, fired / max(1, rows)
