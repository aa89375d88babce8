"""All pages: the fixed ones, and one for each analysis that is installed."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboards.parts import PAGES
from dashboards.views.analysis import analysis_page
from dashboards.views.capture import capture_page
from dashboards.views.compare import compare_page
from dashboards.views.explore import explore_page
from dashboards.views.jobs import jobs_page
from dashboards.views.library import library_page
from dashboards.views.reports import reports_page
from dashboards.views.steering import steering_page
from workbench.analysis.registry import analysis_names, load_analysis
from workbench.errors import WorkbenchError


def navigation() -> Any:
    """Register all pages and give the one that the address asks for.

    Returns
    -------
    streamlit.Page
    """
    data = [
        st.Page(library_page, title="Library", icon=":material/folder_open:", default=True),
        st.Page(capture_page, title="Capture", icon=":material/adjust:", url_path="capture"),
        st.Page(explore_page, title="Explore", icon=":material/scatter_plot:", url_path="explore"),
    ]
    analyses = [
        st.Page(
            analysis_page(name),
            title=_title(name),
            icon=":material/query_stats:",
            url_path=name,
        )
        for name in analysis_names()
    ]
    analyses.append(
        st.Page(steering_page, title="Steering", icon=":material/tune:", url_path="steering")
    )
    work = [
        st.Page(compare_page, title="Compare", icon=":material/compare:", url_path="compare"),
        st.Page(reports_page, title="Reports", icon=":material/description:", url_path="reports"),
        st.Page(jobs_page, title="Jobs", icon=":material/pending_actions:", url_path="jobs"),
    ]
    # Pages that lead to others find them here.
    st.session_state[PAGES] = {page.url_path or "library": page for page in [*data, *analyses]}
    return st.navigation({"Data": data, "Analyses": analyses, "Results": work})


def _title(name: str) -> str:
    """Title of an analysis, or its name where it cannot be loaded."""
    try:
        return load_analysis(name).spec.title
    except WorkbenchError:
        return name.replace("_", " ").capitalize()
