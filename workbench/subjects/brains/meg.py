"""``mne:FILE``: MEG and EEG that MNE-Python reads: raw, in epochs, or averaged."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import UsageError, WorkbenchError
from workbench.subjects.brains.choices import COMMON, existing_file
from workbench.subjects.brains.meg_parts import epoch_traces, evoked_traces, raw_traces
from workbench.subjects.brains.packages import need
from workbench.subjects.brains.source import TraceSource, reading, trace_sites

if TYPE_CHECKING:
    from workbench.capturing.request import CaptureRequest
    from workbench.capturing.source import SiteInfo, Source
    from workbench.subjects.brains.traces import Traces

_FIF = (".fif", ".fif.gz")
_KINDS = {"raw": "raw", "meg": "raw", "epo": "epochs", "ave": "evoked"}
_BYTES = {"short": 2, "int": 4, "single": 4, "double": 8}
_ENDS = (*_FIF, ".edf", ".bdf", ".set", ".vhdr")


def open_subject(request: CaptureRequest, name: str, _staging: Path | None) -> Source:
    """See `workbench.subjects.addresses.open_source`.

    Raises
    ------
    UsageError
        If mne or the file is missing.
    WorkbenchError
        If the file is damaged.
    """
    return TraceSource(request, mne_traces(request, name))


def subject_sites(request: CaptureRequest, name: str) -> list[SiteInfo]:
    """See `workbench.subjects.addresses.list_sites`."""
    return trace_sites(mne_traces(request, name))


def mne_traces(request: CaptureRequest, name: str) -> Traces:
    """Traces in a file of MEG or EEG; raw data and epochs are read where they lie.

    Parameters
    ----------
    request : CaptureRequest
    name : str
        Path.

    Returns
    -------
    Traces
    """
    request.check_options(COMMON)
    path = existing_file(name, _ENDS)
    mne = need("mne")
    with (
        reading(str(path), "MEG or EEG that MNE-Python reads"),
        warnings.catch_warnings(record=True) as said,
    ):
        warnings.simplefilter("always")
        kind, content = _open(mne, path)
        makers: dict[str, Callable[[Any], Traces]] = {
            "evoked": evoked_traces,
            "epochs": epoch_traces,
            "raw": raw_traces,
        }
        traces = makers[kind](content)
    remarks = sorted({" ".join(str(each.message).split()) for each in said})
    _refuse_short(path, remarks)
    if path.suffix.lower() == ".vhdr":
        _refuse_torn(content)
    kept = [each for each in remarks if "naming conventions" not in each]
    if not kept:
        return traces
    return replace(traces, notes={**traces.notes, "reader_warnings": kept})


def _refuse_short(path: Path, remarks: list[str]) -> None:
    for remark in remarks:
        if "file size" in remark or "incomplete" in remark or "truncated" in remark:
            raise WorkbenchError(
                f"'{path}' is cut short (MNE-Python: {remark}); expected all samples that its "
                "header promises: fetch it again."
            )


def _refuse_torn(raw: Any) -> None:
    """BrainVision's header does not say how many samples there are: look for a torn one."""
    data = Path(raw.filenames[0])
    width = len(raw.ch_names) * _BYTES.get(raw.orig_format, 1)
    if data.stat().st_size % width:
        raise WorkbenchError(
            f"'{data}' has {data.stat().st_size} bytes; expected samples of {width} bytes each: "
            "it is cut short, fetch it again."
        )


def _open(mne: Any, path: Path) -> tuple[str, Any]:
    lower = path.name.lower()
    if lower.endswith(_FIF):
        return _open_fif(mne, path)
    if lower.endswith(".set"):
        try:
            return "raw", mne.io.read_raw_eeglab(path, preload=False, verbose="warning")
        except TypeError:
            # How MNE says that the file holds epochs.
            return "epochs", mne.read_epochs_eeglab(path, verbose="warning")
    return "raw", mne.io.read_raw(path, preload=False, verbose="warning")


def _open_fif(mne: Any, path: Path) -> tuple[str, Any]:
    # MNE finds out by trying one reader after the other, which takes long with large files.
    stem = path.name.lower().removesuffix(".gz").removesuffix(".fif")
    kind = next((kind for end, kind in _KINDS.items() if stem.endswith(end)), None)
    kind = mne.what(path) if kind is None else kind
    if kind == "raw":
        return kind, mne.io.read_raw_fif(path, preload=False, verbose="warning")
    if kind == "epochs":
        return kind, mne.read_epochs(path, preload=False, proj=False, verbose="warning")
    if kind == "evoked":
        return kind, mne.read_evokeds(path, proj=False, verbose="warning")
    raise UsageError(
        f"Found '{kind}' in '{path}'; expected raw data, epochs or evoked responses: name a file "
        "that holds activity."
    )
