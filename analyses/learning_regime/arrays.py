"""Labelled arrays of a result, and curves over training out of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analyses.learning_regime.checkpoint_rows import CheckpointRows
from analyses.learning_regime.numbers import Number, as_variables, corrected, numbers_in

if TYPE_CHECKING:
    import xarray as xr

    from analyses.learning_regime.training_numbers import Training

ENDS = ("first", "last")
_ORDER = (
    "representation alignment",
    "kernel alignment",
    "weight change",
    "sign similarity",
    "kernel-target alignment",
    "loss",
    "accuracy",
)


def assemble(
    layout: CheckpointRows,
    numbers: Sequence[Number],
    training: Training | None,
    attributes: dict[str, Any],
) -> xr.Dataset:
    """Labelled arrays of a result.

    Parameters
    ----------
    layout : CheckpointRows
    numbers : sequence of Number
        Of sites.
    training : Training, optional
        Of the opened subject.
    attributes : dict

    Returns
    -------
    xarray.Dataset
        Numbers along ``number``; kernels (weight, end, kernel_row, kernel_column); spectra
        (matrix, spectrum, direction).
    """
    import xarray as xr

    every = corrected([*numbers, *(training.numbers if training else [])])
    every.sort(key=_importance)
    variables: dict[str, Any] = dict(as_variables(every))
    coordinates: dict[str, Any] = {
        "checkpoint": np.array(layout.names, dtype=object),
        "step": ("checkpoint", layout.steps),
    }
    if training and training.kernels:
        coordinates["end"] = np.array(ENDS, dtype=object)
        coordinates["weight"] = np.array(list(training.kernels), dtype=object)
        sides = ("weight", "end", "kernel_row", "kernel_column")
        variables["kernel"] = (sides, np.stack(list(training.kernels.values())))
    if training and training.spectra:
        coordinates["matrix"] = np.array(list(training.spectra), dtype=object)
        coordinates["spectrum"] = np.array((*ENDS, "random"), dtype=object)
        axes = ("matrix", "spectrum", "direction")
        variables["singular_value"] = (axes, _padded(list(training.spectra.values())))
    return xr.Dataset(variables, coordinates, attributes)


def _importance(number: Number) -> int:
    """Place among the names that a reader wants to see first; sorting keeps the rest in order."""
    name = number.name.removeprefix("centred ").removesuffix(" below random drift")
    return _ORDER.index(name) if name in _ORDER else len(_ORDER)


def _padded(spectra: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    longest = max(each.shape[1] for each in spectra)
    padded = np.full((len(spectra), spectra[0].shape[0], longest), np.nan)
    for place, each in enumerate(spectra):
        padded[place, :, : each.shape[1]] = each
    return padded


class Curves:
    """Numbers of a result by name, place and checkpoint.

    Parameters
    ----------
    data : xarray.Dataset
        As `assemble` gives it.

    Attributes
    ----------
    data : xarray.Dataset
    checkpoints : list of str
    """

    def __init__(self, data: xr.Dataset) -> None:
        self.data = data
        self.checkpoints = [str(name) for name in data["checkpoint"].values]
        self._at = {(n.name, n.place, n.checkpoint): n for n in numbers_in(data)}

    def places(self, name: str) -> list[str]:
        """Sites or weights that have a number of this name, in their order."""
        return list(dict.fromkeys(place for own, place, _ in self._at if own == name))

    def has(self, name: str) -> bool:
        """Whether there is any number of this name."""
        return bool(self.places(name))

    def at(self, name: str, place: str, checkpoint: str) -> Number | None:
        """One number; None if there is none."""
        return self._at.get((name, place, checkpoint))

    def values(self, name: str, place: str) -> NDArray[np.float64]:
        """Values over checkpoints, NaN where there is none.

        Parameters
        ----------
        name, place : str

        Returns
        -------
        ndarray (checkpoints,)
        """
        found = [self.at(name, place, checkpoint) for checkpoint in self.checkpoints]
        return np.array([np.nan if each is None else each.value for each in found])
