"""Figures of a result: pure functions of its data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analyses.ndna.arrays import compared_in, curves_in
from analyses.ndna.curves import Curves
from analyses.ndna.reading import UNITS
from workbench.analysis.drawing import choice, names_of, short_names, style
from workbench.statistics.correction import ALPHA

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import xarray as xr

# Okabe and Ito's colours without their yellow, which is too pale on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#7F7F7F")
TITLES = {
    "step": "Fisher-Rao step",
    "turning": "turning of probabilities",
    "curvature": "Fisher-Rao curvature",
    "tail": "length ahead",
    "belief": "belief",
    "norm_of_mean": "norm of mean push",
    "coherence": "coherence",
    "residual_step": "step of activity",
    "residual_turning": "turning of activity",
    "menger": "Menger curvature",
    "frenet_curvature": "Frenet curvature",
    "torsion": "torsion",
}
_LENS = ("curvature", "step", "belief")
_RESIDUAL = ("residual_turning", "residual_step", "menger")
_MOST_PATHS = 12
_MOST_TICKS = 16


def figures(data: xr.Dataset) -> dict[str, go.Figure]:
    """All figures of a result.

    Parameters
    ----------
    data : xarray.Dataset
        As `arrays.assemble` gives it.

    Returns
    -------
    dict of str to plotly Figure
        By title: curves with bands, the path through three channels, and numbers beside nulls.
    """
    along = "depth" if data.attrs["axis"] == "depth" else "time"
    shown = [curves_in(data, state) for state in names_of(data, "state")]
    drawn = {}
    if along == "depth":
        drawn["Curves along depth"] = curves_figure(shown)
        three = helix_channels(shown[0])
        if three:
            drawn["Path through three channels"] = helix_figure(shown, three)
    else:
        drawn["Turning along time"] = time_figure(data)
    drawn["Numbers beside their nulls"] = numbers_figure(data)
    return drawn


def main_channels(curves: Curves) -> tuple[str, ...]:
    """Three channels that say most: of probabilities where there are such, else of activity."""
    wanted = _LENS if "step" in curves.channels else _RESIDUAL
    return tuple(name for name in wanted if name in curves.channels)


def helix_channels(curves: Curves) -> tuple[str, ...]:
    """Three channels with values at two nodes or more at once; none where there are fewer."""
    three = main_channels(curves)
    if len(three) < 3:
        return ()
    together = np.isfinite([curves.mean(name) for name in three]).all(axis=0)
    return three if together.sum() > 1 else ()


def curves_figure(models: list[Curves], channels: tuple[str, ...] | None = None) -> go.Figure:
    """Curves along depth with 95 % bands over prompts, one panel a channel.

    Parameters
    ----------
    models : list of Curves
    channels : tuple of str, optional

    Returns
    -------
    plotly Figure
    """
    from plotly.subplots import make_subplots

    names = channels or main_channels(models[0])
    figure = make_subplots(rows=len(names), cols=1, shared_xaxes=True, vertical_spacing=0.06)
    for number, curves in enumerate(models):
        for row, channel in enumerate(names, 1):
            if channel in curves.channels:
                for trace in _band(curves, channel, COLOURS[number % len(COLOURS)], row == 1):
                    figure.add_trace(trace, row=row, col=1)
    for row, channel in enumerate(names, 1):
        title = f"{TITLES.get(channel, channel)}<br>({UNITS.get(channel, 'no unit')})"
        figure.update_yaxes(title=title, row=row, col=1)
    style(
        figure,
        "Curves along depth",
        "means over prompts; bands are 95 % intervals over prompts, and end where undefined",
        height=240 * len(names) + 200,
    )
    figure.update_xaxes(title="depth (share of layers)", row=len(names), col=1)
    same = len({curves.sites for curves in models}) == 1
    if same:
        _site_ticks(figure, models[0], len(names))
    figure.update_layout(legend={"orientation": "h", "y": 1.01, "yanchor": "bottom"})
    return figure


def helix_figure(models: list[Curves], channels: tuple[str, ...]) -> go.Figure:
    """The path of each model through three channels, coloured by depth.

    Parameters
    ----------
    models : list of Curves
    channels : tuple of str
        Three.

    Returns
    -------
    plotly Figure
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    for number, curves in enumerate(models):
        # The untrained companion of a recording has no probabilities.
        if not set(channels) <= set(curves.channels):
            continue
        values = np.stack([curves.mean(name) for name in channels])
        kept: NDArray = np.asarray(np.isfinite(values).all(axis=0))
        x, y, z = values[:, kept]
        colour = COLOURS[number % len(COLOURS)]
        figure.add_trace(
            go.Scatter3d(
                x=x,
                y=y,
                z=z,
                mode="lines+markers",
                name=curves.name,
                line={"color": colour, "width": 5},
                marker={
                    "size": 6,
                    "color": curves.depth[kept],
                    "colorscale": "Viridis",
                    "cmin": 0,
                    "cmax": 1,
                    "showscale": number == 0,
                    "colorbar": {"title": "depth", "len": 0.6, "thickness": 14},
                },
                text=[site for site, is_kept in zip(curves.sites, kept, strict=True) if is_kept],
                hovertemplate="%{text}<br>%{x:.3g}, %{y:.3g}, %{z:.3g}"
                "<extra>%{fullData.name}</extra>",
            )
        )
    style(
        figure,
        "Path through three channels",
        "one point a layer, means over prompts; points are coloured by depth, lines by model",
        height=680,
    )
    axes = {
        f"{axis}axis": {"title": {"text": f"{TITLES[name]}<br>({UNITS[name]})"}}
        for axis, name in zip("xyz", channels, strict=True)
    }
    figure.update_scenes(
        **axes, aspectmode="cube", camera={"eye": {"x": 1.75, "y": 1.75, "z": 0.9}}
    )
    figure.update_layout(
        margin={"t": 100, "b": 20, "l": 20},
        showlegend=True,
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom"},
    )
    return figure


