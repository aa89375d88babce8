"""Figures of a result: motifs in time, in animals, under stimuli and beside their nulls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analyses.connectome.colours import BEATS, NULL, SEQUENTIAL, colour, dash
from analyses.connectome.figures_motif import graph_figure
from analyses.connectome.timelines import add_stimuli
from workbench.analysis.drawing import choice, names_of, short_names, style

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import xarray as xr

_MOST_SITES = 8


def figures(data: xr.Dataset) -> dict[str, go.Figure]:
    """Draw a result.

    Parameters
    ----------
    data : xarray.Dataset
        As `arrays.assemble` gives it.

    Returns
    -------
    dict of str to plotly Figure
    """
    drawn = {
        "Motifs beside their null": null_figure(data),
        "Motifs in time": timeline_figure(data),
        f"{_series(data)}s that carry each motif": animal_figure(data),
        "Network of the strongest motif": graph_figure(data, names_of(data, "site")[0], 1),
    }
    if data.sizes["stimulus"]:
        drawn["Atlas of motifs and stimuli"] = atlas_figure(data)
    if data.sizes["candidate"]:
        drawn["Choice of the number of motifs"] = rank_figure(data)
    return drawn


def null_figure(data: xr.Dataset) -> go.Figure:
    """Excess of every motif with its interval, and that of shifted traces."""
    import plotly.graph_objects as go

    figure = go.Figure()
    sites, owners = _sites(data), []
    for number, site in enumerate(sites):
        at = data.sel(site=site)
        n_motifs = int(at["n_motifs"])
        names = [f"motif {motif}" for motif in range(1, n_motifs + 1)]
        excess = at["excess"].values[:n_motifs]
        beats = at["excess_beats"].values[:n_motifs]
        figure.add_scatter(
            x=names,
            y=excess,
            mode="markers",
            name="motif",
            marker={
                "size": 12,
                "color": [BEATS if each else NULL for each in beats],
                "symbol": ["circle" if each else "circle-open" for each in beats],
            },
            error_y={
                "type": "data",
                "symmetric": False,
                "array": at["excess_high"].values[:n_motifs] - excess,
                "arrayminus": excess - at["excess_low"].values[:n_motifs],
            },
        )
        figure.add_box(
            y=at["excess_null"].values,
            x=["shifted traces"] * at.sizes["draw"],
            name="largest of shifted traces",
            boxpoints="all",
            marker={"color": NULL},
        )
        owners += [number, number]
    style(
        figure,
        "Motifs beside their null",
        f"Filled: beyond the largest excess in {data.attrs['n_null']} sets of shifted traces "
        "(p ≤ .05). Bars: 95 % intervals",
    )
    figure.update_yaxes(title="excess (share of the tensor's norm)")
    choice(figure, short_names(sites), owners)
    return figure


def timeline_figure(data: xr.Dataset) -> go.Figure:
    """Mean expression of every motif over time."""
    import plotly.graph_objects as go

    figure = go.Figure()
    sites, owners = _sites(data), []
    for number, site in enumerate(sites):
        at = data.sel(site=site)
        for motif in range(int(at["n_motifs"])):
            beats = bool(at["excess_beats"][motif])
            figure.add_scatter(
                x=data["step"].values,
                y=at["expression"].isel(motif=motif).mean("animal").values,
                mode="lines",
                name=f"motif {motif + 1}" + ("" if beats else " (as shifted traces)"),
                line={"color": colour(motif), "dash": dash(motif), "width": 2.2 if beats else 1},
                opacity=1 if beats else 0.55,
            )
            owners.append(number)
    style(
        figure,
        "Motifs in time",
        f"Mean affinity of each motif's pairs over {data.sizes['animal']} "
        f"{data.attrs['series_name']}s; thin: no more than shifted traces",
    )
    figure.update_xaxes(title=f"time ({data.attrs['time_unit']})")
    figure.update_yaxes(title="expression (affinity, 0 to 1)", rangemode="tozero")
    add_stimuli(figure, data)
    choice(figure, short_names(sites), owners)
    _menu_above_names(figure)
    return figure


def animal_figure(data: xr.Dataset) -> go.Figure:
    """How strongly every animal carries each motif."""
    import plotly.graph_objects as go

    figure = go.Figure()
    sites, animals = _sites(data), names_of(data, "animal")
    for site in sites:
        at = data.sel(site=site)
        n_motifs = int(at["n_motifs"])
        loadings = at["animal_loading"].values[:n_motifs]
        figure.add_heatmap(
            z=loadings / loadings.max(axis=1, keepdims=True),
            x=animals,
            y=[f"motif {motif + 1}" for motif in range(n_motifs)],
            colorscale=SEQUENTIAL,
            zmin=0,
            zmax=1,
            colorbar={"title": "share of<br>largest"},
        )
    name = data.attrs["series_name"]
    style(figure, f"{_series(data)}s that carry each motif", f"Loading of each {name}")
    figure.update_yaxes(autorange="reversed")
    figure.update_xaxes(title=name, type="category")
    choice(figure, short_names(sites), list(range(len(sites))))
    return figure


def atlas_figure(data: xr.Dataset) -> go.Figure:
    """Expression of each motif under each stimulus, as contrast to all other frames."""
    import plotly.graph_objects as go

    figure = go.Figure()
    sites, stimuli = _sites(data), names_of(data, "stimulus")
    for site in sites:
        at = data.sel(site=site)
        n_motifs = int(at["n_motifs"])
        values = at["contrast"].values[:n_motifs]
        beats = at["selectivity_beats"].values[:n_motifs]
        best = np.nanargmax(values, axis=1)
        text = [
            [f"{v:.2f}" + ("*" if beats[m] and best[m] == s else "") for s, v in enumerate(row)]
            for m, row in enumerate(values)
        ]
        largest = float(np.nanmax(np.abs(values)))
        figure.add_heatmap(
            z=values,
            x=stimuli,
            y=[f"motif {motif + 1}" for motif in range(n_motifs)],
            text=text,
            texttemplate="%{text}",
            colorscale="RdBu_r",
            zmin=-largest,
            zmax=largest,
            colorbar={"title": "contrast<br>(s.d.)"},
        )
    style(
        figure,
        "Atlas of motifs and stimuli",
        "Expression under a stimulus minus elsewhere; *: beyond stimuli shifted in time (p ≤ .05)",
    )
    figure.update_yaxes(autorange="reversed")
    figure.update_xaxes(title=data.attrs["stimuli"], type="category")
    choice(figure, short_names(sites), list(range(len(sites))))
    return figure


def rank_figure(data: xr.Dataset) -> go.Figure:
    """Held-out error and agreement of restarts over the numbers of motifs tried."""
    import plotly.graph_objects as go

    figure = go.Figure()
    sites, owners = _sites(data), []
    for number, site in enumerate(sites):
        at = data.sel(site=site)
        for name, title, axis in (
            ("rank_error", "held-out error", "y"),
            ("rank_agreement", "agreement of restarts", "y2"),
        ):
            figure.add_scatter(
                x=at["ranks"].values,
                y=at[name].values,
                name=title,
                mode="lines+markers",
                yaxis=axis,
                line={"color": colour(axis == "y2"), "dash": dash(axis == "y2")},
            )
            owners.append(number)
    style(figure, "Choice of the number of motifs", "Low error on cells left out, equal restarts")
    figure.update_layout(
        xaxis_title="motifs",
        yaxis_title="held-out relative error",
        yaxis2={"title": "agreement (0 to 1)", "overlaying": "y", "side": "right"},
    )
    choice(figure, short_names(sites), owners)
    return figure


def _sites(data: xr.Dataset) -> list[str]:
    """At most `_MOST_SITES`, evenly spread."""
    names = names_of(data, "site")
    spread = np.unique(np.linspace(0, len(names) - 1, min(len(names), _MOST_SITES)).astype(int))
    return [names[number] for number in spread]


def _series(data: xr.Dataset) -> str:
    return str(data.attrs["series_name"]).capitalize()


def _menu_above_names(figure: go.Figure) -> None:
    for menu in figure.layout.updatemenus:
        menu.y = 1.08
