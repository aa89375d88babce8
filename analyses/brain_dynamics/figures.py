"""Figures of a result: pure functions of its data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analyses.brain_dynamics.figures_measures import BLUE, GREY, measures, shown_sites
from analyses.brain_dynamics.site import MODULATION
from workbench.analysis.drawing import choice, names_of, style

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import xarray as xr

_BAND_FILLS = ("rgba(86,180,233,0.16)", "rgba(230,159,0,0.16)")


def figures(data: xr.Dataset) -> dict[str, go.Figure]:
    """All figures of a result.

    Parameters
    ----------
    data : xarray.Dataset
        As `arrays.assemble` gives it.

    Returns
    -------
    dict of str to plotly Figure
        By title.
    """
    drawn = {
        "Every measure beside its surrogates": measures(data),
        "Spectrum": spectrum(data),
        "Coupling between units": connectivity(data),
        "Complexity by unit": complexity(data),
    }
    if (data["measure"].values == MODULATION).any():
        drawn["Comodulogram"] = comodulogram(data)
    return drawn


def spectrum(data: xr.Dataset) -> go.Figure:
    """Power spectral density of every unit and their mean, with bands; a site is chosen.

    Parameters
    ----------
    data : xarray.Dataset

    Returns
    -------
    plotly Figure
    """
    import plotly.graph_objects as go

    figure, owners, sites = go.Figure(), [], shown_sites(data)
    for number, site in enumerate(sites):
        for trace in _spectrum_traces(data.sel(site=site)):
            figure.add_trace(trace)
            owners.append(number)
    for place, (name, low, high) in enumerate(
        zip(names_of(data, "band"), data["band_low"].values, data["band_high"].values, strict=True)
    ):
        start = max(low, data["frequency"].values[0])
        fill = _BAND_FILLS[place % 2]
        figure.add_vrect(x0=start, x1=high, fillcolor=fill, line_width=0, layer="below")
        # Annotations of a logarithmic axis are placed by exponents, its shapes by values.
        figure.add_annotation(
            x=float(np.log10(start * high) / 2),
            y=0.02,
            yref="paper",
            yanchor="bottom",
            text=name,
            showarrow=False,
            font={"size": 11},
        )
    unit = data.attrs["frequency_unit"]
    style(
        figure,
        "Power spectrum",
        f"Welch, mean over {data.attrs['n_blocks']} blocks; each unit divided by its variance; "
        "grey: samples shuffled in time",
    )
    choice(figure, sites, owners)
    ends = np.log10(data["frequency"].values[[0, -1]])
    figure.update_xaxes(title=f"frequency ({unit})", type="log", range=ends.tolist())
    figure.update_yaxes(title=f"share of variance per {unit}", type="log", exponentformat="power")
    return figure


def connectivity(data: xr.Dataset) -> go.Figure:
    """Phase-locking value and weighted phase-lag index of every two units; chosen from a list.

    Parameters
    ----------
    data : xarray.Dataset

    Returns
    -------
    plotly Figure
    """
    import plotly.graph_objects as go

    kinds = {"locking": "phase-locking value", "lag": "weighted phase-lag index"}
    choices = [
        (site, band, kind)
        for site in shown_sites(data)
        for band in names_of(data, "band")
        for kind in kinds
    ]
    figure = go.Figure(
        [_matrix(data.sel(site=site, band=band), kind, kinds[kind]) for site, band, kind in choices]
    )
    style(
        figure,
        "Coupling of every two units",
        "mean over blocks; locking counts common sources, the lag index counts delays only",
        height=680,
    )
    labels = [f"{site}, {band}, {kinds[kind]}" for site, band, kind in choices]
    choice(figure, labels, range(len(labels)))
    figure.update_xaxes(title="unit", tickangle=-60, constrain="domain")
    figure.update_yaxes(title="unit", autorange="reversed", scaleanchor="x", constrain="domain")
    return figure


def comodulogram(data: xr.Dataset) -> go.Figure:
    """Modulation index above that of surrogates, of every fast band by every slow one.

    Parameters
    ----------
    data : xarray.Dataset

    Returns
    -------
    plotly Figure
    """
    import plotly.graph_objects as go

    sites = shown_sites(data)
    figure = go.Figure([_coupling_map(data, site) for site in sites])
    style(
        figure,
        "Comodulogram: amplitude of the fast by phase of the slow",
        "colour: modulation index minus the mean of its surrogates; text: index, and corrected p",
    )
    choice(figure, sites, range(len(sites)))
    figure.update_xaxes(title="band of the phase", type="category")
    figure.update_yaxes(title="band of the amplitude", type="category")
    return figure


def complexity(data: xr.Dataset) -> go.Figure:
    """Complexity of every unit on the range of its surrogates; a site is chosen.

    Parameters
    ----------
    data : xarray.Dataset

    Returns
    -------
    plotly Figure
    """
    from plotly.subplots import make_subplots

    kinds = names_of(data, "complexity_measure")
    figure = make_subplots(rows=1, cols=len(kinds), horizontal_spacing=0.12)
    for column, kind in enumerate(kinds):
        figure.update_yaxes(title=f"{kind} (normalised, no unit)", col=column + 1)
    owners, sites = [], shown_sites(data)
    for number, site in enumerate(sites):
        for column, kind in enumerate(kinds):
            at = data.sel(site=site, complexity_measure=kind)
            for trace in _complexity_traces(at, first=column == 0):
                figure.add_trace(trace, row=1, col=column + 1)
                owners.append(number)
    style(
        figure,
        "Complexity of every unit",
        "grey: 95 % range of surrogates of the same spectrum; below it lies order beyond that",
        height=620,
    )
    choice(figure, sites, owners)
    figure.update_xaxes(tickangle=-60, title="unit")
    figure.update_layout(legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0.4})
    return figure


def _spectrum_traces(at: xr.Dataset) -> list[go.Scatter]:
    import plotly.graph_objects as go

    frequencies = at["frequency"].values
    kept = np.isfinite(at["density"].values).all(axis=1)
    spacing = frequencies[0]
    density, white = (at[name].values[kept] for name in ("density", "white"))
    # Units of one site may be of different size.
    scaled = density / (density.sum(axis=1, keepdims=True) * spacing)
    flat = (white / (white.sum(axis=1, keepdims=True) * spacing)).mean(axis=0)
    gaps = np.pad(scaled, ((0, 0), (0, 1)), constant_values=np.nan)
    traces = [
        go.Scatter(
            x=np.tile(np.append(frequencies, np.nan), len(scaled)),
            y=gaps.ravel(),
            mode="lines",
            line={"color": "rgba(0,114,178,0.25)", "width": 1},
            name=f"{len(scaled)} units",
            hoverinfo="skip",
        )
    ]
    for y, colour, dash, name in (
        (flat, "#555555", "dash", "shuffled"),
        (scaled.mean(axis=0), BLUE, "solid", "mean over units"),
    ):
        line = {"color": colour, "dash": dash, "width": 2.5}
        traces.append(go.Scatter(x=frequencies, y=y, mode="lines", line=line, name=name))
    return traces


def _matrix(at: xr.Dataset, kind: str, name: str) -> go.Heatmap:
    import plotly.graph_objects as go

    units = [unit for unit in names_of(at, "unit_name") if unit]
    values = at[kind].values[: len(units), : len(units)].astype(float).copy()
    np.fill_diagonal(values, np.nan)
    return go.Heatmap(
        z=values,
        x=units,
        y=units,
        zmin=0,
        zmax=1,
        colorscale="Cividis",
        colorbar={"title": {"text": f"{name} (no unit)", "side": "right"}},
        hovertemplate="%{y} with %{x}: %{z:.3f}<extra></extra>",
    )


def _coupling_map(data: xr.Dataset, site: str) -> go.Heatmap:
    import plotly.graph_objects as go

    at, bands = data.sel(site=site), names_of(data, "band")
    excess = np.full((len(bands), len(bands)), np.nan)
    text = np.full(excess.shape, "", dtype=object)
    for column in np.flatnonzero(at["measure"].values == MODULATION):
        one = at.isel(statistic=int(column))
        slow, fast = (
            bands.index(str(one[name].values)) for name in ("of_band", "of_amplitude_band")
        )
        excess[fast, slow] = float(one["value"] - one["null_mean"])
        if np.isfinite(excess[fast, slow]):
            text[fast, slow] = f"{float(one['value']):.4f}<br>p = {float(one['p_corrected']):.3g}"
    largest = float(np.nanmax(np.abs(excess))) if np.isfinite(excess).any() else 1.0
    return go.Heatmap(
        z=excess[1:, :-1],
        x=bands[:-1],
        y=bands[1:],
        text=text[1:, :-1],
        texttemplate="%{text}",
        colorscale="RdBu_r",
        zmid=0,
        zmin=-largest,
        zmax=largest,
        colorbar={
            "title": {"text": "index minus surrogates (no unit)", "side": "right"},
            "tickformat": ".1e",
        },
        hovertemplate="phase %{x}, amplitude %{y}: %{z:+.5f}<extra></extra>",
    )


def _complexity_traces(at: xr.Dataset, first: bool) -> list[go.Scatter]:
    import plotly.graph_objects as go

    units = [unit for unit in names_of(at, "unit_name") if unit]
    value, low, high = (
        at[name].values[: len(units)]
        for name in ("complexity", "complexity_low", "complexity_high")
    )
    ends = np.stack([low, high, np.full_like(low, np.nan)], axis=1).ravel()
    return [
        go.Scatter(
            x=[unit for unit in units for _ in range(3)],
            y=ends,
            mode="lines",
            line={"color": GREY, "width": 7},
            name="surrogates",
            showlegend=first,
            hoverinfo="skip",
        ),
        go.Scatter(
            x=units,
            y=value,
            mode="markers",
            marker={"color": BLUE, "size": 8},
            name="recorded",
            showlegend=first,
            hovertemplate="%{x}: %{y:.4f}<extra></extra>",
        ),
    ]
