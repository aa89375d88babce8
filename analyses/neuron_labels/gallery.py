"""A page for each unit: exemplars with masks, its label, runner-up labels, and its null."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from analyses.neuron_labels.colours import BEATS, NOISE
from analyses.neuron_labels.montages import as_source, montage
from analyses.neuron_labels.summary import best_site
from workbench.analysis.drawing import choice, style

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import xarray as xr

# A page holds pictures: more units than these are for the dashboard.
MOST_PAGES = 12
ABSTAINS = "no label"
_LONGEST = 120
_LINE = 26
_FEW = 6
_HEADER = {"align": "left", "fill_color": "#e8eef4"}


def item_names(at: xr.Dataset) -> list[str]:
    """Names of units in a list: number and label, those that beat their null first.

    Parameters
    ----------
    at : xarray.Dataset
        One site of a result.

    Returns
    -------
    list of str
    """
    return [item_name(at, place) for place in noteworthy(at)]


def item_name(at: xr.Dataset, place: int) -> str:
    """Number of a unit and its label; what was proposed stands in brackets if it abstains."""
    number, text = int(at["number"][place]), str(at["label"].values[place])
    if not bool(at["abstains"][place]):
        return f"unit {number}: {text}"
    return f"unit {number}: {ABSTAINS} (proposed: {text})"


def noteworthy(at: xr.Dataset) -> list[int]:
    """Places of units: those with a label, best correlated first, then those that abstain."""
    there = np.flatnonzero(at["number"].values >= 0)
    value = np.nan_to_num(at["pearson"].values, nan=-1.0)
    order = np.lexsort((-value[there], at["abstains"].values[there]))
    return [int(place) for place in there[order]]


def gallery_figure(data: xr.Dataset) -> go.Figure:
    """Pages of some units of the best site; the unit is chosen from a list.

    Parameters
    ----------
    data : xarray.Dataset

    Returns
    -------
    plotly Figure
    """
    import plotly.graph_objects as go

    site = best_site(data)
    at = data.sel(site=site)
    order = noteworthy(at)
    kept = [place for place in order if not bool(at["abstains"][place])]
    places = [*kept[: MOST_PAGES - 2], *[place for place in order if place not in kept][:2]]
    pages = [_traces(data, at, place) for place in places]
    owners = [number for number, page in enumerate(pages) for _ in page]
    figure = go.Figure([trace for page in pages for trace in page])
    style(
        figure,
        "Units and what they respond to",
        f"{len(places)} of {len(order)} units at {escape(site)}, some that abstain among them; "
        "every unit is in the dashboard",
        height=1000,
    )
    choice(figure, [_cut(item_name(at, place), 60) for place in places], owners)
    _hide_axes(figure)
    return figure


def unit_page(data: xr.Dataset, site: str, number: int) -> dict[str, go.Figure]:
    """The page of one unit.

    Parameters
    ----------
    data : xarray.Dataset
    site : str
    number : int
        Of the unit on the site's unit axis.

    Returns
    -------
    dict of str to plotly Figure
    """
    import plotly.graph_objects as go

    at = data.sel(site=site)
    place = int(np.flatnonzero(at["number"].values == number)[0])
    figure = go.Figure(_traces(data, at, place))
    style(figure, item_name(at, place), facts(at, place), height=1000)
    _hide_axes(figure)
    return {f"Unit {number}": figure, f"Scores of unit {number}": _scores(at, place)}


def facts(at: xr.Dataset, place: int) -> str:
    """The finding on a unit, in a line."""
    cell = at.isel(unit=place)
    r, low, high = (float(cell[name]) for name in ("pearson", "low", "high"))
    verdict = "within noise: abstains" if bool(cell["abstains"]) else "beyond its null"
    return (
        f"held-out correlation {r:.3f} (95 % interval {low:.3f} to {high:.3f}); other labels "
        f"{float(cell['null mean']):.3f} ± {float(cell['null sd']):.3f}; "
        f"p = {float(cell['p corrected']):.3g}, corrected over units: {verdict}"
    )


def _traces(data: xr.Dataset, at: xr.Dataset, place: int) -> list[Any]:
    import plotly.graph_objects as go

    has_pictures = "picture" in data and bool((at["example_picture"].values[place] >= 0).any())
    traces: list[Any] = []
    if has_pictures:
        shown = np.flatnonzero(at["example_picture"].values[place] >= 0)
        images = data["picture"].values[at["example_picture"].values[place, shown]]
        sheet = montage(images, at["example_mask"].values[place, shown])
        traces.append(go.Image(source=as_source(sheet), hoverinfo="skip"))
    traces.append(_runners_up(at, place, (0.0, 0.27)))
    traces.append(_examples(at, place, (0.3, 0.54 if has_pictures else 1.0)))
    return traces


def _hide_axes(figure: go.Figure) -> None:
    figure.update_xaxes(visible=False, domain=[0, 1], constrain="domain")
    figure.update_yaxes(visible=False, domain=[0.57, 1], constrain="domain")


def _runners_up(at: xr.Dataset, place: int, where: tuple[float, float]) -> go.Table:
    import plotly.graph_objects as go

    texts = [str(text) for text in at["candidate_text"].values[place]]
    kept = [n for n, text in enumerate(texts) if text]
    numbers = [
        [f"{at[name].values[place, n]:.2f}" for n in kept]
        for name in ("candidate_simulated", "candidate_conditional", "candidate_prior")
    ]
    abstains = bool(at["abstains"][place])
    ranks = ["proposed" if abstains and not n else "label" if not n else f"{n + 1}" for n in kept]
    columns = [ranks, [escape(_cut(texts[n]), quote=False) for n in kept], *numbers]
    names = ["rank", "description", "simulated r (probe)", "log p(d | E)", "log p(d)"]
    return go.Table(
        header={"values": names, **_HEADER},
        cells={"values": columns, "align": "left", "height": _LINE},
        columnwidth=[1, 5, 1.4, 1, 1],
        domain={"x": [0, 1], "y": list(where)},
    )


def _examples(at: xr.Dataset, place: int, where: tuple[float, float]) -> go.Table:
    import plotly.graph_objects as go

    value = at["example_value"].values[place]
    # Beside pictures a short table is enough, and one that does not scroll.
    most = _FEW if where[1] < 1 else len(value)
    kept = np.flatnonzero(np.isfinite(value))[:most]
    texts = [_highlighted(str(at["example_text"].values[place, n])) for n in kept]
    columns = [
        [str(n + 1) for n in kept],
        [f"{value[n]:.3g}" for n in kept],
        texts,
        [int(at["example_stimulus"].values[place, n]) for n in kept],
    ]
    return go.Table(
        header={"values": ["rank", "activity", "exemplar", "stimulus"], **_HEADER},
        cells={"values": columns, "align": "left", "height": _LINE},
        columnwidth=[0.6, 0.9, 6, 0.9],
        domain={"x": [0, 1], "y": list(where)},
    )


def _highlighted(text: str) -> str:
    """What the unit responds to in bold, with its brackets: colour alone is no mark."""
    return escape(_cut(text), quote=False).replace("⟦", "<b>⟦").replace("⟧", "⟧</b>")


def _scores(at: xr.Dataset, place: int) -> go.Figure:
    import plotly.graph_objects as go

    names = [str(name) for name in at["metric"].values if bool(at["headline"].sel(metric=name))]
    values = [float(at[name].values[place]) for name in names]
    null = [float(at["null mean"].values[place])]
    colour = NOISE if bool(at["abstains"][place]) else BEATS
    figure = go.Figure(
        [
            go.Bar(x=names, y=values, marker={"color": colour}, name="own label"),
            go.Scatter(
                x=names[:1],
                y=null,
                error_y={"array": [2 * float(at["null sd"].values[place])]},
                mode="markers",
                marker={"symbol": "line-ew-open", "size": 24, "color": "#333333"},
                name="labels of other units (± 2 sd)",
            ),
        ]
    )
    style(figure, "Held-out scores", facts(at, place), height=420)
    figure.update_yaxes(title="score (no unit)", rangemode="tozero")
    return figure


def _cut(text: str, most: int = _LONGEST) -> str:
    if len(text) <= most:
        return text
    # What the unit responds to must not be cut away.
    at = max(text.find("⟦"), 0)
    start = max(0, min(at - most // 2, len(text) - most))
    return f"…{text[start : start + most]}…"


def shown_sites(names: Sequence[str], most: int = 8) -> list[str]:
    """At most so many sites, evenly spread."""
    spread = np.unique(np.linspace(0, len(names) - 1, min(len(names), most)).astype(int))
    return [str(names[n]) for n in spread]
