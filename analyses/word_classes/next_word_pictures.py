"""Layers of a next-word network in the plane, with the classes of the words they read and say."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from analyses.word_classes.distances import pair_distances
from analyses.word_classes.embeddings import METHODS, embed
from analyses.word_classes.next_word_corpus import Corpus, windows
from analyses.word_classes.next_word_network import LAYERS, Trained, activity_of_layers
from analyses.word_classes.standardize import standardize
from workbench.errors import UsageError, nearest
from workbench.statistics.balance import balanced_rows

if TYPE_CHECKING:
    import pandas as pd


def picture_points(
    trained: Trained,
    held_out: Corpus,
    method: str = "mds",
    *,
    n_rows: int = 300,
    min_per_class: int = 100,
    seed: int = 0,
) -> pd.DataFrame:
    """Place held-out windows in the plane, by what every layer says of them.

    Parameters
    ----------
    trained : Trained
    held_out : Corpus
    method : {"mds", "tsne", "umap"}
        Of the distances that GDV uses.
    n_rows : int
        Windows, about; equally many of every class of the next word.
    min_per_class : int
        Classes with fewer held-out windows are left out.
    seed : int

    Returns
    -------
    pandas.DataFrame
        ``network`` (untrained, trained), ``layer``, ``x`` and ``y`` in arbitrary units,
        ``next class``, ``last class``, ``next word``, ``last word``; a row a window and layer.

    Raises
    ------
    UsageError
        If there is no such method, or no class is frequent enough.
    """
    import pandas as pd

    if method not in METHODS:
        raise UsageError(f"Found method '{method}'; {nearest(method, METHODS)}")
    length = int(trained.recipe["window"])
    runs, following = windows(held_out.words, length), held_out.classes[length:]
    names, counts = np.unique(following, return_counts=True)
    pool = np.flatnonzero(np.isin(following, names[counts >= min_per_class]))
    if not len(pool):
        raise UsageError(
            f"Found no class with {min_per_class} held-out windows; expected at least one: lower "
            "min_per_class, or take a longer text."
        )
    n_each = max(1, n_rows // int(np.count_nonzero(counts >= min_per_class)))
    chosen = pool[balanced_rows(following[pool], n_each, seed)]
    words = np.array(held_out.vocabulary)[runs[chosen]]
    about = {
        "next class": following[chosen],
        "last class": held_out.classes[chosen + length - 1],
        "next word": words[:, -1],
        "last word": words[:, -2],
    }
    parts = []
    for network in ("untrained", "trained"):
        layers = activity_of_layers(getattr(trained, network), runs[chosen, :-1])
        for layer in LAYERS:
            scaled = standardize(layers[layer])
            distances = pair_distances(scaled.values) / math.sqrt(scaled.n_units)
            x, y = embed(distances, method, seed).T
            parts.append(
                pd.DataFrame({"network": network, "layer": layer, "x": x, "y": y, **about})
            )
    return pd.concat(parts, ignore_index=True)
