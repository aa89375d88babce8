"""Figures of a result: pure functions of its data."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from analyses.atoms.columns import ATOMS, DICTIONARIES, NEURONS
from analyses.atoms.drawing import LOOKS, shown_sites
from analyses.atoms.figures_atoms import atom_overview, atom_pages
from workbench.analysis.drawing import choice, names_of, short_names, style

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import xarray as xr

_TABLE = (
    "held-out R2",
    "train R2",
    "L0",
    "dead share",
    "q* over pairs",
    "q* per atom",
    "largest coherence",
    "rms coherence",
    "Welch bound",
    "single-row share",
    "seed stability",
)


def figures(data: xr.Dataset) -> dict[str, go.Figure]:
    """All figures of a result.

    Parameters
    ----------
    data : xarray.Dataset
        As `arrays.assemble` gives it.

    Returns
    -------
    dict of str to plotly Figure
    """
    return {
        "Held out, beside every null": held_out(data),
        "Full table": full_table(data),
        "Uniqueness: coherence against sparsity": uniqueness(data),
        "Coherence of pairs of atoms": pair_coherence(data),
        "Atoms": atom_overview(data),
        "Atom pages": atom_pages(data),
    }


def held_out(data: xr.Dataset) -> go.Figure:
    """Held-out R2 of the atoms and of every null, and the R2 of training, by site.

    Parameters
    ----------
    data : xarray.Dataset

    Returns
    -------
    plotly Figure
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    places = np.arange(data.sizes["site"], dtype=float)
    at = data.sel(statistic="held-out R2")
    shown = [name for name in DICTIONARIES if name != NEURONS]
    for number, name in enumerate(shown):
        value = at["value"].sel(dictionary=name).values
        if not np.isfinite(value).any():
            continue
        shift = 0.08 * (number - (len(shown) - 1) / 2)
        figure.add_trace(_held_out_points(at, name, places + shift))
    figure.add_trace(_train_points(data, places))
    style(
        figure,
        "Variance explained on held-out stimuli",
        "of equally many active atoms a row; a memoriser explains all of what it was trained on",
    )
    sites = short_names(names_of(data, "site"))
    figure.update_yaxes(title="R2 (share of variance)")
    figure.update_xaxes(
        title="site", tickvals=places, ticktext=sites, range=[-0.6, len(sites) - 0.4]
    )
    return figure


def _held_out_points(at: xr.Dataset, name: str, x: np.ndarray) -> go.Scatter:
    import plotly.graph_objects as go

    colour, symbol, dash = LOOKS[name]
    value, spread = (at[part].sel(dictionary=name).values for part in ("value", "sd"))
    up, down = spread, spread
    if name == ATOMS:
        up, down = at["high"].values - value, value - at["low"].values
    return go.Scatter(
        x=x,
        y=value,
        error_y={
            "type": "data",
            "array": np.nan_to_num(up),
            "arrayminus": np.nan_to_num(down),
            "width": 3,
        },
        mode="lines+markers",
        line={"color": colour, "dash": dash, "width": 2 if name == ATOMS else 1},
        marker={"symbol": symbol, "size": 11 if name == ATOMS else 8},
        name=f"{name}, held out" + (" (95 % interval)" if name == ATOMS else ""),
        text=names_of(at, "site"),
        hovertemplate="%{text}<br>held-out R2 %{y:.4f}<extra>" + name + "</extra>",
    )


def _train_points(data: xr.Dataset, x: np.ndarray) -> go.Scatter:
    import plotly.graph_objects as go

    colour, symbol, _ = LOOKS[ATOMS]
    return go.Scatter(
        x=x,
        y=data["value"].sel(statistic="train R2", dictionary=ATOMS).values,
        mode="markers",
        marker={"symbol": f"{symbol}-open", "size": 13, "color": colour, "line": {"width": 2}},
        name="atoms, training rows",
        text=names_of(data, "site"),
        hovertemplate="%{text}<br>training R2 %{y:.4f}<extra></extra>",
    )


