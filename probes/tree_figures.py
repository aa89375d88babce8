"""A sentence with its gold tree above the words and the tree that a probe reads below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from probes.trees import check_heads, edges_among, spanning_edges
from workbench.analysis.drawing import style
from workbench.errors import UsageError

if TYPE_CHECKING:
    import plotly.graph_objects as go

_FOUND, _MISSED, _WRONG = "#0072B2", "#7a8594", "#D55E00"
# Room between the words and either tree.
_GAP = 0.35


def draw_tree(
    words: Sequence[str],
    heads: ArrayLike,
    distances: ArrayLike,
    punctuation: ArrayLike | None = None,
    title: str = "",
) -> go.Figure:
    """Draw a sentence's dependency tree, and below it the edges that distances give.

    Parameters
    ----------
    words : sequence of str
    heads : array (words,) of int
        Head of every word, from 0; -1 at the root.
    distances : array (words, words)
        As `StructuralProbe.predict` gives them; their minimum spanning tree is drawn.
    punctuation : array (words,) of bool, optional
        Words without edges.
    title : str
        Where the distances come from.

    Returns
    -------
    plotly Figure
        Edges of both trees are drawn solid, of one tree dashed.

    Raises
    ------
    UsageError
        If words, heads and distances do not fit, or heads are no tree.

    Examples
    --------
    >>> figure = draw_tree(["a", "dog", "runs"], [1, 2, -1], [[0, 1, 2], [1, 0, 1], [2, 1, 0]])
    >>> [trace.name for trace in figure.data if trace.showlegend]
    ['edge of both trees']
    """
    gold, said = check_heads(heads), np.asarray(distances, dtype=np.float64)
    if len(words) != len(gold) or said.shape != (len(gold), len(gold)):
        raise UsageError(
            f"Found {len(words)} words, {len(gold)} heads and distances of shape {said.shape}; "
            "expected one head a word and a square of distances."
        )
    marked = np.zeros(len(gold), bool) if punctuation is None else np.asarray(punctuation, bool)
    kept = np.flatnonzero(~marked)
    return _drawn(list(words), edges_among(gold, kept), spanning_edges(said, kept), title)


def _drawn(
    words: list[str], gold: set[frozenset[int]], said: set[frozenset[int]], title: str
) -> go.Figure:
    import plotly.graph_objects as go

    figure = go.Figure()
    both, places = gold & said, _places(words)
    kinds: tuple[tuple[str, set[frozenset[int]], set[frozenset[int]], str, str], ...] = (
        ("edge of both trees", both, both, _FOUND, "solid"),
        ("gold edge that was not read", gold - both, set(), _MISSED, "dash"),
        ("edge read that is not gold", set(), said - both, _WRONG, "dash"),
    )
    for name, above, below, colour, dash in kinds:
        x, y = _arcs(above, 1, places), _arcs(below, -1, places)
        if above or below:
            figure.add_scatter(
                x=[*x[0], *y[0]], y=[*x[1], *y[1]], mode="lines", name=name, showlegend=True,
                line={"color": colour, "dash": dash, "width": 2}, hoverinfo="skip",
            )  # fmt: skip
    figure.add_scatter(
        x=places, y=[0] * len(words), mode="text", text=words,
        textfont={"size": 14}, showlegend=False, hoverinfo="skip",
    )  # fmt: skip
    share = f"{len(both)} of {len(gold)} gold edges are read"
    style(figure, "Gold tree above, tree read from activity below", f"{title}; {share}".strip("; "))
    _without_axes(figure, places[-1], _highest(gold), _highest(said))
    return figure


def _without_axes(figure: go.Figure, last: float, above: float, below: float) -> None:
    hidden = {"visible": False, "fixedrange": True}
    figure.update_xaxes(range=[-0.7, last + 0.7], **hidden)
    figure.update_yaxes(range=[-below - 1, above + 1], **hidden)
    figure.update_layout(legend={"y": -0.02})


def _highest(edges: set[frozenset[int]]) -> float:
    return max((_height(max(edge) - min(edge)) for edge in edges), default=0.0)


def _height(span: int) -> float:
    return 0.8 * float(np.sqrt(span))


def _places(words: list[str]) -> list[float]:
    """Middle of every word on a line, long ones with more room."""
    widths = np.array([max(len(word), 3) + 3 for word in words]) / 8
    middles = np.cumsum(widths) - widths / 2
    return [float(each) for each in middles - middles[0]]


def _arcs(
    edges: set[frozenset[int]], side: int, places: list[float]
) -> tuple[list[Any], list[Any]]:
    """Half ellipses between words, with gaps between them."""
    xs: list[Any] = []
    ys: list[Any] = []
    turn: NDArray[np.float64] = np.linspace(0, np.pi, 25)
    for first, last in sorted((min(edge), max(edge)) for edge in edges):
        middle = (places[first] + places[last]) / 2
        half = (places[last] - places[first]) / 2 - 0.08
        xs += [*(middle - half * np.cos(turn)), None]
        ys += [*(side * (_GAP + _height(last - first) * np.sin(turn))), None]
    return xs, ys
