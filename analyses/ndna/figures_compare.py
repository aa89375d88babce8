"""Figures of several models side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from analyses.ndna.curves import Curves, same_vocabulary
from analyses.ndna.figures import curves_figure, helix_channels, helix_figure
from analyses.ndna.figures_tree import tree_figure
from workbench.analysis.drawing import style
from workbench.errors import UsageError

if TYPE_CHECKING:
    import plotly.graph_objects as go

MOST_MODELS = 10


def compare_figures(models: Mapping[str, Curves]) -> dict[str, go.Figure]:
    """Two to ten models side by side.

    Parameters
    ----------
    models : mapping of str to Curves
        By the names that are shown.

    Returns
    -------
    dict of str to plotly Figure
        By title: curves with bands, paths through three channels, distances, and, from three
        models on, the tree.

    Raises
    ------
    UsageError
        If there are fewer than two models or more than ten, or their vocabularies differ.

    Examples
    --------
    >>> import numpy as np
    >>> values = np.abs(np.random.default_rng(0).normal(size=(3, 6, 5)))
    >>> models = {
    ...     str(n): Curves(str(n), tuple("abcde"), np.linspace(0, 1, 5), {"step": each})
    ...     for n, each in enumerate(values)
    ... }
    >>> list(compare_figures(models))
    ['Curves along depth', 'Distances between models', 'Family tree']
    """
    from analyses.ndna.distances import distance_matrix
    from analyses.ndna.family_trees import family_tree

    if not 2 <= len(models) <= MOST_MODELS:
        raise UsageError(
            f"Found {len(models)} models to compare; expected two to {MOST_MODELS}, for a picture "
            "that can be read."
        )
    same_vocabulary(models)
    shown = [
        Curves(name, each.sites, each.depth, each.prompts, each.vocabulary, each.attributes)
        for name, each in models.items()
    ]
    drawn = {"Curves along depth": curves_figure(shown)}
    three = helix_channels(shown[0])
    if three and all(set(three) <= set(each.channels) for each in shown):
        drawn["Paths through three channels"] = helix_figure(shown, three)
    drawn["Distances between models"] = distances_figure(distance_matrix(models))
    if len(models) > 2:
        drawn["Family tree"] = tree_figure(family_tree(models))
    return drawn


def distances_figure(distances: Any) -> go.Figure:
    """Distances between all models as a heat map.

    Parameters
    ----------
    distances : DistanceMatrix

    Returns
    -------
    plotly Figure
    """
    import plotly.graph_objects as go

    names = list(distances.names)
    figure = go.Figure(
        go.Heatmap(
            z=distances.values,
            x=names,
            y=names,
            colorscale="Viridis",
            texttemplate="%{z:.2g}" if len(names) <= MOST_MODELS else None,
            colorbar={"title": "distance"},
            hovertemplate="%{y} and %{x}: %{z:.4g}<extra></extra>",
        )
    )
    style(
        figure,
        "Distances between models",
        "between mean curves after aligning depths; scaled channels, no unit",
        height=620,
    )
    figure.update_yaxes(autorange="reversed", scaleanchor="x", constrain="domain")
    figure.update_xaxes(constrain="domain", tickangle=-45)
    return figure
