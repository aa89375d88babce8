"""The manifest: what a recording is, what was planned, and which tables belong to it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from workbench.errors import WorkbenchError
from workbench.recording.files import FileRecord

FORMAT = "workbench-recording"
SCHEMA = 1
MANIFEST = "manifest.json"
COMMITS = "commits"
STIMULI = "stimuli.parquet"


@dataclass(frozen=True)
class SiteSpec:
    """One site: its name, the axes of a row's activity and how it is stored.

    Attributes
    ----------
    name : str
        For example ``blocks.0.hook_resid_post``.
    shape : tuple of int
        Size of every axis but the first: ``(units,)`` or ``(units, y, x)``.
    dtype : str
        Storage dtype.
    dims : tuple of str
        Axis names, ``("row", "unit", ...)``.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    dims: tuple[str, ...] = ("row", "unit")

    @property
    def folder(self) -> str:
        """Name of the site as a folder: safe on every file system, readable, one for each name."""
        quoted = quote(self.name, safe="")
        return quoted.replace(".", "%2E") if not quoted.strip(".") else quoted

    @property
    def row_bytes(self) -> int:
        """Bytes that one row takes on disk."""
        from workbench.recording.dtypes import stored_dtype

        count = 1
        for size in self.shape:
            count *= size
        return count * stored_dtype(self.dtype).itemsize

    def as_json(self) -> dict[str, Any]:
        """The spec as a JSON object."""
        return {
            "name": self.name,
            "shape": list(self.shape),
            "dtype": self.dtype,
            "dims": list(self.dims),
        }


@dataclass(frozen=True)
class Manifest:
    """Everything about a recording but its numbers.

    Attributes
    ----------
    identity : str
        Hash over ``ingredients``.
    ingredients : dict
        All that changes the numbers.
    subject : dict
        ``address``, ``kind`` and a description for people.
    sites : tuple of SiteSpec
    plan : tuple of int
        Rows of each planned shard.
    tables : tuple of FileRecord
        Stimulus and unit tables.
    software : dict
        Versions in use when the capture was planned.
    notes : dict
        Facts a reader must know, such as words without a token.
    """

    identity: str
    ingredients: dict[str, Any]
    subject: dict[str, Any]
    sites: tuple[SiteSpec, ...]
    plan: tuple[int, ...]
    tables: tuple[FileRecord, ...]
    software: dict[str, str] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)

    def dump(self) -> bytes:
        """The manifest as the bytes of its file."""
        content = {
            "format": FORMAT,
            "schema": SCHEMA,
            "identity": self.identity,
            "ingredients": self.ingredients,
            "subject": self.subject,
            "sites": [site.as_json() for site in self.sites],
            "plan": {"shards": len(self.plan), "rows": list(self.plan)},
            "tables": [table.as_json() for table in self.tables],
            "software": self.software,
            "notes": self.notes,
        }
        return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()


def is_recording(path: Path) -> bool:
    """Whether a folder has a manifest of this format, of whatever schema."""
    try:
        content = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("format") == FORMAT


def read_manifest(root: Path) -> Manifest:
    """Read and check the manifest of a recording.

    Parameters
    ----------
    root : Path
        Folder of the recording.

    Returns
    -------
    Manifest

    Raises
    ------
    WorkbenchError
        If there is none, if it is broken, or if a newer workbench wrote it.
    """
    content = _load(root)
    if content["schema"] > SCHEMA:
        raise WorkbenchError(
            f"Recording '{root}' has schema {content['schema']}, this workbench reads up to "
            f"{SCHEMA}; it was written by a newer version: run 'pip install --upgrade workbench'."
        )
    try:
        return _parse(content)
    except (KeyError, TypeError, ValueError) as error:
        raise WorkbenchError(
            f"The manifest of '{root}' lacks or garbles {error}; expected schema {SCHEMA} as in "
            "docs/recording_format.md: capture again into another folder."
        ) from error


def _load(root: Path) -> dict[str, Any]:
    path = root / MANIFEST
    if not path.is_file():
        raise WorkbenchError(
            f"Found no recording at '{root}' (no {MANIFEST}); expected a folder that "
            "'workbench capture' wrote: check the path, or see 'workbench list recordings'."
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise WorkbenchError(
            f"'{path}' is not valid JSON ({error}); capture again into another folder."
        ) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise WorkbenchError(f"'{path}' is not the manifest of a recording; expected '{FORMAT}'.")
    if not isinstance(content.get("schema"), int):
        raise WorkbenchError(f"'{path}' states no schema number; capture again elsewhere.")
    return content


def _parse(content: dict[str, Any]) -> Manifest:
    return Manifest(
        identity=content["identity"],
        ingredients=content["ingredients"],
        subject=content["subject"],
        sites=tuple(
            SiteSpec(each["name"], tuple(each["shape"]), each["dtype"], tuple(each["dims"]))
            for each in content["sites"]
        ),
        plan=tuple(int(rows) for rows in content["plan"]["rows"]),
        tables=tuple(FileRecord(**each) for each in content["tables"]),
        software=content["software"],
        notes=content["notes"],
    )
