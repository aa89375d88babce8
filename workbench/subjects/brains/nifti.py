"""``nifti:FILE``: fMRI volumes, by voxel of a mask or by region of an atlas."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError
from workbench.subjects.brains.choices import COMMON, existing_file, number
from workbench.subjects.brains.clock import SteadyClock
from workbench.subjects.brains.events import read_events, region_names
from workbench.subjects.brains.packages import need
from workbench.subjects.brains.source import TraceSource, reading, trace_sites
from workbench.subjects.brains.traces import UNSTATED, Sampled, Series, Session, Traces
from workbench.subjects.brains.unit_table import unit_table
from workbench.subjects.brains.volumes import RegionValues, Volumes, VoxelValues, voxels_that_vary

if TYPE_CHECKING:
    import pandas as pd

    from workbench.capturing.request import CaptureRequest
    from workbench.capturing.source import SiteInfo, Source

OPTIONS = ("mask", "atlas", "labels", "repetition_time", "events", "quantity")
_ENDS = (".nii", ".nii.gz")
_SECONDS = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6}
_AFFINE_TOLERANCE_MM = 1e-3


def open_subject(request: CaptureRequest, name: str, _staging: Path | None) -> Source:
    """See `workbench.subjects.addresses.open_source`.

    Raises
    ------
    UsageError
        If nibabel or a file is missing, or mask or atlas lie on another grid.
    WorkbenchError
        If a file is damaged.
    """
    return TraceSource(request, nifti_traces(request, name))


def subject_sites(request: CaptureRequest, name: str) -> list[SiteInfo]:
    """See `workbench.subjects.addresses.list_sites`."""
    return trace_sites(nifti_traces(request, name))


def nifti_traces(request: CaptureRequest, name: str) -> Traces:
    """Traces in a NIfTI file, read volume by volume.

    Parameters
    ----------
    request : CaptureRequest
        Options: ``mask`` (a NIfTI file; voxels other than 0), or ``atlas`` (a NIfTI file of region
        numbers; 0 is none) with ``labels`` (a table of index and name); ``repetition_time`` in
        seconds; ``events`` (a BIDS table of onset, duration and labels); ``quantity``.
    name : str
        Path.

    Returns
    -------
    Traces
    """
    request.check_options((*COMMON, *OPTIONS))
    path = existing_file(name, _ENDS)
    image = _load(path)
    if request.option("mask") is not None and request.option("atlas") is not None:
        raise UsageError("Found both mask and atlas; expected one: leave the other out.")
    with reading(str(path), "volumes in NIfTI"):
        volumes = Volumes(image.dataobj, image.shape)
        clock = _clock(request, image, volumes.n) if len(image.shape) == 4 else None
        series, notes = _series(request, image, volumes, clock)
    events = request.option("events")
    if events is not None and clock is None:
        raise UsageError(f"Found events for '{path}', which is one volume without time.")
    intervals = () if events is None else (read_events(existing_file(events)),)
    about = {"grid": [int(size) for size in image.shape[:3]], "positions_in": "mm"}
    session = Session({"session": "session"}, intervals)
    return Traces((series,), (session,), about, notes)


def _load(path: Path) -> Any:
    nibabel = need("nibabel")
    with reading(str(path), "volumes in NIfTI"):
        # Compressed files are read forwards through one handle instead of from their beginning.
        image = nibabel.load(path, keep_file_open=True)
        if len(image.shape) == 4 and image.shape[3] == 1:
            image = image.slicer[..., 0]
        if len(image.shape) not in (3, 4) or 0 in image.shape:
            raise UsageError(
                f"Found axes {image.shape} in '{path}'; expected x, y, z and time, or x, y, z."
            )
        return image


def _clock(request: CaptureRequest, image: Any, n: int) -> SteadyClock:
    given = number(request, "repetition_time")
    if given is not None:
        return SteadyClock(n, 1 / given)
    zoom = float(image.header.get_zooms()[3])
    unit = image.header.get_xyzt_units()[1] if hasattr(image.header, "get_xyzt_units") else ""
    if unit not in _SECONDS or not 0 < zoom < np.inf:
        raise UsageError(
            f"Found a repetition time of {zoom:g} in the unit '{unit or 'unknown'}'; expected the "
            "header to state seconds: pass repetition_time in seconds."
        )
    return SteadyClock(n, 1 / (zoom * _SECONDS[unit]))


def _series(
    request: CaptureRequest, image: Any, volumes: Volumes, clock: SteadyClock | None
) -> tuple[Series, dict[str, Any]]:
    quantity = str(request.option("quantity", UNSTATED))
    if request.option("atlas") is not None:
        values, units = _regions(request, image, volumes)
        return Series("regions", units, quantity, (Sampled(values, clock),)), {}
    if request.option("labels") is not None:
        raise UsageError("Found labels without an atlas; expected the file of regions: add atlas.")
    notes = {}
    if request.option("mask") is None:
        voxels = voxels_that_vary(volumes)
        notes["voxels"] = "all that are other than 0 in at least one volume: no mask was given"
    else:
        inside = _same_grid(image, request.option("mask"), "mask")
        voxels = np.flatnonzero(np.nan_to_num(inside.reshape(-1)))
    if not len(voxels):
        raise UsageError("Found no voxel other than 0; expected some: pass another mask.")
    units = _voxel_table(voxels, image)
    series = Series("voxels", units, quantity, (Sampled(VoxelValues(volumes, voxels), clock),))
    return series, notes


def _voxel_table(voxels: NDArray[np.int64], image: Any) -> pd.DataFrame:
    places = np.stack(np.unravel_index(voxels, image.shape[:3]), axis=1)
    x, y, z = _millimetres(places, image.affine).T
    i, j, k = places.T
    return unit_table(len(voxels), None, None, i=i, j=j, k=k, x=x, y=y, z=z)


def _millimetres(places: NDArray, affine: NDArray[np.float64]) -> NDArray[np.float64]:
    moved: NDArray[np.float64] = places @ affine[:3, :3].T + affine[:3, 3]
    return moved


def _regions(
    request: CaptureRequest, image: Any, volumes: Volumes
) -> tuple[RegionValues, pd.DataFrame]:
    labels = _same_grid(image, request.option("atlas"), "atlas")
    if not np.isfinite(labels).all() or (labels != np.round(labels)).any():
        raise UsageError("Found an atlas with values that are no whole numbers; expected labels.")
    flat = labels.reshape(-1).astype(np.int64)
    numbers = np.unique(flat[flat != 0])
    if not len(numbers):
        raise UsageError("Found no region in the atlas; expected numbers other than 0.")
    given = request.option("labels")
    names = {} if given is None else region_names(existing_file(given))
    values = RegionValues(volumes, flat, numbers)
    places = np.stack(np.unravel_index(values.voxels, image.shape[:3]), axis=1)
    sizes = np.bincount(values.codes, minlength=len(numbers))
    centres = np.stack(
        [np.bincount(values.codes, axis, minlength=len(numbers)) / sizes for axis in places.T],
        axis=1,
    )
    x, y, z = _millimetres(centres, image.affine).T
    called = [names.get(int(each), "") for each in numbers]
    units = unit_table(len(numbers), called, None, id=numbers, n_voxels=sizes, x=x, y=y, z=z)
    return values, units


def _same_grid(image: Any, name: str, role: str) -> NDArray[np.float64]:
    """Values of a mask or atlas, which must lie on the grid of the volumes."""
    path = existing_file(name, _ENDS)
    other = _load(path)
    if other.shape != image.shape[:3]:
        raise UsageError(
            f"Found a {role} of {' x '.join(map(str, other.shape))} voxels and volumes of "
            f"{' x '.join(map(str, image.shape[:3]))}; expected one grid: resample the {role} "
            "first, for example with nilearn.image.resample_to_img."
        )
    if not np.allclose(other.affine, image.affine, atol=_AFFINE_TOLERANCE_MM):
        raise UsageError(
            f"Found a {role} whose affine differs from that of the volumes by up to "
            f"{np.abs(other.affine - image.affine).max():.3g}; expected one grid: resample the "
            f"{role} first, for example with nilearn.image.resample_to_img."
        )
    with reading(str(path), "a volume in NIfTI"):
        return np.asarray(other.dataobj, dtype=np.float64)
