"""Figures of a probing result: pure functions of its data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from probes.arrays import CONTROL, TASK, UNTRAINED
from probes.time_figures import time_figures
from workbench.analysis.drawing import choice, names_of, short_names, style

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import xarray as xr

# Okabe and Ito's colours, with a symbol and a dash of its own for each.
_LOOKS = {
    TASK: ("#0072B2", "circle", "solid"),
    CONTROL: ("#D55E00", "square", "dash"),
    UNTRAINED: ("#009E73", "diamond", "dot"),
}
_MOST_SITES = 12


def figures(data: xr.Dataset) -> dict[str, go.Figure]:
    """All figures of a result.

    Parameters
    ----------
    data : xarray.Dataset
        As `arrays.assemble` gives it.

    Returns
    -------
    dict of str to plotly Figure
        By title: scores by site, which classes are taken for which, and decoding over time.
    """
    drawn = {"Scores by site": scores_by_site(data)}
    if "confusion" in data:
        drawn["Confusion of classes"] = confusion(data)
    return {**drawn, **time_figures(data)}


def scores_by_site(data: xr.Dataset) -> go.Figure:
    """Held-out scores of the task, the control task and the untrained subject at every site.

    Parameters
    ----------
    data : xarray.Dataset

    Returns
    -------
    plotly Figure
    """
    import plotly.graph_objects as go

    names = names_of(data, "site")
    places = np.arange(len(names), dtype=float)
    figure = go.Figure(_band(data, places))
    for kind in names_of(data, "labels"):
        figure.add_trace(_line(data.sel(labels=kind), places, kind))
    chance = float(data["chance"].sel(labels=TASK).values[0])
    figure.add_hline(
        y=chance,
        line={"width": 1, "dash": "dot", "color": "#444444"},
        annotation={"text": "always the same guess"},
        annotation_position="bottom right",
    )
    style(
        figure,
        f"Reading '{data.attrs['label_column']}' by site",
        f"held-out {data.attrs['metric']}, split by {data.attrs['group_kind']}; bars and band are "
        "95 % intervals over groups",
    )
    figure.update_yaxes(title=f"{data.attrs['metric']} (no unit)")
    figure.update_xaxes(title="site", tickvals=places, ticktext=short_names(names))
    return figure


def _band(data: xr.Dataset, places: np.ndarray) -> go.Scatter:
    import plotly.graph_objects as go

    control = data.sel(labels=CONTROL)
    # One site would have a band without width.
    x = np.concatenate([places[:1] - 0.4, places, places[-1:] + 0.4])
    low, high = (np.pad(control[name].values, 1, mode="edge") for name in ("low", "high"))
    return go.Scatter(
        x=np.concatenate([x, x[::-1]]),
        y=np.concatenate([low, high[::-1]]),
        mode="lines",
        fill="toself",
        fillcolor="rgba(213,94,0,0.18)",
        line={"width": 0},
        hoverinfo="skip",
        showlegend=False,
        name="control",
    )


def _line(cell: xr.Dataset, places: np.ndarray, kind: str) -> go.Scatter:
    import plotly.graph_objects as go

    colour, symbol, dash = _LOOKS[kind]
    score = cell["score"].values
    names = {TASK: "task", CONTROL: "control task", UNTRAINED: "task, untrained subject"}
    return go.Scatter(
        x=places,
        y=score,
        error_y={
            "type": "data",
            "array": cell["high"].values - score,
            "arrayminus": score - cell["low"].values,
            "thickness": 1.2,
            "width": 3,
        },
        mode="lines+markers",
        line={"color": colour, "dash": dash, "width": 2},
        marker={"symbol": symbol, "size": 9},
        name=names[kind],
        text=names_of(cell, "site"),
        customdata=cell["p_corrected"].values,
        hovertemplate="%{text}<br>%{y:.3f}<br>corrected p %{customdata:.3g}"
        "<extra>%{fullData.name}</extra>",
    )


def confusion(data: xr.Dataset) -> go.Figure:
    """Share of every true class that is taken for each class; the site is chosen from a list.

    Parameters
    ----------
    data : xarray.Dataset

    Returns
    -------
    plotly Figure
    """
    import plotly.graph_objects as go

    names = names_of(data, "site")
    best = int(np.argmax(data["score"].sel(labels=TASK).values))
    spread = np.unique(np.linspace(0, len(names) - 1, min(len(names), _MOST_SITES)).astype(int))
    shown = [best, *(int(place) for place in spread if place != best)][:_MOST_SITES]
    classes = names_of(data, "class")
    figure = go.Figure(
        [
            go.Heatmap(
                z=data["confusion"].values[place],
                x=classes,
                y=classes,
                zmin=0,
                zmax=1,
                colorscale="Cividis",
                colorbar={"title": {"text": "share of the true class", "side": "right"}},
                texttemplate="%{z:.2f}" if len(classes) <= 12 else None,
                hovertemplate="%{y} taken for %{x}: %{z:.3f}<extra></extra>",
            )
            for place in shown
        ]
    )
    style(figure, "Which class is taken for which", "held-out rows; each row of the map sums to 1")
    choice(figure, [names[place] for place in shown], range(len(shown)))
    figure.update_xaxes(title="class said", tickangle=-45, constrain="domain")
    figure.update_yaxes(title="true class", autorange="reversed", scaleanchor="x")
    figure.update_layout(height=680)
    return figure
