"""What a result shows of itself as the last value of a notebook cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.report.templating import environment

if TYPE_CHECKING:
    from workbench.analysis.result import Result

ROWS = 12


def result_fragment(result: Result, max_rows: int = ROWS) -> str:
    """Question, summary and measures of a result as a piece of HTML.

    Parameters
    ----------
    result : Result
    max_rows : int
        At most so many measures; the fragment says how many there are.

    Returns
    -------
    str
        Needs no style sheet and no script; everything in it is escaped.
    """
    template = environment().get_template("fragment.html")
    return template.render(result=result, measures=result.measures[:max_rows])
