"""``suite2p:FOLDER``: calcium imaging as suite2p leaves it; pickled files are never opened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError, WorkbenchError
from workbench.subjects.brains.choices import COMMON, flag, number
from workbench.subjects.brains.clock import SteadyClock
from workbench.subjects.brains.npz import open_npy
from workbench.subjects.brains.source import TraceSource, reading, trace_sites
from workbench.subjects.brains.traces import Sampled, Series, Session, Traces
from workbench.subjects.brains.unit_table import unit_table
from workbench.subjects.brains.values import ArrayValues, JoinedValues, LinearValues, Values

if TYPE_CHECKING:
    import pandas as pd

    from workbench.capturing.request import CaptureRequest
    from workbench.capturing.source import SiteInfo, Source

OPTIONS = ("sampling_rate", "all_rois", "neuropil_factor")
_FILES = {"fluorescence": "F.npy", "neuropil": "Fneu.npy", "spikes": "spks.npy"}
_QUANTITIES = {
    "fluorescence": "fluorescence, arbitrary units",
    "neuropil": "fluorescence of the neuropil, arbitrary units",
    "spikes": "deconvolved activity, arbitrary units (no spike counts)",
}
_CUSTOMARY_FACTOR = 0.7


def open_subject(request: CaptureRequest, name: str, _staging: Path | None) -> Source:
    """See `workbench.subjects.addresses.open_source`.

    Raises
    ------
    UsageError
        If the folder, a file or the sampling rate is missing.
    WorkbenchError
        If a file is damaged, or files contradict each other.
    """
    return TraceSource(request, suite2p_traces(request, name))


def subject_sites(request: CaptureRequest, name: str) -> list[SiteInfo]:
    """See `workbench.subjects.addresses.list_sites`."""
    return trace_sites(suite2p_traces(request, name))


def suite2p_traces(request: CaptureRequest, name: str) -> Traces:
    """Traces in a folder of suite2p, of one plane or of all of them.

    Parameters
    ----------
    request : CaptureRequest
        Options: ``sampling_rate`` in Hz (read from ``Fall.mat`` where suite2p saved one),
        ``all_rois`` (also those that suite2p takes for no cells), ``neuropil_factor`` (how much of
        the neuropil ``corrected`` is without; 0.7).
    name : str
        The folder that holds ``F.npy`` or ``plane0``, ``plane1`` ...

    Returns
    -------
    Traces
    """
    request.check_options((*COMMON, *OPTIONS))
    planes = find_planes(Path(name).expanduser())
    rate, origin = _rate(request, planes)
    tables, parts, notes = [], [], {"sampling_rate_from": origin}
    for folder in planes:
        arrays = {
            site: open_npy(folder / file)
            for site, file in _FILES.items()
            if (folder / file).is_file()
        }
        table = _rois(folder, arrays, bool(flag(request, "all_rois")))
        tables.append(table)
        parts.append({site: _values(array, table) for site, array in arrays.items()})
    sites = [site for site in _FILES if all(site in plane for plane in parts)]
    _check_lengths(planes, [plane["fluorescence"] for plane in parts])
    joined: dict[str, Values] = {site: JoinedValues([p[site] for p in parts]) for site in sites}
    quantities = dict(_QUANTITIES)
    if "neuropil" in joined:
        factor = number(request, "neuropil_factor") or _CUSTOMARY_FACTOR
        joined["corrected"] = LinearValues(joined["fluorescence"], joined["neuropil"], -factor)
        quantities["corrected"] = f"fluorescence minus {factor:g} times neuropil, arbitrary units"
    units = _unit_table(tables)
    clock = SteadyClock(joined["fluorescence"].shape[0], rate)
    series = tuple(
        Series(site, units, quantities[site], (Sampled(values, clock),))
        for site, values in joined.items()
    )
    if not len(units):
        raise UsageError(
            f"Found no ROI that suite2p takes for a cell in '{name}'; expected some: pass "
            "all_rois=yes to record all."
        )
    return Traces(series, (Session({"session": "session"}),), {"planes": len(planes)}, notes)


def find_planes(folder: Path) -> list[Path]:
    """Folders of the planes.

    Parameters
    ----------
    folder : Path
        A plane, the folder of planes, or the folder above.

    Returns
    -------
    list of Path
        In the order of their numbers.

    Raises
    ------
    UsageError
        If there is none.
    """
    if not folder.is_dir():
        raise UsageError(f"Found no folder '{folder}'; expected one that suite2p wrote.")
    for place in (folder, folder / "suite2p"):
        if (place / "F.npy").is_file():
            return [place]
        found = [each.parent for each in place.glob("plane*/F.npy")]
        if found:
            return sorted(found, key=lambda each: (len(each.name), each.name))
    raise UsageError(
        f"Found no F.npy in '{folder}', its folders plane0, plane1 ... or its folder suite2p; "
        "expected the folder that suite2p wrote."
    )


def _rois(folder: Path, arrays: dict[str, NDArray], keep_all: bool) -> pd.DataFrame:
    """ROIs of a plane that are recorded: number in the plane, and how sure suite2p is of it."""
    import pandas as pd

    n = len(arrays["fluorescence"])
    for site, array in arrays.items():
        if array.shape != arrays["fluorescence"].shape or array.ndim != 2:
            raise WorkbenchError(
                f"Found {_FILES[site]} of {array.shape} and F.npy of "
                f"{arrays['fluorescence'].shape} in '{folder}'; expected ROI by frame, alike: run "
                "suite2p again."
            )
    number_of = folder.name.removeprefix("plane")
    plane = int(number_of) if number_of.isdigit() else 0
    table = pd.DataFrame({"plane": plane, "roi": np.arange(n)})
    path = folder / "iscell.npy"
    if not path.is_file():
        if keep_all:
            return table
        raise UsageError(
            f"Found no iscell.npy in '{folder}'; expected it, to know which ROIs are cells: pass "
            "all_rois=yes to record all."
        )
    cells = open_npy(path)
    if cells.shape != (n, 2):
        raise WorkbenchError(
            f"Found iscell.npy of {cells.shape} for {n} ROIs in '{folder}'; expected {(n, 2)}: run "
            "suite2p again."
        )
    table["is_cell"], table["confidence"] = np.asarray(cells[:, 0]) > 0, np.asarray(cells[:, 1])
    return table if keep_all else table[table["is_cell"]]


def _values(array: NDArray, table: pd.DataFrame) -> ArrayValues:
    return ArrayValues(array, time_axis=1, units=table["roi"].tolist())


def _check_lengths(planes: Sequence[Path], parts: Sequence[Values]) -> None:
    frames = {folder.name: part.shape[0] for folder, part in zip(planes, parts, strict=True)}
    if len(set(frames.values())) > 1:
        raise UsageError(
            f"Found different numbers of frames: {frames}; expected the planes to share their "
            "time: record one plane folder at a time."
        )


def _unit_table(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    import pandas as pd

    together = pd.concat(tables, ignore_index=True)
    return unit_table(len(together), None, together)


def _rate(request: CaptureRequest, planes: Sequence[Path]) -> tuple[float, str]:
    given = number(request, "sampling_rate")
    if given is not None:
        return given, "the option sampling_rate"
    path = planes[0] / "Fall.mat"
    if path.is_file():
        from scipy.io import loadmat

        with reading(str(path), "the MATLAB file that suite2p saves"):
            content: Any = loadmat(path, variable_names=["ops"], simplify_cells=True)
            return float(content["ops"]["fs"]), "ops.fs in Fall.mat"
    raise UsageError(
        f"Found no sampling rate for '{planes[0]}': ops.npy holds it, but is pickled and could run "
        "code, so it is never opened; pass sampling_rate in Hz, of one plane."
    )
