"""Capture: a form that starts ``workbench capture`` as a job."""

from __future__ import annotations

import streamlit as st

from dashboards.cached import library_root
from dashboards.jobs import read_job, start, workbench_command
from dashboards.parts import job_panel, plain
from workbench.errors import WorkbenchError

JOB = "capture_job"
_STIMULI = {
    "--text": "text (.txt, .jsonl, .conllu, .parquet)",
    "--tokens": "token ids (.npy)",
    "--images": "images (a folder, .parquet, .npz)",
    "--stimuli": "arrays for a torch network (.npy, .npz)",
}


def capture_page() -> None:
    """Show the form and the job that it started last."""
    st.title("Capture")
    st.markdown("Record a subject into the library. The capture runs on when this page is closed.")
    with st.form("capture_form"):
        subject = st.text_input(
            "Subject", "demo:language", help="An address such as hf:gpt2 or demo:language"
        )
        kind = st.selectbox("Kind of stimuli", list(_STIMULI), format_func=_STIMULI.__getitem__)
        stimuli = st.text_input("Stimuli: a file or folder, empty for a subject's own")
        sites = st.text_input("Sites (globs)", "blocks.*.hook_resid_post")
        positions = st.text_input(
            "Positions", "all", help="all, last, word, mean, trial, or indices such as 0,5,-1"
        )
        dtype = st.selectbox("Stored as", ["auto", "float32", "float16", "bfloat16", "float64"])
        most = st.number_input("At most so many rows (0 for all)", 0, value=0)
        further = st.text_area(
            "Further options, one a line", help="NAME=VALUE, such as bin=0.01 or size=224"
        )
        executor = st.selectbox("Computed by", ["serial", "processes", "ray"])
        name = st.text_input("Name of the recording", "recording")
        planned = st.form_submit_button("Plan only")
        if st.form_submit_button("Capture", type="primary") or planned:
            options = {
                kind: stimuli,
                "--sites": sites,
                "--positions": positions,
                "--dtype": dtype,
                "--max-rows": str(most) if most else "",
                "--executor": executor,
                "--out": str(library_root() / "recordings" / name),
            }
            command = capture_command(subject, options, further)
            _start([*command, "--plan"] if planned else command, f"capture of {subject}")
    folder = st.session_state.get(JOB)
    if folder is not None and folder.exists():
        job_panel(read_job(folder))


def capture_command(subject: str, options: dict[str, str], further: str = "") -> list[str]:
    """Command line that captures a subject; options without a value are left out.

    Examples
    --------
    >>> capture_command("nwb:a.nwb", {"--text": "", "--out": "x"}, "bin=0.01")[-4:]
    ['--out', 'x', '--option', 'bin=0.01']
    """
    flags = [part for flag, value in options.items() if value for part in (flag, value)]
    lines = [line.strip() for line in further.splitlines() if line.strip()]
    pairs = [part for line in lines for part in ("--option", line)]
    return workbench_command("capture", subject, *flags, *pairs)


def _start(command: list[str], title: str) -> None:
    try:
        st.session_state[JOB] = start(command, title, library_root()).folder
    except WorkbenchError as error:
        st.error(plain(error))
