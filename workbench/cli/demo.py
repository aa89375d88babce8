"""``workbench demo``."""

from __future__ import annotations

from pathlib import Path

import click

from workbench.cli.output import json_option
from workbench.cli.run import carry_out


@click.command(short_help="Record and analyse the embedded subjects.")
@click.option(
    "--library",
    type=click.Path(path_type=Path),
    default=Path("workbench-demo"),
    show_default=True,
    help="Folder to write to.",
)
@json_option
def demo(library: Path, as_json: bool) -> None:
    """Record the embedded subjects, analyse them, write a report; no network needed."""
    from importlib.resources import as_file, files

    ending = ("\nReport:    {report}", f"Dashboard: workbench dashboard {library}")
    with as_file(files("workbench.demo") / "demo.yaml") as path:
        carry_out(path, library, as_json, ending)
