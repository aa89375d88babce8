"""Figures made safe to embed: small, free of markup that came from data, equal bytes every time."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.report.thinning import LIMIT, thin

if TYPE_CHECKING:
    import plotly.graph_objects as go

HEIGHT = 450
_ROOM_FOR_TITLE = 40
# Okabe and Ito's colours, which colour-blind readers can tell apart; yellow, which white paper
# swallows, is left out.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
_AXIS = {
    "automargin": True,
    "gridcolor": "#e3e8ee",
    "linecolor": "#7a8594",
    "showline": True,
    "ticks": "outside",
    "tickcolor": "#7a8594",
    "zerolinecolor": "#7a8594",
}
# Takes the place of plotly's default look where a figure has not chosen its own.
TEMPLATE: dict[str, Any] = {
    "layout": {
        "colorway": list(PALETTE),
        "colorscale": {"sequential": "Viridis", "diverging": "RdBu"},
        "font": {"family": "system-ui, Segoe UI, Roboto, sans-serif", "size": 13},
        "paper_bgcolor": "#ffffff",
        "plot_bgcolor": "#ffffff",
        "margin": {"t": 48, "r": 24, "b": 56, "l": 64},
        "xaxis": _AXIS,
        "yaxis": _AXIS,
    }
}
# Plotly renders a little markup in its texts. Titles and templates may use it; in arrays, which
# hold tokens, labels and the like, only the line break that hover texts are joined with.
# Entities stay, so that a plugin which has escaped its texts shows the same as one which has not.
_NOT_FORMATTING = re.compile(r"<(?!/?(?:b|i|em|strong|sub|sup|br|extra)\s*/?>)", re.IGNORECASE)
_NOT_BREAK = re.compile(r"<(?!br\s*/?>)", re.IGNORECASE)


@dataclass(frozen=True)
class SafeFigure:
    """A figure ready to embed.

    Attributes
    ----------
    content : dict
        ``data``, ``layout`` and, if there are any, ``frames``, as plotly's JSON has them.
    height : int
        Pixels.
    note : str
        How many points are shown of how many; empty if all are.
    """

    content: dict[str, Any]
    height: int
    note: str

    def script_json(self) -> str:
        """The content as JSON that cannot end the script element it stands in."""
        text = json.dumps(self.content, sort_keys=True, separators=(",", ":"), allow_nan=False)
        for sign in "<>&":
            text = text.replace(sign, f"\\u{ord(sign):04x}")
        return text


def safe_figure(figure: go.Figure, title: str = "", limit: int = LIMIT) -> SafeFigure:
    """Prepare a figure for a page.

    Parameters
    ----------
    figure : plotly.graph_objects.Figure
    title : str
        Title that the page shows above it; an equal title inside the figure is dropped, its
        subtitle kept.
    limit : int
        Visible points above which it is down-sampled.

    Returns
    -------
    SafeFigure
    """
    content = json.loads(figure.to_json(validate=False, remove_uids=True))
    if _has_default_template(figure):
        content["layout"]["template"] = TEMPLATE
    thinned = thin(content["data"], limit)
    content["data"] = thinned.traces
    for frame in content.get("frames", []):
        frame["data"] = thin(frame.get("data", []), limit).traces
    layout = content["layout"]
    height = int(layout.get("height") or HEIGHT)
    # A fixed width would be cut off on a narrow screen; the height is kept.
    layout.pop("width", None)
    layout.update(autosize=True, height=height)
    layout["images"] = [each for each in layout.get("images", []) if _is_embedded(each)]
    _drop_equal_title(layout, title)
    return SafeFigure(_escape(content), height, thinned.note)


def _has_default_template(figure: go.Figure) -> bool:
    import plotly.io as pio

    # Whoever imports streamlit gets another default, of colours that only its pages know.
    defaults = {"plotly", pio.templates.default} - {None}
    return any(figure.layout.template == pio.templates[name] for name in defaults)


def _is_embedded(image: dict[str, Any]) -> bool:
    return str(image.get("source", "")).startswith("data:")


def _drop_equal_title(layout: dict[str, Any], title: str) -> None:
    heading = layout.get("title", {})
    text = heading.get("text", "") if isinstance(heading, dict) else str(heading)
    if not title or re.sub(r"<[^>]*>", "", text).strip() != title.strip():
        return
    subtitle = heading.get("subtitle", {}).get("text") if isinstance(heading, dict) else None
    if subtitle:
        kept = {key: value for key, value in heading.items() if key != "subtitle"}
        layout["title"] = {**kept, "text": subtitle, "font": {"size": 13}}
    else:
        del layout["title"]
    margin = layout.get("margin", {})
    if margin.get("t", 0) > _ROOM_FOR_TITLE:
        margin["t"] -= _ROOM_FOR_TITLE


def _escape(value: Any, in_array: bool = False) -> Any:
    if isinstance(value, dict):
        return {key: _escape(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_escape(each, in_array=True) for each in value]
    if not isinstance(value, str):
        return value
    if in_array:
        # Plotly knows this one entity not, which Python's own escaping makes of quotation marks.
        return _NOT_BREAK.sub("&lt;", value.replace("&quot;", '"'))
    return _NOT_FORMATTING.sub("&lt;", value)
