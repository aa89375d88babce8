from __future__ import annotations

import json

import numpy as np
import plotly.graph_objects as go
import pytest

from workbench.report.figures import safe_figure
from workbench.report.thinning import LIMIT, thin


def traces(figure: go.Figure) -> list[dict]:
    return json.loads(figure.to_json())["data"]


def test_small_figures_stay_as_they_are() -> None:
    given = traces(go.Figure(go.Scatter(x=np.arange(50), y=np.arange(50), mode="markers")))
    thinned = thin(given)
    assert thinned.traces == given
    assert thinned.note == ""


def test_every_per_point_array_keeps_the_same_points() -> None:
    n = 3 * LIMIT
    values = np.arange(n)
    scatter = go.Scatter(
        x=values,
        y=values * 2,
        mode="markers",
        text=[f"t{i}" for i in values],
        customdata=np.stack([values, values], axis=1),
        marker={"color": values, "colorscale": "Viridis"},
    )
    (trace,) = thin(traces(go.Figure(scatter))).traces
    x = np.array(trace["x"])
    assert len(x) == LIMIT
    assert np.array_equal(trace["y"], 2 * x)
    assert trace["text"] == [f"t{i}" for i in x]
    assert np.array_equal(np.array(trace["customdata"])[:, 0], x)
    assert np.array_equal(trace["marker"]["color"], x)


def test_classes_keep_their_shares_and_the_note_counts_all() -> None:
    figure = go.Figure()
    for n in (8_000, 2_000):
        figure.add_scatter(x=np.arange(n), y=np.arange(n), mode="markers")
    thinned = thin(traces(figure))
    assert [len(trace["x"]) for trace in thinned.traces] == [4_000, 1_000]
    assert thinned.note == "5,000 of 10,000 points shown"


def test_hidden_traces_of_a_menu_do_not_cost_the_visible_one_its_points() -> None:
    figure = go.Figure()
    for number in range(4):
        figure.add_scatter(x=np.arange(3_000), y=np.arange(3_000), visible=number == 0)
    assert thin(traces(figure)).note == ""


def test_a_spike_in_a_long_line_survives() -> None:
    y = np.zeros(100_000)
    y[77_777] = 9.0
    line = go.Scatter(x=np.arange(y.size), y=y, mode="lines")
    (trace,) = thin(traces(go.Figure(line))).traces
    assert max(trace["y"]) == 9.0
    assert len(trace["y"]) <= LIMIT + 2
    assert trace["x"][0] == 0
    assert trace["x"][-1] == y.size - 1


def test_a_histogram_is_counted_whole() -> None:
    values = np.random.default_rng(0).normal(size=40_000)
    thinned = thin(traces(go.Figure(go.Histogram(x=values))))
    (trace,) = thinned.traces
    assert trace["type"] == "bar"
    assert sum(trace["y"]) == values.size
    assert "all values counted" in thinned.note


def test_grids_are_averaged_without_losing_the_mean() -> None:
    grid = np.random.default_rng(0).normal(size=(200, 300))
    thinned = thin(traces(go.Figure(go.Heatmap(z=grid, x=np.arange(300), y=np.arange(200)))))
    binned = np.array(thinned.traces[0]["z"])
    assert binned.size <= LIMIT
    assert binned.mean() == pytest.approx(grid.mean(), abs=1e-9)
    assert len(thinned.traces[0]["x"]) == binned.shape[1]
    assert "block means" in thinned.note


def test_missing_values_become_json_null() -> None:
    y = np.where(np.arange(20_000) % 2, np.nan, 1.0)
    figure = safe_figure(go.Figure(go.Scattergl(x=y, y=y, mode="markers")))
    assert "NaN" not in figure.script_json()


def test_the_same_figure_gives_the_same_bytes() -> None:
    values = np.random.default_rng(1).normal(size=20_000)
    made = [safe_figure(go.Figure(go.Scatter(y=values, mode="markers"))) for _ in range(2)]
    assert made[0].script_json() == made[1].script_json()
