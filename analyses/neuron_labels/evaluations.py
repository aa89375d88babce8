"""What an evaluation holds: a table of units, and means beside constant and shuffled labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analyses.neuron_labels.abstaining import abstentions, rank_p
from analyses.neuron_labels.scoring import HEADLINE, METRICS, PEARSON, means_of
from workbench.statistics.correction import benjamini_hochberg

if TYPE_CHECKING:
    import pandas as pd

    from analyses.neuron_labels.types import Label

LABELS, CONSTANT, REASSIGNED = "labels", "constant label", "shuffled labels"


@dataclass(frozen=True)
class Evaluation:
    """How well labels predict held-out activity.

    Attributes
    ----------
    labels : tuple of Label
        As given, with p-values, abstentions and scores filled in.
    table : DataFrame (units)
        Columns ``unit``, ``label``, the metrics, ``low`` and ``high`` (95 % interval of the
        correlation), ``null mean``, ``null sd``, ``z``, ``p``, ``p corrected``, ``abstains``.
    rows : DataFrame (metrics)
        Means over units: ``labels`` with ``low`` and ``high``, ``constant label``, ``shuffled
        labels`` with ``sd``, and ``p`` against those.
    null : str
    level : float
        Share of false labels that is accepted.
    n_held_out, n_probe : int
        Rows.
    n_repeated : int
        Held-out rows that were left out because other parts hold the same image or text.
    n_texts : int
        Different labels that the null draws from.
    """

    labels: tuple[Label, ...]
    table: pd.DataFrame
    rows: pd.DataFrame
    null: str
    level: float
    n_held_out: int
    n_probe: int
    n_repeated: int
    n_texts: int
    intervals: dict[str, NDArray[np.float64]] = field(repr=False, default_factory=dict)

    @property
    def correlation(self) -> float:
        """Mean over units of the held-out correlation: the headline."""
        return float(self.rows[LABELS].to_dict()[PEARSON])

    def summary(self) -> str:
        """The finding in a few words."""
        row = self.rows.loc[PEARSON]
        kept = int((~self.table["abstains"]).sum())
        beats = "beyond" if row["p"] <= self.level else "within"
        return (
            f"{kept} of {len(self.table)} units beat their null at {self.level:.0%} false labels; "
            f"held-out correlation {row[LABELS]:.3f} (95 % interval {row['low']:.3f} to "
            f"{row['high']:.3f}, {self.n_held_out} rows), {beats} that of reassigned labels "
            f"({row[REASSIGNED]:.3f}, p = {row['p']:.3g}); the best constant label reaches "
            f"{row[CONSTANT]:.3f}."
        )


def unit_table(
    given: Sequence[Label],
    scores: Mapping[str, NDArray[np.float64]],
    own: NDArray[np.int64],
    redrawn: Mapping[str, NDArray[np.float64]],
    draws: NDArray[np.float64],
    p: NDArray[np.float64],
    level: float,
) -> pd.DataFrame:
    import pandas as pd

    units = np.arange(len(own))
    value = scores[PEARSON][own, units]
    low, high = np.quantile(redrawn[PEARSON], [0.025, 0.975], axis=0)
    mean, sd = _moments(draws)
    return pd.DataFrame(
        {
            "unit": [label.unit for label in given],
            "label": [label.text for label in given],
            **{name: scores[name][own, units] for name in METRICS},
            "low": np.minimum(low, value),
            "high": np.maximum(high, value),
            "null mean": mean,
            "null sd": sd,
            "z": np.divide(value - mean, sd, out=np.zeros_like(value), where=sd > 0),
            "p": p,
            "p corrected": benjamini_hochberg(p),
            "abstains": abstentions(p, level),
        }
    )


def mean_rows(
    scores: Mapping[str, NDArray[np.float64]],
    own: NDArray[np.int64],
    texts: Sequence[str],
    given: Sequence[Label],
    redrawn: Mapping[str, NDArray[np.float64]],
    n_permutations: int,
    seed: int,
) -> pd.DataFrame:
    import pandas as pd

    labels = means_of(scores, own)
    said = sorted({texts.index(label.text) for label in given})
    constant = [means_of(scores, [text] * len(own)) for text in said]
    generator = np.random.default_rng([seed, 59])
    orders = [_reassigned(own, len(texts), generator) for _ in range(n_permutations)]
    shuffled = [means_of(scores, order) for order in orders]
    found = []
    for name in METRICS:
        drawn = np.array([each[name] for each in shuffled])
        row = {LABELS: labels[name], CONSTANT: _most([each[name] for each in constant])}
        row |= {REASSIGNED: np.nanmean(drawn) if np.isfinite(drawn).any() else np.nan}
        row |= {"sd": np.nanstd(drawn) if np.isfinite(drawn).any() else np.nan}
        row["p"] = float(rank_p([labels[name]], drawn[:, None])[0])
        if name in HEADLINE:
            row["low"], row["high"] = _interval(redrawn[name], labels[name])
        found.append(row)
    columns = [LABELS, "low", "high", CONSTANT, REASSIGNED, "sd", "p"]
    return pd.DataFrame(found, index=list(METRICS), columns=columns)


def _interval(draws: NDArray[np.float64], value: float) -> tuple[float, float]:
    """95 % of means over units (draws, units), the value among them; NaN where none is defined."""
    known = np.isfinite(draws)
    some = known.any(axis=1)
    if not some.any():
        return float("nan"), float("nan")
    means = np.where(known, draws, 0.0)[some].sum(axis=1) / known[some].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return min(float(low), value), max(float(high), value)


def _reassigned(
    own: NDArray[np.int64], n_texts: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Another text for every unit: those of other units, in a ring of random order."""
    ring = generator.permutation(len(own))
    other = np.empty_like(own)
    other[ring] = own[np.roll(ring, 1)]
    same = np.flatnonzero(other == own)
    # A unit whose neighbour has the same text takes any other text.
    other[same] = (own[same] + generator.integers(1, max(2, n_texts), len(same))) % n_texts
    return other


def filled(label: Label, row: Mapping[str, Any]) -> Label:
    numbers = {name: float(row[name]) for name in (*METRICS, "low", "high", "z", "p corrected")}
    return replace(
        label, p_value=float(row["p"]), abstains=bool(row["abstains"]), evaluation=numbers
    )


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def _most(values: Sequence[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return max(known) if known else float("nan")


def _moments(draws: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation (units,) of the draws that count; zeros where none does."""
    known = np.isfinite(draws)
    n = np.maximum(1, known.sum(axis=0))
    mean = np.where(known, draws, 0.0).sum(axis=0) / n
    return mean, np.sqrt(np.where(known, (draws - mean) ** 2, 0.0).sum(axis=0) / n)
