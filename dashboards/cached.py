"""Recordings and results kept open between reruns, under keys that change with their numbers."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboards.projection import Projection, project
from workbench.analysis.result import Result, open_result
from workbench.library import (
    RecordingSummary,
    ResultSummary,
    default_library,
    recording_summaries,
    result_summaries,
)
from workbench.recording.recording import Recording, open_recording


def library_root() -> Path:
    """Folder of the library."""
    return default_library().resolve()


def readable_recordings() -> list[RecordingSummary]:
    """Recordings of the library that can be opened and have rows."""
    return [each for each in recording_summaries(library_root()) if not each.error and each.rows]


def readable_results(analysis: str = "") -> list[ResultSummary]:
    """Results of the library that can be opened; those of one analysis if it is named."""
    found = result_summaries(library_root())
    return [each for each in found if not each.error and analysis in ("", each.analysis)]


def recording_of(summary: RecordingSummary) -> Recording:
    """Open a recording, once for all sessions."""
    return _recording(str(summary.path), summary.identity, summary.rows)


def result_of(summary: ResultSummary) -> Result:
    """Open a result."""
    return _result(str(summary.path), summary.identity)


def projection_of(
    summary: RecordingSummary, site: str, n: int, seed: int, units: tuple[int, int] | None
) -> Projection:
    """Project rows of a site onto a plane."""
    return _projection((str(summary.path), summary.identity, summary.rows), site, n, seed, units)


# Identity and number of rows are the keys: a recording that grows is opened again.
@st.cache_resource(max_entries=8, show_spinner="Opening the recording")
def _recording(path: str, identity: str, rows: int) -> Recording:  # noqa: ARG001
    return open_recording(path)


@st.cache_data(max_entries=32, show_spinner="Opening the result")
def _result(path: str, identity: str) -> Result:  # noqa: ARG001
    return open_result(path)


@st.cache_data(max_entries=32, show_spinner="Reading activity")
def _projection(
    key: tuple[str, str, int], site: str, n: int, seed: int, units: tuple[int, int] | None
) -> Projection:
    return project(_recording(*key)[site], n, seed, units)
