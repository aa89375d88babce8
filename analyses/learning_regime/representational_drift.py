"""Representational drift of a brain over sessions, beside what noise within a session does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analyses.learning_regime.drift_pieces import WITHIN, Pair, Table, matched_pair, unmatched_pair
from analyses.learning_regime.resemblance import Resemblance, principal_basis, resemblances
from analyses.learning_regime.sessions import Session, read_sessions, shared_conditions
from workbench.errors import UsageError
from workbench.statistics.correction import ALPHA, benjamini_hochberg
from workbench.statistics.permutation import permutation_p

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Drifted:
    """One measure of one pair of sessions.

    Attributes
    ----------
    first, second, measure : str
    value : float
        Between the means over all trials of both sessions; 1 at most.
    null_mean, null_sd, p_null : float
        The same with conditions and units of the second session shuffled, and how often that is as
        high.
    between, ceiling : float
        Between halves of the trials (equally many) of different sessions, and of one session. NaN
        without repeats.
    p_drift : float
        How often ``ceiling - between`` is as large if trials (or units, where they are unmatched)
        change sessions at random; corrected over pairs and measures (Benjamini and Hochberg
        1995). NaN without repeats.
    n_conditions, n_units : int
    matched : bool
        Whether the units are the same in both.
    angles : tuple of float
        Of the principal subspaces, in radians, the largest first; for ``subspace overlap`` only.
    """

    first: str
    second: str
    measure: str
    value: float
    null_mean: float
    null_sd: float
    p_null: float
    between: float
    ceiling: float
    p_drift: float
    n_conditions: int
    n_units: int
    matched: bool
    angles: tuple[float, ...] = ()

    @property
    def corrected(self) -> float:
        """Resemblance without noise: between halves, over the ceiling."""
        return self.between / self.ceiling if self.ceiling > 0 else float("nan")

    @property
    def drifts(self) -> bool | None:
        """Whether it fell more than noise within sessions explains; None without repeats."""
        return None if np.isnan(self.p_drift) else self.p_drift <= ALPHA


@dataclass(frozen=True)
class Drift:
    """Drift between all pairs of sessions.

    Attributes
    ----------
    found : tuple of Drifted
    """

    found: tuple[Drifted, ...]

    def table(self) -> pd.DataFrame:
        """One row a pair and measure."""
        import pandas as pd

        rows = [
            {**vars(each), "corrected": each.corrected, "drifts": each.drifts}
            for each in self.found
        ]
        return pd.DataFrame(rows)

    def summary(self) -> str:
        """A sentence for each measure."""
        names = dict.fromkeys(each.measure for each in self.found)
        return " ".join(_sentence([e for e in self.found if e.measure == name]) for name in names)


def drift(
    sessions: Sequence[Any],
    labels: Any = None,
    *,
    units: Any = None,
    site: str | None = None,
    names: Sequence[str] | None = None,
    n_components: int = 3,
    n_splits: int = 5,
    n_permutations: int = 199,
    seed: int = 0,
) -> Drift:
    """Does the representation change from session to session, more than noise does?

    Each pair of sessions is compared over the conditions that both have: representation alignment
    (Liu et al. 2024), uncentred and centred, angles between principal subspaces, and, where units
    are matched, correlations of tuning. Where conditions were repeated, halves of trials of
    different sessions are compared with halves of one session: equal numbers of trials, so equal
    noise. Drift is what makes the first smaller than the second.

    Parameters
    ----------
    sessions : sequence of Recording or array
        Arrays are (trials, units), or (repeats, conditions, units).
    labels : str or sequence of array (trials,), optional
        Condition of each trial: a column of the rows of recordings (``stimulus`` by default), or
        one array a session. Without, row i of every array is condition i, once.
    units : str or sequence of array (units,), optional
        Names that say which units are the same: a column of the tables of units, or one array a
        session. Without, arrays of the same width have the same units; arrays of different widths
        have none in common.
    site : str, optional
        Of recordings with several.
    names : sequence of str, optional
        Of the sessions.
    n_components : int
        Dimensions of the subspaces.
    n_splits : int
        Random halves to average over.
    n_permutations : int
    seed : int

    Returns
    -------
    Drift
        `Drift.table` has one row for each pair and measure.

    Raises
    ------
    UsageError
        If there are fewer than two sessions or four shared conditions, or labels do not fit.

    Notes
    -----
    Without matched units, halves hold different units as well, so that the ceiling knows what
    another sample of units does. Without repeats there is no ceiling, and no verdict.

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> tuning = generator.normal(size=(8, 12))
    >>> days = [tuning + 0.3 * generator.normal(size=(6, 8, 12)) for _ in range(2)]
    >>> drift(days).table()["drifts"].tolist()
    [False, False, False, False]
    """
    for name, count in (("n_permutations", n_permutations), ("n_splits", n_splits)):
        if count < 1:
            raise UsageError(f"Found {name}={count}; expected at least 1.")
    read = read_sessions(sessions, labels, units, site, names)
    _check_widths(read, units)
    options = _Options(n_components, n_splits, n_permutations, seed)
    found = [
        each
        for number, (first, second) in enumerate(combinations(read, 2))
        for each in _compared(first, second, options, number)
    ]
    return Drift(tuple(_corrected(found)))


@dataclass(frozen=True)
class _Options:
    n_components: int
    n_splits: int
    n_permutations: int
    seed: int


def _check_widths(sessions: list[Session], units: Any) -> None:
    """Names made up for arrays hold only where widths agree."""
    for number, session in enumerate(sessions):
        made_up = units is None and np.array_equal(
            session.units, np.arange(len(session.units)).astype(str)
        )
        if made_up and len({len(each.units) for each in sessions}) > 1:
            own = np.char.add(f"{number}:", session.units)
            object.__setattr__(session, "units", own)


def _compared(first: Session, second: Session, options: _Options, number: int) -> list[Drifted]:
    conditions, pair, matched = _paired(first, second)
    generator = np.random.default_rng([options.seed, number])
    measures = resemblances(matched, options.n_components)
    one, two = pair.means
    null = [_shuffled(two, generator) for _ in range(options.n_permutations)]
    gaps = _gaps(pair, list(measures.values()), options, generator)
    angles = _angles(one, two, options.n_components, matched)
    return [
        Drifted(
            first.name,
            second.name,
            name,
            **_beside_null(resemblance, one, two, null),
            **gap,
            n_conditions=len(conditions),
            n_units=min(one.shape[1], two.shape[1]),
            matched=matched,
            angles=angles if name == "subspace overlap" else (),
        )
        for (name, resemblance), gap in zip(measures.items(), gaps, strict=True)
    ]


def _paired(first: Session, second: Session) -> tuple[list[str], Pair, bool]:
    conditions, theirs = shared_conditions(first, second), set(second.units.tolist())
    common = [each for each in first.units.tolist() if each in theirs]
    if len(common) >= 2:
        return conditions, matched_pair(first, second, conditions, common), True
    return conditions, unmatched_pair(first, second, conditions), False


def _shuffled(table: Table, generator: np.random.Generator) -> Table:
    # Subspaces of units do not know the conditions, similarities not the units: both are shuffled.
    rows, units = map(generator.permutation, table.shape)
    return table[rows][:, units]


def _beside_null(
    resemblance: Resemblance, one: Table, two: Table, null: list[Table]
) -> dict[str, float]:
    prepared = resemblance.prepare(one)
    value = resemblance(one, two)
    draws = np.array([resemblance.compare(prepared, resemblance.prepare(each)) for each in null])
    p_value = permutation_p(value, draws, "greater")
    return {
        "value": value,
        "null_mean": float(draws.mean()),
        "null_sd": float(draws.std()),
        "p_null": p_value,
    }


def _angles(one: Table, two: Table, n_components: int, of_units: bool) -> tuple[float, ...]:
    from scipy.linalg import subspace_angles

    bases = [principal_basis(each, n_components, of_units) for each in (one, two)]
    return tuple(subspace_angles(*bases).tolist())


def _gaps(
    pair: Pair, measures: list[Resemblance], options: _Options, generator: np.random.Generator
) -> list[dict[str, float]]:
    """Within and between sessions, and p of their difference, by measure."""
    if not pair.has_repeats:
        return [dict.fromkeys(("between", "ceiling", "p_drift"), float("nan")) for _ in measures]
    n_splits = options.n_splits
    observed = _split_means(pair, measures, n_splits, generator)
    draws = np.stack(
        [
            _split_means(pair.exchanged(generator), measures, n_splits, generator)
            for _ in range(options.n_permutations)
        ]
    )
    lost, by_chance = observed[:, 0] - observed[:, 1], draws[:, :, 0] - draws[:, :, 1]
    return [
        {
            "between": float(observed[at, 1]),
            "ceiling": float(observed[at, 0]),
            "p_drift": permutation_p(lost[at], by_chance[:, at], "greater"),
        }
        for at in range(len(measures))
    ]


def _split_means(
    pair: Pair, measures: list[Resemblance], n_splits: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Mean over random halves of (within, between), (measures, 2)."""
    found = np.zeros((len(measures), 2))
    for _ in range(n_splits):
        pieces = pair.pieces(generator)
        for at, measure in enumerate(measures):
            ready = [measure.prepare(piece) for piece in pieces]
            for column, pairs in enumerate((WITHIN, pair.between)):
                found[at, column] += np.mean(
                    [measure.compare(ready[a], ready[b]) for a, b in pairs]
                )
    return found / n_splits


def _corrected(found: list[Drifted]) -> list[Drifted]:
    judged = [place for place, each in enumerate(found) if not np.isnan(each.p_drift)]
    p_values = benjamini_hochberg([found[place].p_drift for place in judged])
    for place, p in zip(judged, p_values, strict=True):
        found[place] = replace(found[place], p_drift=float(p))
    return found


def _sentence(found: list[Drifted]) -> str:
    name = found[0].measure.capitalize()
    judged = [each for each in found if each.drifts is not None]
    if not judged:
        return (
            f"{name} is {np.mean([each.value for each in found]):.3f} on average between sessions; "
            "without repeats, drift cannot be told from noise."
        )
    drifting = [each for each in judged if each.drifts]
    between, ceiling = (np.mean([getattr(e, k) for e in judged]) for k in ("between", "ceiling"))
    return (
        f"{name} between sessions is {between:.3f}, within them {ceiling:.3f}: "
        f"{len(drifting)} of {len(judged)} pairs drift."
    )
