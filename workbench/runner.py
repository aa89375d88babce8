"""Running an analysis on a recording on disk, once: an equal result is used again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import UsageError

if TYPE_CHECKING:
    from workbench.analysis.result import Result


def run_analysis(
    analysis: str,
    recording: Path,
    parameters: Mapping[str, Any],
    *,
    out: Path | None = None,
    executor: str = "serial",
    threads: int | None = None,
    force: bool = False,
) -> tuple[Result, Path]:
    """Run an analysis and save its result.

    Parameters
    ----------
    analysis : str
        Name of an installed analysis.
    recording : Path
    parameters : mapping
        Parameters of the analysis, and paths of its companion recordings.
    out : Path, optional
        Folder for the result; by default beside the recording, named after both and the hash of
        what went in.
    executor : str
    threads : int, optional
    force : bool
        Compute again even if an equal result exists.

    Returns
    -------
    (Result, Path)

    Raises
    ------
    UsageError
        If the analysis cannot be run on the recording.
    """
    from workbench.analysis.registry import configured_analysis
    from workbench.analysis.result import is_result, open_result, result_folder, result_identity
    from workbench.recording.recording import open_recording

    plugin, companions = configured_analysis(analysis, parameters)
    opened = open_recording(recording)
    identity = result_identity(plugin, opened, companions)
    folder = recording.resolve()
    target = out or folder.parent / result_folder(folder.name, analysis, identity)
    if is_result(target) and not force:
        found = open_result(target)
        if found.identity == identity:
            return found, target
        if out is not None:
            raise UsageError(
                f"'{target}' holds another result ({found.title}); choose another --out or --force."
            )
    result = plugin.fit(opened, executor=executor, threads=threads, **companions).result_
    return result, result.save(target)
