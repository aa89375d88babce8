"""Figures of decoding over time: the map of training and testing times, and its diagonal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.analysis.drawing import choice, names_of, short_names, style
from workbench.statistics.correction import ALPHA

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import xarray as xr

# Okabe and Ito's colours; symbols and dashes tell lines apart where colours cannot.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
_DASHES = ("solid", "dash", "dot", "dashdot")
_MOST_SITES = 6


def time_figures(data: xr.Dataset) -> dict[str, go.Figure]:
    """Figures by title; none where a result has no times.

    Parameters
    ----------
    data : xarray.Dataset

    Returns
    -------
    dict of str to plotly Figure
    """
    if "time_accuracy" not in data:
        return {}
    return {
        "Training time by testing time": time_map(data),
        "Accuracy over time": time_course(data),
    }


def _shown(data: xr.Dataset) -> list[int]:
    """Sites to show, the one that says most first."""
    order = np.argsort(-data["over_time"].values[:, 0], kind="stable")
    return [int(place) for place in order[:_MOST_SITES]]


def time_map(data: xr.Dataset) -> go.Figure:
    """Accuracy for every time of training and of testing; the site is chosen from a list.

    Parameters
    ----------
    data : xarray.Dataset

    Returns
    -------
    plotly Figure
    """
    import plotly.graph_objects as go

    names, times = names_of(data, "site"), data["train_time"].values
    shown = _shown(data)
    figure = go.Figure()
    for place in shown:
        figure.add_trace(_heat(data.isel(site=place)))
        figure.add_trace(_stars(data.isel(site=place)))
    choice(figure, [names[place] for place in shown], np.repeat(range(len(shown)), 2).tolist())
    ends = [float(times[0]), float(times[-1])]
    figure.add_shape(
        type="line", x0=ends[0], x1=ends[1], y0=ends[0], y1=ends[1],
        line={"dash": "dot", "width": 1, "color": "#444444"},
    )  # fmt: skip
    style(
        figure,
        "When a code appears, and whether it stays",
        "a square: one code that stays; a diagonal: one that changes; dots: beats probes of "
        "shuffled labels (corrected)",
        height=640,
    )
    kind = data.attrs["time_kind"]
    figure.update_xaxes(title=f"tested: {kind}", constrain="domain", showgrid=False)
    figure.update_yaxes(title=f"trained: {kind}", scaleanchor="x", showgrid=False)
    return figure


def _heat(at: xr.Dataset) -> go.Heatmap:
    import plotly.graph_objects as go

    chance = float(at["time_null"].mean())
    reach = max(float(np.abs(at["time_accuracy"] - chance).max()), 0.05)
    return go.Heatmap(
        z=at["time_accuracy"].values,
        x=at["test_time"].values,
        y=at["train_time"].values,
        zmid=chance,
        zmin=chance - reach,
        zmax=chance + reach,
        colorscale="RdBu_r",
        colorbar={"title": {"text": f"accuracy (white: chance, {chance:.2f})", "side": "right"}},
        customdata=at["time_p_corrected"].values,
        hovertemplate="trained %{y:.3g}, tested %{x:.3g}<br>accuracy %{z:.3f}<br>corrected p "
        "%{customdata:.3g}<extra></extra>",
    )


def _stars(at: xr.Dataset) -> go.Scatter:
    import plotly.graph_objects as go

    rows, columns = np.nonzero(at["time_p_corrected"].values <= ALPHA)
    return go.Scatter(
        x=at["test_time"].values[columns],
        y=at["train_time"].values[rows],
        mode="markers",
        marker={"size": 4, "color": "#000000"},
        hoverinfo="skip",
        showlegend=False,
    )


def time_course(data: xr.Dataset) -> go.Figure:
    """Accuracy of probes trained and tested at the same time.

    Parameters
    ----------
    data : xarray.Dataset

    Returns
    -------
    plotly Figure
    """
    import plotly.graph_objects as go

    shown = _shown(data)
    names = short_names(names_of(data, "site"))
    figure = go.Figure()
    for number, place in enumerate(shown):
        at = data.isel(site=place)
        p = np.diag(at["time_p_corrected"].values)
        figure.add_scatter(
            x=data["train_time"].values,
            y=np.diag(at["time_accuracy"].values),
            mode="lines+markers",
            name=names[place],
            showlegend=True,
            line={"color": _COLOURS[number], "dash": _DASHES[number % len(_DASHES)]},
            marker={"symbol": np.where(p <= ALPHA, "circle", "circle-open").tolist(), "size": 9},
        )
    chance = float(np.mean([np.diag(each).mean() for each in data["time_null"].values]))
    figure.add_hline(
        y=chance,
        line={"width": 1, "dash": "dot", "color": "#444444"},
        annotation={"text": "chance: shuffled labels"},
        annotation_position="bottom right",
    )
    style(
        figure,
        "Reading the label moment by moment",
        f"trained and tested at one time; {data.attrs['n_trials']} trials; full circles beat "
        "shuffled labels (corrected)",
    )
    figure.update_xaxes(title=str(data.attrs["time_kind"]))
    figure.update_yaxes(title="held-out accuracy (no unit)")
    return figure
