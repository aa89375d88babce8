"""``workbench dashboard``."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from pathlib import Path

import click

from workbench.errors import UsageError


@click.command(short_help="Look at recordings and results in a browser.")
@click.argument("library", type=click.Path(path_type=Path), default=None, required=False)
@click.option(
    "--port", type=int, help="Port on this machine.  [default: 8501 or the next free one]"
)
@click.option("--browser/--no-browser", default=True, help="Open a browser window.")
def dashboard(library: Path | None, port: int | None, browser: bool) -> None:
    """Look at the recordings and results of LIBRARY (a folder; this one by default).

    The page is served to this machine only.
    """
    from workbench.library import default_library

    folder = library or default_library()
    if not folder.is_dir():
        raise UsageError(f"Found no folder '{folder}'; expected a library: check the path.")
    # The dashboards are found by name, so that this package does not import them.
    (launch,) = entry_points(group="workbench.dashboards", name="app")
    sys.exit(launch.load()(folder, port, browser))
