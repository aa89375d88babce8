"""The page of an analysis, the same for all: key numbers, figures, measures, provenance, a form."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import streamlit as st

from dashboards.cached import library_root, readable_recordings, readable_results, result_of
from dashboards.jobs import Job, read_job, start, workbench_command
from dashboards.parts import (
    job_panel,
    key_numbers,
    measures,
    plain,
    provenance,
    result_figures,
    show_figure,
)
from workbench.analysis.base import Analysis
from workbench.analysis.registry import load_analysis
from workbench.analysis.result import Result
from workbench.errors import WorkbenchError


def analysis_page(name: str) -> Callable[[], None]:
    """Make the page of an analysis.

    Parameters
    ----------
    name : str

    Returns
    -------
    callable
    """

    def page() -> None:
        show_analysis(name)

    page.__name__ = name
    return page


def show_analysis(name: str) -> None:
    """Show an analysis, its results in the library and a form to run it."""
    try:
        plugin = load_analysis(name)
    except WorkbenchError as error:
        st.title(plain(name))
        st.error(plain(error))
        return
    st.title(plain(plugin.spec.title))
    st.markdown(f"*{plain(plugin.spec.question)}*")
    _result(name)
    with st.expander("Run this analysis", expanded=not readable_results(name)):
        _form(name, plugin)


def _result(name: str) -> None:
    by_name = {each.name: each for each in readable_results(name)}
    if not by_name:
        st.info("The library holds no result of this analysis yet: run it below.")
        return
    with st.sidebar:
        chosen = st.selectbox("Result", list(by_name), key=f"{name}_result", bind="query-params")
    result = result_of(by_name[chosen])
    st.caption(f"On recording {plain(result.meta['recording']['name'])}")
    key_numbers(result.measures)
    for paragraph in result.summary().split("\n\n"):
        st.markdown(plain(paragraph))
    result_figures(result, name)
    _pages(result, name)
    measures(result, name)
    provenance(result)


def _pages(result: Result, name: str) -> None:
    """One thing at a time, such as an atom, for analyses that have a page for each."""
    plugin = load_analysis(name)
    groups = {group: items for group, items in plugin.pages(result.data).items() if items}
    if not groups:
        return
    st.subheader("One at a time")
    left, right = st.columns([1, 2])
    group = left.selectbox("Where", list(groups), key=f"{name}_group")
    item = right.selectbox("Which", groups[group], key=f"{name}_item_{group}")
    for title, figure in plugin.page(result.data, group, item).items():
        show_figure(figure, title, f"{name}_page_{group}_{title}")


def _form(name: str, plugin: type[Analysis]) -> None:
    recordings = [each for each in readable_recordings() if each.kind in plugin.spec.kinds]
    if not recordings:
        kinds = ", ".join(plugin.spec.kinds)
        st.info(f"The library holds no recording of a kind that this analysis takes ({kinds}).")
        return
    by_name = {each.name: each for each in recordings}
    with st.form(f"{name}_form"):
        recording = st.selectbox("Recording", list(by_name), key=f"{name}_recording")
        companions = {
            companion: st.selectbox(
                f"Companion recording “{companion}” (optional)",
                ["none", *by_name],
                help=plain(meaning),
                key=f"{name}_companion_{companion}",
            )
            for companion, meaning in plugin.spec.companions.items()
        }
        values = {
            parameter: st.text_input(
                f"Parameter {parameter}", written(default), key=f"{name}_parameter_{parameter}"
            )
            for parameter, default in defaults(plugin).items()
        }
        if st.form_submit_button("Run", type="primary"):
            changed = changed_parameters(plugin, values)
            given = {c: str(by_name[r].path) for c, r in companions.items() if r != "none"}
            out = unused(library_root() / "results" / f"{name}-{recording}")
            command = analyze_command(name, str(by_name[recording].path), changed, given, str(out))
            _start(command, f"{name} on {recording}", name)
    _running(name)


def _start(command: list[str], title: str, name: str) -> None:
    try:
        st.session_state[f"{name}_job"] = start(command, title, library_root()).folder
    except WorkbenchError as error:
        st.error(plain(error))


def _running(name: str) -> Job | None:
    folder = st.session_state.get(f"{name}_job")
    if folder is None or not folder.exists():
        return None
    job = read_job(folder)
    job_panel(job)
    return job


def defaults(plugin: type[Analysis]) -> dict[str, Any]:
    """Parameters of an analysis and their default values."""
    signature = inspect.signature(plugin.__init__)
    return {
        name: None if parameter.default is inspect.Parameter.empty else parameter.default
        for name, parameter in signature.parameters.items()
        if name != "self"
    }


def written(value: Any) -> str:
    """A parameter's value as the command line takes it."""
    if isinstance(value, (tuple, list)):
        return ",".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def changed_parameters(plugin: type[Analysis], values: dict[str, str]) -> dict[str, str]:
    """The values of a form that differ from the defaults."""
    known = {name: written(default) for name, default in defaults(plugin).items()}
    return {name: value for name, value in values.items() if value != known[name]}


def unused(path: Path) -> Path:
    """The path, or with the first number from 2 that makes it one that does not exist."""
    tries = (path.with_name(f"{path.name}-{number}") for number in count(2))
    return path if not path.exists() else next(each for each in tries if not each.exists())


def analyze_command(
    name: str, recording: str, parameters: dict[str, str], companions: dict[str, str], out: str
) -> list[str]:
    """Command line that runs an analysis."""
    options = {**parameters, **companions, "out": out}
    flags = [part for key, value in options.items() for part in (_flag(key), value)]
    return workbench_command("analyze", name, recording, *flags)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
