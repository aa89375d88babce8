"""Time axes with bands for stimuli."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analyses.connectome.colours import colour
from workbench.analysis.drawing import names_of

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import xarray as xr

_MOST_NAMED = 14


def stimulus_spans(data: xr.Dataset) -> list[tuple[str, float, float]]:
    """Stimuli that all series share: name, first and last time.

    Parameters
    ----------
    data : xarray.Dataset
        As `arrays.assemble` gives it.

    Returns
    -------
    list of (str, float, float)
    """
    labels, steps = names_of(data, "label"), data["step"].values
    starts = [0, *(n for n in range(1, len(labels)) if labels[n] != labels[n - 1])]
    ends = [*(n - 1 for n in starts[1:]), len(labels) - 1]
    half = float(np.median(np.diff(steps))) / 2
    return [
        (labels[start], float(steps[start]) - half, float(steps[end]) + half)
        for start, end in zip(starts, ends, strict=True)
        if labels[start]
    ]


def add_stimuli(figure: go.Figure, data: xr.Dataset) -> None:
    """Shade the stimuli and write their names above.

    Parameters
    ----------
    figure : plotly Figure
        Changed in place.
    data : xarray.Dataset
    """
    spans = stimulus_spans(data)
    names = list(dict.fromkeys(name for name, _, _ in spans))
    for number, (name, start, stop) in enumerate(spans):
        figure.add_vrect(
            x0=start,
            x1=stop,
            fillcolor=colour(names.index(name) + 2),
            opacity=0.13,
            line_width=0,
            layer="below",
        )
        if len(spans) <= _MOST_NAMED or number < len(names):
            figure.add_annotation(
                x=(start + stop) / 2,
                y=1,
                yref="paper",
                yanchor="bottom",
                text=name,
                showarrow=False,
                font={"size": 12},
            )