def time_figure(data: xr.Dataset) -> go.Figure:
    """Turning along time at each site; chosen from a list.

    Parameters
    ----------
    data : xarray.Dataset

    Returns
    -------
    plotly Figure
    """
    import plotly.graph_objects as go

    paths = names_of(data, "path")[:_MOST_PATHS]
    nulls = {each.family: each for each in compared_in(data) if each.name == "turning"}
    traces: list[Any] = []
    owners = []
    for number, path in enumerate(paths):
        for place, state in enumerate(names_of(data, "state")):
            curves = curves_in(data, state, path)
            if "residual_turning" in curves.channels:
                made = _band(curves, "residual_turning", COLOURS[place], True, np.degrees(1))
                traces += made
                owners += [number] * len(made)
        null = np.degrees(nulls[path].null_mean)
        traces.append(
            go.Scatter(
                x=[0, 1],
                y=[null, null],
                mode="lines",
                line={"color": "#555555", "dash": "dot"},
                name="moments in random order",
            )
        )
        owners.append(number)
    figure = go.Figure(traces)
    style(
        figure,
        "Turning along time",
        "angle between neighbouring steps, in blocks of relative time; bands over series, where "
        "there are several",
    )
    choice(figure, paths, owners)
    figure.update_xaxes(title="time (share of the series)")
    figure.update_yaxes(title="turning (degrees)")
    return figure


def numbers_figure(data: xr.Dataset) -> go.Figure:
    """Every number with its interval, in standard deviations of its null.

    Parameters
    ----------
    data : xarray.Dataset

    Returns
    -------
    plotly Figure
    """
    import plotly.graph_objects as go

    found = [each for each in compared_in(data) if each.null_sd > 0][: 3 * _MOST_PATHS]
    labels = [each.name + (f", {each.family}" if each.family != "depth" else "") for each in found]

    def scaled(value: float, number: int) -> float:
        return (value - found[number].null_mean) / found[number].null_sd

    value = [scaled(each.value, n) for n, each in enumerate(found)]
    high = np.nan_to_num([scaled(each.high, n) - value[n] for n, each in enumerate(found)])
    low = np.nan_to_num([value[n] - scaled(each.low, n) for n, each in enumerate(found)])
    beats = [each.p_corrected <= ALPHA for each in found]
    figure = go.Figure(
        go.Scatter(
            x=value,
            y=labels,
            mode="markers",
            error_x={"type": "data", "array": high, "arrayminus": low, "color": "#555555"},
            marker={
                "size": 11,
                "color": [COLOURS[0] if each else "#FFFFFF" for each in beats],
                "line": {"color": COLOURS[0], "width": 2},
            },
            customdata=[[each.value, each.null_mean, each.p_corrected] for each in found],
            hovertemplate="%{y}<br>%{customdata[0]:.4g}, null %{customdata[1]:.4g}, p "
            "%{customdata[2]:.2g}<extra></extra>",
        )
    )
    figure.add_vrect(-2, 2, fillcolor="#999999", opacity=0.2, line_width=0)
    figure.add_vline(0, line_width=1, line_color="#444444")
    style(
        figure,
        "Numbers beside their nulls",
        "filled points beat their null after correction; grey: two standard deviations of the null",
        height=max(380, 260 + 45 * len(found)),
    )
    figure.update_xaxes(title="distance from the null's mean (its standard deviations)")
    figure.update_yaxes(autorange="reversed")
    return figure


def _band(
    curves: Curves, channel: str, colour: str, in_legend: bool, scale: float = 1.0
) -> list[go.Scatter]:
    import plotly.graph_objects as go

    mean = scale * curves.mean(channel)
    low, high = scale * curves.interval(channel)
    shared = {"legendgroup": curves.name}
    line = go.Scatter(
        x=curves.depth,
        y=mean,
        mode="lines+markers",
        name=curves.name,
        line={"color": colour, "width": 2},
        text=list(curves.sites),
        hovertemplate="%{text}<br>%{y:.4g}<extra>%{fullData.name}</extra>",
        showlegend=in_legend,
        **shared,
    )
    known = np.isfinite(low)
    if not known.any():
        return [line]
    x, bounds = curves.depth[known], np.concatenate([high[known], low[known][::-1]])
    band = go.Scatter(
        x=np.concatenate([x, x[::-1]]),
        y=bounds,
        mode="lines",
        fill="toself",
        fillcolor=_pale(colour),
        line={"width": 0},
        hoverinfo="skip",
        showlegend=False,
        **shared,
    )
    return [band, line]


def _pale(colour: str) -> str:
    red, green, blue = (int(colour[n : n + 2], 16) for n in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.22)"


def _site_ticks(figure: go.Figure, curves: Curves, row: int) -> None:
    names = short_names(curves.sites)
    step = -(-len(names) // _MOST_TICKS)
    places: NDArray = curves.depth[::step]
    figure.update_xaxes(
        title="site, in order of depth", tickvals=places, ticktext=names[::step], row=row, col=1
    )
