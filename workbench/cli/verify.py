"""``workbench verify``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from workbench.cli.output import json_option, print_json
from workbench.errors import WorkbenchError


@click.command(short_help="Re-hash recordings.")
@click.argument("recordings", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--repair",
    is_flag=True,
    help="Withdraw faulty shards, so that the same capture makes them anew.",
)
@json_option
def verify(recordings: tuple[Path, ...], repair: bool, as_json: bool) -> None:
    """Re-hash every file of RECORDINGS and name those that are not as they were committed."""
    from workbench.recording.verify import verify_recording

    found = [verify_recording(path, repair) for path in recordings]
    if as_json:
        print_json([{**asdict(each), "ok": each.ok} for each in found])
    else:
        for each in found:
            megabytes = each.bytes / 1e6
            click.echo(f"{each.path}: {each.files} files, {megabytes:.1f} MB re-hashed.")
            for fault in each.faults:
                click.echo(f"  fault: {fault}")
            if each.missing_shards:
                click.echo(f"  unfinished: {len(each.missing_shards)} shards not captured yet.")
            if each.repaired:
                click.echo(f"  withdrawn: shards {list(each.repaired)}; run the capture again.")
    n_faults = sum(len(each.faults) for each in found)
    if n_faults:
        raise WorkbenchError(
            f"{n_faults} files are not as they were committed; restore them, or run 'workbench "
            "verify --repair' and the same capture again."
        )
