"""What a selection of samples must beat: chance, chance of equal length, and plain activity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analyses.atoms.similarities import Similarity, cosine
from workbench.statistics.bootstrap import percentile_interval
from workbench.statistics.permutation import permutation_null

if TYPE_CHECKING:
    import pandas as pd

    from workbench.analysis.measure import Null

_LENGTH_CLASSES = 10
# Draws that score all samples anew; more would take longer than the choice is worth.
_RESCORED = 50
OWN = "selection"


def random_choices(
    n: int, size: int, n_draws: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Random choices of equal size.

    Parameters
    ----------
    n : int
        Samples to choose from.
    size : int
        Samples chosen.
    n_draws : int
    generator : numpy.random.Generator

    Returns
    -------
    ndarray (n_draws, size) of int
        Without repetition within a draw.

    Examples
    --------
    >>> random_choices(5, 2, 3, np.random.default_rng(0)).shape
    (3, 2)
    """
    return np.stack([generator.permutation(n)[:size] for _ in range(n_draws)]).astype(np.int64)


def length_matched_choices(
    lengths: NDArray[np.int64],
    chosen: NDArray[np.int64],
    n_draws: int,
    generator: np.random.Generator,
) -> NDArray[np.int64]:
    """Random choices whose lengths are distributed as those of a choice.

    Parameters
    ----------
    lengths : ndarray (samples,) of int
    chosen : ndarray (size,) of int
        The choice.
    n_draws : int
    generator : numpy.random.Generator

    Returns
    -------
    ndarray (n_draws, size) of int
        As many from every tenth of the lengths as were chosen from it.

    Examples
    --------
    >>> lengths = np.array([1] * 20 + [9] * 20)
    >>> drawn = length_matched_choices(lengths, np.array([0, 1]), 5, np.random.default_rng(0))
    >>> bool((lengths[drawn] == 1).all())
    True
    """
    edges = np.unique(np.quantile(lengths, np.linspace(0, 1, _LENGTH_CLASSES + 1)[1:-1]))
    classes = np.searchsorted(edges, lengths, side="left")
    wanted = np.bincount(classes[chosen], minlength=classes.max() + 1)
    members = [np.flatnonzero(classes == number) for number in range(len(wanted))]
    draws = [
        np.concatenate([generator.permutation(m)[:w] for m, w in zip(members, wanted, strict=True)])
        for _ in range(n_draws)
    ]
    return np.stack(draws).astype(np.int64)


def relabelled(codes: Any, generator: np.random.Generator) -> Any:
    """The same codes with the latents of every sample under other names.

    Parameters
    ----------
    codes : scipy.sparse.csr_array (samples, n_atoms)
    generator : numpy.random.Generator

    Returns
    -------
    scipy.sparse.csr_array (samples, n_atoms)
        Column ``j`` becomes ``a j + b`` modulo the number of latents, with a and b drawn for every
        sample and a prime to that number: values stay, what they mean is lost.

    Examples
    --------
    >>> from scipy import sparse
    >>> codes = sparse.csr_array([[1.0, 2.0, 0.0]])
    >>> sorted(relabelled(codes, np.random.default_rng(0)).toarray()[0].tolist())
    [0.0, 1.0, 2.0]
    """
    from scipy import sparse

    n_samples, n_atoms = codes.shape
    factors = np.arange(1, n_atoms + 1)
    factors = generator.choice(factors[np.gcd(factors, n_atoms) == 1], n_samples)
    shifts = generator.integers(0, n_atoms, n_samples)
    sizes = np.diff(codes.indptr)
    columns = codes.indices.astype(np.int64) * np.repeat(factors, sizes) + np.repeat(shifts, sizes)
    return sparse.csr_array((codes.data, columns % n_atoms, codes.indptr), shape=codes.shape)


def score_nulls(
    scores: NDArray[np.float64],
    chosen: NDArray[np.int64],
    lengths: NDArray[np.int64],
    rescored: Mapping[str, Callable[[np.random.Generator], NDArray[np.float64]]],
    n_draws: int,
    seed: int,
) -> dict[str, Null]:
    """Nulls of the mean score of a choice.

    Parameters
    ----------
    scores : ndarray (samples,)
    chosen : ndarray (size,) of int
    lengths : ndarray (samples,) of int
    rescored : mapping of str to callable
        Each draws scores of samples without what is looked for; the best as many of them count.
    n_draws : int
    seed : int

    Returns
    -------
    dict of str to Null
        Those of `rescored`, which say whether there was anything to be chosen, then a random choice
        and one of equal length, which a choice by score beats by its making.
    """
    generator = np.random.default_rng(seed)
    size, observed = len(chosen), float(scores[chosen].mean())
    draws: dict[str, Any] = {
        name: [np.sort(draw(generator))[-size:].mean() for _ in range(min(n_draws, _RESCORED))]
        for name, draw in rescored.items()
    }
    draws |= {
        "random choice": scores[random_choices(len(scores), size, n_draws, generator)].mean(axis=1),
        "length-matched random choice": scores[
            length_matched_choices(lengths, chosen, n_draws, generator)
        ].mean(axis=1),
    }
    return {
        name: permutation_null(observed, values, name, "greater") for name, values in draws.items()
    }


