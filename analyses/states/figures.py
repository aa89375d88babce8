"""Figures of a hidden-states result: pure functions of its data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from analyses.states.figures_states import COLOURS, drawn_sites, network_heat, states_in_time
from workbench.analysis.drawing import choice, names_of, short_names, style

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import xarray as xr

_MOST_TICKS = 30


def figures(data: xr.Dataset) -> dict[str, go.Figure]:
    """All figures of a result.

    Parameters
    ----------
    data : xarray.Dataset
        As `arrays.assemble` gives it.

    Returns
    -------
    dict of str to plotly Figure
        By title: states over time, couplings in each state, gain, number of states, transitions.
    """
    return {
        "States over time": states_in_time(data),
        "Couplings in each state": couplings(data),
        "Gain over one state": gain_by_site(data),
        "Number of states": number_of_states(data),
        "Transitions": transitions(data),
    }


def couplings(data: xr.Dataset) -> go.Figure:
    """Signed couplings of every state, states side by side; the site is chosen from a list.

    Parameters
    ----------
    data : xarray.Dataset

    Returns
    -------
    plotly Figure
    """
    from plotly.subplots import make_subplots

    sites = drawn_sites(data)
    n_states = int(max(data.sel(site=site)["tested"] for site in sites))
    figure = make_subplots(
        1,
        n_states,
        subplot_titles=[f"state {k + 1}" for k in range(n_states)],
        horizontal_spacing=0.16 / n_states,
    )
    owners = []
    for number, site in enumerate(sites):
        for state in range(int(data.sel(site=site)["tested"])):
            figure.add_trace(network_heat(data, site, state, shown=state == 0), 1, state + 1)
            owners.append(number)
    style(
        figure,
        "Couplings in each state",
        "blue excites, orange inhibits, white is absent; one colour scale for all states",
    )
    choice(figure, sites, owners)
    figure.update_xaxes(title="from unit", tickangle=-90, constrain="domain", showgrid=False)
    figure.update_yaxes(autorange="reversed", constrain="domain", showgrid=False)
    figure.update_yaxes(title="to unit", col=1)
    figure.update_yaxes(showticklabels=False)
    figure.update_yaxes(showticklabels=True, col=1)
    figure.update_layout(height=580)
    return figure


def gain_by_site(data: xr.Dataset) -> go.Figure:
    """Held-out gain over one state at every site, with its null.

    Parameters
    ----------
    data : xarray.Dataset

    Returns
    -------
    plotly Figure
    """
    import plotly.graph_objects as go

    places = np.arange(data.sizes["site"], dtype=float)
    n_draws = data.sizes["surrogate"]
    value = data["gain"].values
    figure = go.Figure(
        [
            go.Scatter(
                x=np.repeat(places, n_draws),
                y=data["null"].values.ravel(),
                mode="markers",
                marker={"color": "#7F7F7F", "size": 6, "opacity": 0.6, "symbol": "line-ew-open"},
                name="units turned round in time",
                hovertemplate="%{y:.4f}<extra>null</extra>",
            ),
            go.Scatter(
                x=places,
                y=value,
                error_y={
                    "type": "data",
                    "array": data["gain_high"].values - value,
                    "arrayminus": value - data["gain_low"].values,
                },
                mode="markers",
                marker={"color": COLOURS[0], "size": 10},
                text=names_of(data, "site"),
                customdata=data["tested"].values,
                name="recorded",
                hovertemplate="%{text}<br>%{customdata} states: %{y:.4f}<extra></extra>",
            ),
        ]
    )
    figure.add_hline(y=0, line_width=1, line_color="#444444")
    style(
        figure,
        "Gain over one state",
        "of held-out trials; bars are 95 % intervals over trials",
    )
    figure.update_yaxes(title="gain (nats per bin)")
    figure.update_xaxes(title="site", range=[-0.6, len(places) - 0.4], **_ticks(data))
    return figure


def number_of_states(data: xr.Dataset) -> go.Figure:
    """Held-out likelihood over numbers of states, relative to one state.

    Parameters
    ----------
    data : xarray.Dataset

    Returns
    -------
    plotly Figure
    """
    import plotly.graph_objects as go

    candidates = data["candidate"].values
    sites = drawn_sites(data)
    figure = go.Figure()
    for site in sites:
        at = data.sel(site=site)
        curve = at["curve"].values - float(at["curve"].sel(candidate=1))
        figure.add_trace(
            go.Scatter(
                x=candidates,
                y=curve,
                error_y={"type": "data", "array": at["curve_error"].values, "thickness": 1.2},
                mode="lines+markers",
                line={"color": COLOURS[0]},
                name=site,
                showlegend=False,
                hovertemplate="%{x} states: %{y:.4f} nats per bin<extra></extra>",
            )
        )
        figure.add_trace(
            go.Scatter(
                x=[int(at["chosen"])],
                y=[curve[list(candidates).index(int(at["chosen"]))]],
                mode="markers",
                marker={"symbol": "circle-open", "size": 20, "color": COLOURS[1], "line_width": 3},
                name="chosen",
                showlegend=True,
                hoverinfo="skip",
            )
        )
    style(
        figure,
        "Number of states",
        "bars: standard error of the difference from the best; chosen: smallest within one",
    )
    choice(figure, sites, np.repeat(np.arange(len(sites)), 2).tolist())
    figure.update_xaxes(title="number of states", tickvals=candidates)
    figure.update_yaxes(title="held-out gain over one state (nats per bin)")
    return figure


def transitions(data: xr.Dataset) -> go.Figure:
    """Probability of each next state; the site is chosen from a list.

    Parameters
    ----------
    data : xarray.Dataset

    Returns
    -------
    plotly Figure
    """
    import plotly.graph_objects as go

    sites = drawn_sites(data)
    figure = go.Figure([_moves(data, site) for site in sites])
    style(figure, "Transitions", "probability of the next bin's state, given this bin's")
    choice(figure, sites, list(range(len(sites))))
    figure.update_xaxes(title="next state", constrain="domain", showgrid=False)
    figure.update_yaxes(
        title="state (share of bins)",
        autorange="reversed",
        scaleanchor="x",
        constrain="domain",
        showgrid=False,
    )
    return figure


def _moves(data: xr.Dataset, site: str) -> go.Heatmap:
    import plotly.graph_objects as go

    at = data.sel(site=site)
    tested = int(at["tested"])
    names = [f"{k + 1}" for k in range(tested)]
    share = 100 * at["occupancy"].values[:tested]
    return go.Heatmap(
        z=at["transitions"].values[:tested, :tested],
        x=[f"state {name}" for name in names],
        y=[f"state {name} ({each:.0f} %)" for name, each in zip(names, share, strict=True)],
        colorscale="Cividis",
        zmin=0,
        zmax=1,
        texttemplate="%{z:.3f}",
        colorbar={"title": {"text": "probability", "side": "right"}},
        hovertemplate="%{y} to %{x}: %{z:.4f}<extra></extra>",
    )


def _ticks(data: xr.Dataset) -> dict[str, Any]:
    names = short_names(names_of(data, "site"))
    step = -(-len(names) // _MOST_TICKS)
    places = list(range(0, len(names), step))
    crowded = max(len(name) for name in names) * len(places) > 100
    return {
        "tickvals": places,
        "ticktext": [names[place] for place in places],
        "tickangle": -90 if crowded else 0,
    }
