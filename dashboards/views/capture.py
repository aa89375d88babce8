"""Capture: a form that starts ``workbench capture`` as a job."""

from __future__ import annotations

import streamlit as st

from dashboards.cached import library_root
from dashboards.jobs import read_job, start, workbench_command
from dashboards.parts import job_panel, plain
from workbench.errors import WorkbenchError

JOB = "capture_job"


def capture_page() -> None:
    """Show the form and the job that it started last."""
    st.title("Capture")
    st.markdown("Record a subject into the library. The capture runs on when this page is closed.")
    with st.form("capture_form"):
        subject = st.text_input(
            "Subject", "demo:language", help="An address such as hf:gpt2 or demo:language"
        )
        text = st.text_input(
            "Text file (.txt, .jsonl, .conllu, .parquet; empty for a subject's own stimuli)"
        )
        sites = st.text_input("Sites (globs)", "blocks.*.hook_resid_post")
        positions = st.selectbox("Positions", ["all", "last", "word"])
        dtype = st.selectbox("Stored as", ["float32", "float16", "bfloat16"])
        most = st.number_input("At most so many rows (0 for all)", 0, value=0)
        name = st.text_input("Name of the recording", "recording")
        if st.form_submit_button("Capture", type="primary"):
            out = library_root() / "recordings" / name
            options = {
                "--text": text,
                "--sites": sites,
                "--positions": positions,
                "--dtype": dtype,
                "--max-rows": str(most) if most else "",
                "--out": str(out),
            }
            _start(capture_command(subject, options), f"capture of {subject}")
    folder = st.session_state.get(JOB)
    if folder is not None and folder.exists():
        job_panel(read_job(folder))


def capture_command(subject: str, options: dict[str, str]) -> list[str]:
    """Command line that captures a subject; options without a value are left out."""
    flags = [part for flag, value in options.items() if value for part in (flag, value)]
    return workbench_command("capture", subject, *flags)


def _start(command: list[str], title: str) -> None:
    try:
        st.session_state[JOB] = start(command, title, library_root()).folder
    except WorkbenchError as error:
        st.error(plain(error))
