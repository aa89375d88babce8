"""What all figures of atoms share: colours, names, titles and lists to choose from."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import numpy as np

from analyses.atoms.arrays import best_site
from analyses.atoms.columns import (
    ATOMS,
    FEW_NEURONS,
    GAUSSIAN,
    MEMORISER,
    NEURONS,
    RANDOM,
    REMEMBERED,
    WHITENED,
)

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import xarray as xr

# Okabe and Ito's colours without their yellow, each with a symbol and a dash of its own.
LOOKS = {
    ATOMS: ("#0072B2", "circle", "solid"),
    GAUSSIAN: ("#D55E00", "square", "dash"),
    RANDOM: ("#009E73", "diamond", "dot"),
    FEW_NEURONS: ("#CC79A7", "x", "dashdot"),
    MEMORISER: ("#7F7F7F", "triangle-up", "longdash"),
    WHITENED: ("#E69F00", "cross", "longdashdot"),
    REMEMBERED: ("#56B4E9", "triangle-down", "dash"),
    NEURONS: ("#000000", "star", "dot"),
}
MOST_SITES = 8
_LONGEST = 28


def style(figure: go.Figure, title: str, subtitle: str, height: int = 560) -> None:
    """Title, subtitle, fonts and margins."""
    figure.update_layout(
        title={
            "text": title,
            "subtitle": {"text": subtitle},
            "x": 0.02,
            "xanchor": "left",
            "y": 1,
            "yanchor": "top",
            "pad": {"t": 45},
        },
        template="plotly_white",
        font={"size": 13},
        margin={"l": 80, "r": 40, "t": 150, "b": 80},
        height=height,
        legend={"orientation": "h", "y": -0.2, "yanchor": "top"},
    )
    figure.update_xaxes(automargin=True)
    figure.update_yaxes(automargin=True)


def names_of(data: xr.Dataset, coordinate: str) -> list[str]:
    """Texts of a coordinate; those read from disk have a type that plotly does not know."""
    return [str(value) for value in data[coordinate].values]


def short_names(names: Sequence[str]) -> list[str]:
    """Names without the parts between dots that all share, if they stay different.

    Examples
    --------
    >>> short_names(["blocks.0.hook_resid_post", "blocks.1.hook_resid_post"])
    ['0', '1']
    """
    parts = [name.split(".") for name in names]
    first = _n_shared(parts)
    last = _n_shared([part[first:][::-1] for part in parts])
    short = [".".join(part[first : len(part) - last]) for part in parts]
    cut = [name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…" for name in short]
    return cut if all(cut) and len(set(cut)) == len(cut) else list(names)


def _n_shared(parts: list[list[str]]) -> int:
    return len(list(takewhile(lambda words: len(set(words)) == 1, zip(*parts, strict=False))))


def shown_sites(data: xr.Dataset) -> list[str]:
    """Sites that can be chosen: at most `MOST_SITES`, evenly spread, the best one first."""
    names = names_of(data, "site")
    best = best_site(data)
    spread = np.unique(np.linspace(0, len(names) - 1, min(len(names), MOST_SITES)).astype(int))
    return [best, *(names[n] for n in spread if names[n] != best)][:MOST_SITES]


def choice(figure: go.Figure, labels: Sequence[str], owners: Sequence[int]) -> None:
    """A list to choose from: each label shows the traces that it owns, the first one at first."""
    for trace, owner in zip(figure.data, owners, strict=True):
        trace.visible = owner == 0
    if len(labels) < 2:
        return
    buttons: list[dict[str, Any]] = [
        {
            "label": label,
            "method": "restyle",
            "args": ["visible", [owner == number for owner in owners]],
        }
        for number, label in enumerate(labels)
    ]
    place = {"x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"}
    figure.update_layout(updatemenus=[{"buttons": buttons, "showactive": True, **place}])
