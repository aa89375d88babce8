"""Clusters found without labels beside classes, along the sites of a result."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analyses.word_classes.figures import site_line, site_ticks
from analyses.word_classes.measures import CLUSTER_NAMES, found_of
from workbench.analysis.drawing import names_of, style

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import xarray as xr


def clusters_by_site(data: xr.Dataset) -> go.Figure:
    """Agreement of clusters with classes at every site, a panel a way to cluster.

    Parameters
    ----------
    data : xarray.Dataset
        As `cluster_arrays.with_clusters` gives it.

    Returns
    -------
    plotly Figure
        Both labels, intervals, the null's range and the untrained subject.
    """
    from plotly.subplots import make_subplots

    methods, places = names_of(data, "cluster_method"), np.arange(data.sizes["site"], dtype=float)
    figure = make_subplots(
        rows=len(methods),
        shared_xaxes=True,
        shared_yaxes="all",
        vertical_spacing=0.1,
        subplot_titles=[_panel_title(data, method) for method in methods],
    )
    for row, method in enumerate(methods, start=1):
        for trace in _panel(data.sel(cluster_method=method), places, first=row == 1):
            figure.add_trace(trace, row=row, col=1)
    style(
        figure,
        "Clusters against classes: higher agrees better",
        f"{data.attrs['n_clustered']} rows clustered without labels; 0: clusters say nothing of "
        "classes, 1: they are the classes; bars are 95 % intervals over stimuli",
    )
    figure.add_hline(y=0, line_width=1, line_color="#444444")
    figure.update_yaxes(title="adjusted mutual information", range=_extent(data))
    figure.update_xaxes(range=[-0.5, len(places) - 0.4], **site_ticks(data))
    figure.update_xaxes(title="site", row=len(methods), col=1)
    legend = {"orientation": "h", "y": 1 + 0.1 / len(methods), "yanchor": "bottom"}
    figure.update_layout(height=320 + 260 * len(methods), legend=legend, margin={"t": 175})
    return figure


def _extent(data: xr.Dataset) -> tuple[float, float]:
    """One range for all panels; plotly finds none for a panel of zeros."""
    names = ("", "_low", "_high", "_null_low", "_null_high")
    ends = np.concatenate([data[f"agreement{name}"].values.ravel() for name in names])
    low, high = min(-0.02, np.nanmin(ends)), max(0.1, np.nanmax(ends))
    margin = 0.06 * (high - low)
    return float(low - margin), float(high + margin)


def _panel_title(data: xr.Dataset, method: str) -> str:
    if method == "kmeans":
        return f"k-means, {data.attrs['n_classes']} clusters"
    return f"HDBSCAN, clusters of at least {data.attrs['min_cluster_size']} rows"


def _panel(cell: xr.Dataset, places: np.ndarray, first: bool) -> list[go.Scatter]:
    lines = [
        _line(cell.sel(label_kind=kind, state=state), places + 0.06 * number, number, first)
        for number, kind in enumerate(cell["label_kind"].values)
        for state in cell["state"].values
    ]
    return [_band(cell, places, first), *lines]


def _band(cell: xr.Dataset, places: np.ndarray, first: bool) -> go.Scatter:
    import plotly.graph_objects as go

    over = ("label_kind", "state")
    low = cell["agreement_null_low"].min(over).values
    high = cell["agreement_null_high"].max(over).values
    # One site would have a band without width.
    x = np.concatenate([places[:1] - 0.4, places, places[-1:] + 0.4])
    low, high = (np.pad(values, 1, mode="edge") for values in (low, high))
    return go.Scatter(
        x=np.concatenate([x, x[::-1]]),
        y=np.concatenate([low, high[::-1]]),
        mode="lines",
        fill="toself",
        fillcolor="rgba(120,120,120,0.3)",
        line={"width": 1.5, "color": "rgba(120,120,120,0.6)"},
        hoverinfo="skip",
        name=f"{cell.attrs['null_labels']} (95 % range)",
        legendgroup="null",
        showlegend=first,
    )


def _line(cell: xr.Dataset, x: np.ndarray, number: int, first: bool) -> go.Scatter:
    line = site_line(cell, x, number, "agreement")
    method = CLUSTER_NAMES[str(cell["cluster_method"].values)]
    found = [found_of(cell.isel(site=site)) for site in range(cell.sizes["site"])]
    return line.update(
        legendgroup=line.name,
        showlegend=first,
        customdata=np.array(found, dtype=object),
        hovertemplate=f"%{{text}}<br>{method}: %{{y:.4f}}<br>%{{customdata}}"
        "<extra>%{fullData.name}</extra>",
    )
