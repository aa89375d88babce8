"""The templates of reports and fragments; everything that enters one is escaped."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from workbench.report import wording

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup


@cache
def environment() -> Environment:
    """Jinja's environment with automatic escaping and the functions that word measures."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("workbench.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["breakable"] = _breakable
    for function in (
        wording.with_unit,
        wording.interval,
        wording.null_text,
        wording.p_text,
        wording.verdict,
        wording.where_text,
        wording.where_keys,
        wording.headlines,
    ):
        made.globals[function.__name__] = function
    return made


def _breakable(name: object) -> Markup:
    # A long site name breaks after its dots and underscores, not within a word.
    from markupsafe import Markup

    text = Markup.escape(name)
    for sign in "._/":
        text = text.replace(sign, Markup(f"{sign}<wbr>"))  # noqa: S704 - our own sign
    return text


def template_text(name: str) -> str:
    """A file of the template folder as it is."""
    return (files("workbench.report") / "templates" / name).read_text(encoding="utf-8")
