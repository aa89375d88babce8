"""Within an animal, across animals, from few trials: one table, beside chance and shuffle."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from probes.animals import Animals, DecodingProbe
from probes.base import checked
from probes.linear import LinearProbe
from probes.splits import group_folds
from workbench.errors import UsageError
from workbench.statistics.bootstrap import percentile_interval

if TYPE_CHECKING:
    import pandas as pd

WITHIN, ALONE, ZERO, FEW, SHUFFLED = (
    "within animal",
    "few-shot, this animal alone",
    "zero-shot (pooled units)",
    "few-shot, trunk of the others",
    "few-shot, shuffled labels",
)
_DRAWS = 500


@dataclass(frozen=True)
class AcrossAnimals:
    """Accuracy on held-out trials of every animal, by what was known of it.

    Attributes
    ----------
    table : pandas.DataFrame
        Columns ``condition``, ``shots`` (labelled trials a class; -1 all but the held-out fold),
        ``accuracy``, ``low``, ``high`` (95 % over animals drawn with replacement), ``chance``.
    by_animal : pandas.DataFrame
        Columns ``condition``, ``shots``, ``animal``, ``accuracy``, ``n``.
    """

    table: pd.DataFrame
    by_animal: pd.DataFrame


def decode_across_animals(
    probe: DecodingProbe,
    animals: Animals,
    *,
    shots: Sequence[int] = (1, 2, 5, 10),
    n_pooled: int = 16,
    n_folds: int = 4,
    seed: int = 0,
) -> AcrossAnimals:
    """Leave each animal out, then let the trunk of the others see a few of its trials.

    Every condition is scored on the same held-out trials. Within an animal a linear probe learns
    from all other trials; from few trials it learns alone, or the trunk of the other animals gets
    an input layer. Without any trial, units can only be pooled in their order to a common number,
    which says little unless the order means something: it is shown as it is.

    Parameters
    ----------
    probe : DecodingProbe
        Not changed; copies are fitted.
    animals : mapping of str to (array (trials, units, ...), array (trials,))
        At least two, with the same classes.
    shots : sequence of int
        Labelled trials a class.
    n_pooled : int
        Numbers that units are pooled to for zero-shot.
    n_folds : int
    seed : int

    Returns
    -------
    AcrossAnimals

    Raises
    ------
    UsageError
        If there are fewer than two animals, or their classes differ.
    """
    import pandas as pd

    known = {name: checked(x, y)[:2] for name, (x, y) in animals.items()}
    _check(known)
    found: list[dict[str, Any]] = []
    for number, (name, (x, labels)) in enumerate(known.items()):
        others = {each: known[each] for each in known if each != name}
        trunk = clone(probe).fit(others)
        pooled = _pooled_probe(others, n_pooled)
        folds = group_folds(np.arange(len(labels)), n_folds, labels, seed)
        generator = np.random.default_rng([seed, number])
        said = _predictions(trunk, pooled, x, labels, folds, shots, n_pooled, generator)
        found += [
            {
                "condition": condition,
                "shots": n_shots,
                "animal": name,
                "accuracy": float(np.mean(predicted == labels)),
                "n": len(labels),
            }
            for (condition, n_shots), predicted in said.items()
        ]
    by_animal = pd.DataFrame(found)
    chance = float(np.mean([np.unique(y, return_counts=True)[1].max() / len(y)
                            for _, y in known.values()]))  # fmt: skip
    return AcrossAnimals(_summed(by_animal, chance, seed), by_animal)


def _check(known: dict[str, tuple[NDArray[Any], NDArray[Any]]]) -> None:
    if len(known) < 2:
        raise UsageError(f"Found {len(known)} animal; expected at least two to decode across.")
    first, *rest = (set(np.unique(labels).tolist()) for _, labels in known.values())
    for name, classes in zip(list(known)[1:], rest, strict=True):
        if classes != first:
            raise UsageError(
                f"Found classes {sorted(map(str, classes))} in animal '{name}' and "
                f"{sorted(map(str, first))} in '{next(iter(known))}'; expected the same in all."
            )


def _predictions(
    trunk: DecodingProbe,
    pooled: LinearProbe,
    x: NDArray[Any],
    labels: NDArray[Any],
    folds: NDArray[np.int64],
    shots: Sequence[int],
    n_pooled: int,
    generator: np.random.Generator,
) -> dict[tuple[str, int], NDArray[Any]]:
    said = {(ZERO, 0): pooled.predict(_pooled(x, n_pooled))}
    said[WITHIN, -1] = LinearProbe().held_out(x, labels, folds)
    for n_shots in shots:
        for condition in (FEW, ALONE, SHUFFLED):
            said[condition, n_shots] = np.empty_like(labels)
        for fold in np.unique(folds):
            rows, test = np.flatnonzero(folds != fold), folds == fold
            few = _few(labels, rows, n_shots, generator)
            mixed = labels[generator.permutation(few)]
            said[FEW, n_shots][test] = trunk.adapt("", x[few], labels[few]).predict("", x[test])
            said[SHUFFLED, n_shots][test] = trunk.adapt("", x[few], mixed).predict("", x[test])
            alone = LinearProbe(C=0.01).fit(x[few], labels[few])
            said[ALONE, n_shots][test] = alone.predict(x[test])
    return said


def _few(
    labels: NDArray[Any], rows: NDArray[np.int64], n_shots: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    shuffled = generator.permutation(rows)
    return np.concatenate(
        [shuffled[labels[shuffled] == each][:n_shots] for each in np.unique(labels)]
    )


def _pooled(x: NDArray[Any], n_pooled: int) -> NDArray[np.float64]:
    """Units in their order, averaged to a common number, and standardised over trials."""
    edges = np.linspace(0, x.shape[1], n_pooled + 1)
    parts = [
        x[:, int(low) : max(int(low) + 1, int(np.ceil(high)))].mean(axis=1)
        for low, high in itertools.pairwise(edges)
    ]
    made = np.stack(parts, axis=1)
    spread = made.std(axis=0)
    return (made - made.mean(axis=0)) / np.where(spread > 0, spread, 1)


def _pooled_probe(
    others: dict[str, tuple[NDArray[Any], NDArray[Any]]], n_pooled: int
) -> LinearProbe:
    x = np.concatenate([_pooled(each, n_pooled) for each, _ in others.values()])
    labels = np.concatenate([each for _, each in others.values()])
    return LinearProbe(C=0.01).fit(x, labels)


def _summed(by_animal: pd.DataFrame, chance: float, seed: int) -> pd.DataFrame:
    import pandas as pd

    generator = np.random.default_rng(seed)
    rows = []
    for (condition, n_shots), part in by_animal.groupby(["condition", "shots"], sort=False):
        scores = part["accuracy"].to_numpy()
        drawn = scores[generator.integers(len(scores), size=(_DRAWS, len(scores)))].mean(axis=1)
        low, high = percentile_interval(drawn)
        rows.append((condition, n_shots, scores.mean(), low, high, chance))
    columns = ["condition", "shots", "accuracy", "low", "high", "chance"]
    return pd.DataFrame(rows, columns=columns)
