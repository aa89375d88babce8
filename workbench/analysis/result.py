"""A result: labelled arrays, measures beside nulls, figures, a summary, and where it came from."""

from __future__ import annotations

import json
import platform
import re
import shutil
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.analysis.measure import Measure, measure_table
from workbench.errors import WorkbenchError
from workbench.recording.files import write_atomically
from workbench.recording.identity import digest

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go
    import xarray as xr

    from workbench.analysis.base import Analysis, Findings
    from workbench.recording.recording import Recording

FORMAT = "workbench-result"
SCHEMA = 1
META = "meta.json"
DATA = "data.zarr"


@dataclass(frozen=True)
class Result:
    """What an analysis leaves.

    Attributes
    ----------
    data : xarray.Dataset
        Labelled arrays.
    measures : tuple of Measure
    meta : dict
        Analysis, version, parameters, recordings with their identities, threads, software.
    text : str
        The written summary.
    """

    data: xr.Dataset
    measures: tuple[Measure, ...]
    meta: Mapping[str, Any]
    text: str

    @property
    def analysis(self) -> str:
        """Name of the analysis."""
        return str(self.meta["analysis"])

    @property
    def title(self) -> str:
        """Title for people: the analysis and what it was done on."""
        return f"{self.meta['title']}: {self.meta['recording']['name']}"

    @property
    def identity(self) -> str:
        """Hash over recording, companions, plugin version and parameters."""
        return str(self.meta["identity"])

    def summary(self) -> str:
        """A few sentences that a reader can act on."""
        return self.text

    def table(self) -> pd.DataFrame:
        """Measures as a table."""
        return measure_table(self.measures)

    def figures(self) -> dict[str, go.Figure]:
        """Figures by title, drawn by the plugin's own functions from `data`.

        Raises
        ------
        UsageError
            If the plugin is not installed here.
        """
        from workbench.analysis.registry import load_analysis

        return load_analysis(self.analysis).figures(self.data)

    def save(self, path: str | Path | None = None) -> Path:
        """Write the result to a folder, whole or not at all.

        Parameters
        ----------
        path : str or Path, optional
            Folder to make; a result there is replaced. By default a folder in the current one,
            named after recording, analysis and identity.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        WorkbenchError
            If something else lies there, or the disk is full.
        """
        if path is None:
            recording = re.sub(r"[^A-Za-z0-9._-]", "_", str(self.meta["recording"]["name"]))
            path = result_folder(recording, self.analysis, self.identity)
        target = Path(path)
        if target.exists() and any(target.iterdir()) and not is_result(target):
            raise WorkbenchError(
                f"Found other files in '{target}'; expected an empty folder or a result: choose "
                "another --out."
            )
        temporary = target.with_name(f".{target.name}.partial")
        shutil.rmtree(temporary, ignore_errors=True)
        try:
            temporary.mkdir(parents=True)
            _write_data(self.data, temporary / DATA)
            write_atomically(temporary, META, [self._meta_bytes()])
            write_atomically(temporary, "summary.md", [(self.text + "\n").encode()])
            shutil.rmtree(target, ignore_errors=True)
            temporary.rename(target)
        except OSError as error:
            shutil.rmtree(temporary, ignore_errors=True)
            raise WorkbenchError(
                f"Could not write the result to '{target}' ({error.strerror or error}); nothing "
                "was changed there: free space or choose another --out."
            ) from error
        return target

    def _meta_bytes(self) -> bytes:
        content = {
            "format": FORMAT,
            "schema": SCHEMA,
            **self.meta,
            "summary": self.text,
            "measures": [measure.as_json() for measure in self.measures],
        }
        return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()

    def __repr__(self) -> str:
        beaten = sum(bool(measure.beats_null) for measure in self.measures)
        tested = sum(measure.null is not None for measure in self.measures)
        return f"<Result {self.title}: {beaten} of {tested} measures beat their null>"

    def _repr_html_(self) -> str:
        from workbench.report.fragments import result_fragment

        return result_fragment(self)


def make_result(
    analysis: Analysis,
    recording: Recording,
    companions: Mapping[str, Recording],
    findings: Findings,
    threads: int,
) -> Result:
    """Put findings together with where they came from."""
    spec = analysis.spec
    used = {"recording": recording, **companions}
    parameters = json.loads(json.dumps(analysis.get_params()))
    meta = {
        "analysis": spec.name,
        "title": spec.title,
        "question": spec.question,
        "method": spec.method,
        "reference": spec.reference,
        "version": spec.version,
        "parameters": parameters,
        "identity": result_identity(analysis, recording, companions),
        "recording": _origin(recording),
        "companions": {name: _origin(each) for name, each in used.items() if name != "recording"},
        "threads": threads,
        "software": _software(),
    }
    text = analysis.summarize(findings.data, findings.measures)
    return Result(findings.data, findings.measures, meta, text)


def result_identity(
    analysis: Analysis, recording: Recording, companions: Mapping[str, Recording]
) -> str:
    """Hash over everything that changes the numbers of a result."""
    return digest(
        {
            "analysis": analysis.spec.name,
            "version": analysis.spec.version,
            "parameters": json.loads(json.dumps(analysis.get_params())),
            "recording": [recording.identity, recording.n_rows],
            "companions": {name: [r.identity, r.n_rows] for name, r in companions.items()},
        }
    )


def result_folder(recording: str, analysis: str, identity: str) -> str:
    """Name of a result's folder: recording, analysis and the start of the identity."""
    return f"{recording}.{analysis}-{identity[:10]}"


def _origin(recording: Recording) -> dict[str, Any]:
    return {
        "name": recording.name,
        "identity": recording.identity,
        "subject": dict(recording.subject),
        "rows": recording.n_rows,
        "complete": recording.is_complete,
    }


def _software() -> dict[str, str]:
    from importlib.metadata import version

    names = ("workbench", "numpy", "scipy", "scikit-learn", "xarray")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}


def _write_data(data: xr.Dataset, path: Path) -> None:
    with warnings.catch_warnings():
        # Zarr says that its text type has no final specification; the version is in the metadata.
        warnings.filterwarnings("ignore", message=".*Zarr.*specification.*")
        data.to_zarr(path, mode="w", zarr_format=3, consolidated=False)


def is_result(path: Path) -> bool:
    """Whether a folder holds a result."""
    try:
        content = json.loads((path / META).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("format") == FORMAT


def open_result(path: str | Path) -> Result:
    """Open a result on disk.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    Result

    Raises
    ------
    WorkbenchError
        If there is none, if it is garbled, or if a newer version wrote it.
    """
    import xarray as xr

    root = Path(path)
    try:
        meta = json.loads((root / META).read_text(encoding="utf-8"))
        schema, form = meta.pop("schema"), meta.pop("format")
        text, measures = meta.pop("summary"), meta.pop("measures")
        restored = tuple(Measure.from_json(each) for each in measures)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WorkbenchError(
            f"Found no readable result at '{root}' ({error}); expected a folder that "
            "'workbench analyze' wrote: check the path or run the analysis again."
        ) from error
    if form != FORMAT or schema > SCHEMA:
        raise WorkbenchError(
            f"'{root}' is '{form}' of schema {schema}; this workbench reads '{FORMAT}' up to "
            f"{SCHEMA}: run 'pip install --upgrade workbench'."
        )
    with xr.open_zarr(root / DATA, consolidated=False) as data:
        return Result(data.load(), restored, meta, text)
