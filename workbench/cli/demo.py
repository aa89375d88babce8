"""``workbench demo``."""

from __future__ import annotations

from pathlib import Path

import click

from workbench.cli.output import json_option, print_json, show_progress
from workbench.errors import WorkbenchError


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

    from workbench.recipe import read_recipe, run_recipe

    with as_file(files("workbench.demo") / "demo.yaml") as path:
        recipe = read_recipe(path, library)
    outcome = run_recipe(
        recipe,
        say=(lambda _: None) if as_json else click.echo,
        progress=show_progress(as_json),
    )
    if as_json:
        print_json(outcome.as_json())
    else:
        click.echo(f"\nReport:    {outcome.report}")
        click.echo(f"Dashboard: workbench dashboard {library}")
    if outcome.failures:
        raise WorkbenchError(
            f"{len(outcome.failures)} analyses failed; the report '{outcome.report}' says why."
        )
