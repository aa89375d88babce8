"""Family trees of models: neighbour joining of their distances, with bootstrap support."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analyses.ndna.curves import Curves
from analyses.ndna.distances import (
    BAND,
    DistanceMatrix,
    distance_matrix,
    drawn_distances,
    named_models,
)
from analyses.ndna.neighbour_joining import neighbour_joining
from analyses.ndna.resampling import N_DEPTHS
from analyses.ndna.splits import Split, edge_splits, leaves_of, newick
from workbench.errors import UsageError

if TYPE_CHECKING:
    import networkx as nx


@dataclass(frozen=True, eq=False)
class FamilyTree:
    """An unrooted tree of models.

    Attributes
    ----------
    graph : networkx.Graph
        Models are nodes with their names, those between them whole numbers. Each edge has a
        ``length`` in the unit of the distances (single ones may be negative), and each inner edge
        a ``support``: the share of bootstrap draws of prompts whose tree has the same split; NaN
        without a bootstrap.
    distances : DistanceMatrix
        What the tree was made from.
    n_bootstrap : int
        Draws behind the supports.
    """

    graph: nx.Graph
    distances: DistanceMatrix
    n_bootstrap: int

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the models, in the order of the distances."""
        return self.distances.names

    @property
    def newick(self) -> str:
        """The tree as Newick text, with lengths and, in percent, supports."""
        return newick(self.graph)

    @property
    def supports(self) -> dict[Split, float]:
        """Support of each split: the models on the side without the first by name."""
        found = edge_splits(self.graph)
        return {
            split: float(self.graph.edges[edge]["support"])
            for edge, split in found.items()
            if "support" in self.graph.edges[edge]
        }


def family_tree(
    models: Any,
    names: Sequence[str] | None = None,
    *,
    channels: Sequence[str] | str | None = None,
    n_bootstrap: int | None = None,
    seed: int = 0,
    n_depths: int = N_DEPTHS,
    band: float = BAND,
) -> FamilyTree:
    """Tree of models by neighbour joining of the distances between their curves.

    Parameters
    ----------
    models : mapping of str to Curves or to array, DistanceMatrix, or array (models, models)
        Curves along depth, arrays (nodes, channels) or (nodes,) of them, or distances. A sequence
        of Curves goes by their names.
    names : sequence of str, optional
        Of the rows of an array of distances.
    channels, n_depths, band
        As of `analyses.ndna.distances.distance`.
    n_bootstrap : int, optional
        Draws of prompts for the supports: 200 by default for curves of two prompts and more, 0
        otherwise.
    seed : int

    Returns
    -------
    FamilyTree
        Of all models as leaves, parents too: distances have no direction, so the tree has no root.
        It also has no way to say that a model has two parents.

    Raises
    ------
    UsageError
        If there are fewer than two models, curves cannot be compared, distances are not such, or a
        bootstrap is asked for where there are no prompts.

    Examples
    --------
    >>> depth = np.linspace(0, 1, 6)
    >>> models = {"a": depth, "a2": depth + 0.01, "b": depth**3, "b2": depth**3 + 0.01}
    >>> [sorted(split) for split in family_tree(models).supports]
    [['b', 'b2']]
    """
    given = _given_distances(models, names)
    if given is None:
        if names is not None:
            raise UsageError("Found names beside named models; expected names for arrays only.")
        named = named_models(models)
        given = distance_matrix(named, channels, n_depths=n_depths, band=band)
        draws = _draws(named, n_bootstrap, seed, channels, n_depths, band)
    else:
        if n_bootstrap:
            raise UsageError(
                "Found a bootstrap asked of distances; expected curves with prompts to draw from: "
                "pass those, or n_bootstrap=0."
            )
        draws = np.zeros((0, len(given.names), len(given.names)))
    graph = neighbour_joining(given.values, given.names)
    _add_supports(graph, given.names, draws)
    return FamilyTree(graph, given, len(draws))


def _given_distances(models: Any, names: Sequence[str] | None) -> DistanceMatrix | None:
    if isinstance(models, DistanceMatrix):
        return models
    if isinstance(models, Mapping) or (
        isinstance(models, Sequence) and any(isinstance(each, Curves) for each in models)
    ):
        return None
    values = np.asarray(models, dtype=np.float64)
    if names is None:
        raise UsageError(
            f"Found an array of shape {values.shape} without names; expected a mapping from names "
            "to curves, or distances with names: pass names."
        )
    return DistanceMatrix(tuple(str(name) for name in names), values)


def _draws(
    models: Mapping[str, Any],
    n_bootstrap: int | None,
    seed: int,
    channels: Sequence[str] | str | None,
    n_depths: int,
    band: float,
) -> NDArray[np.float64]:
    if n_bootstrap is None:
        can = all(isinstance(each, Curves) and each.n_prompts > 1 for each in models.values())
        n_bootstrap = 200 if can else 0
    if not n_bootstrap:
        return np.zeros((0, len(models), len(models)))
    return drawn_distances(models, n_bootstrap, seed, channels, n_depths=n_depths, band=band)


def _add_supports(graph: nx.Graph, names: Sequence[str], draws: NDArray[np.float64]) -> None:
    drawn = [set(edge_splits(neighbour_joining(each, names)).values()) for each in draws]
    n = len(leaves_of(graph))
    for edge, split in edge_splits(graph).items():
        if 2 <= len(split) <= n - 2:
            found = [split in each for each in drawn]
            graph.edges[edge]["support"] = float(np.mean(found)) if found else float("nan")
