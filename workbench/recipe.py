"""Recipes: captures, analyses and a report in one YAML file; running it again gives the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import UsageError, WorkbenchError, nearest

if TYPE_CHECKING:
    from workbench.analysis.result import Result
    from workbench.report.failure import FailedResult

_TOP = ("title", "library", "captures", "analyses", "report")
_FILES = ("text", "tokens")


@dataclass(frozen=True)
class Recipe:
    """A recipe as read.

    Attributes
    ----------
    title : str
    library : Path
        Folder that recordings, results and the report are written to.
    captures : dict of str to dict
        Name of each recording to the arguments of `workbench.capture`.
    analyses : tuple of dict
        ``analysis``, ``recording``, and parameters of the analysis.
    report : str
        File name of the report inside the library.
    """

    title: str
    library: Path
    captures: Mapping[str, Mapping[str, Any]]
    analyses: tuple[Mapping[str, Any], ...]
    report: str


@dataclass
class Outcome:
    """What running a recipe gave."""

    report: Path
    recordings: dict[str, Path] = field(default_factory=dict)
    results: list[Path] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The outcome as a JSON object."""
        return {
            "report": str(self.report),
            "recordings": {name: str(path) for name, path in self.recordings.items()},
            "results": [str(path) for path in self.results],
            "failures": self.failures,
        }


def read_recipe(path: Path, library: Path | None = None) -> Recipe:
    """Read and check a recipe.

    Parameters
    ----------
    path : Path
        YAML file. Paths in it are relative to its folder.
    library : Path, optional
        Write here instead of where the recipe says.

    Returns
    -------
    Recipe

    Raises
    ------
    UsageError
        If the file is missing or garbled, or names a recording that it does not capture.
    """
    content = _load(path)
    for key in content:
        if key not in _TOP:
            raise UsageError(f"Found '{key}' in '{path}'; {nearest(str(key), _TOP)}")
    captures = {
        str(name): _resolved(arguments, path)
        for name, arguments in _mapping(content.get("captures"), "captures", path).items()
    }
    analyses = content.get("analyses") or []
    if not isinstance(analyses, list):
        raise UsageError(f"Found 'analyses' in '{path}' as no list; expected '- analysis: ...'.")
    for step in analyses:
        _check_step(step, captures, path)
    folder = library or path.parent / str(content.get("library", "."))
    title = str(content.get("title", path.stem))
    report = str(content.get("report", "report.html"))
    return Recipe(title, folder, captures, tuple(analyses), report)


def _load(path: Path) -> dict[str, Any]:
    import yaml

    if not path.is_file():
        raise UsageError(f"Found no recipe '{path}'; expected a YAML file: check the path.")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"'{path}' is not valid YAML ({error}).") from error
    return _mapping(content, "the recipe", path)


def _mapping(value: Any, what: str, path: Path) -> dict[str, Any]:
    if not isinstance(value, dict) or not value:
        raise UsageError(
            f"Found no entries under {what} in '{path}'; expected 'name: value' lines."
        )
    return value


def _resolved(arguments: Any, path: Path) -> dict[str, Any]:
    checked = dict(_mapping(arguments, "a capture", path))
    if "subject" not in checked:
        raise UsageError(f"A capture in '{path}' has no 'subject'; expected an address.")
    for key in _FILES:
        if key in checked:
            checked[key] = path.parent / str(checked[key])
    return checked


def _check_step(step: Any, captures: Mapping[str, Any], path: Path) -> None:
    if not isinstance(step, dict) or not {"analysis", "recording"} <= set(step):
        raise UsageError(f"An analysis in '{path}' lacks 'analysis' or 'recording'; expected both.")
    if step["recording"] not in captures:
        name = str(step["recording"])
        raise UsageError(f"Found no capture '{name}' in '{path}'; {nearest(name, captures)}")


def run_recipe(
    recipe: Recipe, say: Callable[[str], None] = print, progress: bool = False
) -> Outcome:
    """Carry out a recipe; what is there already is used again.

    Parameters
    ----------
    recipe : Recipe
    say : callable
        Gets a line of news at a time.
    progress : bool
        Show progress bars.

    Returns
    -------
    Outcome
        A failed analysis is a failure in it and a red box in the report, not an exception.

    Raises
    ------
    WorkbenchError
        If a capture or the report fails.
    """
    from workbench.api import capture
    from workbench.report.build import build_report

    outcome = Outcome(recipe.library / recipe.report)
    for name, arguments in recipe.captures.items():
        say(f"Recording '{name}' from {arguments['subject']} ...")
        path = recipe.library / "recordings" / name
        recording = capture(**arguments, out=path, progress=progress)
        outcome.recordings[name] = path
        say(f"  {recording.n_rows} rows at {len(recording.sites)} sites")
    sections = [_run_step(step, outcome, recipe.library, say) for step in recipe.analyses]
    build_report(sections, outcome.report, title=recipe.title)
    return outcome


def _run_step(
    step: Mapping[str, Any], outcome: Outcome, library: Path, say: Callable[[str], None]
) -> Result | FailedResult:
    from workbench.analysis.registry import load_analysis
    from workbench.report.failure import FailedResult
    from workbench.runner import run_analysis

    analysis, name = str(step["analysis"]), str(step["recording"])
    say(f"Analysing '{name}' with {analysis} ...")
    try:
        companions = load_analysis(analysis).spec.companions
        parameters = {
            key: outcome.recordings[str(value)] if key in companions else value
            for key, value in step.items()
            if key not in ("analysis", "recording")
        }
        out = library / "results" / _result_name(step)
        out.parent.mkdir(parents=True, exist_ok=True)
        result, path = run_analysis(
            analysis, outcome.recordings[name], parameters, out=out, force=True
        )
    except WorkbenchError as error:
        outcome.failures.append(f"{analysis} on {name}: {error}")
        say(f"  failed: {error}")
        return FailedResult(analysis, name, str(error))
    outcome.results.append(path)
    say("  " + result.summary().replace("\n", "\n  "))
    return result


def _result_name(step: Mapping[str, Any]) -> str:
    from workbench.recording.identity import digest

    rest = digest({key: str(value) for key, value in step.items()})[:8]
    return f"{step['recording']}.{step['analysis']}-{rest}"
