"""Figures of several models side by side, and of their tree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from analyses.ndna.curves import Curves, same_vocabulary
from analyses.ndna.figures import COLOURS, curves_figure, helix_channels, helix_figure
from workbench.analysis.drawing import style
from workbench.errors import UsageError

if TYPE_CHECKING:
    import networkx as nx
    import plotly.graph_objects as go

    from analyses.ndna.family_trees import FamilyTree

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


def tree_figure(tree: FamilyTree) -> go.Figure:
    """The tree, drawn from its middle; supports of inner edges are written beside them.

    Parameters
    ----------
    tree : FamilyTree

    Returns
    -------
    plotly Figure
    """
    import plotly.graph_objects as go

    places = tree_places(tree.graph)
    x: list[float | None] = []
    y: list[float | None] = []
    notes = []
    for first, second, edge in tree.graph.edges(data=True):
        (x1, y1), (x2, y2) = sorted((places[first], places[second]))
        # Along the parent's depth first, then out to the child, as dendrograms are drawn.
        x += [x1, x1, x2, None]
        y += [y1, y2, y2, None]
        support = edge.get("support", np.nan)
        if np.isfinite(support):
            notes.append((x2, y2, f"{100 * support:.0f} %"))
    leaves = [node for node in tree.graph if tree.graph.degree(node) == 1]
    figure = go.Figure(
        [
            go.Scatter(x=x, y=y, mode="lines", line={"color": "#444444"}, hoverinfo="skip"),
            go.Scatter(
                x=[places[leaf][0] for leaf in leaves],
                y=[places[leaf][1] for leaf in leaves],
                mode="markers+text",
                text=[f" {leaf}" for leaf in leaves],
                textposition="middle right",
                marker={"color": COLOURS[0], "size": 9},
                hoverinfo="text",
                cliponaxis=False,
            ),
            go.Scatter(
                x=[note[0] for note in notes],
                y=[note[1] for note in notes],
                mode="text",
                text=[note[2] for note in notes],
                textposition="top left",
                textfont={"size": 11, "color": COLOURS[1]},
                hoverinfo="skip",
            ),
        ]
    )
    style(
        figure,
        "Family tree",
        "neighbour joining, drawn from its middle: it has no root and no direction; percentages "
        "are the share of bootstrap draws of prompts with the same split",
        height=max(420, 200 + 30 * len(leaves)),
    )
    widest = max(place[0] for place in places.values()) or 1.0
    figure.update_xaxes(
        title="distance from the middle (no unit)", range=[-0.03 * widest, 1.3 * widest]
    )
    figure.update_yaxes(visible=False)
    figure.update_layout(showlegend=False)
    return figure


def tree_places(graph: nx.Graph) -> dict[Any, tuple[float, float]]:
    """Where nodes of a tree are drawn: distance from the middle of its longest path, and height.

    Parameters
    ----------
    graph : networkx.Graph
        With ``length`` on every edge; negative ones are drawn as zero.

    Returns
    -------
    dict of node to (float, float)

    Examples
    --------
    >>> import networkx as nx
    >>> star = nx.Graph()
    >>> star.add_weighted_edges_from([(0, "a", 1.0), (0, "b", 2.0), (0, "c", 3.0)], "length")
    >>> tree_places(star)[0][0]
    0.0
    """
    import networkx as nx

    start = min(
        (node for node in graph if graph.degree(node) > 1 or len(graph) <= 2),
        key=lambda node: _reach(graph, node),
    )
    lengths = _distances(graph, start)
    heights: dict[Any, float] = {}
    order = list(nx.dfs_postorder_nodes(graph, start))
    parents = dict(nx.bfs_predecessors(graph, start))
    children: dict[Any, list[Any]] = {node: [] for node in graph}
    for node, parent in parents.items():
        children[parent].append(node)
    n_leaves = 0
    for node in order:
        if children[node]:
            heights[node] = float(np.mean([heights[child] for child in children[node]]))
        else:
            heights[node] = float(n_leaves)
            n_leaves += 1
    return {node: (lengths[node], heights[node]) for node in graph}


def _distances(graph: nx.Graph, start: Any) -> dict[Any, float]:
    import networkx as nx

    return {
        node: float(length)
        for node, length in nx.single_source_dijkstra_path_length(
            graph, start, weight=lambda _a, _b, edge: max(0.0, float(edge["length"]))
        ).items()
    }


def _reach(graph: nx.Graph, node: Any) -> float:
    return max(_distances(graph, node).values())
