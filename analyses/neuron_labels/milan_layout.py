"""Exemplars in MILAN's layout: ``images.npy``, ``masks.npy``, ``activations.csv``, ``ids.csv``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analyses.neuron_labels.types import Exemplars, UnitExemplars
from workbench.errors import UsageError, WorkbenchError

_NEEDED = ("images.npy", "masks.npy")
_VALUES, _NUMBERS = "activations.csv", "ids.csv"


def save_milan(exemplars: Exemplars, folder: str | Path) -> Path:
    """Write exemplars of images as MILAN does.

    Parameters
    ----------
    exemplars : Exemplars
        Of images.
    folder : str or Path
        Made if need be. Holds ``images.npy`` (units, k, 3, height, width) and ``masks.npy``
        (units, k, 1, height, width), both uint8, ``activations.csv`` and ``ids.csv`` (units, k);
        and ``units.npy`` where the units are not all of 0, 1, 2, ... Where a unit has fewer than
        ``k``, images are black, masks empty, activations nan and ids -1.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    UsageError
        If there are no images, or no units.

    References
    ----------
    ``src/exemplars/compute.py`` of github.com/evandez/neuron-descriptions.
    """
    if exemplars.kind != "vision" or not len(exemplars) or exemplars[0].images is None:
        raise UsageError(
            f"Found {len(exemplars)} sets of exemplars of kind '{exemplars.kind}' without images; "
            "expected exemplars of images: pass stimuli=Stimuli('vision', images=...) to "
            "compute_exemplars."
        )
    root = Path(folder)
    root.mkdir(parents=True, exist_ok=True)
    n_units, k = len(exemplars), exemplars.k
    height, width = exemplars[0].images.shape[1:3]
    images = _new_array(root / "images.npy", (n_units, k, 3, height, width))
    masks = _new_array(root / "masks.npy", (n_units, k, 1, height, width))
    values = np.full((n_units, k), np.nan)
    numbers = np.full((n_units, k), -1, dtype=np.int64)
    units = np.empty(n_units, dtype=np.int64)
    for place, each in enumerate(exemplars):
        here = slice(0, len(each))
        if each.images is not None:
            images[place, here] = each.images.transpose(0, 3, 1, 2)
        masks[place, here, 0] = each.masks
        values[place, here], numbers[place, here] = each.values, each.stimuli
        units[place] = each.unit
    images.flush()
    masks.flush()
    np.savetxt(root / _VALUES, values, delimiter=",", fmt="%.9g")
    np.savetxt(root / _NUMBERS, numbers, delimiter=",", fmt="%i")
    if not np.array_equal(units, np.arange(n_units)):
        np.save(root / "units.npy", units)
    return root


def _new_array(path: Path, shape: tuple[int, ...]) -> Any:
    return np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)


def load_milan(folder: str | Path, site: str | None = None) -> Exemplars:
    """Read exemplars that MILAN or `save_milan` wrote.

    Parameters
    ----------
    folder : str or Path
    site : str, optional
        What to call the layer; by default the folder's name.

    Returns
    -------
    Exemplars
        Images and masks are read when a unit is asked for. The layout holds no thresholds, no
        quantile and no parts: thresholds are NaN, the quantile is MILAN's 0.99, and all stimuli
        that are shown count as used. Without ``activations.csv`` values are NaN; without
        ``ids.csv`` stimuli are numbered as they come, and none is known to be used.

    Raises
    ------
    WorkbenchError
        If images or masks are missing, or files do not fit together.
    """
    root = Path(folder)
    missing = [name for name in _NEEDED if not (root / name).is_file()]
    if missing:
        raise WorkbenchError(
            f"Found no {', '.join(missing)} in '{root}'; expected {', '.join(_NEEDED)}: check the "
            "folder."
        )
    images, masks = (_read_array(root / name) for name in _NEEDED)
    start = images.shape[:2]
    values = _read_table(root / _VALUES, np.full(start, np.nan))
    in_order = np.arange(np.prod(start)).reshape(start)
    numbers = _read_table(root / _NUMBERS, in_order).astype(np.int64)
    units = np.arange(len(images))
    if (root / "units.npy").is_file():
        units = _read_array(root / "units.npy")
    _check_shapes(root, images, masks, values, numbers, units)
    sets = MilanSets(site or root.name, images, masks, values, numbers, units)
    used = np.unique(numbers[numbers >= 0]) if (root / _NUMBERS).is_file() else numbers[:0, 0]
    unknown = np.full(len(units), np.nan)
    return Exemplars(sets.site, "vision", sets, unknown, 0.99, values.shape[1], None, used)


def _read_table(path: Path, default: NDArray) -> NDArray:
    return np.loadtxt(path, delimiter=",", ndmin=2) if path.is_file() else default


def _read_array(path: Path) -> NDArray:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise WorkbenchError(
            f"Found '{path}', which cannot be read ({error}); expected a plain numpy array."
        ) from error


def _check_shapes(root: Path, *arrays: NDArray) -> None:
    images, masks, values, numbers, units = arrays
    start = images.shape[:2]
    fits = images.ndim == 5 and images.shape[2] == 3 and images.dtype == np.uint8
    fits = fits and masks.shape == (*start, 1, *images.shape[3:])
    if not (fits and values.shape == numbers.shape == start and units.shape == start[:1]):
        shapes = ", ".join(str(each.shape) for each in arrays)
        raise WorkbenchError(
            f"Found images, masks, activations, ids and units of shapes {shapes} in '{root}'; "
            "expected uint8 images (units, k, 3, height, width) and the others to fit."
        )


@dataclass(frozen=True, eq=False)
class MilanSets(Sequence[UnitExemplars]):
    """Sets of exemplars in MILAN's arrays.

    Attributes
    ----------
    site : str
    images : ndarray (units, k, 3, height, width) of uint8
    masks : ndarray (units, k, 1, height, width)
    values, numbers : ndarray (units, k)
    units : ndarray (units,) of int
    """

    site: str
    images: NDArray[np.uint8]
    masks: NDArray
    values: NDArray[np.float64]
    numbers: NDArray[np.int64]
    units: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, place: int) -> UnitExemplars:  # type: ignore[override]
        there = self.numbers[range(len(self))[place]] >= 0
        images = np.array(self.images[place][there]).transpose(0, 2, 3, 1)
        return UnitExemplars(
            int(self.units[place]),
            self.site,
            "vision",
            self.numbers[place][there],
            self.values[place][there].astype(np.float32),
            self.masks[place][there][:, 0] > 0,
            np.ascontiguousarray(images),
        )
