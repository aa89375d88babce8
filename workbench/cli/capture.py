"""``workbench capture``."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.cli.output import json_option, print_json, print_table, show_progress
from workbench.errors import UsageError

if TYPE_CHECKING:
    from workbench.capturing.request import CaptureRequest
    from workbench.recording.recording import Recording

_RUNNING = ("executor", "workers", "worker", "threads")
_REQUEST = (
    "text",
    "tokens",
    "images",
    "stimuli",
    "sites",
    "positions",
    "dtype",
    "max_rows",
    "batch_tokens",
    "shard_rows",
    "device",
)


@click.command(short_help="Record a subject.")
@click.argument("subject")
@click.option(
    "--text",
    type=click.Path(path_type=Path),
    help="Text: .txt (a text a line), .jsonl, .conllu or .parquet.",
)
@click.option("--text-field", help="Field or column that holds the text.  [default: text]")
@click.option(
    "--tagger",
    help="Fill 'upos' of texts without word classes: hanta, hanta:de or textblob.",
)
@click.option(
    "--tokens",
    type=click.Path(path_type=Path),
    help="Token ids (texts, length) as .npy, for a model without tokenizer.",
)
@click.option(
    "--images",
    type=click.Path(path_type=Path),
    help="Images: a folder, a .parquet or an .npz file.",
)
@click.option(
    "--stimuli",
    help="Stimuli of a torch network (.npy, .npz or images), or the name of a demo subject's set.",
)
@click.option("--n-stimuli", type=int, help="How many of a demo subject's own stimuli.")
@click.option(
    "--sites",
    default="*",
    show_default=True,
    help="Sites to record: names or globs, separated by commas.",
)
@click.option(
    "--list-sites", is_flag=True, help="Print name, shape and dtype of every site, and stop."
)
@click.option(
    "--plan",
    is_flag=True,
    help="Print rows, bytes of every site, shards and an estimate of time, and stop.",
)
@click.option(
    "--positions",
    default="all",
    show_default=True,
    help="Rows: all, last, word (mean over each), mean, trial, or indices such as 0,5,-1.",
)
@click.option(
    "--checkpoints",
    help="Checkpoints of a training: files ('ckpt-*.pt') of a torch network, folders "
    "('checkpoint-*') of a language model, names (or '*') of a demo subject.",
)
@click.option("--bin", type=float, help="Width of time bins of a recorded brain, in seconds.")
@click.option(
    "--dtype",
    default="auto",
    show_default=True,
    help="Stored as float32, float16, bfloat16 or float64; auto: float32, brains as they lie.",
)
@click.option("--model-dtype", help="Dtype to compute in.  [default: float32]")
@click.option(
    "--context", type=int, help="Tokens in one window.  [default: all that the model takes]"
)
@click.option(
    "--shard-rows",
    type=int,
    help="Most rows of a shard, the unit of commit and resume.  [default: 16384]",
)
@click.option("--shard-tokens", type=int, help="The same in tokens, for language models.")
@click.option("--max-rows", type=int, help="Stop after so many rows.")
@click.option("--batch-tokens", default=4096, show_default=True, help="Tokens in one forward pass.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option(
    "--option",
    "further",
    multiple=True,
    metavar="NAME=VALUE",
    help="Any other option of the kind of subject; may be given several times.",
)
@click.option(
    "--executor",
    default="serial",
    show_default=True,
    help="Where shards are computed: serial, processes or ray; the bytes are the same.",
)
@click.option("--workers", type=int, help="Processes or Ray actors.  [default: 2]")
@click.option(
    "--worker",
    metavar="I/N",
    help="Compute only the share of worker I (from 0) of N, as in a job array.",
)
@click.option(
    "--threads", type=int, help="Threads of every worker's arithmetic.  [default: all cores]"
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder to write; an unfinished capture there is continued.",
)
@json_option
def capture(
    subject: str,
    list_sites: bool,
    plan: bool,
    out: Path | None,
    as_json: bool,
    further: tuple[str, ...],
    **given: Any,
) -> None:
    """Record a subject: SUBJECT is an address such as hf:FOLDER_OR_NAME or demo:language.

    \b
    Example:
      workbench capture hf:./model --text corpus.conllu \\
          --sites "blocks.*.hook_resid_post" --positions word --out recording
    """
    running = {name: given.pop(name) for name in _RUNNING}
    request = {name: given.pop(name) for name in _REQUEST}
    options = {name: value for name, value in given.items() if value is not None}
    options.update(_pair(each) for each in further)
    if list_sites or plan:
        from workbench.capturing.request import make_request

        wanted = make_request(subject=subject, **request, **options)
        if list_sites:
            _print_sites(wanted, as_json)
        else:
            _print_plan(wanted, out, as_json)
        return
    if out is None:
        raise UsageError("Found no --out; expected a folder to write: add --out FOLDER.")
    from workbench.api import capture as run

    recording = run(
        subject, out=out, progress=show_progress(as_json), **running, **request, **options
    )
    _print_outcome(recording, out, request["positions"], as_json)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise UsageError(f"Found --option '{text}'; expected NAME=VALUE.")
    return name.strip().replace("-", "_"), value


def _print_outcome(recording: Recording, out: Path, positions: str, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "path": str(out),
                "identity": recording.identity,
                "rows": recording.n_rows,
                "sites": recording.sites,
                "complete": recording.is_complete,
            }
        )
        return
    click.echo(f"{recording.n_rows} rows at {len(recording.sites)} sites in '{out}'.")
    planned = sum(recording.manifest.plan)
    if not recording.is_complete:
        click.echo(f"{planned - recording.n_rows} of {planned} rows are still to be done.")
    left_out = recording.manifest.notes.get("words_without_a_token_of_their_own")
    if left_out and positions == "word":
        click.echo(f"{left_out} words have no token of their own and so no row.")


def _print_sites(request: CaptureRequest, as_json: bool) -> None:
    from workbench.subjects.addresses import list_sites

    rows = [
        {"site": site.name, "shape": "x".join(map(str, site.shape)), "dtype": site.dtype}
        for site in list_sites(request)
    ]
    print_table(rows, as_json, "no site")


def _print_plan(request: CaptureRequest, out: Path | None, as_json: bool) -> None:
    from workbench.capturing.planning import estimate
    from workbench.subjects.addresses import open_source

    plan = estimate(open_source(request, None))
    if as_json:
        print_json(plan.as_json())
        return
    rows = [
        {
            "site": site.name,
            "rows": plan.rows,
            "shape": "x".join(map(str, site.shape)),
            "dtype": site.dtype,
            "bytes": readable_size(plan.rows * site.row_bytes),
        }
        for site in plan.sites
    ]
    print_table(rows, as_json, "no site")
    click.echo(
        f"{plan.rows} rows, {readable_size(plan.bytes)} in {plan.shards} shards; about "
        f"{_duration(plan.seconds)} with one worker on this machine."
    )
    free = shutil.disk_usage(_existing(out or Path())).free
    if plan.bytes > free:
        click.echo(f"The disk has only {readable_size(free)} free: store less, or write elsewhere.")


def _existing(path: Path) -> Path:
    absolute = path.absolute()
    return next(each for each in (absolute, *absolute.parents) if each.exists())


def readable_size(count: float) -> str:
    """Bytes for people.

    Examples
    --------
    >>> readable_size(3 * 2**20)
    '3.0 MiB'
    """
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} PiB"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
