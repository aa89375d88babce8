"""The scatter of the Explore page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dashboards.projection import Projection
from workbench.report.figures import PALETTE

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

SYMBOLS = ("circle", "square", "diamond", "cross", "triangle-up", "star", "x")
MAX_CLASSES = len(PALETTE) * 2 - 1
LEGEND_LENGTH = 20
MISSING = "no value"
OTHER = "other values"


def scatter(projection: Projection, table: pd.DataFrame, colour: str | None) -> go.Figure:
    """Draw rows in a plane, classes told apart by colour and by symbol.

    Parameters
    ----------
    projection : Projection
    table : pandas.DataFrame
        Row table of the rows shown, in their order.
    colour : str, optional
        Column that colours the points.

    Returns
    -------
    plotly.graph_objects.Figure
        The first custom value of every point is its row number in the recording.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    if colour is None:
        _add(figure, projection, table, np.arange(len(table)), "rows", {"color": PALETTE[0]})
    elif _is_continuous(table[colour]):
        _add_continuous(figure, projection, table, colour)
    else:
        _add_classes(figure, projection, table, colour)
    figure.update_layout(
        xaxis_title=projection.axes[0],
        yaxis_title=projection.axes[1],
        height=520,
        legend={"title": {"text": colour or ""}, "itemsizing": "constant"},
        margin={"t": 16, "r": 16},
        # Streamlit passes clicks on only while dragging does not select.
        dragmode="pan",
        showlegend=colour is not None,
    )
    return figure


def _is_continuous(column: pd.Series) -> bool:
    return column.dtype.kind in "iuf" and column.nunique() > MAX_CLASSES


def _add_continuous(
    figure: go.Figure, projection: Projection, table: pd.DataFrame, colour: str
) -> None:
    marker = {
        "color": table[colour].to_numpy(dtype=float),
        "colorscale": "Viridis",
        "colorbar": {"title": {"text": colour}},
    }
    _add(figure, projection, table, np.arange(len(table)), colour, marker)
    figure.update_traces(showlegend=False)


def _add_classes(
    figure: go.Figure, projection: Projection, table: pd.DataFrame, colour: str
) -> None:
    names = table[colour].astype(object).where(table[colour].notna(), MISSING).astype(str)
    frequent = names[names != MISSING].value_counts().index[:MAX_CLASSES]
    names = names.where(names.isin([*frequent, MISSING]), OTHER)
    for number, name in enumerate(sorted(names.unique(), key=_last_if_no_class)):
        chosen = np.flatnonzero((names == name).to_numpy())
        is_class = name not in (MISSING, OTHER)
        marker = {
            "color": PALETTE[number % len(PALETTE)] if is_class else "#9aa3ad",
            # The second round of colours meets other symbols, so that every pair is unique.
            "symbol": SYMBOLS[(number + number // len(PALETTE)) % len(SYMBOLS)],
        }
        shown = name if len(name) <= LEGEND_LENGTH else f"{name[: LEGEND_LENGTH - 1]}…"
        _add(figure, projection, table, chosen, f"{shown} ({len(chosen)})", marker)


def _last_if_no_class(name: str) -> tuple[bool, str]:
    return (name in (MISSING, OTHER), name)


def _add(
    figure: go.Figure,
    projection: Projection,
    table: pd.DataFrame,
    chosen: np.ndarray,
    name: str,
    marker: dict,
) -> None:
    shown = "token" if "token" in table else "stimulus"
    figure.add_scatter(
        x=projection.coordinates[chosen, 0],
        y=projection.coordinates[chosen, 1],
        mode="markers",
        name=name,
        marker={"size": 7, "opacity": 0.75, **marker},
        customdata=[[int(row)] for row in projection.rows[chosen]],
        text=[str(value) for value in table[shown].to_numpy()[chosen]],
        hovertemplate=f"{shown} %{{text}}<br>row %{{customdata[0]}}<extra></extra>",
    )
