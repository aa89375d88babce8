"""Curves over training, with the loss below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analyses.learning_regime.arrays import Curves
from analyses.learning_regime.opened_kernels import ALL
from workbench.analysis.drawing import short_names, style

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import xarray as xr

_SHOWN = (
    "representation alignment",
    "centred representation alignment",
    "kernel alignment",
    "centred kernel alignment",
    "weight change",
    "sign similarity",
    "effective rank of activity",
    "effective rank of weights",
)
# What a number is at the first checkpoint, against itself.
_AT_START = {
    "representation alignment": 1.0,
    "centred representation alignment": 1.0,
    "kernel alignment": 1.0,
    "centred kernel alignment": 1.0,
    "weight change": 0.0,
    "sign similarity": 1.0,
}


def over_training(data: xr.Dataset) -> go.Figure:
    """A measure, chosen from a list, over the steps of training; loss and accuracy below.

    Parameters
    ----------
    data : xarray.Dataset

    Returns
    -------
    plotly Figure
    """
    from plotly.subplots import make_subplots

    curves = Curves(data)
    names = [name for name in _SHOWN if curves.has(name)]
    scored = [name for name in ("loss", "accuracy") if curves.has(name)]
    n_rows = 1 + len(scored)
    heights = [0.6, *[0.4 / len(scored)] * len(scored)] if scored else [1.0]
    figure = make_subplots(n_rows, 1, shared_xaxes=True, row_heights=heights, vertical_spacing=0.06)
    axis = _Axis(data, curves)
    owners = []
    for number, name in enumerate(names):
        traces = _traces(curves, name, axis)
        owners += [number] * len(traces)
        figure.add_traces(traces, rows=1, cols=1)
    for row, name in enumerate(scored, start=2):
        figure.add_trace(_score(curves, name, axis), row=row, col=1)
        figure.update_yaxes(title=f"{name} ({'nats' if name == 'loss' else '1'})", row=row, col=1)
    style(
        figure,
        "Over training",
        "each checkpoint against the first; bars are 95 % intervals over stimuli, dotted: the "
        "null, mean over places",
        height=480 + 120 * len(scored),
    )
    figure.update_xaxes(**axis.layout, row=n_rows, col=1)
    figure.update_xaxes(tickvals=axis.layout["tickvals"])
    _measures_to_choose(figure, names, owners, len(scored))
    figure.update_layout(legend={"orientation": "v", "y": 1, "yanchor": "top", "x": 1.02})
    return figure


class _Axis:
    """Steps on a logarithmic scale that has a zero, or checkpoints one after the other."""

    def __init__(self, data: xr.Dataset, curves: Curves) -> None:
        steps: NDArray[np.float64] = data["step"].values.astype(float)
        known = bool(np.isfinite(steps).all() and (np.diff(steps) > 0).all())
        self.places = np.log10(1 + steps - steps[0]) if known else np.arange(float(len(steps)))
        shown = [
            f"{name}<br>{step:,.0f}" for name, step in zip(curves.checkpoints, steps, strict=True)
        ]
        self.layout: dict[str, Any] = {
            "title": "checkpoint and step (logarithmic)" if known else "checkpoint",
            "tickvals": self.places.tolist(),
            "ticktext": shown if known else curves.checkpoints,
        }
        if len(shown) > 8:
            self.layout["ticktext"] = [f"{step:,.0f}" for step in steps] if known else shown


def _traces(curves: Curves, name: str, axis: _Axis) -> list[go.Scatter]:
    from plotly.colors import sample_colorscale

    places = curves.places(name)
    shades = sample_colorscale("Viridis", np.linspace(0, 0.9, max(2, len(places))).tolist())
    traces = [
        _curve(curves, name, (place, shown), axis, "#000000" if place == ALL else shade)
        for place, shown, shade in zip(places, short_names(places), shades, strict=False)
    ]
    return traces + _null(curves, name, axis)


def _curve(
    curves: Curves, name: str, place: tuple[str, str], axis: _Axis, colour: str
) -> go.Scatter:
    import plotly.graph_objects as go

    found = [curves.at(name, place[0], checkpoint) for checkpoint in curves.checkpoints]
    values = np.array([_AT_START.get(name, np.nan) if n is None else n.value for n in found])
    high = np.array([0.0 if n is None else n.high - n.value for n in found])
    low = np.array([0.0 if n is None else n.value - n.low for n in found])
    return go.Scatter(
        x=axis.places,
        y=values,
        mode="lines+markers",
        name=place[1],
        line={"color": colour},
        error_y={
            "type": "data",
            "array": np.nan_to_num(high),
            "arrayminus": np.nan_to_num(low),
            "thickness": 1,
            "width": 3,
        },
        text=curves.checkpoints,
        hovertemplate="%{text}: %{y:.3f}<extra>%{fullData.name}</extra>",
    )


def _null(curves: Curves, name: str, axis: _Axis) -> list[go.Scatter]:
    """Mean of the null over places, where there is one."""
    import plotly.graph_objects as go

    later = curves.checkpoints[1:]
    means = [[curves.at(name, p, c) for p in curves.places(name)] for c in later]
    found = [[n.null_mean for n in row if n is not None and n.method] for row in means]
    if not all(found):
        return []
    return [
        go.Scatter(
            x=axis.places[1:],
            y=[float(np.mean(row)) for row in found],
            mode="lines+markers",
            name="stimuli shuffled",
            line={"color": "#888888", "dash": "dot"},
            marker={"symbol": "line-ew-open", "size": 12},
        )
    ]


def _score(curves: Curves, name: str, axis: _Axis) -> go.Scatter:
    import plotly.graph_objects as go

    return go.Scatter(
        x=axis.places,
        y=curves.values(name, ""),
        mode="lines+markers",
        name=name,
        line={"color": "#444444"},
        showlegend=False,
        hovertemplate="%{y:.3f}<extra>%{fullData.name}</extra>",
    )


def _measures_to_choose(
    figure: go.Figure, names: list[str], owners: list[int], n_always: int
) -> None:
    """A list of measures; the loss stays."""
    buttons = [
        {
            "label": name,
            "method": "update",
            "args": [
                {"visible": [owner == number for owner in owners] + [True] * n_always},
                {"yaxis.title.text": f"{name} (no unit)"},
            ],
        }
        for number, name in enumerate(names)
    ]
    for trace, owner in zip(figure.data, owners, strict=False):
        trace.visible = owner == 0
    figure.update_yaxes(title=f"{names[0]} (no unit)", row=1, col=1)
    place = {"x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"}
    figure.update_layout(updatemenus=[{"buttons": buttons, "showactive": True, **place}])
