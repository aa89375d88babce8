"""``caiman:FILE``: calcium imaging as CaImAn saves it, in HDF5."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError, WorkbenchError
from workbench.subjects.brains.choices import COMMON, existing_file, flag, number
from workbench.subjects.brains.clock import SteadyClock
from workbench.subjects.brains.packages import need
from workbench.subjects.brains.source import TraceSource, reading, trace_sites
from workbench.subjects.brains.traces import Sampled, Series, Session, Traces
from workbench.subjects.brains.unit_table import unit_table
from workbench.subjects.brains.values import ArrayValues

if TYPE_CHECKING:
    from workbench.capturing.request import CaptureRequest
    from workbench.capturing.source import SiteInfo, Source

OPTIONS = ("sampling_rate", "all_components")
_QUANTITIES = {
    "C": "denoised fluorescence, arbitrary units",
    "F_dff": "dF/F",
    "S": "deconvolved activity, arbitrary units (no spike counts)",
    "YrA": "residual fluorescence, arbitrary units",
}
_PER_COMPONENT = ("SNR_comp", "r_values", "cnn_preds")


def open_subject(request: CaptureRequest, name: str, _staging: Path | None) -> Source:
    """See `workbench.subjects.addresses.open_source`.

    Raises
    ------
    UsageError
        If h5py, the file or the frame rate is missing.
    WorkbenchError
        If the file is damaged.
    """
    return TraceSource(request, caiman_traces(request, name))


def subject_sites(request: CaptureRequest, name: str) -> list[SiteInfo]:
    """See `workbench.subjects.addresses.list_sites`."""
    return trace_sites(caiman_traces(request, name))


def caiman_traces(request: CaptureRequest, name: str) -> Traces:
    """Traces of the accepted components in a file of CaImAn, read where they lie.

    Parameters
    ----------
    request : CaptureRequest
        Options: ``all_components`` (also those that were not accepted), ``sampling_rate`` in Hz
        (from ``params/data/fr`` by default).
    name : str
        Path.

    Returns
    -------
    Traces
    """
    request.check_options((*COMMON, *OPTIONS))
    path = existing_file(name)
    h5py = need("h5py")
    with reading(str(path), "HDF5 that CaImAn saved"):
        handle = h5py.File(path, "r")
        if "estimates" not in handle:
            raise UsageError(
                f"Found {', '.join(map(repr, handle)) or 'nothing'} in '{path}'; expected a group "
                "'estimates', as CaImAn saves it: use the address of another format."
            )
        return _traces(request, handle, path)


def _traces(request: CaptureRequest, handle: Any, path: Path) -> Traces:
    estimates = handle["estimates"]
    arrays = {
        site: estimates[site]
        for site in _QUANTITIES
        if site in estimates and len(getattr(estimates[site], "shape", ())) == 2
    }
    if not arrays:
        raise UsageError(
            f"Found none of {', '.join(_QUANTITIES)} in 'estimates' of '{path}'; expected "
            "component by frame: run CaImAn to its end."
        )
    sizes = {site: tuple(array.shape) for site, array in arrays.items()}
    if len(set(sizes.values())) > 1:
        raise WorkbenchError(
            f"Found different shapes in 'estimates' of '{path}': {sizes}; expected component by "
            "frame, alike: save it again with CaImAn."
        )
    n_components, n_frames = next(iter(sizes.values()))
    kept, notes = _accepted(request, estimates, n_components)
    units = unit_table(len(kept), None, None, id=kept, **_columns(estimates, kept, n_components))
    centres = _centres(handle, n_components)
    if centres is not None:
        units = units.assign(x=centres[kept, 0], y=centres[kept, 1])
    clock = SteadyClock(n_frames, _rate(request, handle, path))
    series = tuple(
        Series(
            site,
            units,
            _QUANTITIES[site],
            (Sampled(ArrayValues(array, time_axis=1, units=kept.tolist()), clock),),
        )
        for site, array in arrays.items()
    )
    return Traces(series, (Session({"session": "session"}),), {}, notes, handle)


def _accepted(
    request: CaptureRequest, estimates: Any, n: int
) -> tuple[NDArray[np.int64], dict[str, Any]]:
    found = estimates.get("idx_components")
    is_listed = found is not None and found.dtype.kind in "iuf" and len(found.shape) == 1
    if flag(request, "all_components"):
        return np.arange(n), {}
    if not is_listed:
        return np.arange(n), {"components": "all: the file does not say which were accepted"}
    kept = np.unique(found[:].astype(np.int64))
    if not len(kept):
        raise UsageError(
            "Found no accepted component; expected some: pass all_components=yes to record all."
        )
    if kept[0] < 0 or kept[-1] >= n:
        raise WorkbenchError(
            f"Found component {int(kept[-1])} among the accepted, of {n}; expected numbers below "
            f"{n}: save the file again with CaImAn."
        )
    return kept, {"components_left_out": int(n - len(kept))}


def _columns(estimates: Any, kept: NDArray[np.int64], n: int) -> dict[str, NDArray]:
    found = {}
    for name in _PER_COMPONENT:
        column = estimates.get(name)
        if column is not None and column.shape == (n,) and column.dtype.kind in "iuf":
            found[name] = column[:][kept]
    return found


def _rate(request: CaptureRequest, handle: Any, path: Path) -> float:
    given = number(request, "sampling_rate")
    if given is not None:
        return given
    found = handle.get("params/data/fr")
    if found is None or found.shape != () or found.dtype.kind not in "iuf":
        raise UsageError(
            f"Found no frame rate at params/data/fr in '{path}'; expected it in Hz: pass "
            "sampling_rate."
        )
    return float(found[()])


def _centres(handle: Any, n: int) -> NDArray[np.float64] | None:
    """Weighted mean place of the pixels of every component, ``(components, 2)``: x and y."""
    matrix = handle["estimates"].get("A")
    size = handle.get("estimates/dims", handle.get("params/data/dims"))
    if size is None or size.shape != (2,) or not hasattr(matrix, "keys") or "indptr" not in matrix:
        return None
    rows, pointers, weights = (matrix[key][:] for key in ("indices", "indptr", "data"))
    height = int(size[0])
    if len(pointers) != n + 1 or int(matrix["shape"][0]) != height * int(size[1]):
        return None
    component = np.repeat(np.arange(n), np.diff(pointers))
    total = np.bincount(component, weights, minlength=n)
    # CaImAn lets the first axis of the image, y, count fastest.
    places = (rows // height, rows % height)
    sums = [np.bincount(component, weights * place, minlength=n) for place in places]
    return np.stack(
        [np.divide(each, total, out=np.full(n, np.nan), where=total > 0) for each in sums], axis=1
    )
