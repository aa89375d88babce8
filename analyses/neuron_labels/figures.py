"""Figures of a result: units against their null, means beside constant labels, a gallery."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from analyses.neuron_labels.colours import BEATS, CONSTANT, NOISE, REASSIGNED
from analyses.neuron_labels.gallery import gallery_figure, item_name, shown_sites
from analyses.neuron_labels.measures import NAMES
from analyses.neuron_labels.scoring import MAD
from analyses.neuron_labels.summary import best_site
from workbench.analysis.drawing import choice, style

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import xarray as xr


def figures(data: xr.Dataset) -> dict[str, go.Figure]:
    """Figures of a result.

    Parameters
    ----------
    data : xarray.Dataset
        As `arrays.assemble` gives it.

    Returns
    -------
    dict of str to plotly Figure
    """
    return {
        "Units beside their null": units_figure(data),
        "Means beside constant and reassigned labels": means_figure(data),
        "Units and what they respond to": gallery_figure(data),
    }


def units_figure(data: xr.Dataset) -> go.Figure:
    """Held-out correlation of every unit beside the mean of other labels on the same unit.

    Parameters
    ----------
    data : xarray.Dataset

    Returns
    -------
    plotly Figure
    """
    import plotly.graph_objects as go

    best = best_site(data)
    sites = [best, *(s for s in shown_sites(data["site"].values.tolist()) if s != best)]
    traces, owners = [], []
    for number, site in enumerate(sites):
        at = data.sel(site=site)
        for abstains, colour, symbol, name in (
            (False, BEATS, "circle", "beats its null"),
            (True, NOISE, "x", "abstains"),
        ):
            there = (at["number"].values >= 0) & (at["abstains"].values == abstains)
            traces.append(_cloud(at, np.flatnonzero(there), colour, symbol, name))
            owners.append(number)
    figure = go.Figure(traces)
    style(
        figure,
        "Units beside their null",
        "a label is kept where its unit lies above what labels of other units reach; bars: 95 % "
        "interval over stimuli",
    )
    choice(figure, sites, owners)
    figure.update_xaxes(title="mean correlation of other labels with the unit (no unit)")
    figure.update_yaxes(title="held-out correlation of its own label (no unit)")
    return figure


def _cloud(at: xr.Dataset, places: np.ndarray, colour: str, symbol: str, name: str) -> go.Scatter:
    import plotly.graph_objects as go

    value = at["pearson"].values[places]
    return go.Scatter(
        x=at["null mean"].values[places],
        y=value,
        error_y={
            "symmetric": False,
            "array": at["high"].values[places] - value,
            "arrayminus": value - at["low"].values[places],
            "thickness": 0.6,
            "width": 0,
        },
        mode="markers",
        marker={"size": 9, "color": colour, "symbol": symbol},
        text=[escape(item_name(at, int(place))) for place in places],
        hovertemplate="%{text}<br>own label %{y:.3f}, others %{x:.3f}<extra></extra>",
        name=name,
    )


def means_figure(data: xr.Dataset) -> go.Figure:
    """Every metric's mean over units, beside the best constant label and reassigned labels.

    Parameters
    ----------
    data : xarray.Dataset

    Returns
    -------
    plotly Figure
    """
    import plotly.graph_objects as go

    best = best_site(data)
    sites = [best, *(s for s in shown_sites(data["site"].values.tolist()) if s != best)]
    looks = {
        "labels": (BEATS, "circle", "own labels"),
        "constant label": (CONSTANT, "diamond", "the best label for all units"),
        "shuffled labels": (REASSIGNED, "square", "reassigned labels (± 2 sd)"),
    }
    traces, owners = [], []
    for number, site in enumerate(sites):
        mean = data["mean"].sel(site=site, metric=[name for name in NAMES if name != MAD])
        for row, (colour, symbol, name) in looks.items():
            traces.append(
                go.Scatter(
                    x=[NAMES[str(metric)] for metric in mean["metric"].values],
                    y=mean.sel(row=row).values,
                    error_y=_spread(mean, row),
                    mode="markers",
                    marker={"size": 11, "color": colour, "symbol": symbol},
                    name=name,
                )
            )
            owners.append(number)
    figure = go.Figure(traces)
    style(
        figure,
        "Means beside constant and reassigned labels",
        "CoSy's AUC is secondary: it does not fall when a label misses what a unit responds to; "
        "MAD, on a scale of its own, is in the table",
    )
    choice(figure, sites, owners)
    figure.update_xaxes(title="metric")
    figure.update_yaxes(title="mean over units (no unit)")
    return figure


def _spread(mean: xr.DataArray, row: str) -> dict[str, object]:
    value = mean.sel(row=row).values
    if row == "labels":
        high, low = mean.sel(row="high").values - value, value - mean.sel(row="low").values
        return {"symmetric": False, "array": high, "arrayminus": low}
    sd = mean.sel(row="sd").values if row == "shuffled labels" else np.full(len(value), np.nan)
    return {"array": 2 * sd}
