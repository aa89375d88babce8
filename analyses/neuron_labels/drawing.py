"""What all figures of labels share: colours, titles and lists to choose from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import plotly.graph_objects as go

# Okabe and Ito's colours: told apart by colour-blind readers.
BEATS, NOISE, CONSTANT, REASSIGNED = "#0072B2", "#999999", "#E69F00", "#D55E00"


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
