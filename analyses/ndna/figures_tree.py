"""Picture of a family tree: branches, colours of known roots, supports."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from analyses.ndna.figures import COLOURS
from analyses.ndna.splits import graph_of
from analyses.ndna.tree_layout import Placed, placed
from workbench.analysis.drawing import style
from workbench.errors import UsageError, nearest

if TYPE_CHECKING:
    import plotly.graph_objects as go

# The last of the figures' colours is a grey, which here stands for several groups.
GROUP_COLOURS = COLOURS[:-1]
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "star", "cross", "hexagon")
_MIXED = COLOURS[-1]
_LEAST_SHOWN = 0.5
_ROW_PIXELS = 17


def tree_figure(
    tree: Any, groups: Mapping[str, str] | None = None, title: str = "Family tree"
) -> go.Figure:
    """Draw a family tree.

    Parameters
    ----------
    tree : FamilyTree, or networkx.Graph
    groups : mapping of str to str, optional
        Known root, or whatever else, of each model: branches are coloured where all models beyond
        them are of one group.
    title : str

    Returns
    -------
    plotly Figure
        One row a model, lengths to scale. Supports of half the draws and more are written at their
        branches; all stand in the hover texts.

    Raises
    ------
    UsageError
        If a model has no group.
    """
    import plotly.graph_objects as go

    nodes = placed(graph_of(tree))
    models = sorted({name for node in nodes for name in node.models})
    colours = _colours(models, groups)
    figure = go.Figure(
        [*_branches(nodes, groups, colours), *_supports(nodes), *_tips(nodes, groups, colours)]
    )
    style(figure, title, _subtitle(nodes), height=230 + max(160, _ROW_PIXELS * len(models)))
    curves = getattr(getattr(tree, "distances", None), "warping", None) is not None
    _axes(figure, nodes, models, "mean squared distance of scaled curves" if curves else "distance")
    return figure


def _colours(models: list[str], groups: Mapping[str, str] | None) -> dict[str, str]:
    if groups is None:
        return {"": GROUP_COLOURS[0]}
    missing = [name for name in models if name not in groups]
    if missing:
        raise UsageError(
            f"Found no group for model '{missing[0]}', and {len(missing) - 1} more; expected one "
            f"for each: {nearest(missing[0], groups)}"
        )
    names = dict.fromkeys(groups[name] for name in models)
    return {name: GROUP_COLOURS[number % len(GROUP_COLOURS)] for number, name in enumerate(names)}


def _group_of(node: Placed, groups: Mapping[str, str] | None) -> str | None:
    """The one group of all models beyond a node; None where there are several."""
    found = {groups[name] if groups is not None else "" for name in node.models}
    return found.pop() if len(found) == 1 else None


def _branches(
    nodes: list[Placed], groups: Mapping[str, str] | None, colours: dict[str, str]
) -> list[go.Scatter]:
    import plotly.graph_objects as go

    lines: dict[str, tuple[list[float | None], list[float | None]]] = defaultdict(lambda: ([], []))
    for node in nodes:
        if node.above is None:
            continue
        group = _group_of(node, groups)
        xs, ys = lines[_MIXED if group is None else colours[group]]
        xs += [node.above.x, node.above.x, node.x, None]
        ys += [node.above.y, node.y, node.y, None]
    return [
        go.Scatter(
            x=xs,
            y=ys,
            mode="lines",
            line={"color": colour, "width": 1.8},
            hoverinfo="skip",
            showlegend=False,
        )
        for colour, (xs, ys) in lines.items()
    ]


def _supports(nodes: list[Placed]) -> list[go.Scatter]:
    import plotly.graph_objects as go

    inner = [node for node in nodes if not math.isnan(node.support)]
    if not inner:
        return []
    shown = [f"{100 * n.support:.0f}" if n.support >= _LEAST_SHOWN else "" for n in inner]
    return [
        go.Scatter(
            x=[node.x for node in inner],
            y=[node.y for node in inner],
            mode="markers+text",
            marker={"size": 4, "color": "#444444"},
            text=shown,
            textposition="top left",
            textfont={"size": 10, "color": "#444444"},
            hovertext=[
                f"support {100 * node.support:.0f} %<br>{_listed(node.models)}" for node in inner
            ],
            hoverinfo="text",
            showlegend=False,
        )
    ]


def _tips(
    nodes: list[Placed], groups: Mapping[str, str] | None, colours: dict[str, str]
) -> list[go.Scatter]:
    import plotly.graph_objects as go

    traces = []
    for number, (group, colour) in enumerate(colours.items()):
        own = [
            node
            for node in nodes
            if isinstance(node.node, str)
            and node.node in node.models
            and (groups is None or groups[node.node] == group)
        ]
        traces.append(
            go.Scatter(
                x=[node.x for node in own],
                y=[node.y for node in own],
                mode="markers+text",
                marker={
                    "size": 7,
                    "color": colour,
                    # Colours repeat after seven groups, with another symbol.
                    "symbol": SYMBOLS[number // len(GROUP_COLOURS) % len(SYMBOLS)],
                },
                text=[f" {node.node}" for node in own],
                textposition="middle right",
                textfont={"size": 11, "color": colour},
                hovertext=[f"{node.node}<br>{node.x:.3g} from the origin" for node in own],
                hoverinfo="text",
                name=group,
                showlegend=groups is not None,
                cliponaxis=False,
            )
        )
    return traces


def _axes(figure: go.Figure, nodes: list[Placed], models: list[str], of: str) -> None:
    widest = max(node.x for node in nodes) or 1.0
    # Room for the longest name, at some seven pixels a letter of seven hundred.
    room = min(0.6, 0.011 * max(map(len, models)) + 0.03)
    figure.update_xaxes(
        title=f"{of} (no unit)",
        range=[-0.03 * widest, widest * (1 + room / (1 - room))],
        zeroline=False,
    )
    figure.update_yaxes(visible=False, range=[len(models) - 0.3, -0.9])
    figure.update_layout(legend={"y": 1.0, "yanchor": "bottom", "x": 0}, margin={"l": 30})


def _subtitle(nodes: list[Placed]) -> str:
    supports = [node.support for node in nodes if not math.isnan(node.support)]
    about = (
        f"numbers: support in percent of draws of prompts, from {100 * _LEAST_SHOWN:.0f} on; "
        if supports
        else ""
    )
    return f"{about}the origin is the middle of the longest path: distances have no direction"


def _listed(names: frozenset[str]) -> str:
    shown = sorted(names)[:6]
    more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return ", ".join(shown) + more
