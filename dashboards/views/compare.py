"""Compare: two results side by side, measure by measure and figure by figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from dashboards.cached import readable_results, result_of
from dashboards.parts import key_numbers, plain, show_figure
from workbench.analysis.measure import Measure
from workbench.analysis.result import Result
from workbench.report.wording import interval, verdict, where_keys


def compare_page() -> None:
    """Show two results."""
    st.title("Compare")
    by_name = {each.name: each for each in readable_results()}
    if len(by_name) < 2:
        st.info("Comparing needs two results in the library: run an analysis twice.")
        return
    names = list(by_name)
    with st.sidebar:
        first = st.selectbox("First result", names, key="first", bind="query-params")
        other = _counterpart(names, [by_name[name].analysis for name in names], first)
        second = st.selectbox(
            "Second result", names, index=other, key="second", bind="query-params"
        )
    pair = (result_of(by_name[first]), result_of(by_name[second]))
    for column, result, side in zip(st.columns(2), pair, ("First", "Second"), strict=True):
        with column:
            st.subheader(f"{side}: {plain(result.title)}")
            key_numbers(result.measures, limit=2)
            st.markdown(plain(result.summary()))
    _measures(pair)
    _figures(pair)


def _counterpart(names: list[str], analyses: list[str], first: str) -> int:
    """Where the first other result of the same analysis is, or of any."""
    own = names.index(first)
    others = [place for place in range(len(names)) if place != own]
    return min(others, key=lambda place: analyses[place] != analyses[own])


def _measures(pair: tuple[Result, Result]) -> None:
    st.subheader("Measures of both")
    keys = where_keys([*pair[0].measures, *pair[1].measures])
    table = paired_measures(pair[0].measures, pair[1].measures)
    if table.empty:
        st.info("The two results share no measure of the same name and place.")
        return
    for key in keys:
        options = sorted(table[key].dropna().unique())
        if len(options) > 1:
            chosen = st.multiselect(
                f"Only {plain(key)}", options, placeholder="all", key=f"compare_{key}"
            )
            table = table[table[key].isin(chosen)] if chosen else table
    number = st.column_config.NumberColumn(format="%.4g")
    config = dict.fromkeys(("first", "second", "second − first"), number)  # noqa: RUF001
    st.dataframe(table, hide_index=True, column_config=config, key="compare_measures")
    st.caption("The difference is not tested here; look whether the 95 % intervals overlap.")


def paired_measures(first: Sequence[Measure], second: Sequence[Measure]) -> pd.DataFrame:
    """Measures that two results share by name and place, one a row."""
    others = {_place(each): each for each in second}
    return pd.DataFrame(
        [_pair(each, others[_place(each)]) for each in first if _place(each) in others]
    )


def _place(measure: Measure) -> tuple[str, tuple[tuple[str, str], ...]]:
    return measure.name, tuple(sorted(measure.where.items()))


def _pair(one: Measure, other: Measure) -> dict[str, Any]:
    return {
        "measure": one.name,
        **one.where,
        "first": one.value,
        "second": other.value,
        "second − first": other.value - one.value,  # noqa: RUF001
        "unit": one.unit,
        "first 95 %": interval(one),
        "second 95 %": interval(other),
        "first verdict": f"{verdict(one).icon} {verdict(one).words}",
        "second verdict": f"{verdict(other).icon} {verdict(other).words}",
    }


def _figures(pair: tuple[Result, Result]) -> None:
    try:
        drawn = [result.figures() for result in pair]
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything; the reader is shown it
        st.error(f"The figures could not be drawn: {plain(error)}")
        return
    titles = list(dict.fromkeys([*drawn[0], *drawn[1]]))
    if not titles:
        return
    title = st.selectbox("Figure", titles, key="compare_figure")
    for side, (column, figures) in enumerate(zip(st.columns(2), drawn, strict=True)):
        with column:
            if title in figures:
                show_figure(figures[title], title, f"compare_{side}")
            else:
                st.info("This result has no figure of that title.")
