"""``workbench analyze``: the options of an analysis are those of its constructor."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.cli.output import json_option, print_json
from workbench.errors import UsageError, nearest

if TYPE_CHECKING:
    from workbench.analysis.base import Analysis


@click.command(
    context_settings={"ignore_unknown_options": True}, short_help="Run an analysis on a recording."
)
@click.argument("analysis")
@click.argument("recording", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder for the result.  [default: beside the recording]",
)
@click.option("--executor", default="serial", show_default=True, help="serial, processes or ray.")
@click.option("--threads", type=int, help="BLAS threads.  [default: all cores]")
@click.option("--force", is_flag=True, help="Compute again even if the same result exists.")
@json_option
@click.argument("parameters", nargs=-1, type=click.UNPROCESSED)
def analyze(
    analysis: str,
    recording: Path,
    out: Path | None,
    executor: str,
    threads: int | None,
    force: bool,
    as_json: bool,
    parameters: tuple[str, ...],
) -> None:
    """Run ANALYSIS on RECORDING, with the analysis' own PARAMETERS as options.

    \b
    Example:
      workbench analyze word_classes recording --labels upos --untrained other-recording
    """
    from workbench.analysis.registry import load_analysis
    from workbench.runner import run_analysis

    given = parse_parameters(load_analysis(analysis), parameters)
    result, path = run_analysis(
        analysis, recording, given, out=out, executor=executor, threads=threads, force=force
    )
    if as_json:
        measures = [measure.as_json() for measure in result.measures]
        print_json({"path": str(path), "identity": result.identity, "measures": measures})
        return
    click.echo(result.summary())
    click.echo(f"\nResult in '{path}'; see it with: workbench report {path} --out report.html")


def parse_parameters(plugin: type[Analysis], arguments: Sequence[str]) -> dict[str, Any]:
    """Parameters of an analysis from ``--name value`` pairs.

    Parameters
    ----------
    plugin : type
        The analysis.
    arguments : sequence of str

    Returns
    -------
    dict
        Values of the type that the parameter's default has, or its annotation where that is None.

    Raises
    ------
    UsageError
        If a name is not a parameter, or a value is missing or of another type.
    """
    defaults = plugin().get_params()
    known = {**defaults, **dict.fromkeys(plugin.spec.companions)}
    values: dict[str, Any] = {}
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            raise UsageError(f"Found '{word}'; expected an option such as --{next(iter(known))}.")
        flag, separator, value = word[2:].partition("=")
        name = flag.replace("-", "_")
        if name not in known:
            options = [each.replace("_", "-") for each in known]
            raise UsageError(f"Found no option '--{flag}'; {nearest(flag, options)}")
        if not separator:
            if not rest:
                raise UsageError(f"Found no value after '--{flag}'; expected one.")
            value = rest.pop(0)
        given = known[name] if known[name] is not None else _sample(plugin, name)
        values[name] = _convert(flag, value, given)
    return values


def _sample(plugin: type[Analysis], name: str) -> Any:
    """A value of the type that an optional parameter is annotated with."""
    parameter = inspect.signature(plugin.__init__).parameters.get(name)
    words = str(parameter.annotation).split(" | ") if parameter else []
    return next((sample for sample in (False, 0, 0.0) if type(sample).__name__ in words), None)


def _convert(flag: str, value: str, default: Any) -> Any:
    if isinstance(default, (tuple, list)):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(default, bool):
        choices = {"true": True, "yes": True, "false": False, "no": False}
        if value.lower() not in choices:
            raise UsageError(f"Found '{value}' for '--{flag}'; expected yes or no.")
        return choices[value.lower()]
    if isinstance(default, (int, float)):
        try:
            return type(default)(value)
        except ValueError as error:
            kind = "a whole number" if isinstance(default, int) else "a number"
            raise UsageError(f"Found '{value}' for '--{flag}'; expected {kind}.") from error
    return value
