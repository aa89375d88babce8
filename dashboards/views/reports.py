"""Reports: one HTML file from chosen results."""

from __future__ import annotations

import streamlit as st

from dashboards.cached import library_root, readable_results
from dashboards.parts import plain
from workbench.errors import WorkbenchError
from workbench.report.build import TITLE, build_report

REPORT = "report_file"


def reports_page() -> None:
    """Show the form and the report that it made last."""
    st.title("Reports")
    by_name = {each.name: each for each in readable_results()}
    if not by_name:
        st.info("The library holds no result yet: run an analysis first.")
        return
    with st.form("report_form"):
        chosen = st.multiselect("Results", list(by_name), default=list(by_name))
        title = st.text_input("Title", TITLE)
        if st.form_submit_button("Build report", type="primary"):
            _build([by_name[name].path for name in chosen], title)
    written = st.session_state.get(REPORT)
    if written is not None and written.exists():
        size = written.stat().st_size / 1e6
        st.success(f"Report written to {plain(written)} ({size:.1f} MB).")
        content = written.read_bytes()
        st.download_button("Download report", content, written.name, "text/html")


def _build(paths: list, title: str) -> None:
    try:
        out = library_root() / "reports" / "report.html"
        with st.spinner("Building the report"):
            st.session_state[REPORT] = build_report(paths, out, title)
    except WorkbenchError as error:
        st.session_state[REPORT] = None
        st.error(plain(error))
