"""Series of pictures: a folder, a Parquet table or an array, read one by one."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.capturing.request import CaptureRequest
from workbench.errors import UsageError, WorkbenchError, nearest
from workbench.subjects.vision.decoding import decode_picture

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif")


@dataclass(frozen=True)
class Scan:
    """What a look at some pictures found.

    Attributes
    ----------
    about : DataFrame
        Columns ``path``, ``sha256`` of the file or array, ``height`` and ``width``.
    digests : tuple of str
        SHA-256 of the decoded pixels of every picture.
    """

    about: pd.DataFrame
    digests: tuple[str, ...]


class Pictures(ABC):
    """Pictures with labels.

    Attributes
    ----------
    labels : DataFrame
        One row a picture: ``id``, and ``label`` or further columns where there are any.
    """

    labels: pd.DataFrame

    def __len__(self) -> int:
        return len(self.labels)

    @abstractmethod
    def content(self, number: int) -> bytes | NDArray:
        """One picture as it is stored: the bytes of a file, or an array."""

    @abstractmethod
    def path(self, number: int) -> str:
        """Where it lies, below what was given."""

    def read(self, number: int) -> NDArray[np.uint8]:
        """One picture.

        Parameters
        ----------
        number : int

        Returns
        -------
        ndarray (y, x, 3), uint8
        """
        content = self.content(number)
        if isinstance(content, bytes):
            return decode_picture(content, self.path(number))
        return _as_rgb(content)

    def scan(self, count: int) -> Scan:
        """The first pictures decoded, so that a damaged one is found before any is recorded.

        What was looked at once is not looked at again.

        Parameters
        ----------
        count : int

        Returns
        -------
        Scan

        Raises
        ------
        WorkbenchError
            If one cannot be decoded.
        """
        import pandas as pd

        while len(self._seen) < count:
            self._seen.append(self._look(len(self._seen)))
        columns = ["path", "sha256", "height", "width", "pixels"]
        about = pd.DataFrame(self._seen[:count], columns=columns)
        return Scan(about, tuple(about.pop("pixels")))

    @cached_property
    def _seen(self) -> list[tuple[str, str, int, int, str]]:
        return []

    def _look(self, number: int) -> tuple[str, str, int, int, str]:
        content, pixels = self.content(number), self.read(number)
        raw = content if isinstance(content, bytes) else np.ascontiguousarray(content).tobytes()
        height, width = pixels.shape[:2]
        shown = hashlib.sha256(f"{height},{width};".encode() + pixels.tobytes()).hexdigest()
        return self.path(number), hashlib.sha256(raw).hexdigest(), height, width, shown


class FolderPictures(Pictures):
    """Files below a folder, in the order of their names; sub-folders are labels.

    Parameters
    ----------
    root : Path

    Raises
    ------
    UsageError
        If there are none.
    """

    def __init__(self, root: Path) -> None:
        import pandas as pd

        found = (path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES)
        visible = [path for path in found if not path.name.startswith(".") and path.is_file()]
        self._root = root
        self._paths = sorted(path.relative_to(root).as_posix() for path in visible)
        if not self._paths:
            raise UsageError(
                f"Found no pictures in '{root}'; expected files that end in {', '.join(SUFFIXES)}."
            )
        stems = [path.rpartition(".")[0] for path in self._paths]
        self.labels = pd.DataFrame({"id": stems if len(set(stems)) == len(stems) else self._paths})
        if any("/" in path for path in self._paths):
            self.labels["label"] = [
                path.partition("/")[0] if "/" in path else "" for path in self._paths
            ]

    def content(self, number: int) -> bytes:
        """One file."""
        path = self._root / self._paths[number]
        try:
            return path.read_bytes()
        except OSError as error:
            raise WorkbenchError(
                f"Could not read the picture '{path}' ({error.strerror}); expected a readable file."
            ) from error

    def path(self, number: int) -> str:
        """Below the folder."""
        return self._paths[number]


class ArrayPictures(Pictures):
    """Pictures in an array ``(pictures, y, x)`` or ``(pictures, y, x, 1 or 3)``.

    Values are 8-bit, or floating point in [0, 1], which is rounded to 8 bit.

    Parameters
    ----------
    array : array
    labels : DataFrame
        Further columns, one row a picture.
    name : str
        For messages.

    Raises
    ------
    UsageError
        If it has another shape or dtype.

    Examples
    --------
    >>> pictures = ArrayPictures(np.ones((2, 4, 5)), None, "images")
    >>> pictures.read(0).shape, int(pictures.read(0).max())
    ((4, 5, 3), 255)
    """

    def __init__(self, array: Any, labels: pd.DataFrame | None, name: str) -> None:
        import pandas as pd

        shape = tuple(array.shape)
        fits = len(shape) == 3 or (len(shape) == 4 and shape[3] in (1, 3))
        if not fits or 0 in shape:
            raise UsageError(
                f"Found images of shape {shape} in '{name}'; expected (images, y, x), or "
                "(images, y, x, 3 or 1) with the channels last."
            )
        if array.dtype != np.uint8 and array.dtype.kind != "f":
            raise UsageError(
                f"Found {array.dtype} images in '{name}'; expected uint8, or floating point in "
                "[0, 1]."
            )
        self._array, self._name = array, name
        numbers = pd.DataFrame({"id": np.arange(shape[0])})
        self.labels = numbers if labels is None else numbers.join(labels)

    def content(self, number: int) -> NDArray:
        """One picture as it is stored."""
        picture = np.asarray(self._array[number : number + 1])[0]
        if picture.dtype.kind == "f" and not (picture.min() >= 0 and picture.max() <= 1):
            raise UsageError(
                f"Found values from {picture.min():g} to {picture.max():g} in image {number} of "
                f"'{self._name}'; expected floating-point images in [0, 1], or uint8."
            )
        return picture

    def path(self, number: int) -> str:
        """Number within the array."""
        return f"{self._name}[{number}]"


class ParquetPictures(Pictures):
    """Pictures in a column of bytes, or of structs with ``bytes``, as Hugging Face datasets have.

    Parameters
    ----------
    path : Path
    column : str

    Raises
    ------
    UsageError
        If there is no such column, or it holds no bytes.
    WorkbenchError
        If the file is damaged.
    """

    def __init__(self, path: Path, column: str) -> None:
        self._source, self._column = path, column
        self._file = self._open()
        names = self._file.schema_arrow.names
        if column not in names:
            raise UsageError(
                f"Found no column '{column}' in '{path}'; {nearest(column, names)} (name the "
                "column of pictures with the option image_column)."
            )
        self._starts = np.cumsum(
            [0, *(self._file.metadata.row_group(k).num_rows for k in range(self._n_groups))]
        )
        self._group: tuple[int, list[Any]] = (-1, [])
        self.labels = self._scalars()
        if self.labels.empty:
            raise UsageError(f"Found no rows in '{path}'; expected one a picture.")

    @property
    def _n_groups(self) -> int:
        return int(self._file.num_row_groups)

    def _open(self) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not self._source.is_file():
            raise UsageError(f"Found no file '{self._source}'; expected pictures: check the path.")
        try:
            return pq.ParquetFile(self._source)
        except (pa.ArrowException, OSError) as error:
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise WorkbenchError(
                f"Could not read '{self._source}' ({first}); expected an undamaged Parquet file."
            ) from error

    def _scalars(self) -> pd.DataFrame:
        import pandas as pd
        import pyarrow as pa

        kept = [
            field.name
            for field in self._file.schema_arrow
            if field.name != self._column
            and not pa.types.is_nested(field.type)
            and not pa.types.is_binary(field.type)
            and not pa.types.is_large_binary(field.type)
        ]
        table = self._file.read(columns=kept).to_pandas() if kept else pd.DataFrame()
        table.index = pd.RangeIndex(int(self._starts[-1]))
        if "id" not in table:
            table.insert(0, "id", np.arange(len(table)))
        return table

    def content(self, number: int) -> bytes:
        """Bytes of one picture; a row group is read once for all that lie in it."""
        group = int(np.searchsorted(self._starts, number, side="right")) - 1
        if self._group[0] != group:
            column = self._file.read_row_group(group, columns=[self._column]).column(self._column)
            self._group = (group, column.to_pylist())
        cell = self._group[1][number - int(self._starts[group])]
        found = cell.get("bytes") if isinstance(cell, dict) else cell
        if not isinstance(found, bytes):
            raise UsageError(
                f"Found {type(found).__name__} in row {number} of column '{self._column}' of "
                f"'{self._source}'; expected the bytes of a picture, or a struct with bytes."
            )
        return found

    def path(self, number: int) -> str:
        """Path that the struct names, else number of the row."""
        self.content(number)
        cell = self._group[1][number - int(self._starts[self._group[0]])]
        named = cell.get("path") if isinstance(cell, dict) else None
        return str(named) if named else f"{self._column}[{number}]"


def holds_pictures(request: CaptureRequest) -> bool:
    """Whether the stimuli of a capture are pictures rather than arrays of numbers."""
    given = request.stimuli
    if request.images is not None:
        return True
    if not isinstance(given, (str, Path)):
        return False
    return Path(given).is_dir() or Path(given).suffix.lower() == ".parquet"


def open_pictures(request: CaptureRequest) -> Pictures:
    """Pictures that a capture asks for.

    Parameters
    ----------
    request : CaptureRequest
        With ``images`` or ``stimuli``: a folder, a ``.parquet``, ``.npz`` or ``.npy`` file, or an
        array; and the options ``key`` (array of an ``.npz``) and ``image_column`` (of a table).

    Returns
    -------
    Pictures

    Raises
    ------
    UsageError
        If there are none.
    WorkbenchError
        If a file is damaged.
    """
    given = request.stimuli if request.images is None else request.images
    if given is None:
        raise UsageError(
            f"Found no images for '{request.subject}'; expected --images with a folder, a .parquet "
            "or an .npz file."
        )
    if not isinstance(given, (str, Path)):
        from workbench.subjects.networks.stimuli import plain_array

        return ArrayPictures(plain_array(given), None, "images")
    path = Path(given).expanduser()
    if path.is_dir():
        return FolderPictures(path)
    if path.suffix.lower() == ".parquet":
        return ParquetPictures(path, str(request.option("image_column", "image")))
    return _from_arrays(path, request)


def _from_arrays(path: Path, request: CaptureRequest) -> Pictures:
    from workbench.subjects.networks.files import open_arrays
    from workbench.subjects.networks.stimuli import split_arrays

    if not path.exists():
        raise UsageError(f"Found no '{path}'; expected a folder or file with images.")
    if path.suffix.lower() in SUFFIXES:
        raise UsageError(f"Found one picture '{path}'; expected the folder that it lies in.")
    inputs, labels = split_arrays(open_arrays(path), request)
    return ArrayPictures(next(iter(inputs.values())), labels, path.stem)


def _as_rgb(picture: NDArray) -> NDArray[np.uint8]:
    if picture.dtype != np.uint8:
        picture = np.round(picture * 255).astype(np.uint8)
    if picture.ndim == 2:
        picture = picture[..., None]
    return np.broadcast_to(picture, (*picture.shape[:2], 3))
