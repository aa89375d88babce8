"""Figures of the next-word study: pure functions of its tables."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from analyses.word_classes.figures import COLOURS, METHOD_NAMES, SYMBOLS
from analyses.word_classes.next_word_experiment import LABELS, NextWordExperiment
from analyses.word_classes.next_word_network import LAYERS
from workbench.analysis.drawing import style

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

NETWORKS = ("untrained", "trained")


def gdv_by_layer(found: NextWordExperiment) -> go.Figure:
    """GDV of every layer by every label and control, before and after training.

    Parameters
    ----------
    found : NextWordExperiment

    Returns
    -------
    plotly Figure
        A panel a network; 95 % intervals over seeds.
    """
    from plotly.subplots import make_subplots

    figure = make_subplots(
        cols=len(NETWORKS), shared_yaxes=True, horizontal_spacing=0.04, subplot_titles=NETWORKS
    )
    for column, network in enumerate(NETWORKS, start=1):
        for number, labels in enumerate(LABELS):
            table = found.table
            part = table[(table["network"] == network) & (table["labels"] == labels)]
            figure.add_trace(_line(part, number, first=column == 1), row=1, col=column)
    style(
        figure,
        "Word classes in a next-word network: lower is better separated",
        f"{found.n_classes} classes, {found.n_rows} held-out windows a seed, "
        f"{found.training.shape[0]} seeds; bars are 95 % intervals over seeds",
    )
    figure.add_hline(y=0, line_width=1, line_color="#444444")
    figure.update_yaxes(title="GDV (no unit)", col=1)
    figure.update_xaxes(tickvals=list(range(len(LAYERS))), ticktext=list(LAYERS), title="layer")
    figure.update_layout(height=640, margin={"t": 130}, legend={"y": -0.22})
    return figure


def class_pictures(points: pd.DataFrame, labels: str = "next", method: str = "mds") -> go.Figure:
    """Held-out windows in the plane, a panel a layer and network, coloured by class.

    Parameters
    ----------
    points : DataFrame
        As `next_word_pictures.picture_points` gives it.
    labels : {"next", "last"}
        Of the next word, or the last input word.
    method : str
        How the points were placed.

    Returns
    -------
    plotly Figure
    """
    from plotly.subplots import make_subplots

    titles = [f"{layer}, {network}" for network in NETWORKS for layer in LAYERS]
    figure = make_subplots(
        rows=len(NETWORKS),
        cols=len(LAYERS),
        horizontal_spacing=0.02,
        vertical_spacing=0.09,
        subplot_titles=titles,
    )
    classes = sorted(set(points["next class"]))
    for row, network in enumerate(NETWORKS, start=1):
        for column, layer in enumerate(LAYERS, start=1):
            part = points[(points["network"] == network) & (points["layer"] == layer)]
            for trace in _clouds(part, labels, classes, first=row == column == 1):
                figure.add_trace(trace, row=row, col=column)
    word = "next word" if labels == "next" else "last input word"
    each = len(points) // (len(NETWORKS) * len(LAYERS))
    style(
        figure,
        f"{METHOD_NAMES[method]} of every layer, coloured by the class of the {word}",
        f"{each} held-out windows, the same in every panel; axes are in arbitrary units, and "
        "their orientation has no meaning",
    )
    figure.update_xaxes(showticklabels=False, zeroline=False)
    figure.update_yaxes(showticklabels=False, zeroline=False)
    figure.update_layout(height=760, margin={"t": 130}, legend={"y": -0.03})
    return figure


def _line(part: pd.DataFrame, number: int, first: bool) -> go.Scatter:
    import plotly.graph_objects as go

    part = part.set_index("layer").loc[list(LAYERS)]
    name = str(part["labels"].iloc[0])
    return go.Scatter(
        x=np.arange(len(LAYERS)) + 0.05 * (number - 2.5),
        y=part["gdv"],
        error_y={"type": "data", "array": part["high"] - part["gdv"], "thickness": 1.2, "width": 3},
        mode="lines+markers",
        line={"color": COLOURS[number], "width": 2},
        marker={"symbol": SYMBOLS[number], "size": 9},
        name=name,
        legendgroup=name,
        showlegend=first,
        text=list(LAYERS),
        hovertemplate="%{text}<br>GDV %{y:.4f}<extra>%{fullData.name}</extra>",
    )


def _clouds(part: pd.DataFrame, labels: str, classes: list[str], first: bool) -> list[go.Scatter]:
    import plotly.graph_objects as go

    clouds = []
    for number, name in enumerate(classes):
        here = part[part[f"{labels} class"] == name]
        words = [
            f"… {escape(last or 'rare')} → {escape(following or 'rare')}"
            for last, following in zip(here["last word"], here["next word"], strict=True)
        ]
        clouds.append(
            go.Scatter(
                x=here["x"],
                y=here["y"],
                mode="markers",
                marker={
                    "color": COLOURS[number % len(COLOURS)],
                    "symbol": SYMBOLS[number % len(SYMBOLS)],
                    "size": 5,
                    "opacity": 0.75,
                },
                name=name,
                legendgroup=name,
                # An empty trace still has its place in the legend.
                showlegend=first,
                text=words,
                hovertemplate="%{text}<extra>%{fullData.name}</extra>",
            )
        )
    return clouds
