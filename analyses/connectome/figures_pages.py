"""Motifs with a page of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyses.connectome.figures_motif import (
    animals_figure,
    course_figure,
    graph_figure,
    hierarchy_figure,
)
from workbench.analysis.drawing import names_of
from workbench.errors import UsageError, nearest

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import xarray as xr


def pages(data: xr.Dataset) -> dict[str, list[str]]:
    """Motifs by site, the largest excess first.

    Parameters
    ----------
    data : xarray.Dataset
        As `arrays.assemble` gives it.

    Returns
    -------
    dict of str to list of str
    """
    counts = zip(names_of(data, "site"), data["n_motifs"].values, strict=True)
    return {site: [f"motif {n + 1}" for n in range(int(count))] for site, count in counts}


def page(data: xr.Dataset, group: str, item: str) -> dict[str, go.Figure]:
    """Draw the page of one motif.

    Parameters
    ----------
    data : xarray.Dataset
    group : str
        A site.
    item : str
        Such as ``motif 1``.

    Returns
    -------
    dict of str to plotly Figure

    Raises
    ------
    UsageError
        If there is no such site or motif.
    """
    known = pages(data)
    if group not in known:
        raise UsageError(f"Found no site '{group}' in the result; {nearest(group, known)}")
    if item not in known[group]:
        raise UsageError(f"Found no '{item}' at '{group}'; {nearest(item, known[group])}")
    motif = int(item.rsplit(maxsplit=1)[-1])
    series = str(data.attrs["series_name"])
    return {
        f"In every {series}": course_figure(data, group, motif),
        "Network": graph_figure(data, group, motif),
        "Groups": hierarchy_figure(data, group, motif),
        f"By {series}": animals_figure(data, group, motif),
    }
