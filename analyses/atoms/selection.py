"""Choosing data by what fires: pool samples whose atoms are those of a few target samples.

After MONA (arXiv 2503.15573): mean-pooled codes, their mean over the target as prototype, and the
generalised Jaccard similarity with it. Written from its description; time grows with the
non-zeros. Beyond it: target samples in the pool are left out, near-duplicates are counted, the
choice stands beside chance, chance of equal length and plain activity, and scores may be contrasted
with the pool's own mean. Where samples have tens of rows, plain scores prefer long ones in spite of
the mean: few rows fire too few atoms to resemble a prototype that many rows have filled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.atoms.baselines import (
    OWN,
    length_matched_choices,
    precision_table,
    random_choices,
    ranked,
    relabelled,
    rival_rankings,
    score_nulls,
)
from analyses.atoms.pooling import Pooled, pool
from analyses.atoms.selection_views import sae_digest, view
from analyses.atoms.similarities import SIMILARITIES, Similarity, alike, row
from workbench.errors import UsageError, nearest

if TYPE_CHECKING:
    import pandas as pd

    from workbench.analysis.measure import Null

# Two samples count as near-duplicates from this Jaccard similarity, and as the same from the next.
DUPLICATE = 0.95
SAME = 1 - 1e-5


@dataclass(frozen=True)
class Selection:
    """Samples of a pool, ranked by their similarity with a target.

    Attributes
    ----------
    samples : ndarray (pool,)
        Names of all samples of the pool.
    scores : ndarray (pool,)
        Similarity of each with the prototype, perhaps less that with the pool; larger is more
        alike.
    lengths : ndarray (pool,) of int
        Rows of each.
    ranking : ndarray (candidates,) of int
        Places in `samples`, best first, without those that are `excluded`.
    n_selected : int
        How many of the ranking are chosen.
    excluded : ndarray of int
        Places of target samples that lie in the pool.
    duplicates : float
        Share of the chosen that are near-duplicates of another chosen one.
    prototype : ndarray (n_atoms,)
        Mean of the target samples.
    nulls : dict of str to Null
        Of the mean score of the chosen.
    rivals : dict of str to ndarray (candidates,) of int
        Rankings by simpler means, by their name.
    parameters : dict
        Subject, site, digest of the SAE's weights and all choices.
    """

    samples: NDArray
    scores: NDArray[np.float64] = field(repr=False)
    lengths: NDArray[np.int64] = field(repr=False)
    ranking: NDArray[np.int64] = field(repr=False)
    n_selected: int
    excluded: NDArray[np.int64] = field(repr=False)
    duplicates: float
    prototype: NDArray[np.float64] = field(repr=False)
    nulls: dict[str, Null] = field(repr=False)
    rivals: dict[str, NDArray[np.int64]] = field(repr=False)
    parameters: dict[str, Any] = field(repr=False)

    @property
    def selected(self) -> NDArray:
        """Names of the chosen samples, best first."""
        return self.samples[self.ranking[: self.n_selected]]

    @property
    def mean_score(self) -> float:
        """Mean similarity of the chosen: the number that `nulls` are of."""
        return float(self.scores[self.ranking[: self.n_selected]].mean())

    def precision(
        self, relevant: ArrayLike, n_draws: int = 1000, seed: int = 0, size: int | None = None
    ) -> pd.DataFrame:
        """Share of relevant samples among the chosen, beside rivals and chance.

        Parameters
        ----------
        relevant : array (pool,) of bool
            Which samples are on task, in the order of `samples`.
        n_draws : int
            Bootstrap draws over the candidates; the target stays as it is.
        seed : int
        size : int, optional
            Precision at this number; at the number of the chosen by default.

        Returns
        -------
        pandas.DataFrame
            As `analyses.atoms.baselines.precision_table` gives it.

        Raises
        ------
        UsageError
            If `relevant` does not fit, or `size` is not from 1 to the number of candidates.
        """
        mask, size = np.asarray(relevant), size or self.n_selected
        if mask.shape != self.samples.shape or mask.dtype != bool:
            raise UsageError(
                f"Found relevance as {mask.dtype} of shape {mask.shape}; expected bool of shape "
                f"{self.samples.shape}, in the order of samples."
            )
        if not 1 <= size <= len(self.ranking):
            raise UsageError(f"Found size {size}; expected 1 to {len(self.ranking)} candidates.")
        places = np.sort(self.ranking)
        generator = np.random.default_rng(seed)
        rankings = {OWN: self.ranking, **self.rivals}
        rankings = {name: np.searchsorted(places, order) for name, order in rankings.items()}
        chosen, n = rankings[OWN][:size], len(places)
        choices = {
            "random choice": random_choices(n, size, n_draws, generator),
            "length-matched random choice": length_matched_choices(
                self.lengths[places], chosen, n_draws, generator
            ),
        }
        return precision_table(rankings, choices, mask[places], size, n_draws, seed)


def select_data(
    source: Any,
    target: Any,
    sae: Any,
    *,
    groups: str | ArrayLike = "stimulus",
    target_groups: str | ArrayLike | None = None,
    site: str | None = None,
    where: str | ArrayLike | None = None,
    target_where: str | ArrayLike | None = None,
    pooling: str = "mean",
    k: int | None = 192,
    similarity: str = "jaccard",
    contrast: bool = False,
    fraction: float = 0.05,
    diversity: float = 0.0,
    exclude_targets: bool = True,
    n_draws: int = 200,
    batch_size: int = 4096,
    seed: int = 0,
) -> Selection:
    """Choose the samples of a pool whose atoms fire as in the target.

    Parameters
    ----------
    source, target : Recording, Activations or array (rows, units)
        The pool, and the samples to resemble.
    sae : object with ``transform(rows) -> sparse codes (rows, n_atoms)``
        Such as a `ThresholdSAE`. Negative codes count as zero.
    groups : str or array (rows,)
        Sample of each row: a column of the row table, or, for arrays, the names themselves.
    target_groups : str or array (rows,), optional
        The same for the target; the same column by default.
    site : str, optional
        Site of the recordings; that of the SAE, or the only one, by default.
    where, target_where : str or array (rows,) of bool, optional
        Rows that count: leave padding or special tokens out. All by default; a column named for
        the source holds for a target recording too.
    pooling : {"mean", "sum", "max"}
        Over the rows of a sample. A sum prefers samples as long as those of the target.
    k : int, optional
        Largest codes of a row that are kept; all if None.
    similarity : {"jaccard", "cosine", "euclidean"}
    contrast : bool
        Whether the similarity with the mean of the pool is subtracted, so that what all samples
        share does not count. Length then counts less; what is left of it prefers short samples.
    fraction : float
        Share of the candidates that is chosen, at least one.
    diversity : float
        From 0 to below 1: how much a sample's largest similarity with those chosen already counts
        against it (maximal marginal relevance; Carbonell and Goldstein 1998). Time then grows with
        the number chosen too.
    exclude_targets : bool
        Whether target samples that lie in the pool are left out: those of equal length whose
        codes and mean activity differ by no more than 1e-5.
    n_draws : int
        Draws of the random nulls.
    batch_size : int
        Rows at once; the result does not depend on it.
    seed : int
        Of the nulls; the choice itself has no chance in it.

    Returns
    -------
    Selection

    Raises
    ------
    UsageError
        If a name does not exist, shapes or sites do not fit, or a sample has no row that counts.
    WorkbenchError
        If activity or codes are not finite.

    Examples
    --------
    >>> class Rectifier:
    ...     def transform(self, X):
    ...         return np.maximum(X, 0)
    >>> pool = np.repeat(np.eye(4), 2, axis=0)
    >>> found = select_data(
    ...     pool, [[0.0, 0.0, 0.9, 0.1]], Rectifier(), groups=np.repeat([7, 8, 9, 10], 2),
    ...     target_groups=[0], fraction=0.25,
    ... )
    >>> found.selected.tolist(), found.scores.round(2).tolist()
    ([9], [0.0, 0.0, 0.82, 0.05])
    """
    _check_choices(similarity, fraction, diversity)
    options: dict[str, Any] = {"pooling": pooling, "k": k, "batch_size": batch_size}
    source_view = view(source, groups, site, where, sae)
    target_view = view(
        target,
        groups if target_groups is None and isinstance(groups, str) else target_groups,
        site,
        where if target_where is None and isinstance(where, str) else target_where,
        sae,
    )
    pooled = pool(source_view.X, source_view.groups, sae, counted=source_view.counted, **options)
    wanted = pool(target_view.X, target_view.groups, sae, counted=target_view.counted, **options)
    if pooled.activity.shape[1] != wanted.activity.shape[1]:
        raise UsageError(
            f"Found {pooled.activity.shape[1]} units in the source and {wanted.activity.shape[1]} "
            "in the target; expected the same site of the same subject."
        )
    parameters = {
        "subject": source_view.subject,
        "site": source_view.site,
        "sae": sae_digest(sae),
        **{name: options[name] for name in ("pooling", "k")},
        "groups": groups if isinstance(groups, str) else "given",
        "where": where if where is None or isinstance(where, str) else "given",
        "similarity": similarity,
        "contrast": contrast,
        "fraction": fraction,
        "diversity": diversity,
        "exclude_targets": exclude_targets,
        "n_draws": n_draws,
        "seed": seed,
        "n_target": len(wanted.samples),
        "n_negative_codes": pooled.n_negative + wanted.n_negative,
    }
    return _selection(pooled, wanted, parameters)


def _check_choices(similarity: str, fraction: float, diversity: float) -> None:
    if similarity not in SIMILARITIES:
        raise UsageError(
            f"Found similarity='{similarity}'; {nearest(str(similarity), SIMILARITIES)}"
        )
    if not 0 < fraction <= 1 or not 0 <= diversity < 1:
        raise UsageError(
            f"Found fraction={fraction} and diversity={diversity}; expected a fraction above 0 "
            "and up to 1, and a diversity from 0 to below 1."
        )


@dataclass(frozen=True)
class _Scorer:
    """Similarity with a wish, less that with what is common if anything is."""

    function: Similarity
    common: NDArray[np.float64] | None

    def __call__(self, samples: Any, wish: NDArray[np.float64]) -> NDArray[np.float64]:
        plain = self.function(samples, wish)
        return plain if self.common is None else plain - self.function(samples, self.common)


def _selection(pooled: Pooled, wanted: Pooled, parameters: Mapping[str, Any]) -> Selection:
    function = SIMILARITIES[parameters["similarity"]]
    in_target = _same_samples(pooled, wanted)
    excluded = in_target if parameters["exclude_targets"] else in_target[:0]
    kept = _others(len(pooled.samples), excluded)
    codes, prototype = pooled.codes[kept], _mean(wanted.codes)
    score = _Scorer(function, _mean(codes) if parameters["contrast"] else None)
    scores = score(pooled.codes, prototype)
    n_selected = max(1, round(float(parameters["fraction"]) * len(kept)))
    order = _ranking(codes, scores[kept], n_selected, float(parameters["diversity"]), function)
    chosen, target = order[:n_selected], wanted.activity.mean(axis=0)
    rivals = rival_rankings(codes, prototype, pooled.activity[kept], target, function)
    nulls = score_nulls(
        scores[kept],
        chosen,
        pooled.lengths[kept],
        _rescored(score, codes, prototype, len(wanted.samples)),
        int(parameters["n_draws"]),
        int(parameters["seed"]),
    )
    return Selection(
        pooled.samples,
        scores,
        pooled.lengths,
        kept[order],
        n_selected,
        excluded,
        _duplicate_share(codes[chosen]),
        prototype,
        nulls,
        {name: kept[each] for name, each in rivals.items()},
        {**parameters, "n_in_target": len(in_target)},
    )


def _others(n: int, excluded: NDArray[np.int64]) -> NDArray[np.int64]:
    if len(excluded) == n:
        raise UsageError(
            f"Found all {n} samples of the pool in the target; expected others to choose from: "
            "pass another pool, or exclude_targets=False."
        )
    return np.setdiff1d(np.arange(n), excluded)


def _rescored(
    score: _Scorer, codes: Any, prototype: NDArray[np.float64], n_target: int
) -> dict[str, Callable[[np.random.Generator], NDArray[np.float64]]]:
    def without_names(generator: np.random.Generator) -> NDArray[np.float64]:
        return score(relabelled(codes, generator), prototype)

    def another_target(generator: np.random.Generator) -> NDArray[np.float64]:
        order = generator.permutation(codes.shape[0])
        drawn, others = np.split(order, [min(n_target, len(order) // 2)])
        return score(codes[others], _mean(codes[drawn]))

    draws: dict[str, Callable[[np.random.Generator], NDArray[np.float64]]] = {
        "latents relabelled in every sample": without_names
    }
    if codes.shape[0] > 1:
        draws["target drawn from the pool"] = another_target
    return draws


def _mean(codes: Any) -> NDArray[np.float64]:
    return np.asarray(codes.mean(axis=0), dtype=np.float64).reshape(-1)


def _same_samples(pooled: Pooled, wanted: Pooled) -> NDArray[np.int64]:
    found = [np.empty(0, dtype=np.int64)]
    for number, near in enumerate(alike(pooled.codes, wanted.codes, SAME)):
        activity = wanted.activity[number]
        apart = np.linalg.norm(pooled.activity[near] - activity, axis=1)
        same = (apart <= (1 - SAME) * np.linalg.norm(activity)) & (
            pooled.lengths[near] == wanted.lengths[number]
        )
        found.append(near[same])
    return np.unique(np.concatenate(found))


def _duplicate_share(codes: Any) -> float:
    return float(np.mean([len(near) > 1 for near in alike(codes, codes, DUPLICATE)]))


def _ranking(
    codes: Any, scores: NDArray[np.float64], n_selected: int, diversity: float, function: Similarity
) -> NDArray[np.int64]:
    order = ranked(scores)
    if not diversity:
        return order
    worth, closest = (1 - diversity) * scores, np.full(len(scores), -np.inf)
    taken = [int(order[0])]
    for _ in range(n_selected - 1):
        np.maximum(closest, function(codes, row(codes, taken[-1])), out=closest)
        gain = worth - diversity * closest
        gain[taken] = -np.inf
        taken.append(int(gain.argmax()))
    return np.concatenate([taken, order[~np.isin(order, taken)]]).astype(np.int64)
