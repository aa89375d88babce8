"""Building a report: results in, one self-contained HTML file out."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.analysis.result import Result, open_result
from workbench.errors import UsageError, WorkbenchError
from workbench.recording.files import write_atomically
from workbench.recording.identity import digest
from workbench.report.failure import FailedResult
from workbench.report.figures import SafeFigure, safe_figure
from workbench.report.templating import environment, template_text

if TYPE_CHECKING:
    import plotly.graph_objects as go

TITLE = "Workbench report"
BUDGET_BYTES = 10 * 10**6


@dataclass(frozen=True)
class DrawnFigure:
    """A figure of a section, or the reason why it could not be drawn."""

    anchor: str
    title: str
    figure: SafeFigure | None
    error: str = ""


@dataclass(frozen=True)
class Section:
    """One result of the report, or its failure."""

    anchor: str
    title: str
    content: Result | FailedResult
    figures: tuple[DrawnFigure, ...] = ()

    @property
    def result(self) -> Result | None:
        """The result, unless it failed."""
        return self.content if isinstance(self.content, Result) else None

    @property
    def failure(self) -> FailedResult | None:
        """The failure, if it is one."""
        return self.content if isinstance(self.content, FailedResult) else None

    @property
    def characters(self) -> int:
        """Size of its figures in the file."""
        return sum(len(each.figure.script_json()) for each in self.figures if each.figure)


def build_report(
    results: Sequence[Result | FailedResult | str | Path],
    out: str | Path,
    title: str = TITLE,
    *,
    budget_bytes: int = BUDGET_BYTES,
) -> Path:
    """Write results into one HTML file that needs nothing else.

    The same results give the same bytes. A result that failed, a folder that cannot be read and
    a figure that cannot be drawn become visible red boxes.

    Parameters
    ----------
    results : sequence of Result, FailedResult or path
        In the order of the report; a path is the folder of a result.
    out : str or Path
        File to write; it is replaced whole or left as it was.
    title : str
        Title of the report.
    budget_bytes : int
        Largest size of the file.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    UsageError
        If there is no result, a path does not exist, or ``out`` is a folder.
    WorkbenchError
        If the file would be larger than the budget, or cannot be written.
    """
    target = Path(out)
    if not results:
        raise UsageError("Found no result to report; expected at least one: run an analysis first.")
    if target.is_dir():
        raise UsageError(f"'{target}' is a folder; expected a file name such as report.html.")
    content = render_report(results, title, budget_bytes=budget_bytes)
    write_atomically(target.parent, target.name, [content.encode()])
    return target


def render_report(
    results: Sequence[Result | FailedResult | str | Path],
    title: str = TITLE,
    *,
    budget_bytes: int = BUDGET_BYTES,
) -> str:
    """Make the HTML of a report; see `build_report`."""
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs, get_plotlyjs_version

    sections = [_section(number, _opened(each)) for number, each in enumerate(results, start=1)]
    scripts = [_own_lines(get_plotlyjs()), template_text("report.js")]
    template = environment().get_template("report.html")
    content = template.render(
        title=title,
        sections=sections,
        style=Markup(template_text("report.css")),  # noqa: S704 - our own file
        scripts=[Markup(script) for script in scripts],  # noqa: S704 - plotly's and our own
        script_hashes=[_content_hash(script) for script in scripts],
        figure_json=_figure_json,
        software=_software(sections),
        plotly_version=get_plotlyjs_version(),
        identity=digest([_identity(section) for section in sections]),
    )
    _check_budget(content, sections, budget_bytes)
    return content


def _opened(given: Result | FailedResult | str | Path) -> Result | FailedResult:
    if isinstance(given, (Result, FailedResult)):
        return given
    path = Path(given)
    if not path.exists():
        raise UsageError(
            f"Found no result at '{path}'; expected a folder that 'workbench analyze' wrote: check "
            "the path, or see 'workbench list results'."
        )
    try:
        return open_result(path)
    except WorkbenchError as error:
        return FailedResult(path.name, "", str(error))


def _section(number: int, content: Result | FailedResult) -> Section:
    anchor = f"result-{number}"
    if isinstance(content, FailedResult):
        return Section(anchor, content.title, content)
    drawn, failure = _attempt(content.figures)
    if drawn is None:
        lost = DrawnFigure(f"{anchor}-figure-1", "Figures", None, failure)
        return Section(anchor, content.title, content, (lost,))
    figures = (
        _figure(f"{anchor}-figure-{i}", name, figure)
        for i, (name, figure) in enumerate(drawn.items(), start=1)
    )
    return Section(anchor, content.title, content, tuple(figures))


def _figure(anchor: str, title: str, figure: go.Figure) -> DrawnFigure:
    safe, failure = _attempt(lambda: safe_figure(figure, title))
    return DrawnFigure(anchor, title, safe, failure)


def _attempt(draw: Callable[[], Any]) -> tuple[Any, str]:
    try:
        return draw(), ""
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything; the reader is shown it
        return None, f"{type(error).__name__}: {error}"


def _figure_json(figure: SafeFigure) -> Any:
    from markupsafe import Markup

    return Markup(figure.script_json())  # noqa: S704 - no <, > or & is left in it


def _own_lines(script: str) -> str:
    # A browser reads every line end as one line feed, and hashes the script after that.
    return script.replace("\r\n", "\n").replace("\r", "\n")


def _content_hash(script: str) -> str:
    # The browser runs only scripts of these hashes, whatever else should get into the page.
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _software(sections: Sequence[Section]) -> list[str]:
    found = {
        f"{name} {version}"
        for section in sections
        if section.result
        for name, version in section.result.meta["software"].items()
    }
    return sorted(found)


def _identity(section: Section) -> list[str]:
    if section.result:
        return [section.result.identity]
    return [section.title, section.content.error]  # type: ignore[union-attr]


def _check_budget(content: str, sections: Sequence[Section], budget_bytes: int) -> None:
    size = len(content.encode())
    if size <= budget_bytes:
        return
    biggest = sorted(sections, key=lambda section: -section.characters)[:3]
    named = ", ".join(f"'{each.title}' {each.characters / 1e6:.1f} MB" for each in biggest)
    raise WorkbenchError(
        f"The report would have {size / 1e6:.1f} MB, more than {budget_bytes / 1e6:.1f} MB; the "
        f"biggest sections are {named}: split the results over several reports."
    )
