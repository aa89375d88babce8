"""What figures of all analyses share: titles, lists to choose from, names of sites."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import xarray as xr

_LONGEST_NAME = 28


def style(figure: go.Figure, title: str, subtitle: str, height: int = 560) -> None:
    """Give a figure its title, subtitle, fonts, margins and a legend below.

    Parameters
    ----------
    figure : plotly Figure
        Changed in place.
    title, subtitle : str
    height : int
        Pixels.
    """
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
        margin={"l": 80, "r": 40, "t": 155, "b": 80},
        height=height,
        legend={"orientation": "h", "y": -0.2, "yanchor": "top"},
    )
    figure.update_xaxes(automargin=True)
    figure.update_yaxes(automargin=True)


def choice(figure: go.Figure, labels: Sequence[str], owners: Sequence[int]) -> None:
    """Add a list to choose from: each label shows its traces, the first one at first.

    Parameters
    ----------
    figure : plotly Figure
        Changed in place.
    labels : sequence of str
    owners : sequence of int (traces,)
        Which label each trace belongs to.
    """
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


def names_of(data: xr.Dataset, coordinate: str) -> list[str]:
    """Texts of a coordinate.

    A result read from disk has numpy's newer text type, which plotly does not know.

    Parameters
    ----------
    data : xarray.Dataset
    coordinate : str

    Returns
    -------
    list of str
    """
    return [str(value) for value in data[coordinate].values]


def short_names(names: Iterable[str]) -> list[str]:
    """Names without the parts between dots that all share, if they stay different.

    Parameters
    ----------
    names : iterable of str

    Returns
    -------
    list of str
        Long ones without their middle.

    Examples
    --------
    >>> short_names(["blocks.0.hook_resid_post", "blocks.1.hook_resid_post"])
    ['0', '1']
    >>> short_names(["embed"])
    ['embed']
    """
    full = [str(name) for name in names]
    parts = [name.split(".") for name in full]
    first = _n_shared(parts)
    last = _n_shared([part[first:][::-1] for part in parts])
    shared = [".".join(part[first : len(part) - last]) for part in parts]
    short = [_cut(name) for name in (shared if all(shared) else full)]
    return short if len(set(short)) == len(full) else full


def _n_shared(parts: list[list[str]]) -> int:
    return len(list(takewhile(lambda words: len(set(words)) == 1, zip(*parts, strict=False))))


def _cut(name: str) -> str:
    if len(name) <= _LONGEST_NAME:
        return name
    half = (_LONGEST_NAME - 1) // 2
    return f"{name[:half]}…{name[-half:]}"
