"""Explore: rows of a site in a plane; selected points lead to their rows and stimuli."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import streamlit as st

from dashboards.cached import projection_of, readable_recordings, recording_of
from dashboards.charts import scatter
from dashboards.parts import plain, show_note
from dashboards.projection import Projection
from dashboards.stimulus_text import marked_text, token_span
from workbench.library import RecordingSummary
from workbench.recording.identity import digest
from workbench.recording.recording import Recording
from workbench.report.figures import safe_figure

CHART = "explore_scatter"
TABLE = "explore_table"
DEFAULT_ROWS = 1_000
MOST_ROWS = 5_000
STIMULI_SHOWN = 5
_LABELS = ("upos", "label", "class")


@dataclass(frozen=True)
class Choice:
    """What the sidebar asks for."""

    summary: RecordingSummary
    recording: Recording
    site: str
    colour: str | None
    n: int
    seed: int
    units: tuple[int, int] | None


def explore_page() -> None:
    """Show a recording."""
    st.title("Explore")
    summaries = readable_recordings()
    if not summaries:
        st.info("There is no recording with rows yet: make one on the page Capture.")
        return
    with st.sidebar:
        choice = _choose(summaries)
    view = projection_of(choice.summary, choice.site, choice.n, choice.seed, choice.units)
    table = choice.recording.rows.iloc[view.rows].reset_index(drop=True)
    _key_numbers(view, choice)
    _chart(view, table, choice)
    _detail(view, table, choice)


def _choose(summaries: list[RecordingSummary]) -> Choice:
    by_name = {each.name: each for each in summaries}
    name = st.selectbox("Recording", list(by_name), key="recording", bind="query-params")
    summary = by_name[name]
    recording = recording_of(summary)
    site = st.selectbox("Site", recording.sites, key="site", bind="query-params")
    columns = [str(column) for column in recording.rows.columns]
    likely = [column for column in _LABELS if column in columns]
    colour = st.selectbox(
        "Colour by",
        ["nothing", *columns],
        index=columns.index(likely[0]) + 1 if likely else 0,
        key="colour",
        bind="query-params",
    )
    most = min(MOST_ROWS, recording.n_rows)
    n = st.number_input("Rows shown", 1, most, min(DEFAULT_ROWS, most), key="explore_rows")
    seed = st.number_input("Seed of the sample", 0, 10_000, 0, key="explore_seed")
    units = _choose_units(recording, site)
    return Choice(
        summary, recording, site, None if colour == "nothing" else colour, int(n), int(seed), units
    )


def _choose_units(recording: Recording, site: str) -> tuple[int, int] | None:
    n_units = int(np.prod(recording[site].shape[1:]))
    ways = ["principal components", "two units"]
    if st.radio("Axes", ways, key="explore_axes") == ways[0] or n_units < 2:
        return None
    horizontal = st.number_input("Unit along x", 0, n_units - 1, 0, key="explore_unit_x")
    vertical = st.number_input("Unit along y", 0, n_units - 1, 1, key="explore_unit_y")
    return int(horizontal), int(vertical)


def _key_numbers(view: Projection, choice: Choice) -> None:
    columns = st.columns(4)
    columns[0].metric(f"Rows shown of {view.n_rows:,}", f"{len(view.rows):,}", border=True)
    columns[1].metric("Units at this site", f"{view.n_units:,}", border=True)
    explained = "two raw units" if view.explained is None else f"{view.explained:.1%}"
    columns[2].metric("Variance in the plane", explained, border=True)
    columns[3].metric("Recording", choice.summary.state, border=True)
    if view.left_out:
        st.warning(f"{view.left_out:,} sampled rows hold values that are not finite; left out.")


def _chart(view: Projection, table: pd.DataFrame, choice: Choice) -> None:
    st.subheader(f"Activity at {plain(choice.site)}")
    safe = safe_figure(scatter(view, table, choice.colour))
    config = {"displaylogo": False}
    st.plotly_chart(safe.content, theme=None, key=CHART, on_select="rerun", config=config)
    show_note(safe.note)
    drawn = f", drawn at random from {view.n_rows:,}" if len(view.rows) < view.n_rows else ""
    st.caption(
        f"Every point is one of {len(view.rows):,} rows{drawn}. "
        "Click a point to see its row and stimulus below; for several, choose box or lasso in "
        "the toolbar of the chart."
    )


def selected_rows(state: Any, shown: np.ndarray) -> list[int]:
    """Row numbers of the points in a chart's selection that are still shown."""
    points = (state or {}).get("selection", {}).get("points", [])
    known = set(shown.tolist())
    rows = {int(point["customdata"][0]) for point in points if point.get("customdata")}
    return sorted(rows & known)


def _detail(view: Projection, table: pd.DataFrame, choice: Choice) -> None:
    points = selected_rows(st.session_state.get(CHART), view.rows)
    listed = table.assign(row=view.rows)[["row", *table.columns]]
    if points:
        listed = listed[listed["row"].isin(points)]
    st.subheader(f"Selected rows: {len(points):,}" if points else "All rows shown")
    chosen = _table(listed, points) or points
    if not chosen:
        st.caption("Tick rows at the left edge of the table, or click points, to see stimuli.")
        return
    st.subheader("Stimuli of the selected rows")
    for row in chosen[:STIMULI_SHOWN]:
        _stimulus(choice.recording, row)
    if len(chosen) > STIMULI_SHOWN:
        st.caption(f"{STIMULI_SHOWN} of {len(chosen):,} selected rows shown.")


def _table(listed: pd.DataFrame, points: list[int]) -> list[int]:
    # Another list of rows is another table: ticks must not move to other rows.
    key = f"{TABLE}_{digest([listed['row'].tolist()])[:12]}" if points else TABLE
    height: int | Literal["content"] = "content" if len(listed) < 8 else 300
    st.dataframe(
        listed,
        hide_index=True,
        key=key,
        height=height,
        on_select="rerun",
        selection_mode="multi-row",
    )
    ticked = st.session_state.get(key, {}).get("selection", {}).get("rows", [])
    return [int(listed["row"].iloc[place]) for place in ticked if place < len(listed)]


def _stimulus(recording: Recording, row: int) -> None:
    rows, stimuli = recording.rows, recording.stimuli
    number = rows["stimulus"].iloc[row]
    with st.container(border=True):
        st.caption(f"row {row:,} · stimulus {number}")
        if number not in stimuli.index or not len(stimuli.columns):
            st.text("The recording holds no description of this stimulus.")
        elif "text" in stimuli and "token" in rows:
            same = rows[rows["stimulus"] == number].sort_values("position")
            tokens = [str(token) for token in same["token"]]
            index = same.index.get_loc(row)
            text = str(stimuli["text"].loc[number])
            span = token_span(text, tokens, same["position"].tolist(), index)
            st.html(f"<p>{marked_text(text, span)}</p>")
            if span is None:
                st.text(f"Token {tokens[index]!r}; its place in the text is not certain.")
        else:
            st.dataframe(stimuli.loc[[number]], key=f"explore_stimulus_{row}")
