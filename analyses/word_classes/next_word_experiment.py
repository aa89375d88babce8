"""The study of word classes in a next-word network, with every control, over several seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analyses.word_classes.conditional import conditional_gdv
from analyses.word_classes.gdv import gdv
from analyses.word_classes.next_word_corpus import Corpus, most_frequent_class, windows
from analyses.word_classes.next_word_network import (
    LAYERS,
    Recipe,
    Trained,
    activity_of_layers,
    train_next_word,
)
from workbench.errors import UsageError
from workbench.statistics.balance import balanced_rows
from workbench.statistics.control_tasks import control_task

if TYPE_CHECKING:
    import pandas as pd

NEXT = "class of the next word"
LAST = "class of the last input word"
FIXED = "class of the next word, that of the last fixed"
SHUFFLED = "shuffled classes"
IDENTITY = "one random class for every next word"
LAST_IDENTITY = "one random class for every last input word"
LABELS = (NEXT, LAST, FIXED, SHUFFLED, IDENTITY, LAST_IDENTITY)
_SHUFFLES = 20


@dataclass(frozen=True)
class NextWordExperiment:
    """What several seeds gave.

    Attributes
    ----------
    table : pandas.DataFrame
        ``layer``, ``network`` (trained or untrained), ``labels``, ``gdv`` (mean over seeds),
        ``low`` and ``high`` (95 %, Student's t over seeds), ``n_seeds``.
    by_seed : pandas.DataFrame
        The same by ``seed``.
    training : pandas.DataFrame
        ``seed``, ``loss`` in nats and ``accuracy`` on held-out windows.
    most_frequent_class : float
        Share of held-out words whose class is the one they have most often in training: what a
        tagger without context reaches.
    n_rows, n_classes : int
    networks : tuple of Trained
    """

    table: pd.DataFrame
    by_seed: pd.DataFrame
    training: pd.DataFrame
    most_frequent_class: float
    n_rows: int
    n_classes: int
    networks: tuple[Trained, ...] = field(repr=False)


def run_next_word_experiment(
    corpus: Corpus,
    held_out: Corpus,
    recipe: Recipe | None = None,
    *,
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    n_per_class: int = 200,
    min_per_class: int = 100,
    progress: Callable[[int, int, float], None] | None = None,
) -> NextWordExperiment:
    """Train networks on the next word and measure clustering by word class in every layer.

    Held-out windows, balanced by the class of the next word; the same windows for all labels,
    layers and networks of a seed. Every label is balanced anew within them where it is not the
    one they were balanced by.

    Parameters
    ----------
    corpus, held_out : Corpus
        With one vocabulary.
    recipe : Recipe, optional
    seeds : sequence of int
        Of weights, training, windows and shuffles; at least two.
    n_per_class : int
        Windows a class.
    min_per_class : int
        Classes with fewer held-out windows are left out.
    progress : callable, optional
        Called with seed, epoch and loss.

    Returns
    -------
    NextWordExperiment

    Raises
    ------
    UsageError
        If there are fewer than two seeds or classes.
    """
    import pandas as pd

    if len(seeds) < 2:
        raise UsageError(f"Found {len(seeds)} seed; expected at least two, for an interval.")
    plan = recipe or Recipe()
    runs = windows(held_out.words, plan.window)
    following = held_out.classes[plan.window :]
    names, counts = np.unique(following, return_counts=True)
    kept = names[counts >= min_per_class]
    if len(kept) < 2:
        raise UsageError(
            f"Found {len(kept)} classes with {min_per_class} held-out windows; expected at "
            "least two: lower min_per_class, or take a longer text."
        )
    pool = np.flatnonzero(np.isin(following, kept))
    found, training, networks = [], [], []
    for seed in seeds:
        report = None if progress is None else _reporter(progress, seed)
        trained = train_next_word(corpus, held_out, plan, seed, report)
        chosen = pool[balanced_rows(following[pool], n_per_class, seed)]
        found += _measured(trained, runs[chosen], held_out, chosen, plan.window, seed)
        training.append({"seed": seed, "loss": trained.loss, "accuracy": trained.accuracy})
        networks.append(trained)
    by_seed = pd.DataFrame(found)
    guessed = most_frequent_class(corpus, held_out.words)
    return NextWordExperiment(
        _over_seeds(by_seed),
        by_seed,
        pd.DataFrame(training),
        float(np.mean(guessed == held_out.classes)),
        len(chosen),
        len(kept),
        tuple(networks),
    )


def _reporter(progress: Callable[[int, int, float], None], seed: int) -> Any:
    return lambda epoch, loss: progress(seed, epoch, loss)


def _measured(
    trained: Trained,
    runs: NDArray[np.int64],
    held_out: Corpus,
    places: NDArray[np.int64],
    window: int,
    seed: int,
) -> list[dict[str, Any]]:
    following = held_out.classes[places + window]
    last = held_out.classes[places + window - 1]
    identity = control_task(runs[:, -1], following, "uniform", seed)
    last_identity = control_task(runs[:, -2], following, "uniform", seed)
    generator = np.random.default_rng(seed)
    shuffles = [generator.permutation(following) for _ in range(_SHUFFLES)]
    rows = []
    for name in ("trained", "untrained"):
        layers = activity_of_layers(getattr(trained, name), runs[:, :-1])
        for layer in LAYERS:
            x = layers[layer]
            values = {
                NEXT: gdv(x, following),
                LAST: _balanced_gdv(x, last, seed),
                FIXED: conditional_gdv(x, following, last, seed=seed),
                SHUFFLED: float(np.mean([gdv(x, each) for each in shuffles])),
                IDENTITY: _balanced_gdv(x, identity, seed),
                LAST_IDENTITY: _balanced_gdv(x, last_identity, seed),
            }
            rows += [
                {"seed": seed, "network": name, "layer": layer, "labels": key, "gdv": value}
                for key, value in values.items()
            ]
    return rows


def _balanced_gdv(x: NDArray[Any], labels: NDArray[Any], seed: int) -> float:
    names, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    kept = np.flatnonzero(counts[codes] >= max(10, int(0.02 * len(labels))))
    chosen = kept[balanced_rows(names[codes[kept]], len(kept), seed)]
    return gdv(x[chosen], labels[chosen])


def _over_seeds(by_seed: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd
    from scipy.stats import t

    rows = []
    for (layer, network, labels), part in by_seed.groupby(
        ["layer", "network", "labels"], sort=False
    ):
        values = part["gdv"].to_numpy()
        half = t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
        mean = values.mean()
        rows.append((layer, network, labels, mean, mean - half, mean + half, len(values)))
    columns = ["layer", "network", "labels", "gdv", "low", "high", "n_seeds"]
    return pd.DataFrame(rows, columns=columns)
