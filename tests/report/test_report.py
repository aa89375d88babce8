from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import plotly.graph_objects as go
import pytest

import workbench as wb
from workbench.errors import UsageError, WorkbenchError
from workbench.library import find_results
from workbench.report.build import build_report, render_report
from workbench.report.failure import FailedResult
from workbench.report.figures import PALETTE, safe_figure
from workbench.report.fragments import result_fragment
from workbench.report.wording import headlines

HOSTILE = "</script><script>window.hacked = true</script>"


class Outline(HTMLParser):
    """Elements, ids, links and scripts that a browser would see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.tags.append(tag)
        self.ids.extend(value for key, value in attributes if key == "id" and value)
        if tag == "a":
            self.links.append(given.get("href") or "")
        if tag == "script":
            self.scripts.append(given.get("type") or "code")


@pytest.fixture(scope="module")
def page(library: Path) -> str:
    failed = FailedResult("word_classes", "trained", "Found NaN in 3 rows; expected numbers.")
    return render_report([*find_results(library), failed], "Two results")


def text_of(page: str) -> str:
    without_scripts = re.sub(r"<script.*?</script>|<style.*?</style>", "", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", without_scripts.replace("<wbr>", "")))


def test_one_file_that_needs_nothing_else(page: str) -> None:
    assert Outline(page).scripts.count("code") == 2
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", page)
    assert "default-src 'none'" in page


def test_contents_lead_to_every_section(page: str) -> None:
    outline = Outline(page)
    targets = {link[1:] for link in outline.links}
    assert targets <= set(outline.ids)
    assert len(outline.ids) == len(set(outline.ids))
    assert {"overview", "result-1", "result-2", "result-3"} <= targets


def test_measures_stand_beside_their_nulls(page: str, library: Path) -> None:
    text = text_of(page)
    result = wb.open(find_results(library)[0])
    for measure in result.measures:
        assert f"{measure.n:,}" in text
    assert "labels shuffled over rows, 99 draws" in text
    assert "no null: a count" in text


def test_negative_results_are_said_as_plainly_as_positive_ones(page: str) -> None:
    text = text_of(page)
    assert "✗ null not beaten" in text
    assert "✓ beats null" in text
    assert "0 of 3 beat their null" in text


def test_method_parameters_and_provenance(page: str, library: Path) -> None:
    text = text_of(page)
    for result in map(wb.open, find_results(library)):
        assert result.identity in text
        assert result.meta["recording"]["identity"] in text
    assert "equation 2.5.1" in text
    assert "n_permutations 99" in text
    assert "BLAS threads" in text


def test_failures_are_visible(page: str, library: Path, tmp_path: Path) -> None:
    assert "Found NaN in 3 rows; expected numbers." in text_of(page)
    assert page.count('class="failure" role="alert"') == 1
    empty = tmp_path / "not_a_result"
    empty.mkdir()
    assert "Found no readable result" in text_of(render_report([empty]))


def test_figures_that_raise_are_visible(library: Path) -> None:
    result = wb.open(find_results(library)[0])
    without_data = dataclasses.replace(result, data=result.data.drop_vars("gap"))
    assert "This figure could not be drawn" in text_of(render_report([without_data]))
    unknown = dataclasses.replace(result, meta={**result.meta, "analysis": "not_installed"})
    assert "Found no analysis" in text_of(render_report([unknown]))


def test_nothing_from_data_becomes_markup(tiny: ModuleType) -> None:
    recording = tiny.make_recording(1.0)
    result = tiny.MeanGap().fit(recording).result_
    hostile_meta = {
        **result.meta,
        "question": HOSTILE,
        "parameters": {HOSTILE: HOSTILE},
        "recording": {**result.meta["recording"], "name": HOSTILE, "subject": {HOSTILE: HOSTILE}},
    }
    measures = tuple(
        dataclasses.replace(
            each, name=HOSTILE, where={HOSTILE: HOSTILE}, note=HOSTILE, unit=HOSTILE
        )
        for each in result.measures
    )
    hostile = dataclasses.replace(result, meta=hostile_meta, measures=measures, text=HOSTILE)
    plain, marked = Outline(render_report([result])), Outline(render_report([hostile], HOSTILE))
    assert set(marked.tags) == set(plain.tags)
    assert marked.scripts == plain.scripts
    assert Outline(result_fragment(hostile)).scripts == []


def test_figure_texts_cannot_end_their_script_nor_hold_links() -> None:
    texts = [HOSTILE, "<a href='http://example.org'>x</a>", "a<br>b", "&lt;b&gt;"]
    figure = go.Figure(
        go.Scatter(x=texts, y=[1, 2, 3, 4], text=texts, hovertext=texts, name=HOSTILE)
    )
    figure.update_layout(
        title=HOSTILE,
        images=[{"source": "http://example.org/x.png"}],
        yaxis_title="<b>activity</b>",
    )
    safe = safe_figure(figure)
    trace = safe.content["data"][0]
    assert "<" not in safe.script_json()
    assert trace["text"][0] == HOSTILE.replace("<", "&lt;")
    assert trace["text"][1:3] == ["&lt;a href='http://example.org'>x&lt;/a>", "a<br>b"]
    assert trace["text"][3] == "&lt;b&gt;"
    assert trace["x"] == trace["text"]
    assert safe.content["layout"]["images"] == []
    assert safe.content["layout"]["yaxis"]["title"]["text"] == "<b>activity</b>"


def test_a_subtitle_outlives_the_title_that_the_page_repeats() -> None:
    figure = go.Figure(go.Bar(y=[1, 2]))
    title = {"text": "Bars", "subtitle": {"text": "two of them"}}
    figure.update_layout(title=title, margin={"t": 150})
    layout = safe_figure(figure, "Bars").content["layout"]
    assert layout["title"]["text"] == "two of them"
    assert "subtitle" not in layout["title"]
    assert layout["margin"]["t"] < 150
    assert safe_figure(figure, "Others").content["layout"]["title"]["text"] == "Bars"


def test_fixed_widths_go_and_heights_stay() -> None:
    figure = go.Figure(go.Bar(y=[1])).update_layout(width=3000, height=333, title="Bars")
    safe = safe_figure(figure, "Bars")
    assert safe.height == 333
    assert "width" not in safe.content["layout"]
    assert "title" not in safe.content["layout"]


def test_only_the_default_look_is_replaced() -> None:
    default, own = (
        go.Figure(go.Bar(y=[1])),
        go.Figure(go.Bar(y=[1])).update_layout(template="ggplot2"),
    )
    colours = [
        safe_figure(each).content["layout"]["template"]["layout"]["colorway"]
        for each in (default, own)
    ]
    assert colours[0] == list(PALETTE)
    assert colours[1] != list(PALETTE)


def test_the_same_results_give_the_same_bytes(library: Path, tmp_path: Path) -> None:
    written = [
        build_report(find_results(library), tmp_path / name).read_bytes()
        for name in ("one.html", "two.html")
    ]
    assert written[0] == written[1]


def test_budget_names_the_biggest_sections_and_leaves_the_old_file(
    library: Path, tmp_path: Path
) -> None:
    out = tmp_path / "report.html"
    out.write_text("old", encoding="utf-8")
    with pytest.raises(WorkbenchError, match=r"more than 1\.0 MB.*'Mean gap: (noise|trained)'"):
        build_report(find_results(library), out, budget_bytes=10**6)
    assert out.read_text(encoding="utf-8") == "old"


def test_stays_far_below_the_budget(page: str) -> None:
    assert len(page.encode()) < 6 * 10**6


def test_bad_requests(library: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Found no result to report"):
        build_report([], tmp_path / "report.html")
    with pytest.raises(UsageError, match=r"Found no result at .*check the path"):
        build_report([tmp_path / "nowhere"], tmp_path / "report.html")
    with pytest.raises(UsageError, match="is a folder"):
        build_report(find_results(library), tmp_path)


def test_contrast_of_all_text_colours() -> None:
    style = Path(wb.__file__).with_name("report") / "templates" / "report.css"
    names = dict(re.findall(r"--(\w+): (#\w{6})", style.read_text(encoding="utf-8")))
    for name in ("ink", "soft", "accent", "beats", "not", "bad"):
        for background in ("#f6f8fa", "#fdeceb", "#fdf3e7", "#eaf3fa"):
            assert contrast(names[name], background) >= 4.5, (name, background)


def contrast(one: str, other: str) -> float:
    dark, light = sorted(map(luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_headline_is_the_measure_farthest_from_its_null(library: Path) -> None:
    trained = wb.open(find_results(library)[1])
    gap, count = headlines(trained.measures)
    assert gap.measure.value == max(m.value for m in trained.measures if m.name == "gap")
    assert gap.tally == "2 of 3 beat their null"
    assert count.tally == "no null"


def test_fragment_says_how_many_measures_it_shows(library: Path) -> None:
    result = wb.open(find_results(library)[0])
    fragment = result_fragment(result, max_rows=2)
    assert "2 of 4 measures shown" in fragment
    assert result.summary() in fragment
    assert result._repr_html_() == result_fragment(result)
