"""``workbench list``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from workbench.cli.output import json_option, print_table

WHAT = ("subjects", "analyses", "recordings", "results")


@click.command(name="list", short_help="List subjects, analyses, recordings or results.")
@click.argument("what", type=click.Choice(WHAT))
@click.argument("library", type=click.Path(path_type=Path), default=None, required=False)
@json_option
def list_(what: str, library: Path | None, as_json: bool) -> None:
    """List subjects, analyses, or the recordings or results of LIBRARY (this folder by default)."""
    empty = f"no {what}" + (f" in '{_library(library)}'" if what in WHAT[2:] else "")
    print_table(_rows(what, library), as_json, empty)


def _rows(what: str, library: Path | None) -> list[dict[str, Any]]:
    if what == "subjects":
        from workbench.subjects.addresses import SUBJECTS

        return [{"address": address, "what": text} for address, text in SUBJECTS.items()]
    if what == "analyses":
        return _analyses()
    return _recordings(_library(library)) if what == "recordings" else _results(_library(library))


def _recordings(library: Path) -> list[dict[str, Any]]:
    from workbench.library import recording_summaries

    return [
        {
            "path": str(each.path),
            "subject": each.address,
            "kind": each.kind,
            "rows": each.rows,
            "sites": len(each.sites),
            "state": each.error or each.state,
            "identity": each.identity[:12],
        }
        for each in recording_summaries(library)
    ]


def _results(library: Path) -> list[dict[str, Any]]:
    from workbench.library import result_summaries

    return [
        {
            "path": str(each.path),
            "analysis": each.analysis,
            "recording": each.recording,
            "beat their null": f"{each.beaten} of {each.tested}",
            "state": each.error or "complete",
        }
        for each in result_summaries(library)
    ]


def _library(library: Path | None) -> Path:
    from workbench.library import default_library

    return library or default_library()


def _analyses() -> list[dict[str, Any]]:
    from workbench.analysis.registry import analysis_origins, load_analysis

    return [
        {
            "analysis": name,
            "question": load_analysis(name).spec.question,
            "needs": ", ".join(load_analysis(name).spec.needs) or "-",
            "package": origin,
        }
        for name, origin in analysis_origins().items()
    ]
