"""A library: a folder tree of recordings and results, found without reading any numbers."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from workbench.analysis.result import META, SCHEMA, is_result
from workbench.errors import UsageError, WorkbenchError
from workbench.recording.manifest import COMMITS, MANIFEST, is_recording, read_manifest

VARIABLE = "WORKBENCH_LIBRARY"
DEPTH = 4


@dataclass(frozen=True)
class RecordingSummary:
    """What the manifest of a recording says.

    Attributes
    ----------
    path : Path
    name : str
        Name of the folder.
    identity, address, kind : str
        Empty if the manifest cannot be read.
    rows : int
        Rows that are committed.
    planned : int
        Rows of the whole plan.
    sites : tuple of str
    error : str
        Why the recording cannot be read; empty if it can.
    """

    path: Path
    name: str
    identity: str = ""
    address: str = ""
    kind: str = ""
    rows: int = 0
    planned: int = 0
    sites: tuple[str, ...] = ()
    error: str = ""

    @property
    def state(self) -> str:
        """``complete``, ``incomplete`` or ``unreadable``."""
        if self.error:
            return "unreadable"
        return "complete" if self.rows == self.planned else "incomplete"


@dataclass(frozen=True)
class ResultSummary:
    """What the metadata of a result say.

    Attributes
    ----------
    path : Path
    name : str
        Name of the folder.
    identity, analysis, title, recording : str
        Empty if the metadata cannot be read.
    beaten, tested : int
        Measures that beat their null, and measures that have one.
    error : str
        Why the result cannot be read; empty if it can.
    """

    path: Path
    name: str
    identity: str = ""
    analysis: str = ""
    title: str = ""
    recording: str = ""
    beaten: int = 0
    tested: int = 0
    error: str = ""


def default_library() -> Path:
    """Folder of the library: the environment variable ``WORKBENCH_LIBRARY``, else the current one.

    Returns
    -------
    Path
    """
    return Path(os.environ.get(VARIABLE) or ".")


def find_recordings(root: str | Path, depth: int = DEPTH) -> list[Path]:
    """Folders that hold a recording, readable or not.

    Parameters
    ----------
    root : str or Path
        Where to look; may be a recording itself.
    depth : int
        How many levels of folders below it.

    Returns
    -------
    list of Path
        Sorted.

    Raises
    ------
    UsageError
        If there is no such folder.
    """
    return _find(Path(root), _looks_like_recording, depth)


def find_results(root: str | Path, depth: int = DEPTH) -> list[Path]:
    """Folders that hold a result.

    Parameters
    ----------
    root : str or Path
        Where to look; may be a result itself.
    depth : int
        How many levels of folders below it.

    Returns
    -------
    list of Path
        Sorted.

    Raises
    ------
    UsageError
        If there is no such folder.
    """
    return _find(Path(root), is_result, depth)


def _find(root: Path, wanted: Callable[[Path], bool], depth: int) -> list[Path]:
    if not root.is_dir():
        raise UsageError(
            f"Found no folder '{root}'; expected a library, a folder of recordings and results: "
            f"check the path or set {VARIABLE}."
        )
    return sorted(folder for folder in _folders(root, depth) if wanted(folder))


def _folders(folder: Path, depth: int) -> Iterator[Path]:
    yield folder
    if depth == 0 or _looks_like_recording(folder) or is_result(folder):
        return
    try:
        children = [Path(entry) for entry in os.scandir(folder) if entry.is_dir()]
    except PermissionError:
        return  # someone else's folder inside the tree is no reason to hide the rest
    for child in children:
        if not child.name.startswith("."):
            yield from _folders(child, depth - 1)


def _looks_like_recording(path: Path) -> bool:
    # A garbled manifest must be listed with its error, not vanish from the library.
    return is_recording(path) or ((path / MANIFEST).is_file() and (path / COMMITS).is_dir())


def summarize_recording(path: str | Path) -> RecordingSummary:
    """Describe a recording from its manifest and the names of its commit records.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    RecordingSummary
        With `RecordingSummary.error` set if it is broken or of a newer schema.
    """
    root = Path(path)
    try:
        manifest = read_manifest(root)
        committed = [int(each.stem) for each in (root / COMMITS).glob("*.json")]
        rows = sum(manifest.plan[shard] for shard in committed)
    except (WorkbenchError, ValueError, IndexError) as error:
        return RecordingSummary(root, root.resolve().name, error=str(error))
    return RecordingSummary(
        root,
        root.resolve().name,
        manifest.identity,
        str(manifest.subject.get("address", "")),
        str(manifest.subject.get("kind", "network")),
        rows,
        sum(manifest.plan),
        tuple(site.name for site in manifest.sites),
    )


def summarize_result(path: str | Path) -> ResultSummary:
    """Describe a result from its metadata.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    ResultSummary
        With `ResultSummary.error` set if it is broken or of a newer schema.
    """
    root = Path(path)
    name = root.resolve().name
    try:
        meta = json.loads((root / META).read_text(encoding="utf-8"))
        if meta["schema"] > SCHEMA:
            newer = (
                f"Result '{root}' has schema {meta['schema']}, this workbench reads up to "
                f"{SCHEMA}: run 'pip install --upgrade workbench'."
            )
            return ResultSummary(root, name, error=newer)
        measures = meta["measures"]
        return ResultSummary(
            root,
            name,
            str(meta["identity"]),
            str(meta["analysis"]),
            str(meta["title"]),
            str(meta["recording"]["name"]),
            sum(each["beats_null"] is True for each in measures),
            sum(each["null"] is not None for each in measures),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        sentence = f"Result '{root}' cannot be read ({error}): run the analysis again."
        return ResultSummary(root, name, error=sentence)


def recording_summaries(root: str | Path) -> list[RecordingSummary]:
    """Describe all recordings of a library; a broken one is an entry with its error.

    Parameters
    ----------
    root : str or Path

    Returns
    -------
    list of RecordingSummary
        Sorted by path.
    """
    return [summarize_recording(path) for path in find_recordings(root)]


def result_summaries(root: str | Path) -> list[ResultSummary]:
    """Describe all results of a library; a broken one is an entry with its error.

    Parameters
    ----------
    root : str or Path

    Returns
    -------
    list of ResultSummary
        Sorted by path.
    """
    return [summarize_result(path) for path in find_results(root)]
