"""``workbench report``."""

from __future__ import annotations

from pathlib import Path

import click

from workbench.cli.output import json_option, print_json


@click.command(short_help="Put results together into one HTML file.")
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("report.html"),
    show_default=True,
    help="HTML file to write.",
)
@click.option("--title", default="Workbench report", show_default=True, help="Title of the report.")
@json_option
def report(results: tuple[Path, ...], out: Path, title: str, as_json: bool) -> None:
    """Put RESULTS together into one self-contained HTML file."""
    from workbench.report.build import build_report

    path = build_report(results, out, title=title)
    if as_json:
        print_json({"path": str(path), "bytes": path.stat().st_size, "results": len(results)})
        return
    click.echo(f"Report of {len(results)} results in '{path}'.")
