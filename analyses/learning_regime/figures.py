"""Figures of a learning-regime result: pure functions of its data."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from analyses.learning_regime.arrays import Curves
from analyses.learning_regime.figures_matrices import kernels, spectra
from analyses.learning_regime.figures_training import over_training
from analyses.learning_regime.opened_kernels import ALL
from workbench.analysis.drawing import choice, short_names, style

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import xarray as xr

_RA, _CENTRED, _KA = (
    "representation alignment",
    "centred representation alignment",
    "kernel alignment",
)
_SCALE = "Viridis"
_MOVED, _NOT_MOVED = "#D55E00", "#999999"


def figures(data: xr.Dataset) -> dict[str, go.Figure]:
    """All figures of a result.

    Parameters
    ----------
    data : xarray.Dataset
        As `arrays.assemble` gives it.

    Returns
    -------
    dict of str to plotly Figure
        By title: plane, curves over training, and, where the subject was opened, random drift,
        kernels and spectra.
    """
    curves = Curves(data)
    drawn = {"Regime plane": plane(data), "Over training": over_training(data)}
    if curves.has(f"{_RA} below random drift"):
        drawn["Beyond random drift"] = beyond_drift(data)
    if "kernel" in data:
        drawn["Kernels before and after"] = kernels(data)
    if "singular_value" in data:
        drawn["Spectra of weights"] = spectra(data)
    return drawn


def plane(data: xr.Dataset) -> go.Figure:
    """Every layer at every checkpoint: how far weights moved, and how much of the kernel was kept.

    Parameters
    ----------
    data : xarray.Dataset

    Returns
    -------
    plotly Figure
        Of representation alignment, uncentred and centred, where there are no kernels.
    """
    import plotly.graph_objects as go

    curves = Curves(data)
    x, y = ("weight change", _KA) if curves.has(_KA) else (_RA, _CENTRED)
    places = curves.places(y)
    colours = _colours(places)
    figure = go.Figure()
    for place, shown in zip(places, short_names(places), strict=True):
        start = (0.0, 1.0) if x == "weight change" else (1.0, 1.0)
        points = np.stack([curves.values(x, place), curves.values(y, place)], axis=1)
        points[0] = start
        figure.add_trace(_path(points, shown, colours[place], curves.checkpoints))
        _arrows(figure, points, colours[place])
    if curves.has(f"{_KA} below random drift"):
        figure.add_trace(_drifted(curves, places, colours))
    what = "relative weight change ‖ΔW‖ / ‖W‖ (no unit)" if x == "weight change" else f"{x} (1)"
    style(
        figure,
        "Regime plane: lazy above, rich below",
        f"arrows run over training ({' → '.join(curves.checkpoints[:4])}"
        f"{' …' if len(curves.checkpoints) > 4 else ''}); "
        + (
            "one path a weight matrix; crosses: moved as far, at random"
            if curves.has(_KA)
            else "one path a site"
        ),
        height=640,
    )
    figure.update_xaxes(title=what)
    figure.update_yaxes(title=f"{y} with the first checkpoint (no unit)")
    figure.update_layout(legend={"orientation": "v", "y": 1, "yanchor": "top", "x": 1.02})
    return figure


def beyond_drift(data: xr.Dataset) -> go.Figure:
    """How far alignments fell below those of weights moved as far at random, at the end.

    Parameters
    ----------
    data : xarray.Dataset

    Returns
    -------
    plotly Figure
    """
    import plotly.graph_objects as go

    curves = Curves(data)
    names = [name for name in (_KA, _RA, _CENTRED) if curves.has(f"{name} below random drift")]
    figure = go.Figure([_bars(curves, name) for name in names])
    style(
        figure,
        f"Beyond random drift, at checkpoint '{curves.checkpoints[-1]}'",
        f"alignment after {data.attrs['n_drift']} random moves of the same length, minus alignment "
        "after training; orange: more than chance, corrected",
    )
    choice(figure, names, range(len(names)))
    figure.update_yaxes(title="alignment lost beyond drift (no unit)")
    figure.update_xaxes(title="weight matrix or site", tickangle=-45)
    figure.add_hline(y=0, line_width=1, line_color="#444444")
    return figure


def _colours(places: list[str]) -> dict[str, str]:
    from plotly.colors import sample_colorscale

    layers = [place for place in places if place != ALL]
    shades = sample_colorscale(_SCALE, np.linspace(0, 0.9, max(2, len(layers))).tolist())
    return {ALL: "#000000", **dict(zip(layers, shades, strict=False))}


def _path(points: np.ndarray, name: str, colour: str, checkpoints: list[str]) -> go.Scatter:
    import plotly.graph_objects as go

    return go.Scatter(
        x=points[:, 0],
        y=points[:, 1],
        mode="lines+markers",
        name=name,
        line={"color": colour, "width": 3 if colour == "#000000" else 1.5},
        marker={"color": colour, "size": 7},
        text=checkpoints,
        hovertemplate="%{text}<br>%{x:.3f}, %{y:.3f}<extra>%{fullData.name}</extra>",
    )


def _drifted(curves: Curves, places: list[str], colours: dict[str, str]) -> go.Scatter:
    """Where the last weights would be if they had moved as far at random."""
    import plotly.graph_objects as go

    below = f"{_KA} below random drift"
    kept = [curves.values(_KA, place)[-1] + curves.values(below, place)[-1] for place in places]
    return go.Scatter(
        x=[curves.values("weight change", place)[-1] for place in places],
        y=kept,
        mode="markers",
        name="moved as far at random",
        marker={
            "symbol": "x-open",
            "size": 9,
            "color": [colours[place] for place in places],
            "line": {"width": 2},
        },
        text=places,
        hovertemplate="%{text}, at random<br>%{x:.3f}, %{y:.3f}<extra></extra>",
    )


def _arrows(figure: go.Figure, points: np.ndarray, colour: str) -> None:
    for tail, head in pairwise(points):
        ends: dict[str, Any] = {"x": head[0], "y": head[1], "ax": tail[0], "ay": tail[1]}
        if not np.isfinite([*ends.values()]).all() or np.allclose(tail, head):
            continue
        figure.add_annotation(
            **{key: float(value) for key, value in ends.items()},
            axref="x",
            ayref="y",
            xref="x",
            yref="y",
            text="",
            showarrow=True,
            arrowhead=2,
            arrowsize=1.2,
            arrowwidth=1.2,
            arrowcolor=colour,
        )


def _bars(curves: Curves, name: str) -> go.Bar:
    import plotly.graph_objects as go

    below, last = f"{name} below random drift", curves.checkpoints[-1]
    places = curves.places(below)
    found = [curves.at(below, place, last) for place in places]
    kept = [each for each in found if each is not None]
    return go.Bar(
        x=short_names(places),
        y=[each.value for each in kept],
        error_y={"type": "data", "array": [2 * each.null_sd for each in kept], "thickness": 1},
        marker={"color": [_MOVED if n.p_corrected <= 0.05 else _NOT_MOVED for n in kept]},
        customdata=[each.p_corrected for each in kept],
        hovertemplate="%{x}<br>%{y:.3f}, corrected p %{customdata:.2g}<extra></extra>",
        showlegend=False,
    )
