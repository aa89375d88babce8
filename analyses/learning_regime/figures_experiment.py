"""The rank experiment in one figure: measures over rank, one row for each size that is matched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from analyses.learning_regime.experiment_contrasts import seed_intervals
from workbench.analysis.drawing import names_of, style
from workbench.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go
    import xarray as xr

COLUMNS = {
    "kernel_alignment": "kernel alignment",
    "representation_alignment": "representation alignment",
    "relative_weight_change": "relative weight change",
    "accuracy": "accuracy",
    "loss": "loss (nats)",
}
ROWS = {
    "frobenius": "Frobenius norm",
    "spectral_radius": "spectral radius",
    "singular_value": "largest singular value",
}
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9")
_PIXELS_A_ROW = 260
_TICKS = [base * 10.0**power for power in range(-6, 6) for base in (1, 3)]
_SPREAD = 0.2


def rank_figure(data: xr.Dataset) -> go.Figure:
    """Alignments, weight change, accuracy and loss over the rank of the start.

    Parameters
    ----------
    data : xarray.Dataset
        As `run_rank_experiment` gives it.

    Returns
    -------
    plotly Figure
        A row for each match, a column for each measure, a colour for each task; every seed a faint
        point, means with 95 % intervals (Student's t over seeds).

    Raises
    ------
    UsageError
        If it has no ranks.
    """
    from plotly.subplots import make_subplots

    missing = [dim for dim in ("task", "match", "rank", "seed", "step") if dim not in data.dims]
    if missing:
        raise UsageError(
            f"Found no dim '{missing[0]}' in the data; expected what run_rank_experiment gives."
        )
    matches = names_of(data, "match")
    figure = make_subplots(
        len(matches),
        len(COLUMNS),
        shared_xaxes=True,
        horizontal_spacing=0.05,
        vertical_spacing=0.05,
        column_titles=list(COLUMNS.values()),
    )
    table = seed_intervals(data, list(COLUMNS))
    for row, match in enumerate(matches, 1):
        for column, measure in enumerate(COLUMNS, 1):
            for trace in _traces(data, table, match, measure, row == column == 1):
                figure.add_trace(trace, row, column)
    style(figure, *_titles(data), height=260 + _PIXELS_A_ROW * len(matches))
    _axes(figure, data, matches)
    return figure


def _traces(
    data: xr.Dataset, table: pd.DataFrame, match: str, measure: str, legend: bool
) -> list[go.Scatter]:
    import plotly.graph_objects as go

    tasks = names_of(data, "task")
    offsets = _SPREAD * (np.arange(len(tasks)) - (len(tasks) - 1) / 2)
    traces = []
    for number, task in enumerate(tasks):
        colour = _COLOURS[number % len(_COLOURS)]
        places = np.arange(data.sizes["rank"]) + offsets[number]
        seeds = data[measure].isel(step=-1).sel(task=task, match=match).transpose("rank", "seed")
        traces.append(
            go.Scatter(
                x=np.repeat(places - 0.3 * _SPREAD, data.sizes["seed"]),
                y=seeds.values.ravel(),
                mode="markers",
                marker={"color": colour, "size": 4, "opacity": 0.3},
                hoverinfo="skip",
                legendgroup=task,
                showlegend=False,
            )
        )
        chosen = (table["task"] == task) & (table["match"] == match)
        part = table[chosen & (table["measure"] == measure)].sort_values("rank")
        traces.append(_means(part, places, task, colour, legend))
    return traces


def _means(
    part: pd.DataFrame, places: np.ndarray, task: str, colour: str, legend: bool
) -> go.Scatter:
    import plotly.graph_objects as go

    return go.Scatter(
        x=places,
        y=part["mean"],
        error_y={"array": part["high"] - part["mean"], "thickness": 1.5, "width": 3},
        mode="lines+markers",
        marker={"color": colour, "size": 7},
        line={"color": colour, "width": 2},
        name=task,
        legendgroup=task,
        showlegend=legend,
        customdata=part[["rank", "low", "high", "n_seeds"]],
        hovertemplate=(
            "rank %{customdata[0]}: %{y:.3f} (%{customdata[1]:.3f} to %{customdata[2]:.3f}), "
            f"%{{customdata[3]}} seeds<extra>{task}</extra>"
        ),
    )


def _titles(data: xr.Dataset) -> tuple[str, str]:
    lost = int(data["diverged"].sum())
    more = f"; {lost} of {data['diverged'].size} networks diverged" if lost else ""
    return (
        "Rank of the starting connectivity and the richness of learning",
        f"means and 95 % intervals over {data.sizes['seed']} seeds after "
        f"{int(data['step'].values[-1]):,} steps; alignments of 1: nothing changed (lazy){more}",
    )


def _range(values: np.ndarray, measure: str) -> dict[str, Any]:
    """One range a column, so that rows compare."""
    known = values[np.isfinite(values) & (values > 0)]
    if "align" in measure or measure == "accuracy" or not known.size:
        return {"range": [0, 1.03]}
    if measure == "loss":
        return {"range": [0, 1.05 * known.max()]}
    # Weights of starts of unlike norms, and of networks that nearly diverged, differ manyfold.
    low, high = known.min() / 1.3, known.max() * 1.3
    ticks = [tick for tick in _TICKS if low <= tick <= high]
    shown = {"tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}
    return {"type": "log", "range": [np.log10(low), np.log10(high)], **shown}


def _axes(figure: go.Figure, data: xr.Dataset, matches: list[str]) -> None:
    ranks = [str(rank) for rank in data["rank"].values]
    figure.update_xaxes(tickvals=list(range(len(ranks))), ticktext=ranks, zeroline=False)
    figure.update_xaxes(title="rank", row=len(matches))
    for column, measure in enumerate(COLUMNS, 1):
        figure.update_yaxes(**_range(data[measure].isel(step=-1).values, measure), col=column)
    for row, match in enumerate(matches, 1):
        named = ROWS.get(match, match)
        figure.update_yaxes(title=f"<b>{named} matched</b>", row=row, col=1)
    figure.update_layout(legend={"y": 1.04, "yanchor": "bottom", "x": 0})
