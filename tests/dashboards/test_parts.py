from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from dashboards.charts import MISSING, OTHER, scatter
from dashboards.projection import project
from dashboards.stimulus_text import marked_text, token_span
from dashboards.views.analysis import changed_parameters
from dashboards.views.explore import selected_rows


@pytest.fixture
def recording() -> wb.Recording:
    generator = np.random.default_rng(0)
    labels = generator.choice([*"abcdefghijklmnopqrstuvwxyz"], 200)
    return wb.from_arrays({"area": generator.normal(size=(200, 6))}, {"label": labels})


def test_projection_agrees_with_a_singular_value_decomposition(recording: wb.Recording) -> None:
    view = project(recording["area"], 200)
    values = recording["area"].to_numpy()
    left, scale, _ = np.linalg.svd(values - values.mean(axis=0), full_matrices=False)
    assert np.allclose(np.abs(view.coordinates), np.abs(left[:, :2] * scale[:2]))
    assert view.explained == pytest.approx((scale[:2] ** 2).sum() / (scale**2).sum())


def test_the_same_seed_draws_the_same_rows(recording: wb.Recording) -> None:
    one, same, other = (project(recording["area"], 20, seed) for seed in (1, 1, 2))
    assert one.rows.tolist() == same.rows.tolist() != other.rows.tolist()
    assert len(set(one.rows.tolist())) == 20


def test_two_units_are_shown_as_they_are(recording: wb.Recording) -> None:
    view = project(recording["area"], 50, 0, (4, 1))
    assert np.array_equal(view.coordinates, recording["area"].to_numpy(view.rows)[:, [4, 1]])
    assert view.explained is None


def test_rows_that_are_not_finite_are_left_out_and_counted() -> None:
    values = np.random.default_rng(0).normal(size=(10, 3))
    values[4, 1], values[7, 0] = np.nan, np.inf
    view = project(wb.from_arrays({"a": values})["a"], 10)
    assert view.left_out == 2
    assert not {4, 7} & set(view.rows.tolist())


@pytest.mark.parametrize("values", [np.ones((5, 3)), np.arange(5.0)[:, None], np.ones((1, 4))])
def test_degenerate_activity_still_has_a_plane(values: np.ndarray) -> None:
    view = project(wb.from_arrays({"a": values})["a"], 10)
    assert view.coordinates.shape == (len(values), 2)
    assert np.isfinite(view.coordinates).all()


def test_spatial_axes_become_units() -> None:
    rec = wb.from_arrays({"map": np.random.default_rng(0).normal(size=(6, 2, 3, 4))})
    assert project(rec["map"], 6).n_units == 24


def test_no_two_classes_share_colour_and_symbol(recording: wb.Recording) -> None:
    view = project(recording["area"], 200)
    table = recording.rows.iloc[view.rows].reset_index(drop=True)
    table.loc[:3, "label"] = None
    figure = scatter(view, table, "label")
    looks = [(trace.marker.color, trace.marker.symbol) for trace in figure.data]
    assert len(set(looks)) == len(looks)
    assert any(trace.name.startswith(MISSING) for trace in figure.data)
    assert any(trace.name.startswith(OTHER) for trace in figure.data)
    assert sum(len(trace.x) for trace in figure.data) == 200


def test_every_point_knows_its_row(recording: wb.Recording) -> None:
    view = project(recording["area"], 30, 5)
    figure = scatter(view, recording.rows.iloc[view.rows].reset_index(drop=True), "label")
    rows = [point[0] for trace in figure.data for point in trace.customdata]
    assert sorted(rows) == view.rows.tolist()


def test_selections_of_rows_no_longer_shown_are_ignored() -> None:
    points = [{"customdata": [3]}, {"customdata": [9]}, {}]
    assert selected_rows({"selection": {"points": points}}, np.array([1, 3])) == [3]
    assert selected_rows(None, np.array([1])) == []


def test_a_repeated_token_is_found_by_those_before_it() -> None:
    text = "the cat saw the dog"
    tokens = ["<bos>", "the", " cat", " saw", " the", " dog"]
    assert token_span(text, tokens, range(6), 4) == (12, 15)
    assert token_span(text, tokens, range(6), 0) is None
    assert token_span(text, [" the"], [4], 0) is None
    assert token_span(text, [" dog"], [5], 0) == (16, 19)


def test_marked_text_is_escaped() -> None:
    shown = marked_text("a <b> & c", (2, 5))
    assert "&lt;b&gt;</mark> &amp; c" in shown


def test_a_form_passes_on_only_what_was_changed() -> None:
    from analyses.word_classes.analysis import WordClasses
    from dashboards.views.analysis import defaults, written

    values = {name: written(value) for name, value in defaults(WordClasses).items()}
    assert changed_parameters(WordClasses, values) == {}
    assert changed_parameters(WordClasses, {**values, "seed": "7"}) == {"seed": "7"}
