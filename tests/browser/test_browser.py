"""The real server and the real report in a real browser."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from workbench.library import find_results
from workbench.report.build import build_report
from workbench.report.failure import FailedResult

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SLOW = 30_000
PLUGIN = Path(__file__).parents[1] / "support" / "tiny_plugin_site"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"no browser is installed (none of {', '.join(NAMES)})")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=found, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.set_default_timeout(SLOW)
    yield opened
    context.close()


@pytest.fixture(scope="module")
def full_library(library: Path, tiny: ModuleType) -> Path:
    from analyses.word_classes.analysis import WordClasses

    plain = tiny.make_recording(1.0, hostile=False)
    result = WordClasses("label", n_permutations=19, n_bootstrap=19, embeddings=("mds",)).fit(plain)
    result.result_.save(library / "results" / "word_classes_trained")
    return library


@pytest.fixture(scope="module")
def server(full_library: Path) -> Iterator[tuple[str, int]]:
    port = free_port()
    code = (
        "import sys; from pathlib import Path; from dashboards.launch import run\n"
        f"sys.exit(run(Path({str(full_library)!r}), {port}, False))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(PLUGIN), *sys.path])}
    started = subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert started.stdout is not None
    line = started.stdout.readline()
    assert f"http://127.0.0.1:{port}" in line
    yield f"http://127.0.0.1:{port}", port
    started.terminate()
    assert started.wait(timeout=20) == 0
    with pytest.raises(ConnectionRefusedError):  # nothing is left behind
        socket.create_connection(("127.0.0.1", port), timeout=5)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def outside(page: Page) -> list[str]:
    """Addresses that the page asks for beyond this computer."""
    asked: list[str] = []
    local = ("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:", "file:")
    page.on("request", lambda r: None if r.url.startswith(local) else asked.append(r.url))
    return asked


def complaints(page: Page) -> list[str]:
    """Messages of errors on a page."""
    heard: list[str] = []
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("console", lambda m: heard.append(m.text) if m.type == "error" else None)
    return heard


def wait_for_charts(page: Page, selector: str, n: int) -> None:
    page.wait_for_function(
        "([selector, n]) => document.querySelectorAll(selector).length >= n", arg=[selector, n]
    )


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def test_pages_open_without_an_error_and_ask_for_nothing_outside(
    page: Page, server: tuple[str, int]
) -> None:
    url, _ = server
    asked = outside(page)
    for path, title in (("", "Library"), ("explore", "Explore"), ("word_classes", "Word classes")):
        page.goto(f"{url}/{path}")
        page.get_by_role("heading", name=title, level=1).wait_for()
        if path:
            wait_for_charts(page, ".js-plotly-plot .main-svg path.point", 10)
        page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
        assert page.locator("[data-testid=stException]").count() == 0
        assert page.evaluate("window.hacked") is None
        assert fits(page)
    assert asked == []


def test_a_clicked_point_shows_its_stimulus(page: Page, server: tuple[str, int]) -> None:
    page.goto(f"{server[0]}/explore?recording=trained")
    wait_for_charts(page, ".js-plotly-plot path.point", 200)
    box: Any = page.locator(".js-plotly-plot path.point").nth(20).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.locator(".hoverlayer text").first.wait_for()
    page.mouse.click(x, y)
    page.get_by_role("heading", name="Stimuli of the selected rows").wait_for()
    page.locator("[data-testid=stHtml] mark").first.wait_for()
    assert page.evaluate("window.hacked") is None


def test_only_this_computer_can_reach_the_server(server: tuple[str, int]) -> None:
    port = server[1]
    with socket.create_connection(("127.0.0.1", port), timeout=5):
        pass
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing; tells the address of this computer
        except OSError:
            pytest.skip("this computer has no address besides the local one")
        own = probe.getsockname()[0]
    if own.startswith("127."):
        pytest.skip("this computer has no address besides the local one")
    with pytest.raises(OSError, match=r"refused|timed out"):
        socket.create_connection((own, port), timeout=5)


def test_report_draws_every_figure_from_a_file(
    page: Page, full_library: Path, tmp_path: Path
) -> None:
    failed = FailedResult("other", "trained", "Found NaN in 3 rows; expected numbers.")
    report = build_report([*find_results(full_library), failed], tmp_path / "report.html")
    asked, heard = outside(page), complaints(page)
    page.goto(report.as_uri())
    n_figures = page.locator("script[data-figure]").count()
    assert n_figures >= 6
    wait_for_charts(page, ".plot.js-plotly-plot", n_figures)
    wait_for_charts(page, ".plot .xtitle", 4)
    assert page.locator(".failure").count() == 1  # the failed result
    assert heard == []
    assert asked == []
    assert page.evaluate("window.hacked") is None
    assert fits(page)


def test_report_fits_a_telephone(page: Page, full_library: Path, tmp_path: Path) -> None:
    report = build_report(find_results(full_library), tmp_path / "report.html")
    page.set_viewport_size({"width": 420, "height": 800})
    page.goto(report.as_uri())
    wait_for_charts(page, ".plot.js-plotly-plot", 1)
    assert fits(page)
