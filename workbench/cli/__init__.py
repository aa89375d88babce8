"""The command line; every command imports what it needs when it runs."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from functools import cache
from typing import Any

import click

from workbench.cli.analyze import analyze
from workbench.cli.capture import capture
from workbench.cli.dashboard import dashboard
from workbench.cli.demo import demo
from workbench.cli.list import list_
from workbench.cli.report import report
from workbench.cli.run import run
from workbench.cli.verify import verify
from workbench.errors import WorkbenchError

INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="workbench")
def cli() -> None:
    """Record language models, vision models, networks and brains; analyse them alike.

    Exit codes: 0 done, 1 something failed, 2 the command cannot be carried out as written.
    """


for command in (demo, capture, analyze, report, dashboard, list_, verify, run):
    cli.add_command(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with a code that means something."""
    warnings.showwarning = _show_warning
    try:
        cli.main(args=arguments, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except WorkbenchError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted; what was committed stays.", err=True)
        sys.exit(INTERRUPTED)


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    _warn_once(str(message))


@cache
def _warn_once(message: str) -> None:
    click.echo(f"Warning: {message}", err=True)
