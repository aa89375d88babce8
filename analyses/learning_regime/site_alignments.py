"""Activity at one site against its first checkpoint, as a function that any executor can run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analyses.learning_regime.alignments import (
    ROUNDING,
    representation_alignment,
    sign_similarity,
)
from analyses.learning_regime.given import given_array
from analyses.learning_regime.numbers import Number, against_shuffled
from analyses.learning_regime.resampling import (
    Draws,
    Matrix,
    redrawn_alignments,
    shuffled_alignments,
)
from analyses.learning_regime.weights import effective_rank
from workbench.analysis.site_rows import SiteRows

SHUFFLED = "stimuli shuffled between the two checkpoints"
_NAMES = ("representation alignment", "centred representation alignment")
# What share of exact zeros, without a negative value, makes a site one of rectified units.
_LEAST_ZEROS = 0.01


@dataclass(frozen=True, eq=False)
class SiteJob:
    """Everything that the work at one site needs.

    Attributes
    ----------
    sources : tuple of SiteRows
        One a checkpoint.
    checkpoints : tuple of str
    draws : Draws
    """

    sources: tuple[SiteRows, ...]
    checkpoints: tuple[str, ...]
    draws: Draws


def work_on_site(job: SiteJob) -> list[Number]:
    """Numbers of one site.

    Parameters
    ----------
    job : SiteJob

    Returns
    -------
    list of Number

    Raises
    ------
    UsageError
        If activity is not finite.
    """
    site = job.sources[0].site
    values = [
        _read(source, name) for source, name in zip(job.sources, job.checkpoints, strict=True)
    ]
    grams = [(each @ each.T, _centred_gram(each)) for each in values]
    found = [
        Number(
            "effective rank of activity",
            "site",
            site,
            name,
            _rank(centred),
            n=len(centred),
            why_no_null="it describes one checkpoint: compare checkpoints",
        )
        for name, (_, centred) in zip(job.checkpoints, grams, strict=True)
    ]
    rectified = all(_is_rectified(each) for each in values)
    for name, later, gram in zip(job.checkpoints[1:], values[1:], grams[1:], strict=True):
        about = ("site", site, name)
        found += _alignments(about, (values[0], later), (grams[0], gram), job.draws)
        if rectified:
            found.append(_signs(about, values[0], later, job.draws))
    return found


def _read(source: SiteRows, checkpoint: str) -> Matrix:
    values = given_array(source.read(), f"site '{source.site}' at checkpoint '{checkpoint}'")
    flat = values.reshape(len(values), -1)
    # Fourth powers of large values would leave the range of floats.
    return flat / (np.abs(flat).max() or 1.0)


def _centred_gram(values: Matrix) -> Matrix:
    centred = values - values.mean(axis=0)
    if np.abs(centred).max() <= ROUNDING * np.abs(values).max():
        centred = np.zeros_like(centred)
    return centred @ centred.T


def _rank(gram: Matrix) -> float:
    eigenvalues = np.clip(np.linalg.eigvalsh(gram), 0, None)
    return effective_rank(np.diag(np.sqrt(eigenvalues)), "entropy")


def _is_rectified(values: Matrix) -> bool:
    return bool((values >= 0).all() and (values == 0).mean() >= _LEAST_ZEROS)


def _alignments(
    about: tuple[str, str, str],
    values: tuple[Matrix, Matrix],
    grams: tuple[tuple[Matrix, Matrix], tuple[Matrix, Matrix]],
    draws: Draws,
) -> list[Number]:
    found = []
    for centred, name in enumerate(
        ("representation alignment", "centred representation alignment")
    ):
        first, second = grams[0][centred], grams[1][centred]
        number = Number(
            name,
            *about,
            representation_alignment(*values, centered=bool(centred)),
            n=draws.orders.shape[1],
        )
        shuffled = shuffled_alignments(first, second, draws.orders)
        redrawn = redrawn_alignments(first, second, draws.weights)
        found.append(against_shuffled(number, shuffled, redrawn, SHUFFLED))
    return found


def _signs(about: tuple[str, str, str], first: Matrix, later: Matrix, draws: Draws) -> Number:
    """Which of the rectified units are on."""
    agreement = _agreement(first > 0, later > 0)
    n_groups = draws.orders.shape[1]
    each = len(first) // n_groups
    rows = np.arange(len(first))
    orders = (draws.orders[:, :, None] * each + np.arange(each)).reshape(len(draws.orders), -1)
    shuffled = np.array([agreement[rows, order].mean() for order in orders])
    by_group = np.diag(agreement).reshape(n_groups, each).mean(axis=1)
    redrawn = draws.weights @ by_group / draws.weights.sum(axis=1)
    number = Number("sign similarity", *about, sign_similarity(first, later), n=n_groups)
    return against_shuffled(number, shuffled, redrawn, SHUFFLED)


def _agreement(first: NDArray[np.bool_], later: NDArray[np.bool_]) -> Matrix:
    """Share of units that are on or off in both, for every two rows."""
    one, two = first.astype(np.float64), later.astype(np.float64)
    return (one @ two.T + (1 - one) @ (1 - two).T) / one.shape[1]
