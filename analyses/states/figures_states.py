"""Figures of single states: their time course, network and place within trials."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.analysis.drawing import choice, names_of, style

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import xarray as xr

# Okabe and Ito's colours without their yellow, which is too pale on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#7F7F7F")
_MOST_SITES = 8
_MOST_BARS = 20
_SIGNED = ((0.0, "#D55E00"), (0.5, "#FFFFFF"), (1.0, "#0072B2"))


def drawn_sites(data: xr.Dataset) -> list[str]:
    """Sites that figures offer, the one with the largest gain first."""
    order = np.argsort(-data["gain"].values, kind="stable")[:_MOST_SITES]
    names = names_of(data, "site")
    return [names[place] for place in order]


def states_in_time(data: xr.Dataset) -> go.Figure:
    """Posterior of every state and the units' activity, bin by bin.

    Parameters
    ----------
    data : xarray.Dataset

    Returns
    -------
    plotly Figure
    """
    from plotly.subplots import make_subplots

    figure = make_subplots(2, 1, shared_xaxes=True, row_heights=[0.35, 0.65], vertical_spacing=0.04)
    owners = []
    sites = drawn_sites(data)
    for number, site in enumerate(sites):
        traces = [*_posterior(data, site), *_borders(data, site)]
        for trace in traces:
            figure.add_trace(trace, 1, 1)
        figure.add_trace(_activity(data, site), 2, 1)
        owners += [number] * (len(traces) + 1)
    style(
        figure,
        "States over time",
        "of the first trials; above: posterior probability, dotted lines part trials or blocks",
        height=680,
    )
    choice(figure, sites, owners)
    figure.update_xaxes(title="bin", row=2, col=1)
    figure.update_yaxes(title="probability", range=[0, 1], row=1, col=1)
    figure.update_yaxes(title="unit", autorange="reversed", row=2, col=1)
    figure.update_layout(legend={"y": 1.02, "yanchor": "bottom", "x": 1, "xanchor": "right"})
    return figure


def network_heat(data: xr.Dataset, site: str, state: int, shown: bool = True) -> go.Heatmap:
    """Signed couplings of one state as a heat map, on the scale of all states of its site.

    Parameters
    ----------
    data : xarray.Dataset
    site : str
    state : int
    shown : bool
        Whether the colour bar is.

    Returns
    -------
    plotly Heatmap
    """
    import plotly.graph_objects as go

    at = data.sel(site=site)
    names = _units(data, site)
    size = len(names)
    weights = at["connectivity"].values
    largest = float(np.nanmax(np.abs(weights))) or 1.0
    return go.Heatmap(
        z=weights[state, :size, :size],
        x=names,
        y=names,
        colorscale=[list(each) for each in _SIGNED],
        zmin=-largest,
        zmax=largest,
        showscale=shown,
        colorbar={"title": {"text": "coupling (drive per unit of past)", "side": "right"}},
        hovertemplate="%{x} to %{y}: %{z:.3f}<extra></extra>",
    )


def pages(data: xr.Dataset) -> dict[str, list[str]]:
    """A page for every state, by site; the sites with the largest gains first."""
    return {
        site: [f"state {k + 1}" for k in range(int(data.sel(site=site)["tested"]))]
        for site in drawn_sites(data)
    }


def page(data: xr.Dataset, group: str, item: str) -> dict[str, go.Figure]:
    """One state: its network, its strongest couplings beside other states, and when it is on.

    Parameters
    ----------
    data : xarray.Dataset
    group : str
        The site.
    item : str
        As `pages` names it.

    Returns
    -------
    dict of str to plotly Figure
    """
    import plotly.graph_objects as go

    state = int(item.rsplit(maxsplit=1)[-1]) - 1
    share = 100 * float(data.sel(site=group)["occupancy"].values[state])
    network = go.Figure(network_heat(data, group, state))
    style(network, f"Network of {item}", f"{escape(group)}; {share:.1f} % of bins", height=620)
    network.update_xaxes(title="from unit", tickangle=-90, constrain="domain", showgrid=False)
    network.update_yaxes(
        title="to unit", autorange="reversed", scaleanchor="x", constrain="domain", showgrid=False
    )
    return {
        "Network": network,
        "Strongest couplings": _strongest(data, group, state),
        "Within trials": _profile(data, group, state),
    }


def _posterior(data: xr.Dataset, site: str) -> list[go.Scatter]:
    import plotly.graph_objects as go

    at = data.sel(site=site)
    values = at["posterior"].values
    n_bins = int(np.count_nonzero(~np.isnan(values[:, 0])))
    return [
        go.Scatter(
            x=np.arange(n_bins),
            y=values[:n_bins, state].round(4),
            mode="lines",
            line={"width": 0, "color": COLOURS[state % len(COLOURS)]},
            stackgroup=site,
            name=f"state {state + 1}",
            hovertemplate="bin %{x}: %{y:.3f}<extra>%{fullData.name}</extra>",
        )
        for state in range(int(at["tested"]))
    ]


def _borders(data: xr.Dataset, site: str) -> list[go.Scatter]:
    import plotly.graph_objects as go

    trial = data.sel(site=site)["trial"].values
    starts = np.flatnonzero(np.diff(trial[~np.isnan(trial)])) + 0.5
    if not len(starts):
        return []
    x = np.stack([starts, starts, np.full(len(starts), np.nan)], axis=1).ravel()
    return [
        go.Scatter(
            x=x,
            y=np.tile([0.0, 1.0, np.nan], len(starts)),
            mode="lines",
            line={"color": "#000000", "width": 1, "dash": "dot"},
            showlegend=False,
            hoverinfo="skip",
        )
    ]


def _activity(data: xr.Dataset, site: str) -> go.Heatmap:
    import plotly.graph_objects as go

    at = data.sel(site=site)
    names = _units(data, site)
    values = at["activity"].values
    n_bins = int(np.count_nonzero(~np.isnan(values[:, 0])))
    counts = str(at["emission"].values) == "poisson"
    return go.Heatmap(
        z=values[:n_bins, : len(names)].T.astype(np.float32).round(3),
        y=names,
        colorscale="Greys" if counts else "Cividis",
        colorbar={
            "title": {"text": "spikes per bin" if counts else "activity (SD)", "side": "right"},
            "len": 0.6,
            "y": 0,
            "yanchor": "bottom",
        },
        hovertemplate="%{y}, bin %{x}: %{z}<extra></extra>",
    )


def _strongest(data: xr.Dataset, site: str, state: int) -> go.Figure:
    import plotly.graph_objects as go

    at = data.sel(site=site)
    names, tested = _units(data, site), int(at["tested"])
    weights = at["connectivity"].values[:tested, : len(names), : len(names)]
    order = np.argsort(-np.abs(weights[state]).ravel(), kind="stable")[:_MOST_BARS]
    to, source = np.unravel_index(order, weights.shape[1:])
    labels = [f"{names[j]} to {names[i]}" for i, j in zip(to, source, strict=True)]
    figure = go.Figure(
        [
            go.Scatter(
                x=weights[each, to, source],
                y=labels,
                mode="markers",
                marker={
                    "color": COLOURS[each % len(COLOURS)],
                    "size": 12 if each == state else 8,
                    "symbol": "circle" if each == state else "circle-open",
                },
                name=f"state {each + 1}",
            )
            for each in range(tested)
        ]
    )
    figure.add_vline(x=0, line_width=1, line_color="#444444")
    style(
        figure,
        f"Strongest couplings of state {state + 1}",
        "and the same couplings in the other states",
        height=300 + 22 * len(labels),
    )
    figure.update_yaxes(autorange="reversed", dtick=1)
    figure.update_xaxes(title="coupling (drive per unit of past)")
    figure.update_layout(legend={"y": 1.02, "yanchor": "bottom", "x": 1, "xanchor": "right"})
    return figure


def _profile(data: xr.Dataset, site: str, state: int) -> go.Figure:
    import plotly.graph_objects as go

    values: Any = data.sel(site=site)["profile"].values[:, state]
    steps = np.flatnonzero(~np.isnan(values))
    figure = go.Figure(
        go.Scatter(
            x=steps,
            y=values[steps],
            mode="lines",
            line={"color": COLOURS[state % len(COLOURS)], "width": 2},
            hovertemplate="step %{x}: %{y:.3f}<extra></extra>",
        )
    )
    style(
        figure,
        f"When state {state + 1} is on",
        "mean posterior probability at each step since the start of a trial or series",
    )
    figure.update_xaxes(title="step within the trial (bins)")
    figure.update_yaxes(title="probability", range=[0, 1])
    return figure


def _units(data: xr.Dataset, site: str) -> list[str]:
    return [escape(str(name)) for name in data.sel(site=site)["unit_name"].values if str(name)]
