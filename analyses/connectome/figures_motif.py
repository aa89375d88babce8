"""Figures of one motif: its network, its course in every animal, its hierarchy of groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analyses.connectome.colours import SEQUENTIAL, colour
from analyses.connectome.graphs import motif_graph
from analyses.connectome.pairs import n_pairs, square
from analyses.connectome.timelines import add_stimuli
from workbench.analysis.drawing import style

if TYPE_CHECKING:
    import networkx as nx
    import plotly.graph_objects as go
    import xarray as xr

# More edges than these hide one another.
_MOST_EDGES = 150
_N_WIDTHS = 4


def graph_figure(data: xr.Dataset, site: str, motif: int) -> go.Figure:
    """Network of a motif, on the positions of its neurons where they are known.

    Parameters
    ----------
    data : xarray.Dataset
        As `arrays.assemble` gives it.
    site : str
    motif : int
        From 1.

    Returns
    -------
    plotly Figure
    """
    import plotly.graph_objects as go

    at = data.sel(site=site, motif=motif)
    names = unit_names(at)
    graph = motif_graph(pair_loadings(at), names, float(at["peak"]))
    places, known = _places(at, graph, names)
    figure = go.Figure()
    _add_edges(figure, graph, places)
    groups = at["group"].values[int(at["level_chosen"]), : len(names)]
    strength = np.array([graph.nodes[name]["strength"] for name in names])
    figure.add_scatter(
        x=places[:, 0],
        y=places[:, 1],
        mode="markers+text",
        text=names,
        textposition="top center",
        textfont={"size": 10},
        marker={
            "size": 7 + 17 * strength / strength.max(),
            "color": [colour(int(group)) for group in groups],
            "line": {"width": 1, "color": "white"},
        },
        hovertext=[
            f"{name}: group {group}, strength {value:.3f}"
            for name, group, value in zip(names, groups, strength, strict=True)
        ],
        hoverinfo="text",
        showlegend=False,
    )
    where = "at their recorded positions" if known else "laid out by their links"
    style(
        figure,
        f"Network of motif {motif}",
        f"{site}; units {where}; colour: group; size: strength; the {_MOST_EDGES} strongest links",
        640,
    )
    figure.update_xaxes(visible=known, title="x (as recorded)")
    figure.update_yaxes(visible=known, title="y (as recorded)")
    if known:
        figure.update_yaxes(scaleanchor="x")
    return figure


def course_figure(data: xr.Dataset, site: str, motif: int) -> go.Figure:
    """Expression of a motif in every animal over time."""
    import plotly.graph_objects as go

    at = data.sel(site=site, motif=motif)
    figure = go.Figure()
    figure.add_heatmap(
        z=at["expression"].values,
        x=data["step"].values,
        y=[str(name) for name in data["animal"].values],
        colorscale=SEQUENTIAL,
        zmin=0,
        colorbar={"title": "affinity"},
    )
    name = data.attrs["series_name"]
    style(
        figure,
        f"Motif {motif} in every {name}",
        f"{site}; mean affinity of the motif's pairs",
        max(420, min(900, 300 + 18 * data.sizes["animal"])),
    )
    figure.update_xaxes(title=f"time ({data.attrs['time_unit']})")
    figure.update_yaxes(title=name, type="category", autorange="reversed")
    add_stimuli(figure, data)
    return figure


def hierarchy_figure(data: xr.Dataset, site: str, motif: int) -> go.Figure:
    """Pairs of a motif in the order of its groups, and the nested groups below."""
    from plotly.subplots import make_subplots

    at = data.sel(site=site, motif=motif)
    names = unit_names(at)
    levels = at["group"].values[:, : len(names)]
    levels = levels[(levels >= 0).any(axis=1)]
    order = np.lexsort(levels)
    loadings = square(pair_loadings(at) * float(at["peak"]))[np.ix_(order, order)]
    np.fill_diagonal(loadings, np.nan)
    ordered = [names[place] for place in order]
    figure = make_subplots(
        rows=2, cols=1, row_heights=[0.78, 0.22], vertical_spacing=0.04, shared_xaxes=True
    )
    figure.add_heatmap(
        z=loadings,
        x=ordered,
        y=ordered,
        colorscale=SEQUENTIAL,
        zmin=0,
        row=1,
        col=1,
        colorbar={"title": "affinity<br>at peak", "len": 0.7, "y": 0.65},
    )
    figure.add_heatmap(
        z=levels[:, order] % len(_scale()),
        x=ordered,
        y=[
            f"level {number + 1}" + (" (chosen)" if number == int(at["level_chosen"]) else "")
            for number in range(len(levels))
        ],
        text=levels[:, order],
        hovertemplate="%{x}: group %{text}<extra>%{y}</extra>",
        colorscale=_scale_steps(),
        zmin=-0.5,
        zmax=len(_scale()) - 0.5,
        showscale=False,
        xgap=1,
        ygap=2,
        row=2,
        col=1,
    )
    style(
        figure,
        f"Groups of motif {motif}",
        f"{site}; units in the order of nested groups, fine to coarse; one colour a group",
        820,
    )
    figure.update_yaxes(autorange="reversed")
    figure.update_xaxes(type="category", tickangle=-60, tickfont={"size": 9})
    return figure


def animals_figure(data: xr.Dataset, site: str, motif: int) -> go.Figure:
    """How strongly every animal carries a motif."""
    import plotly.graph_objects as go

    at = data.sel(site=site, motif=motif)
    figure = go.Figure()
    figure.add_bar(
        x=[str(name) for name in data["animal"].values],
        y=at["animal_loading"].values,
        marker={"color": colour(0)},
    )
    name = data.attrs["series_name"]
    style(figure, f"{name.capitalize()}s that carry motif {motif}", f"{site}; unit norm", 420)
    figure.update_xaxes(title=name, type="category")
    figure.update_yaxes(title="loading (unit norm)")
    return figure


def unit_names(at: xr.Dataset) -> list[str]:
    """Names of the units of one site."""
    return [str(name) for name in at["unit_name"].values[: int(at["n_units"])]]


def pair_loadings(at: xr.Dataset) -> NDArray[np.float64]:
    """Loadings of the pairs of one site and motif."""
    return at["pair_loading"].values[: n_pairs(int(at["n_units"]))]


def _places(
    at: xr.Dataset, graph: nx.Graph, names: Sequence[str]
) -> tuple[NDArray[np.float64], bool]:
    """Positions (units, 2), and whether they are recorded ones."""
    import networkx as nx

    recorded = at["position"].values[: len(names)]
    usable = np.isfinite(recorded).all(axis=0)
    if usable.sum() >= 2:
        # The two axes along which the units are spread most, in their own order.
        spread = np.where(usable, np.ptp(np.where(usable, recorded, 0), axis=0), -1)
        axes = np.sort(np.argsort(-spread, kind="stable")[:2])
        return recorded[:, axes], True
    layout = nx.spring_layout(graph, seed=0, weight="weight")
    return np.array([layout[name] for name in names]), False


def _add_edges(figure: go.Figure, graph: nx.Graph, places: NDArray[np.float64]) -> None:
    place = dict(zip(graph, places.tolist(), strict=True))
    edges = sorted(graph.edges(data="weight"), key=lambda edge: -edge[2])[:_MOST_EDGES]
    if not edges:
        return
    largest = edges[0][2]
    for step in range(_N_WIDTHS):
        low, high = step / _N_WIDTHS, (step + 1) / _N_WIDTHS
        some = [e for e in edges if low < e[2] / largest <= high]
        figure.add_scatter(
            x=[x for a, b, _ in some for x in (place[a][0], place[b][0], None)],
            y=[y for a, b, _ in some for y in (place[a][1], place[b][1], None)],
            mode="lines",
            line={"width": 0.5 + step, "color": f"rgba(90, 90, 90, {0.15 + 0.2 * step})"},
            hoverinfo="skip",
            showlegend=False,
        )


def _scale() -> tuple[str, ...]:
    return tuple(colour(number) for number in range(8))


def _scale_steps() -> list[tuple[float, str]]:
    colours = _scale()
    size = len(colours)
    return [(edge, each) for n, each in enumerate(colours) for edge in (n / size, (n + 1) / size)]
