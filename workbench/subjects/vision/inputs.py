"""Pictures as inputs of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numpy.typing import NDArray

from workbench.recording.identity import digest
from workbench.subjects.networks.inputs import Inputs

if TYPE_CHECKING:
    import pandas as pd

    from workbench.subjects.vision.pictures import Pictures
    from workbench.subjects.vision.preprocessing import Preprocessing


class PictureInputs(Inputs):
    """Pictures, decoded and preprocessed a batch at a time.

    Parameters
    ----------
    pictures : Pictures
    preprocess : Preprocessing
    name : str
        Name of the argument; empty for the first positional one.
    """

    def __init__(self, pictures: Pictures, preprocess: Preprocessing, name: str = "") -> None:
        self._pictures, self._preprocess, self._name = pictures, preprocess, name

    def __len__(self) -> int:
        return len(self._pictures)

    def read(self, first: int, last: int) -> dict[str, NDArray]:
        """Some pictures, preprocessed: ``(pictures, 3, y, x)``."""
        found = [self._pictures.read(number) for number in range(first, last)]
        return {self._name: self._preprocess(found)}

    def digest(self, count: int) -> str:
        """SHA-256 of the pixels of the first pictures and of the preprocessing."""
        return digest([*self._pictures.scan(count).digests, self._preprocess.ingredients])

    def about(self, count: int) -> pd.DataFrame:
        """Path, SHA-256 and size of the first pictures."""
        return self._pictures.scan(count).about
