"""Library: what recordings and results there are, and which cannot be read."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from dashboards.cached import library_root
from dashboards.parts import open_page_button, plain
from workbench.library import (
    RecordingSummary,
    ResultSummary,
    recording_summaries,
    result_summaries,
)


def library_page() -> None:
    """Show the library."""
    root = library_root()
    st.title("Library")
    st.caption(f"Folder {plain(root)}")
    recordings, results = recording_summaries(root), result_summaries(root)
    readable = [each for each in recordings if not each.error]
    columns = st.columns(4)
    columns[0].metric("Recordings", len(readable), border=True)
    columns[1].metric("Rows recorded", f"{sum(each.rows for each in readable):,}", border=True)
    columns[2].metric("Results", sum(not each.error for each in results), border=True)
    columns[3].metric(
        "Measures beating null",
        f"{sum(r.beaten for r in results)} of {sum(r.tested for r in results)}",
        border=True,
    )
    faults = [(each.name, each.error) for each in recordings]
    faults += [(each.name, each.error) for each in results]
    for name, error in faults:
        if error:
            st.error(f"**{plain(name)}** cannot be read. {plain(error)}", icon=":material/error:")
    _recordings(readable)
    _results([each for each in results if not each.error])


def _recordings(found: list[RecordingSummary]) -> None:
    st.subheader("Recordings")
    if not found:
        st.info(
            "There is no recording yet: make one on the page Capture or with workbench capture."
        )
        return
    rows = [
        {
            "name": each.name,
            "subject": each.address,
            "kind": each.kind,
            "rows": each.rows,
            "planned rows": each.planned,
            "sites": len(each.sites),
            "state": each.state,
            "identity": each.identity[:12],
            "folder": str(each.path),
        }
        for each in found
    ]
    chosen = _select_row(rows, "library_recordings")
    if chosen is None:
        st.caption("Select a row, at its left edge, to explore that recording.")
    else:
        name = found[chosen].name
        open_page_button(f"Explore {plain(name)}", "explore", recording=name)


def _results(found: list[ResultSummary]) -> None:
    st.subheader("Results")
    if not found:
        st.info("There is no result yet: run an analysis on its page or with workbench analyze.")
        return
    rows = [
        {
            "name": each.name,
            "analysis": each.analysis,
            "recording": each.recording,
            "beat their null": f"{each.beaten} of {each.tested} measures",
            "identity": each.identity[:12],
            "folder": str(each.path),
        }
        for each in found
    ]
    chosen = _select_row(rows, "library_results")
    if chosen is None:
        st.caption("Select a row, at its left edge, to open that result.")
    else:
        each = found[chosen]
        query = {f"{each.analysis}_result": each.name}
        open_page_button(f"Open {plain(each.name)}", each.analysis, **query)


def _select_row(rows: list[dict[str, Any]], key: str) -> int | None:
    st.dataframe(
        pd.DataFrame(rows), hide_index=True, key=key, on_select="rerun", selection_mode="single-row"
    )
    selected = st.session_state.get(key, {}).get("selection", {}).get("rows", [])
    return selected[0] if selected and selected[0] < len(rows) else None
