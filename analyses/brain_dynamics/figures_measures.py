"""The figure of every measure beside its surrogates, and what the figures share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from analyses.brain_dynamics.site import MODULATION
from workbench.analysis.drawing import choice, names_of, style

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import xarray as xr

# Okabe and Ito's colours.
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "rgba(110,110,110,0.55)"
_MOST_SITES = 12


def measures(data: xr.Dataset) -> go.Figure:
    """Every number with its interval, on the range of its surrogates; a site is chosen.

    Parameters
    ----------
    data : xarray.Dataset

    Returns
    -------
    plotly Figure
    """
    from plotly.subplots import make_subplots

    small = data["measure"].values == MODULATION
    # Modulation indices are far smaller than the rest and have an axis of their own.
    panels = [each for each in (~small, small) if each.any()]
    figure = make_subplots(
        rows=len(panels),
        cols=1,
        row_heights=[float(each.sum() + 1) for each in panels],
        vertical_spacing=min(0.25, 2.5 / data.sizes["statistic"]),
    )
    owners, sites = [], shown_sites(data)
    for number, site in enumerate(sites):
        at = data.sel(site=site)
        for row, panel in enumerate(panels):
            kept = np.flatnonzero(np.isfinite(at["value"].values) & panel)
            for trace in _measure_traces(at.isel(statistic=kept), first=row == 0):
                figure.add_trace(trace, row=row + 1, col=1)
                owners.append(number)
    style(
        figure,
        "Measures on the range of their surrogates",
        f"grey: 95 % range of {data.attrs['n_surrogates']} surrogates; bars: 95 % intervals; "
        f"{data.attrs['n_blocks']} blocks of {data.attrs['block_rows']} {data.attrs['step']}s",
        height=380 + 26 * data.sizes["statistic"],
    )
    choice(figure, sites, owners)
    figure.update_xaxes(title="value (no unit)", rangemode="tozero")
    figure.update_yaxes(autorange="reversed")
    figure.update_layout(legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0.35})
    return figure


def shown_sites(data: xr.Dataset) -> list[str]:
    """Sites that can be chosen: all of a few, evenly spread ones of many."""
    names = names_of(data, "site")
    spread = np.linspace(0, len(names) - 1, min(len(names), _MOST_SITES)).astype(int)
    return [names[place] for place in np.unique(spread)]


def _measure_traces(at: xr.Dataset, first: bool) -> list[go.Scatter]:
    import plotly.graph_objects as go

    labels, value = names_of(at, "statistic"), at["value"].values
    low, high = at["null_low"].values, at["null_high"].values
    passed = at["beats_null"].values.astype(bool)
    ends = np.stack([low, high, np.full_like(low, np.nan)], axis=1).ravel()
    traces = [
        go.Scatter(
            x=ends,
            y=[label for label in labels for _ in range(3)],
            mode="lines",
            line={"color": GREY, "width": 9},
            name="surrogates",
            showlegend=first,
            hoverinfo="skip",
        )
    ]
    for mask, colour, symbol, name in (
        (passed, BLUE, "circle", "beats its surrogates"),
        (~passed, ORANGE, "circle-open", "does not"),
    ):
        # An empty group keeps its place in the legend and its turn in the list of sites.
        traces.append(
            go.Scatter(
                x=value[mask] if mask.any() else [None],
                y=[label for label, one in zip(labels, mask, strict=True) if one] or labels[:1],
                mode="markers",
                marker={"color": colour, "symbol": symbol, "size": 9},
                error_x=_bars(at, mask),
                name=name,
                showlegend=first,
                customdata=np.stack(
                    [at["null_mean"].values[mask], at["p_corrected"].values[mask]], 1
                ),
                hovertemplate="%{y}: %{x:.4f}<br>surrogates %{customdata[0]:.4f}"
                "<br>corrected p %{customdata[1]:.3g}<extra></extra>",
            )
        )
    return traces


def _bars(at: xr.Dataset, mask: np.ndarray) -> dict[str, Any]:
    value = at["value"].values[mask]
    return {
        "type": "data",
        "array": np.nan_to_num(at["high"].values[mask] - value),
        "arrayminus": np.nan_to_num(value - at["low"].values[mask]),
        "thickness": 1.3,
        "width": 3,
    }
