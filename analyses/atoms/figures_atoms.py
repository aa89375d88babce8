"""Pictures of single atoms: all in one plane, and a page for each."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from analyses.atoms.arrays import best_site
from analyses.atoms.columns import ATOMS
from analyses.atoms.drawing import LOOKS
from workbench.analysis.drawing import choice, names_of, style

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import xarray as xr

# A page holds some dozens of texts: more atoms than these are for the dashboard.
MOST_PAGES = 16
_LONGEST_TEXT = 110
_LINE = 26
# Atoms that respond less often than this come last in short lists.
_FEW_ROWS = 10


def atom_overview(data: xr.Dataset) -> go.Figure:
    """Every atom: how often and how strongly it responds, and whether other seeds find it.

    Parameters
    ----------
    data : xarray.Dataset
        As `arrays.assemble` gives it.

    Returns
    -------
    plotly Figure
    """
    import plotly.graph_objects as go

    sites = names_of(data, "site")
    sites = [best_site(data), *(site for site in sites if site != best_site(data))][:8]
    traces = [_cloud(data.sel(site=site)) for site in sites]
    figure = go.Figure(traces)
    style(
        figure,
        "Atoms: how often, how strongly, how reproducibly",
        "colour: cosine with the matched atom of other seeds; hover for the strongest row",
    )
    choice(figure, sites, range(len(sites)))
    figure.update_xaxes(title="share of rows in which the atom is active (log scale)", type="log")
    figure.update_yaxes(title="mean activation (unit of scaled activity)", rangemode="tozero")
    return figure


def _cloud(at: xr.Dataset) -> go.Scatter:
    import plotly.graph_objects as go

    alive = np.flatnonzero(at["rate"].values > 0)
    match = at["seed_match"].values[alive]
    top = at["example_text"].isel(example=0).values[alive]
    marker: dict[str, Any] = {"size": 8, "opacity": 0.8, "color": LOOKS[ATOMS][0]}
    if np.isfinite(match).any():
        marker |= {
            "color": match,
            "colorscale": "Viridis",
            "cmin": 0,
            "cmax": 1,
            "colorbar": {"title": {"text": "cosine over seeds (no unit)", "side": "right"}},
        }
    return go.Scatter(
        x=at["rate"].values[alive],
        y=at["mean_activation"].values[alive],
        mode="markers",
        marker=marker,
        text=[f"atom {n}<br>{escape(_cut(str(t)))}" for n, t in zip(alive, top, strict=True)],
        hovertemplate="%{text}<br>active in %{x:.3%}, mean %{y:.3g}<extra></extra>",
        showlegend=False,
    )


def atom_pages(data: xr.Dataset) -> go.Figure:
    """Pages of some atoms of the best site; the atom is chosen from a list.

    Parameters
    ----------
    data : xarray.Dataset

    Returns
    -------
    plotly Figure
    """
    site = best_site(data)
    at = data.sel(site=site)
    atoms = noteworthy_atoms(at)[:MOST_PAGES]
    pages = [_page_traces(at, atom) for atom in atoms]
    owners = [number for number, page in enumerate(pages) for _ in page]
    figure = _page_figure([trace for page in pages for trace in page])
    style(
        figure,
        "Atom pages",
        f"{len(atoms)} of {int((at['rate'] > 0).sum())} atoms that respond, at {escape(site)}: "
        "those that other seeds find best; every atom is in the dashboard",
        height=1000,
    )
    choice(figure, [f"atom {atom}" for atom in atoms], owners)
    return figure


def atom_page(data: xr.Dataset, site: str, atom: int) -> dict[str, go.Figure]:
    """The page of one atom.

    Parameters
    ----------
    data : xarray.Dataset
    site : str
    atom : int

    Returns
    -------
    dict of str to plotly Figure
        By title: activations and examples; and where in the image, for sites with space.
    """
    at = data.sel(site=site)
    figure = _page_figure(_page_traces(at, atom))
    style(figure, f"Atom {atom}", _facts(at, atom), height=1000)
    found = {f"Atom {atom}": figure}
    if "example_map" in at and np.isfinite(at["example_map"].values[atom]).any():
        found["Where in the image"] = _map_figure(at, atom)
    return found


def noteworthy_atoms(at: xr.Dataset) -> list[int]:
    """Atoms that respond: the best matched over seeds first, those of a few rows last.

    Parameters
    ----------
    at : xarray.Dataset
        One site of a result.

    Returns
    -------
    list of int
    """
    rate = np.nan_to_num(at["rate"].values)
    match = np.nan_to_num(at["seed_match"].values, nan=0.0)
    few = rate * float(at["n_train"] + at["n_held_out"]) < _FEW_ROWS
    order = np.lexsort((-rate, -np.round(match, 6), few))
    return [int(atom) for atom in order if rate[atom] > 0]


def atom_label(at: xr.Dataset, atom: int) -> str:
    """Name of an atom in a list: its number, and its strongest row."""
    text = _cut(str(at["example_text"].values[atom, 0]), 60).strip()
    return f"atom {atom}: {text}"


def _facts(at: xr.Dataset, atom: int) -> str:
    rate, match = float(at["rate"][atom]), float(at["seed_match"][atom])
    parts = [f"active in {rate:.3%} of rows", f"threshold {float(at['atom_threshold'][atom]):.3g}"]
    if np.isfinite(match):
        parts.append(f"cosine {match:.2f} with its match in other seeds")
    if int(at["training_rows"][atom]) == 1:
        parts.append("fires on a single training row: memorised, not learned")
    return "; ".join(parts)


def _page_figure(traces: list[Any]) -> go.Figure:
    import plotly.graph_objects as go

    figure = go.Figure(traces)
    figure.update_xaxes(
        title="activation (unit of scaled activity)", domain=[0, 1], rangemode="tozero"
    )
    figure.update_yaxes(title="rows", domain=[0.8, 1])
    return figure


def _page_traces(at: xr.Dataset, atom: int) -> list[Any]:
    import plotly.graph_objects as go

    counts = at["activations"].values[atom]
    top = float(at["largest_activation"][atom])
    edges = np.linspace(0, top, len(counts) + 1)
    bars = go.Bar(
        x=(edges[:-1] + edges[1:]) / 2,
        y=counts,
        width=np.diff(edges) * 0.95,
        marker={"color": LOOKS[ATOMS][0]},
        hovertemplate="%{x:.3g}: %{y} rows<extra></extra>",
        name=f"atom {atom}",
        showlegend=False,
    )
    beside = [_near_table(at, atom)]
    if "logit_token" in at and any(str(t) for t in at["logit_token"].values[atom]):
        beside = [_near_table(at, atom, 0.48), _logit_table(at, atom)]
    return [bars, _example_table(at, atom), *beside]


def _example_table(at: xr.Dataset, atom: int) -> go.Table:
    import plotly.graph_objects as go

    value = at["example_value"].values[atom]
    shown = np.flatnonzero(np.isfinite(value))
    held_out = at["example_held_out"].values[atom]
    columns = [
        [str(at["example"].values[n]) for n in shown],
        [f"{value[n]:.3g}" for n in shown],
        [escape(_cut(str(at["example_text"].values[atom, n]))) for n in shown],
        [int(at["example_row"].values[atom, n]) for n in shown],
        ["held out" if held_out[n] else "training" for n in shown],
    ]
    return go.Table(
        header={
            "values": ["rank", "activation", "what the row is", "row", "part"],
            "align": "left",
            "fill_color": "#e8eef4",
        },
        cells={"values": columns, "align": "left", "height": _LINE},
        columnwidth=[1.1, 0.9, 6, 0.8, 0.8],
        domain={"x": [0, 1], "y": [0.31, 0.72]},
    )


def _near_table(at: xr.Dataset, atom: int, right: float = 1.0) -> go.Table:
    import plotly.graph_objects as go

    near = at["neighbour"].values[atom]
    kept = np.flatnonzero(near >= 0)
    cosine = at["neighbour_cosine"].values[atom]
    top = at["example_text"].values[:, 0]
    columns = [
        [f"atom {near[n]}" for n in kept],
        [f"{cosine[n]:.3f}" for n in kept],
        [escape(_cut(str(top[near[n]]))) for n in kept],
    ]
    return go.Table(
        header={
            "values": ["nearest atom", "cosine", "its strongest row"],
            "align": "left",
            "fill_color": "#e8eef4",
        },
        cells={"values": columns, "align": "left", "height": _LINE},
        columnwidth=[1, 0.7, 4],
        domain={"x": [0, right], "y": [0, 0.27]},
    )


def _logit_table(at: xr.Dataset, atom: int) -> go.Table:
    import plotly.graph_objects as go

    tokens = [escape(repr(str(token))) for token in at["logit_token"].values[atom]]
    effects = [f"{effect:+.2f}" for effect in at["logit_effect"].values[atom]]
    half = len(tokens) // 2
    return go.Table(
        header={
            "values": ["likelier next token", "logit", "less likely", "logit"],
            "align": "left",
            "fill_color": "#e8eef4",
        },
        cells={
            "values": [tokens[:half], effects[:half], tokens[half:], effects[half:]],
            "align": "left",
            "height": _LINE,
        },
        domain={"x": [0.52, 1], "y": [0, 0.27]},
    )


def _map_figure(at: xr.Dataset, atom: int) -> go.Figure:
    import plotly.graph_objects as go

    maps = at["example_map"].values[atom]
    kept = [n for n in range(len(maps)) if np.isfinite(maps[n]).any()]
    figure = go.Figure(
        [
            go.Heatmap(
                z=_trimmed(maps[n]),
                colorscale="Viridis",
                zmin=0,
                colorbar={
                    "title": {"text": "activation (unit of scaled activity)", "side": "right"}
                },
                hovertemplate="y %{y}, x %{x}: %{z:.3g}<extra></extra>",
            )
            for n in kept
        ]
    )
    style(figure, f"Where atom {atom} responds", "in the images of its strongest rows")
    choice(figure, [_cut(str(at["example_text"].values[atom, n])) for n in kept], range(len(kept)))
    figure.update_yaxes(
        autorange="reversed", scaleanchor="x", title="y (place)", constrain="domain"
    )
    figure.update_xaxes(title="x (place)", constrain="domain")
    return figure


def _trimmed(values: np.ndarray) -> np.ndarray:
    """A map without the rows and columns that fill it up to another site's size."""
    known = np.isfinite(values)
    return values[known.any(axis=1)][:, known.any(axis=0)]


def _cut(text: str, most: int = _LONGEST_TEXT) -> str:
    if len(text) <= most:
        return text
    # What the atom responds to must not be cut away.
    at = max(text.find("⟦"), 0)
    start = max(0, min(at - most // 2, len(text) - most))
    return f"…{text[start : start + most]}…"
