"""Printing for people or for machines."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")


def show_progress(as_json: bool) -> bool:
    """Whether a progress bar is of use: to a person at a terminal."""
    return not as_json and sys.stderr.isatty()


def print_json(value: Any) -> None:
    """Print a value as one JSON document."""
    click.echo(json.dumps(value, indent=1, ensure_ascii=False, default=str))


def print_table(rows: Sequence[Mapping[str, Any]], as_json: bool, empty: str) -> None:
    """Print rows with aligned columns, or as a JSON list.

    Parameters
    ----------
    rows : sequence of mappings with the same keys
    as_json : bool
    empty : str
        What to say where there is no row.
    """
    if as_json:
        print_json(list(rows))
        return
    if not rows:
        click.echo(empty)
        return
    columns = list(rows[0])
    cells = [columns, *([str(row[column]) for column in columns] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    for line in cells:
        padded = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo(padded.rstrip())
