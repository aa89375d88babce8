"""Jobs: what was started from these pages, with state and log."""

from __future__ import annotations

import streamlit as st

from dashboards.cached import library_root
from dashboards.jobs import list_jobs
from dashboards.parts import job_panel, plain

SHOWN = 20


def jobs_page() -> None:
    """Show all jobs, newest first."""
    st.title("Jobs")
    jobs = list_jobs(library_root())
    if not jobs:
        st.info("No job was started in this library yet.")
        return
    active = sum(job.is_active for job in jobs)
    st.caption(f"{len(jobs[:SHOWN])} of {len(jobs)} jobs shown, {active} running.")
    for job in jobs[:SHOWN]:
        with st.container(border=True):
            st.caption(plain(" ".join(job.command)))
            job_panel(job)
