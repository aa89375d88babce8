"""Figures of steering: behaviour over strength beside random directions, and the next tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from probes.continuing import NextTokens
from probes.steering import Steering
from workbench.analysis.drawing import style

if TYPE_CHECKING:
    import plotly.graph_objects as go

_DIRECTION, _RANDOM, _BEFORE = "#0072B2", "#D55E00", "#7a8594"


def steering_curve(found: Steering, what: str, at: float | None = None) -> go.Figure:
    """Change of a probability, in nats, over strength; a band for random directions.

    Parameters
    ----------
    found : Steering
        Of `answers`: its values are probabilities.
    what : str
        What is probable, such as ``a NOUN next``.
    at : float, optional
        A strength to mark.

    Returns
    -------
    plotly Figure
    """
    import plotly.graph_objects as go

    none = int(np.argmin(np.abs(found.strengths)))
    own = np.log(found.values / found.values[none])
    others = np.log(found.controls / found.controls[:, [none]])
    low, high = np.quantile(others, [0.025, 0.975], axis=0)
    x = found.strengths
    figure = go.Figure(_band(x, low, high, len(others)))
    figure.add_scatter(
        x=x, y=own, mode="lines+markers", name="direction of the probe",
        line={"color": _DIRECTION, "width": 3}, marker={"size": 9},
        hovertemplate="strength %{x}<br>%{y:+.3f} nats<extra></extra>",
    )  # fmt: skip
    figure.add_hline(y=0, line={"width": 1, "color": "#444444"})
    if at is not None:
        figure.add_vline(x=at, line={"width": 1, "dash": "dot", "color": "#444444"})
    style(
        figure,
        f"Log-probability of {what}",
        f"mean over the tokens of {found.n_examples} texts; slope: p = {found.p_value:.2g}",
        height=480,
    )
    figure.update_xaxes(title="strength (lengths of a mean row of activity)")
    figure.update_yaxes(title="change (nats)")
    figure.update_layout(margin={"t": 110})
    return figure


def _band(x: NDArray[Any], low: NDArray[Any], high: NDArray[Any], n: int) -> go.Scatter:
    import plotly.graph_objects as go

    return go.Scatter(
        x=np.concatenate([x, x[::-1]]),
        y=np.concatenate([low, high[::-1]]),
        mode="lines",
        fill="toself",
        fillcolor="rgba(213,94,0,0.18)",
        line={"width": 0},
        hoverinfo="skip",
        name=f"95 % of {n} random directions",
    )


def next_token_bars(found: NextTokens, answers: Sequence[int] = (), n: int = 8) -> go.Figure:
    """Probabilities of the likeliest next tokens without and with the direction.

    Parameters
    ----------
    found : NextTokens
    answers : sequence of int
        Tokens to mark with a star.
    n : int
        Likeliest tokens of each.

    Returns
    -------
    plotly Figure
    """
    import plotly.graph_objects as go

    table = found.top(n)
    starred = {found.tokens[number] for number in answers}
    # Quotes show the spaces of tokens.
    names = [f"{'★ ' if each in starred else ''}{each!r}" for each in table["token"]]
    figure = go.Figure()
    kinds = (
        ("with the direction", "after", _DIRECTION, "circle"),
        ("without", "before", _BEFORE, "circle-open"),
        ("random directions (mean)", "random", _RANDOM, "x-thin"),
    )
    for name, column, colour, symbol in kinds:
        figure.add_scatter(
            x=table[column], y=names, mode="markers", name=name,
            marker={"color": colour, "symbol": symbol, "size": 11, "line": {"width": 2,
                    "color": colour}},
            hovertemplate="%{y}: %{x:.4f}<extra>%{fullData.name}</extra>",
        )  # fmt: skip
    style(figure, "What comes next", "★: words of the class; likeliest first", height=480)
    figure.update_xaxes(title="probability", rangemode="tozero")
    figure.update_yaxes(autorange="reversed", type="category", dtick=1)
    figure.update_layout(margin={"t": 110})
    return figure
