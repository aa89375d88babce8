"""``workbench capture``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.cli.output import json_option, print_json, print_table, show_progress
from workbench.errors import UsageError

if TYPE_CHECKING:
    from workbench.capturing.request import CaptureRequest


@click.command(short_help="Record a subject.")
@click.argument("subject")
@click.option(
    "--text",
    type=click.Path(path_type=Path),
    help="Text: .txt (a text a line), .jsonl, .conllu or .parquet.",
)
@click.option("--text-field", help="Field or column that holds the text.  [default: text]")
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
    "--positions",
    default="all",
    show_default=True,
    help="Rows: all, last, word (mean over each), mean, trial, or indices such as 0,5,-1.",
)
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
    "--shard-tokens",
    type=int,
    help="Tokens of one shard, the unit of commit and resume.  [default: 16384]",
)
@click.option("--max-rows", type=int, help="Stop after so many rows.")
@click.option("--batch-tokens", default=4096, show_default=True, help="Tokens in one forward pass.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder to write; an unfinished capture there is continued.",
)
@json_option
def capture(subject: str, list_sites: bool, out: Path | None, as_json: bool, **given: Any) -> None:
    """Record a subject: SUBJECT is an address such as hf:FOLDER_OR_NAME or demo:language.

    \b
    Example:
      workbench capture hf:./model --text corpus.conllu \\
          --sites "blocks.*.hook_resid_post" --positions word --out recording
    """
    if list_sites:
        from workbench.capturing.request import CaptureRequest

        _print_sites(CaptureRequest(subject, device=given["device"]), as_json)
        return
    if out is None:
        raise UsageError("Found no --out; expected a folder to write: add --out FOLDER.")
    from workbench.api import capture as run

    optional = ("text_field", "n_stimuli", "model_dtype", "context", "shard_tokens")
    options = {name: given.pop(name) for name in optional}
    options = {name: value for name, value in options.items() if value is not None}
    recording = run(subject, out=out, progress=show_progress(as_json), **given, **options)
    if as_json:
        print_json(
            {
                "path": str(out),
                "identity": recording.identity,
                "rows": recording.n_rows,
                "sites": recording.sites,
            }
        )
        return
    click.echo(f"{recording.n_rows} rows at {len(recording.sites)} sites in '{out}'.")
    left_out = recording.manifest.notes.get("words_without_a_token_of_their_own")
    if left_out and given["positions"] == "word":
        click.echo(f"{left_out} words have no token of their own and so no row.")


def _print_sites(request: CaptureRequest, as_json: bool) -> None:
    from workbench.subjects.addresses import list_sites

    rows = [
        {"site": site.name, "shape": "x".join(map(str, site.shape)), "dtype": site.dtype}
        for site in list_sites(request)
    ]
    print_table(rows, as_json, "no site")
