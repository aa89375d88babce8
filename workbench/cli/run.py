"""``workbench run``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from workbench.cli.output import json_option, print_json, show_progress
from workbench.errors import WorkbenchError


@click.command(short_help="Carry out a recipe.")
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option(
    "--library",
    type=click.Path(path_type=Path),
    help="Folder to write to.  [default: as the recipe says]",
)
@json_option
def run(recipe: Path, library: Path | None, as_json: bool) -> None:
    """Carry out RECIPE (YAML): its captures, its analyses, its report."""
    carry_out(recipe, library, as_json)


def carry_out(
    recipe: Path, library: Path | None, as_json: bool, ending: Sequence[str] = ()
) -> None:
    """Run a recipe, print its news, and fail if one of its analyses did.

    Parameters
    ----------
    recipe : Path
    library : Path, optional
    as_json : bool
    ending : sequence of str
        Last lines for people; ``{report}`` stands for the path of the report.

    Raises
    ------
    WorkbenchError
        If an analysis failed; the report is written all the same.
    """
    from workbench.recipe import read_recipe, run_recipe

    outcome = run_recipe(
        read_recipe(recipe, library),
        say=(lambda _: None) if as_json else click.echo,
        progress=show_progress(as_json),
    )
    if as_json:
        print_json(outcome.as_json())
    else:
        for line in ending:
            click.echo(line.replace("{report}", str(outcome.report)))
    if outcome.failures:
        raise WorkbenchError(
            f"{len(outcome.failures)} analyses failed; the report '{outcome.report}' says why."
        )
