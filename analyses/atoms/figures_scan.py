"""The picture of a scan over rows and atoms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.analysis.drawing import style

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import xarray as xr

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#7F7F7F")
_SYMBOLS = ("circle", "square", "diamond", "cross", "x", "triangle-up", "triangle-down", "star")


def draw_scan(data: xr.Dataset) -> go.Figure:
    """R2 by number of atoms, a curve for every number of rows: train dashed, held out solid.

    Parameters
    ----------
    data : xarray.Dataset
        As `scan.ScaleScan` holds it.

    Returns
    -------
    plotly Figure
        A panel for the data and, where it was asked for, one for normal data.
    """
    from plotly.subplots import make_subplots

    kinds = [str(kind) for kind in data["kind"].values]
    figure = make_subplots(1, len(kinds), subplot_titles=kinds, shared_yaxes=True)
    for column, kind in enumerate(kinds, start=1):
        for number, rows in enumerate(data["rows"].values):
            for part, dash in (("train", "dash"), ("held out", "solid")):
                at = data.sel(kind=kind, rows=rows)
                look = number % len(_COLOURS)
                figure.add_scatter(
                    x=data["atoms"].values,
                    y=at["r2"].sel(part=part).values,
                    mode="lines+markers",
                    line={"color": _COLOURS[look], "dash": dash},
                    marker={"symbol": _SYMBOLS[look] + ("-open" if part == "train" else "")},
                    name=f"{rows} rows, {part}",
                    legendgroup=f"{rows} {part}",
                    showlegend=column == 1,
                    customdata=at["l0"].values,
                    hovertemplate="%{x} atoms: R2 %{y:.4f}, L0 %{customdata:.2f}"
                    f"<extra>{rows} rows, {part}</extra>",
                    row=1,
                    col=column,
                )
    style(
        figure,
        "Rows and atoms: training R2 and held-out R2",
        "a dictionary with as many atoms as rows can remember them; only held-out rows tell",
        height=620,
    )
    figure.update_xaxes(title="atoms (log scale)", type="log")
    figure.update_yaxes(title="R2 (share of variance)", col=1)
    return figure
