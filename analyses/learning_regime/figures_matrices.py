"""Pictures of matrices: tangent kernels at both ends of training, and spectra of weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workbench.analysis.drawing import choice, names_of, style

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import xarray as xr

_LINES = {
    "first": ("#0072B2", "solid", "first checkpoint"),
    "last": ("#D55E00", "solid", "last checkpoint"),
    "random": ("#888888", "dot", "Gaussian matrix of the first one's size and norm"),
}


def kernels(data: xr.Dataset) -> go.Figure:
    """Tangent kernels of stimuli at the first and last checkpoint; the weight is chosen.

    Parameters
    ----------
    data : xarray.Dataset

    Returns
    -------
    plotly Figure
    """
    from plotly.subplots import make_subplots

    weights = names_of(data, "weight")
    ends = [str(data["checkpoint"].values[place]) for place in (0, -1)]
    figure = make_subplots(1, 2, subplot_titles=[f"at '{end}'" for end in ends])
    owners, order = [], _order(data["kernel"].values[0, 1])
    for number in range(len(weights)):
        for place in (0, 1):
            trace = _heat_map(data["kernel"].values[number, place][np.ix_(order, order)])
            figure.add_trace(trace, row=1, col=1 + place)
            owners.append(number)
    style(
        figure,
        "Tangent kernels before and after",
        "summed over outputs, divided by the mean of the diagonal; stimuli are in the order of the "
        "second principal direction of the last kernel",
        height=600,
    )
    choice(figure, weights, owners)
    # Above the titles of the two pictures.
    figure.update_layout(
        margin={"t": 190},
        height=640,
        coloraxis={
            "colorscale": "RdBu_r",
            "cmid": 0,
            "colorbar": {"title": {"text": "kernel (no unit)", "side": "right"}},
        },
    )
    for menu in figure.layout.updatemenus:
        menu.y = 1.09
    figure.update_xaxes(title="stimulus", constrain="domain")
    figure.update_yaxes(autorange="reversed", constrain="domain")
    for number, axis in enumerate(("x", "x2")):
        figure.update_yaxes(scaleanchor=axis, row=1, col=number + 1)
    figure.update_yaxes(title="stimulus", row=1, col=1)
    return figure


def spectra(data: xr.Dataset) -> go.Figure:
    """Singular values of every weight matrix at both ends, beside those of a random matrix.

    Parameters
    ----------
    data : xarray.Dataset

    Returns
    -------
    plotly Figure
    """
    import plotly.graph_objects as go

    matrices, owners, traces = names_of(data, "matrix"), [], []
    for number in range(len(matrices)):
        for place, (colour, dash, name) in enumerate(_LINES.values()):
            values = data["singular_value"].values[number, place]
            values = values[np.isfinite(values)]
            traces.append(
                go.Scatter(
                    x=np.arange(1, len(values) + 1),
                    y=values,
                    mode="lines+markers" if len(values) < 100 else "lines",
                    marker={"size": 4},
                    line={"color": colour, "dash": dash},
                    name=name,
                    hovertemplate="%{x}: %{y:.3f}<extra></extra>",
                )
            )
            owners.append(number)
    figure = go.Figure(traces)
    style(
        figure,
        "Spectra of weights",
        "a flat start has a high effective rank; learning few features adds few large values",
    )
    choice(figure, matrices, owners)
    figure.update_xaxes(title="direction (sorted)")
    figure.update_yaxes(title="singular value (no unit)", rangemode="tozero")
    return figure


def _order(kernel: NDArray[np.float64]) -> NDArray[np.intp]:
    """Stimuli with similar gradients beside each other; the first direction is what all share."""
    return np.argsort(np.linalg.eigh(kernel)[1][:, -2])


def _heat_map(kernel: NDArray[np.float64]) -> go.Heatmap:
    import plotly.graph_objects as go

    scale = float(np.diag(kernel).mean()) or 1.0
    return go.Heatmap(
        z=np.round(kernel / scale, 4),
        coloraxis="coloraxis",
        hovertemplate="%{y}, %{x}: %{z:.3f}<extra></extra>",
    )