def full_table(data: xr.Dataset) -> go.Figure:
    """Every statistic of every dictionary; the site is chosen from a list.

    Parameters
    ----------
    data : xarray.Dataset

    Returns
    -------
    plotly Figure
    """
    import plotly.graph_objects as go

    sites = shown_sites(data)
    figure = go.Figure([_table_of(data.sel(site=site)) for site in sites])
    style(figure, "Full table", "mean ± standard deviation over seeds or draws; - : not defined")
    choice(figure, sites, range(len(sites)))
    figure.update_layout(height=720)
    return figure


def _table_of(at: xr.Dataset) -> go.Table:
    import plotly.graph_objects as go

    rows = [name for name in DICTIONARIES if np.isfinite(at["value"].sel(dictionary=name)).any()]
    columns = [[_number(at, row, column) for row in rows] for column in _TABLE]
    return go.Table(
        header={
            "values": ["dictionary", *_TABLE],
            "align": "left",
            "font": {"size": 10},
            "fill_color": "#e8eef4",
        },
        cells={"values": [rows, *columns], "align": "left", "height": 30},
        columnwidth=[2.2, *([1.3] * len(_TABLE))],
    )


def _number(at: xr.Dataset, dictionary: str, statistic: str) -> str:
    cell = at.sel(dictionary=dictionary, statistic=statistic)
    value, spread = float(cell["value"]), float(cell["sd"])
    if not np.isfinite(value):
        return "-"
    return f"{value:.3f}" + (f" ± {spread:.3f}" if spread >= 0.0005 else "")


def uniqueness(data: xr.Dataset) -> go.Figure:
    """Quantiles of coherence and the bound that sparsity sets; they cross at q*.

    Parameters
    ----------
    data : xarray.Dataset

    Returns
    -------
    plotly Figure
    """
    import plotly.graph_objects as go

    sites, traces = shown_sites(data), []
    for site in sites:
        at = data.sel(site=site)
        for variable, name, look in (
            ("curve_coherence", "coherence of pairs of atoms", LOOKS[ATOMS]),
            ("curve_bound", "bound 1 / (2 K - 1), K atoms active", LOOKS["Gaussian data"]),
        ):
            traces.append(
                go.Scatter(
                    x=data["q"].values,
                    y=at[variable].values,
                    mode="lines",
                    line={"color": look[0], "dash": look[2], "width": 2},
                    name=name,
                    hovertemplate="quantile %{x:.3f}: %{y:.4f}<extra>" + name + "</extra>",
                )
            )
    figure = go.Figure(traces)
    style(
        figure,
        "Where coherence meets the bound: q*",
        "left of the crossing, sparse codes are unique; one active atom always passes",
    )
    choice(figure, sites, [number for number in range(len(sites)) for _ in range(2)])
    figure.update_xaxes(title="quantile, over pairs and over rows (share)")
    figure.update_yaxes(title="absolute cosine (no unit)", rangemode="tozero")
    return figure


def pair_coherence(data: xr.Dataset) -> go.Figure:
    """How close pairs of atoms lie, beside random and noise dictionaries; by site.

    Parameters
    ----------
    data : xarray.Dataset

    Returns
    -------
    plotly Figure
    """
    import plotly.graph_objects as go

    sites, traces, owners = shown_sites(data), [], []
    for number, site in enumerate(sites):
        for name in names_of(data, "histogram_of"):
            counts = data["pairs"].sel(site=site, histogram_of=name).values.astype(float)
            colour, _, dash = LOOKS[name]
            traces.append(
                go.Scatter(
                    x=data["cosine"].values,
                    y=np.where(counts > 0, counts / max(1.0, counts.sum()), np.nan),
                    mode="lines",
                    line={"color": colour, "dash": dash, "width": 2, "shape": "hvh"},
                    name=escape(name),
                    hovertemplate="cosine %{x:.2f}: %{y:.4f} of pairs<extra>" + name + "</extra>",
                )
            )
            owners.append(number)
    figure = go.Figure(traces)
    style(
        figure,
        "Coherence of pairs of atoms",
        "in the inner product in which activity is white; the same for random directions and "
        "for atoms of normal data",
    )
    choice(figure, sites, owners)
    figure.update_xaxes(title="absolute cosine (no unit)")
    figure.update_yaxes(title="share of pairs (log scale)", type="log")
    return figure
