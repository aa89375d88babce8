from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest
from streamlit.testing.v1 import AppTest

import dashboards
from dashboards.jobs import list_jobs, log_tail, read_job
from workbench.library import find_results

PAGES = ["library", "capture", "explore", "compare", "reports", "jobs", "steering"]
SECONDS = 60


def show(page: str) -> AppTest:
    script = f"from dashboards.views.{page} import {page}_page\n{page}_page()"
    return AppTest.from_string(script, default_timeout=SECONDS)


def show_analysis(name: str) -> AppTest:
    script = f"from dashboards.views.analysis import show_analysis\nshow_analysis({name!r})"
    return AppTest.from_string(script, default_timeout=SECONDS)


def texts(app: AppTest) -> str:
    kinds = (app.markdown, app.caption, app.info, app.error, app.subheader, app.title, app.text)
    return "\n".join(str(each.value) for kind in kinds for each in kind).replace("\\", "")


def metrics(app: AppTest) -> dict[str, str]:
    return {each.label.replace("\\", ""): each.value for each in app.metric}


def html(app: AppTest) -> list[str]:
    return [each.proto.body for each in app.get("html")]


@pytest.fixture
def in_library(library: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WORKBENCH_LIBRARY", str(library))
    return library


@pytest.fixture
def in_empty(tmp_path: Path, tiny: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WORKBENCH_LIBRARY", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens(page: str, in_library: Path) -> None:
    app = show(page).run()
    assert not app.exception
    assert app.title[0].value == page.capitalize()


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_on_an_empty_library(page: str, in_empty: Path) -> None:
    app = show(page).run()
    assert not app.exception
    assert page == "capture" or app.info


def test_the_app_opens_on_the_library_page(in_library: Path) -> None:
    app = AppTest.from_file(Path(dashboards.__file__).with_name("app.py"), default_timeout=SECONDS)
    app.run()
    assert not app.exception
    assert app.title[0].value == "Library"


def test_every_widget_has_a_label(in_library: Path) -> None:
    for app in [*(show(page) for page in PAGES), show_analysis("mean_gap")]:
        app.run()
        kinds = (app.selectbox, app.text_input, app.number_input, app.multiselect, app.radio)
        assert all(widget.label for kind in kinds for widget in kind)


def test_library_counts_and_names_what_cannot_be_read(in_library: Path) -> None:
    app = show("library").run()
    assert metrics(app)["Recordings"] == "2"
    assert metrics(app)["Results"] == "2"
    assert metrics(app)["Measures beating null"] == "2 of 6"
    assert len(app.error) == 2
    assert "newer version" in texts(app)


def test_explore_says_how_many_rows_are_shown(in_library: Path) -> None:
    app = show("explore").run()
    app.number_input(key="explore_rows").set_value(50).run()
    assert not app.exception
    assert metrics(app)["Rows shown of 234"] == "50"
    assert len(app.dataframe[0].value) == 50


def test_selected_points_show_their_rows_and_marked_stimuli(in_library: Path) -> None:
    app = show("explore").run()
    table = app.dataframe[0].value
    row = int(table.loc[table["token"].str.contains("script"), "row"].iloc[0])
    app.session_state["explore_scatter"] = {"selection": {"points": [{"customdata": [row]}]}}
    app.run()
    assert not app.exception
    assert app.dataframe[0].value["row"].tolist() == [row]
    (shown,) = html(app)
    assert "<mark" in shown
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown


def test_ticked_rows_show_their_stimuli_without_the_chart(in_library: Path) -> None:
    app = show("explore").run()
    assert html(app) == []
    app.session_state["explore_table"] = {"selection": {"rows": [0, 2], "columns": []}}
    app.run()
    assert not app.exception
    assert [each.count("<mark") for each in html(app)] == [1, 1]


def test_explore_shows_two_units(in_library: Path) -> None:
    app = show("explore").run()
    app.radio(key="explore_axes").set_value("two units").run()
    app.number_input(key="explore_unit_y").set_value(4).run()
    assert not app.exception
    assert metrics(app)["Variance in the plane"] == "two raw units"


@pytest.mark.parametrize("colour", ["nothing", "token", "label", "position", "stimulus"])
def test_explore_colours_by_any_column(colour: str, in_library: Path) -> None:
    app = show("explore").run()
    app.selectbox(key="colour").select(colour).run()
    assert not app.exception


def test_analysis_page_shows_key_numbers_measures_and_summary(in_library: Path) -> None:
    app = show_analysis("mean_gap").run()
    app.selectbox(key="mean_gap_result").select("mean_gap_noise").run()
    assert not app.exception
    assert set(metrics(app)) == {"gap", "sites"}
    assert "null not beaten" in texts(app)
    assert "0 of 3 sites beat their null" in texts(app)
    table = app.dataframe[0].value
    assert len(table) == 4
    assert table["null (mean ± sd)"].str.contains("99 draws").sum() == 3


def test_an_analysis_that_is_not_installed_is_an_error_not_a_crash(in_library: Path) -> None:
    app = show_analysis("nothing_of_the_kind").run()
    assert not app.exception
    assert "Found no analysis" in app.error[0].value.replace("\\", "")


def test_the_form_of_an_analysis_runs_it(
    in_empty: Path, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    shutil.copytree(library / "recordings" / "noise", in_empty / "noise")
    app = show_analysis("mean_gap").run()
    app.text_input(key="mean_gap_parameter_n_permutations").set_value("19")
    app.button[0].click().run()
    assert not app.exception
    (job,) = list_jobs(in_empty)
    assert job.title == "mean_gap on noise"
    assert job.command[-4:-2] == ("--n-permutations", "19")
    assert job.command[-1].endswith("mean_gap-noise")
    until = time.monotonic() + 60
    while read_job(job.folder).is_active and time.monotonic() < until:
        time.sleep(0.1)
    assert read_job(job.folder).state == "done", log_tail(job)
    app.run()
    assert "gap" in metrics(app)
    assert "19 draws" in app.dataframe[0].value["null (mean ± sd)"].iloc[0]


def test_compare_pairs_measures_by_name_and_site(in_library: Path) -> None:
    app = show("compare").run()
    assert not app.exception
    table = app.dataframe[0].value
    assert len(table) == 4
    assert table["second − first"].equals(table["second"] - table["first"])  # noqa: RUF001


def test_reports_builds_a_file(in_empty: Path, library: Path) -> None:
    for path in find_results(library):
        shutil.copytree(path, in_empty / path.name)
    app = show("reports").run()
    app.button[0].click().run()
    assert not app.exception
    assert (in_empty / "reports" / "report.html").stat().st_size > 10**6
    assert "Report written" in app.success[0].value


@pytest.fixture(scope="module")
def language(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import workbench as wb

    root = tmp_path_factory.mktemp("language")
    site = "blocks.2.hook_resid_post"
    wb.capture("demo:language", sites=site, positions="word", max_rows=900, out=root / "language")
    return root


def test_steering_moves_the_next_word_with_the_slider(
    language: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_LIBRARY", str(language))
    app = show("steering").run()
    app.selectbox(key="steering_class").select("NOUN").run()
    assert not app.exception
    assert float(metrics(app)["Slope over all texts, p"]) < 0.15
    found = []
    for strength in (-0.5, 0.0, 0.5):
        app.slider(key="steering_strength").set_value(strength).run()
        assert not app.exception
        found.append(float(metrics(app)["NOUN next, after this text"].split()[0]))
    assert found[0] < found[1] == 0 < found[2]
    assert "What steering breaks" in texts(app)
    assert set(app.dataframe[0].value) == {"token", "before", "after", "random"}


def test_a_text_without_a_token_is_an_error_not_a_crash(
    language: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_LIBRARY", str(language))
    app = show("steering").run()
    app.text_input(key="steering_text").set_value("").run()
    assert not app.exception
    assert "without a token" in app.error[0].value
