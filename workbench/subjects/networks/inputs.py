"""Inputs of a network, read a part at a time, and the tables that say what they are."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

_BLOCK_BYTES = 64 * 2**20


class Sliceable(Protocol):
    """An array, or what reads parts of one from a file."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes."""

    @property
    def dtype(self) -> np.dtype:
        """Dtype of the values."""

    def __getitem__(self, part: slice) -> NDArray:
        """Some stimuli."""


class Inputs(ABC):
    """What is shown to a network, stimulus by stimulus."""

    @abstractmethod
    def __len__(self) -> int:
        """Number of stimuli."""

    @abstractmethod
    def read(self, first: int, last: int) -> dict[str, NDArray]:
        """Some stimuli, by name of the argument, which is empty for the first positional one.

        Parameters
        ----------
        first, last : int

        Returns
        -------
        dict of str to ndarray (last - first, ...)
        """

    @abstractmethod
    def digest(self, count: int) -> str:
        """SHA-256 of the first stimuli as the network gets them."""

    def about(self, count: int) -> pd.DataFrame | None:
        """More columns of the table of the first stimuli."""
        return None


class ArrayInputs(Inputs):
    """Arrays, in memory or on disk.

    Parameters
    ----------
    arrays : mapping of str to array (stimuli, ...)
        By name of the argument; the name is empty for the first positional one.
    wide : bool
        Whether floating point becomes float64 instead of float32.

    Raises
    ------
    UsageError
        If there are no stimuli, unequally many, or no numbers.

    Examples
    --------
    >>> inputs = ArrayInputs({"": np.zeros((5, 3))})
    >>> len(inputs), inputs.read(1, 3)[""].dtype
    (5, dtype('float32'))
    """

    def __init__(self, arrays: Mapping[str, Sliceable], wide: bool = False) -> None:
        self._arrays = dict(arrays)
        self._floating = np.dtype(np.float64 if wide else np.float32)
        for name, array in self._arrays.items():
            _check_numbers(name, array)
        counts = {name: array.shape[0] for name, array in self._arrays.items()}
        if len(set(counts.values())) != 1:
            raise UsageError(f"Found inputs with {counts} stimuli; expected equally many in each.")

    def __len__(self) -> int:
        return int(next(iter(self._arrays.values())).shape[0])

    def read(self, first: int, last: int) -> dict[str, NDArray]:
        """Some stimuli."""
        return {name: self._cast(array[first:last]) for name, array in self._arrays.items()}

    def digest(self, count: int) -> str:
        """SHA-256 of the first stimuli, read in bounded memory."""
        running = hashlib.sha256()
        for name, array in sorted(self._arrays.items()):
            shape = tuple(array.shape[1:])
            kind = self._cast(np.empty(0, array.dtype)).dtype
            running.update(f"{name}{kind.str}{shape}{count};".encode())
            size = max(1, _BLOCK_BYTES // max(1, int(np.prod(shape)) * array.dtype.itemsize))
            for start in range(0, count, size):
                part = np.ascontiguousarray(self._cast(array[start : min(start + size, count)]))
                running.update(part.reshape(-1).view(np.uint8).data)
        return running.hexdigest()

    def _cast(self, part: NDArray) -> NDArray:
        part = np.asarray(part)
        # Files from elsewhere may hold the bytes of a number the other way round.
        wanted = self._floating if part.dtype.kind == "f" else part.dtype.newbyteorder("=")
        return part.astype(wanted, copy=False)


@dataclass(frozen=True)
class Stimuli:
    """What to show to a network.

    Attributes
    ----------
    inputs : Inputs
    labels : DataFrame
        One row a stimulus; these columns go to the row table, too.
    steps : DataFrame, optional
        One row a time step, where inputs are ``(stimuli, steps, ...)`` and the steps have labels.
    """

    inputs: Inputs
    labels: pd.DataFrame
    steps: pd.DataFrame | None = None

    def table(self, count: int) -> pd.DataFrame:
        """Table of the first stimuli."""
        import pandas as pd

        about = self.inputs.about(count)
        labels = self.labels.iloc[:count].reset_index(drop=True)
        table = labels if about is None else pd.concat([labels, about], axis=1)
        return table if len(table.columns) else pd.DataFrame({"id": np.arange(count)})

    def sample(self) -> dict[str, NDArray]:
        """Three stimuli, repeated where there are fewer."""
        kept = min(3, len(self.inputs))
        return {
            name: np.resize(values, (3, *values.shape[1:]))
            for name, values in self.inputs.read(0, kept).items()
        }


def count_steps(batch: Mapping[str, NDArray]) -> int:
    """Steps of inputs that may be sequences, 0 of others.

    Sequences are ``(stimuli, steps, channels)``, or ``(stimuli, steps)`` where they are whole
    numbers, such as token ids.

    Parameters
    ----------
    batch : mapping of str to ndarray (stimuli, ...)

    Returns
    -------
    int

    Examples
    --------
    >>> count_steps({"": np.zeros((3, 60, 2))}), count_steps({"": np.zeros((3, 1, 8, 8))})
    (60, 0)
    """
    first = next(iter(batch.values()))
    is_sequence = first.ndim == 3 or (first.ndim == 2 and first.dtype.kind in "iu")
    return int(first.shape[1]) if is_sequence else 0


def _check_numbers(name: str, array: Sliceable) -> None:
    called = f"'{name}'" if name else "the stimuli"
    if array.dtype.kind not in "fiub":
        raise UsageError(
            f"Found {array.dtype} values in {called}; expected real numbers, one array for all "
            "stimuli."
        )
    if not array.shape or array.shape[0] == 0 or 0 in array.shape:
        raise UsageError(
            f"Found an array of shape {tuple(array.shape)} in {called}; expected at least one "
            "stimulus: (stimuli, ...)."
        )
