"""Figures of a word-class result: pure functions of its data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from analyses.word_classes.arrays import class_coordinate
from workbench.analysis.drawing import choice, names_of, short_names, style

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import xarray as xr

# Okabe and Ito's colours without their yellow, which is too pale on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#7F7F7F")
# Nine symbols beside eight colours: 72 classes before a pair repeats.
SYMBOLS = (
    "circle",
    "square",
    "diamond",
    "cross",
    "x",
    "triangle-up",
    "triangle-down",
    "star",
    "bowtie",
)
METHOD_NAMES = {"mds": "MDS", "tsne": "t-SNE", "umap": "UMAP"}
_MEANING = {
    "mds": "distances are kept as well as a plane can; orientation has no meaning",
    "tsne": "neighbours are kept; orientation, scale and gaps have no meaning",
    "umap": "neighbours are kept; orientation, scale and gaps have no meaning",
}
_MOST_SITES = 12
_MOST_TICKS = 30
_LONGEST_SLANTED = 18


def figures(data: xr.Dataset) -> dict[str, go.Figure]:
    """All figures of a result.

    Parameters
    ----------
    data : xarray.Dataset
        As `arrays.assemble` gives it.

    Returns
    -------
    dict of str to plotly Figure
        By title: separation by site, distances between classes, and one picture a method.
    """
    drawn = {
        "Separation by site": separation_by_site(data),
        "Distances between classes": class_distances(data),
    }
    if "embedding" in data:
        for method in data["method"].values:
            drawn[f"{METHOD_NAMES[str(method)]} picture"] = picture(data, str(method))
    return drawn


def separation_by_site(data: xr.Dataset) -> go.Figure:
    """GDV at every site: both labels, intervals, the null's range and the untrained subject.

    Parameters
    ----------
    data : xarray.Dataset

    Returns
    -------
    plotly Figure
    """
    import plotly.graph_objects as go

    places = np.arange(data.sizes["site"], dtype=float)
    figure = go.Figure(_null_band(data, places))
    for number, kind in enumerate(data["label_kind"].values):
        for state in data["state"].values:
            cell = data.sel(label_kind=kind, state=state)
            figure.add_trace(_gdv_line(cell, places + 0.06 * number, number))
    figure.add_hline(y=0, line_width=1, line_color="#444444")
    style(
        figure,
        "Separation by site: lower is better separated",
        f"lowest possible with {data.attrs['n_classes']} balanced classes: "
        f"{data.attrs['bound']:.3f}; bars are 95 % intervals over stimuli",
    )
    figure.update_yaxes(title="GDV (no unit)")
    figure.update_xaxes(title="site", range=[-0.5, len(places) - 0.4], **site_ticks(data))
    figure.update_layout(height=620, legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"})
    return figure


def class_distances(data: xr.Dataset) -> go.Figure:
    """Mean distance between every two classes; site and label are chosen from a list.

    Parameters
    ----------
    data : xarray.Dataset

    Returns
    -------
    plotly Figure
    """
    import plotly.graph_objects as go

    choices = _choices(data)
    figure = go.Figure([_heat_map(data, site, kind) for site, kind in choices])
    style(
        figure,
        "Mean distance between classes",
        "of scaled rows, over the square root of the number of units; the diagonal is the "
        "distance within a class",
    )
    choice(figure, [f"{site}, {kind}" for site, kind in choices], range(len(choices)))
    _say_how_many(figure, data, choices)
    figure.update_xaxes(title="class", tickangle=-45, constrain="domain")
    figure.update_yaxes(title="class", autorange="reversed", scaleanchor="x", constrain="domain")
    figure.update_layout(height=680)
    return figure


def picture(data: xr.Dataset, method: str) -> go.Figure:
    """Rows in the plane, coloured and marked by class; site and label are chosen from a list.

    Parameters
    ----------
    data : xarray.Dataset
    method : {"mds", "tsne", "umap"}

    Returns
    -------
    plotly Figure
    """
    import plotly.graph_objects as go

    choices, name = _choices(data), METHOD_NAMES[method]
    groups = [_class_traces(data, method, site, kind) for site, kind in choices]
    owners = [number for number, group in enumerate(groups) for _ in group]
    figure = go.Figure([trace for group in groups for trace in group])
    style(
        figure,
        f"{name} of {data.sizes['picture_row']} rows",
        f"{_MEANING[method]}; hover to see a row",
    )
    choice(figure, [f"{site}, {kind}" for site, kind in choices], owners)
    _say_how_many(figure, data, choices)
    unit = "scaled distance, no unit" if method == "mds" else "arbitrary unit"
    figure.update_xaxes(title=f"{name} axis 1 ({unit})", zeroline=False)
    figure.update_yaxes(title=f"{name} axis 2 ({unit})", zeroline=False)
    if method == "mds":
        figure.update_yaxes(scaleanchor="x", scaleratio=1)
    figure.update_layout(height=660, legend={"orientation": "v", "y": 1, "yanchor": "top"})
    return figure


def site_ticks(data: xr.Dataset) -> dict[str, Any]:
    """Ticks of an axis of sites, short and slanted where there are many.

    Parameters
    ----------
    data : xarray.Dataset

    Returns
    -------
    dict
        Of plotly's axes.
    """
    names = short_names(names_of(data, "site"))
    step = -(-len(names) // _MOST_TICKS)
    places = list(range(0, len(names), step))
    longest = max(len(names[place]) for place in places)
    crowded = longest * len(places) > 100
    return {
        "tickvals": places,
        "ticktext": [names[place] for place in places],
        # Long slanted names would run out of the figure on the left.
        "tickangle": (-90 if longest > _LONGEST_SLANTED else -45) if crowded else 0,
    }


def _null_band(data: xr.Dataset, places: np.ndarray) -> list[go.Scatter]:
    import plotly.graph_objects as go

    low = data["null_low"].sel(state="recorded").min("label_kind").values
    high = data["null_high"].sel(state="recorded").max("label_kind").values
    # One site would have a band without width.
    x = np.concatenate([places[:1] - 0.4, places, places[-1:] + 0.4])
    low, high = (np.pad(values, 1, mode="edge") for values in (low, high))
    return [
        go.Scatter(
            x=np.concatenate([x, x[::-1]]),
            y=np.concatenate([low, high[::-1]]),
            mode="lines",
            fill="toself",
            fillcolor="rgba(120,120,120,0.3)",
            line={"width": 1.5, "color": "rgba(120,120,120,0.6)"},
            hoverinfo="skip",
            name=f"{data.attrs['null_labels']} (95 % range)",
        )
    ]


def _gdv_line(cell: xr.Dataset, x: np.ndarray, number: int) -> go.Scatter:
    line = site_line(cell, x, number, "gdv")
    return line.update(
        customdata=np.stack([100 * cell["gdv_over_bound"].values, cell["p_corrected"].values], 1),
        hovertemplate="%{text}<br>GDV %{y:.4f}<br>%{customdata[0]:.1f} % of the bound"
        "<br>corrected p %{customdata[1]:.3g}<extra>%{fullData.name}</extra>",
    )


def site_line(cell: xr.Dataset, x: np.ndarray, number: int, name: str) -> go.Scatter:
    """A number along sites with its interval; open and dashed for the untrained subject.

    Parameters
    ----------
    cell : xarray.Dataset
        Of one kind of label and one state; with ``NAME``, ``NAME_low`` and ``NAME_high``.
    x : ndarray (sites,)
    number : int
        Of the colour and the symbol.
    name : str

    Returns
    -------
    plotly Scatter
    """
    import plotly.graph_objects as go

    trained = str(cell["state"].values) == "recorded"
    value, low, high = (cell[f"{name}{end}"].values for end in ("", "_low", "_high"))
    mark = SYMBOLS[number] if trained else f"{SYMBOLS[number]}-open"
    return go.Scatter(
        x=x if trained else x + 0.03,
        y=value,
        error_y={
            "type": "data",
            "array": np.nan_to_num(high - value),
            "arrayminus": np.nan_to_num(value - low),
            "thickness": 1.2,
            "width": 3,
        },
        mode="lines+markers",
        line={"color": COLOURS[number], "dash": "solid" if trained else "dash", "width": 2},
        marker={"symbol": mark, "size": 9},
        name=f"{cell['label_kind'].values}{'' if trained else ', untrained'}",
        text=names_of(cell, "site"),
    )


def _choices(data: xr.Dataset) -> list[tuple[str, str]]:
    """Sites and labels that can be chosen, the best separated one first."""
    values = data["gdv"].sel(state="recorded").min("label_kind").values
    best = int(values.argmin())
    n_sites = data.sizes["site"]
    # The file would grow with every site: some, evenly spread, and always the best.
    spread = np.unique(np.linspace(0, n_sites - 1, min(n_sites, _MOST_SITES)).astype(int))
    chosen = [best, *(place for place in spread if place != best)][:_MOST_SITES]
    names = [names_of(data, "site")[place] for place in chosen]
    kinds = names_of(data, "label_kind")[::-1]
    return [(site, kind) for site in names for kind in kinds]


def _say_how_many(figure: go.Figure, data: xr.Dataset, choices: list[tuple[str, str]]) -> None:
    n_shown = len({site for site, _ in choices})
    if n_shown < data.sizes["site"]:
        subtitle = figure.layout.title.subtitle
        subtitle.text += f"; {n_shown} of {data.sizes['site']} sites"


def _heat_map(data: xr.Dataset, site: str, kind: str) -> go.Heatmap:
    import plotly.graph_objects as go

    values = data["mean_distance"].sel(site=site, label_kind=kind).values
    classes = names_of(data, "class")
    return go.Heatmap(
        z=values,
        x=classes,
        y=classes,
        colorscale="Cividis",
        colorbar={"title": {"text": "mean distance (no unit)", "side": "right"}},
        texttemplate="%{z:.3f}" if len(classes) <= 12 else None,
        hovertemplate="%{y} to %{x}: %{z:.4f}<extra></extra>",
    )


def _class_traces(data: xr.Dataset, method: str, site: str, kind: str) -> list[go.Scatter]:
    # Tokens come from data and hover boxes read markup.
    from html import escape

    import plotly.graph_objects as go

    points = data["embedding"].sel({"method": method, "site": site}).values.astype(np.float32)
    of_row = np.array(names_of(data, class_coordinate(kind)), dtype=str)
    text = [
        f"{token}<br>row {row}, stimulus {stimulus}"
        for token, row, stimulus in zip(
            map(escape, names_of(data, "token")),
            data["row"].values,
            data["stimulus"].values,
            strict=True,
        )
    ]
    hover = np.array(text, dtype=object)
    return [
        go.Scatter(
            x=points[of_row == name, 0],
            y=points[of_row == name, 1],
            mode="markers",
            marker={
                "color": COLOURS[number % len(COLOURS)],
                "symbol": SYMBOLS[number % len(SYMBOLS)],
                "size": 7,
                "opacity": 0.8,
            },
            name=name,
            legendgrouptitle={"text": f"class: {kind}"},
            legendgroup=kind,
            hovertext=hover[of_row == name],
            hovertemplate="%{hovertext}<extra>%{fullData.name}</extra>",
        )
        for number, name in enumerate(names_of(data, "class"))
    ]
