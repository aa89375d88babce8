"""Pieces that several pages show: key numbers, figures, measures, provenance, a running job."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from dashboards.jobs import Job, log_tail, read_job, stop
from workbench.analysis.measure import Measure
from workbench.analysis.result import Result
from workbench.report.figures import safe_figure
from workbench.report.wording import (
    headlines,
    interval,
    null_text,
    p_text,
    verdict,
    where_keys,
    with_unit,
)

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

KEY_NUMBERS = 4
PAGES = "pages"
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|~$:<>&])")


def plain(text: object) -> str:
    """Text from data, such that Markdown shows it as it is.

    Examples
    --------
    >>> plain("a_b*c")
    'a\\\\_b\\\\*c'
    """
    return _MARKDOWN.sub(r"\\\1", str(text))


def open_page_button(label: str, page: str, **query: str) -> None:
    """A button that leads to another page; none where a page is shown without navigation."""
    target = st.session_state.get(PAGES, {}).get(page)
    if target is not None and st.button(label, icon=":material/arrow_forward:"):
        st.switch_page(target, query_params=query)


def key_numbers(measures: Sequence[Measure], limit: int = KEY_NUMBERS) -> None:
    """Three or four numbers with their units, n and verdicts."""
    shown = headlines(measures, limit)
    if not shown:
        st.info("This result states no measures.")
        return
    for column, line in zip(st.columns(len(shown)), shown, strict=True):
        measure, said = line.measure, verdict(line.measure)
        rest = [str(value) for key, value in measure.where.items() if key != "site"]
        with column.container(border=True):
            st.metric(
                plain(", ".join([measure.name, *rest])),
                with_unit(measure),
                help=plain(null_text(measure)),
            )
            place = f" at {plain(measure.where['site'])}" if "site" in measure.where else ""
            st.caption(f"{said.icon} {said.words}{place}; n = {measure.n:,}; {line.tally}")


def show_figure(figure: go.Figure, title: str, key: str) -> None:
    """A figure with what it leaves out said below it."""
    safe = safe_figure(figure, title)
    st.plotly_chart(safe.content, theme=None, key=key, config={"displaylogo": False})
    show_note(safe.note)


def show_note(note: str) -> None:
    """What a figure leaves out."""
    if note:
        st.caption(note)


def result_figures(result: Result, key: str) -> None:
    """The first figure whole, further ones in tabs; one that fails is a red box."""
    try:
        figures = result.figures()
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything; the reader is shown it
        st.error(f"The figures could not be drawn: {plain(error)}")
        return
    titles = list(figures)
    if titles:
        st.subheader(plain(titles[0]))
        show_figure(figures[titles[0]], titles[0], f"{key}_0")
    if titles[1:]:
        tabs = st.tabs([plain(title) for title in titles[1:]])
        for number, (tab, title) in enumerate(zip(tabs, titles[1:], strict=True), start=1):
            with tab:
                show_figure(figures[title], title, f"{key}_{number}")


def measure_frame(measures: Sequence[Measure]) -> pd.DataFrame:
    """Measures as a table for people, the verdict in words."""
    import pandas as pd

    places = where_keys(measures)
    rows = [
        {
            "measure": each.name,
            **{key: each.where.get(key, "") for key in places},
            "value": each.value,
            "unit": "" if each.unit == "1" else each.unit,
            "95 % interval": interval(each),
            "verdict": f"{verdict(each).icon} {verdict(each).words}",
            "p": p_text(each),
            "null (mean ± sd)": null_text(each),
            "n": each.n,
            "note": each.note,
        }
        for each in measures
    ]
    return pd.DataFrame(rows)


def measures(result: Result, key: str) -> None:
    """Measures beside their nulls, with a download."""
    st.subheader("Measures beside their nulls")
    number = st.column_config.NumberColumn(format="%.4g")
    st.dataframe(
        measure_frame(result.measures),
        hide_index=True,
        column_config={"value": number},
        key=f"{key}_measures",
    )
    table = result.table().to_csv(index=False)
    name = f"{result.analysis}-{result.identity[:12]}.csv"
    st.download_button("Download measures (CSV)", table, name, "text/csv", key=f"{key}_csv")


def provenance(result: Result) -> None:
    """Method, parameters and where the numbers came from."""
    meta = result.meta
    with st.expander("Method, parameters and provenance"):
        st.markdown(f"{plain(meta['method'])}\n\n{plain(meta['reference'])}")
        st.markdown("**Parameters**")
        st.code(json.dumps(meta["parameters"], indent=1, ensure_ascii=False), language="json")
        st.markdown("**Provenance**")
        origin = {
            "result": result.identity,
            "analysis": f"{result.analysis}, version {meta['version']}",
            "recording": meta["recording"],
            "companions": meta["companions"],
            "BLAS threads": meta["threads"],
            "software": meta["software"],
        }
        st.code(json.dumps(origin, indent=1, ensure_ascii=False), language="json")


def job_panel(job: Job) -> None:
    """State and log of a job, renewed while it runs."""
    every = 2 if job.is_active else None
    st.fragment(_job_panel, run_every=every)(job)


def _job_panel(started: Job) -> None:
    job = read_job(started.folder)
    icons = {"done": "✓", "failed": "✗", "stopped": "■", "lost": "?"}
    st.markdown(
        f"**{icons.get(job.state, '▶')} {job.state}** · {plain(job.title)} · {job.seconds:.0f} s"
        + (f" · exit code {job.exit_code}" if job.exit_code else "")
    )
    st.code(log_tail(job) or "no output yet", language="text")
    if job.state == "running" and st.button("Stop", key=f"stop_{job.folder.name}"):
        stop(job)
    if started.is_active and not job.is_active:
        st.rerun()