def rival_rankings(
    codes: Any,
    prototype: NDArray[np.float64],
    activity: NDArray[np.float64],
    target: NDArray[np.float64],
    similarity: Similarity,
) -> dict[str, NDArray[np.int64]]:
    """Rankings by simpler means.

    Parameters
    ----------
    codes : scipy.sparse.csr_array (samples, n_atoms)
    prototype : ndarray (n_atoms,)
    activity : ndarray (samples, units)
        Mean activity of every sample.
    target : ndarray (units,)
        Mean activity over the target samples.
    similarity : callable
        That of the selection; the cosine of codes is left out if it is the cosine.

    Returns
    -------
    dict of str to ndarray (samples,) of int
        Samples, best first, by each.
    """
    mean = activity.mean(axis=0)
    scores = {
        "cosine of raw activity": _dense_cosine(activity, target),
        "cosine of centred raw activity": _dense_cosine(activity - mean, target - mean),
    }
    if similarity is not cosine:
        scores["cosine of codes"] = cosine(codes, prototype)
    return {name: ranked(values) for name, values in scores.items()}


def ranked(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """Samples, best first; ties in their order."""
    return np.argsort(-scores, kind="stable").astype(np.int64)


def precision_table(
    rankings: Mapping[str, NDArray[np.int64]],
    choices: Mapping[str, NDArray[np.int64]],
    relevant: NDArray[np.bool_],
    size: int,
    n_draws: int,
    seed: int,
) -> pd.DataFrame:
    """Share of relevant samples among those chosen, by each means, with 95 % intervals.

    Parameters
    ----------
    rankings : mapping of str to ndarray (samples,) of int
        Samples, best first; that of the selection under the name ``selection``.
    choices : mapping of str to ndarray (draws, size) of int
        Random choices; their interval holds 95 % of the draws.
    relevant : ndarray (samples,) of bool
    size : int
        Samples chosen.
    n_draws : int
        Bootstrap draws over the samples of the pool, the same for all rankings. Relevant samples
        and others are drawn apart: how many of them there are limits the precision of any choice.
    seed : int

    Returns
    -------
    pandas.DataFrame
        Columns ``method``, ``precision``, ``low``, ``high``, and the selection's advantage over
        it, ``advantage``, ``advantage_low``, ``advantage_high``.
    """
    import pandas as pd

    precisions = {name: float(relevant[order[:size]].mean()) for name, order in rankings.items()}
    weights = _stratified_weights(relevant, n_draws, np.random.default_rng(seed))
    drawn = {
        name: np.array([_weighted_precision(order, relevant, each, size) for each in weights])
        for name, order in rankings.items()
    }
    for name, chosen in choices.items():
        by_draw = relevant[chosen].mean(axis=1)
        precisions[name] = float(by_draw.mean())
        drawn[name] = by_draw[np.arange(n_draws) % len(by_draw)]
    table = []
    for name, precision in precisions.items():
        low, high = percentile_interval(drawn[name])
        less, more = percentile_interval(drawn[OWN] - drawn[name])
        advantage = precisions[OWN] - precision
        table.append((name, precision, low, high, advantage, less, more))
    columns = ["method", "precision", "low", "high"]
    columns += ["advantage", "advantage_low", "advantage_high"]
    return pd.DataFrame(table, columns=columns)


def _stratified_weights(
    relevant: NDArray[np.bool_], n_draws: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    weights = np.zeros((n_draws, len(relevant)), dtype=np.int64)
    for members in (np.flatnonzero(relevant), np.flatnonzero(~relevant)):
        if len(members):
            chances = np.full(len(members), 1 / len(members))
            weights[:, members] = generator.multinomial(len(members), chances, size=n_draws)
    return weights


def _weighted_precision(
    order: NDArray[np.int64], relevant: NDArray[np.bool_], weights: NDArray[np.int64], size: int
) -> float:
    counts = weights[order]
    before = np.cumsum(counts) - counts
    taken = np.clip(size - before, 0, counts)
    return float(taken[relevant[order]].sum() / size)


def _dense_cosine(
    activity: NDArray[np.float64], target: NDArray[np.float64]
) -> NDArray[np.float64]:
    lengths = np.linalg.norm(activity, axis=1) * np.linalg.norm(target)
    products = activity @ target
    return np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)
