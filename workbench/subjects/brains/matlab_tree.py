"""Variables of a MATLAB file by dotted names, whichever version wrote it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.subjects.brains.packages import need
from workbench.subjects.brains.unit_table import clean_name

_HDF5 = b"\x89HDF\r\n\x1a\n"
_USER_BLOCK = 512


class Reversed:
    """A dataset of a v7.3 file with its axes as MATLAB shows them; rows and columns are flat.

    Parameters
    ----------
    dataset : h5py.Dataset
        Of at most two axes.
    """

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset
        self.dtype = dataset.dtype
        turned = tuple(int(size) for size in dataset.shape[::-1])
        self._is_flat = len(turned) == 2 and 1 in turned
        self.shape = (turned[0] * turned[1],) if self._is_flat else turned

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, wanted: Any) -> NDArray:
        if wanted is Ellipsis:
            return np.asarray(self._dataset[...]).T.reshape(self.shape)
        if self._is_flat:
            across = self._dataset.shape[0] == 1
            part = self._dataset[0, wanted] if across else self._dataset[wanted, 0]
            return np.asarray(part)
        if isinstance(wanted, tuple):
            return np.asarray(self._dataset[wanted[1], wanted[0]]).T
        return np.asarray(self._dataset[:, wanted]).T


class CellColumns:
    """Cells that hold one row of values a neuron, as time by unit; an empty cell is all NaN.

    Parameters
    ----------
    cells : sequence of array-like (time,) or None

    Examples
    --------
    >>> columns = CellColumns([np.array([1.0, 2.0]), None])
    >>> columns.shape, columns[0:1].tolist()
    ((2, 2), [[1.0, nan]])
    """

    def __init__(self, cells: Sequence[Any]) -> None:
        self._cells = cells
        filled = [cell for cell in cells if cell is not None]
        self.shape = (len(filled[0]), len(cells))
        dtypes = [cell.dtype for cell in filled]
        needs_nan = len(filled) < len(cells)
        self.dtype = np.result_type(*dtypes, *([np.float32] if needs_nan else []))

    def __getitem__(self, wanted: Any) -> NDArray:
        rows = wanted[1] if isinstance(wanted, tuple) else wanted
        span = range(self.shape[0])[rows if isinstance(rows, slice) else slice(None)]
        found = np.full((len(span), self.shape[1]), np.nan if self.dtype.kind == "f" else 0)
        found = found.astype(self.dtype)
        for unit, cell in enumerate(self._cells):
            if cell is not None:
                found[:, unit] = cell[span.start : span.stop]
        return found


def read_leaves(path: Path) -> tuple[dict[str, Any], Any]:
    """Arrays in a MATLAB file.

    Parameters
    ----------
    path : Path

    Returns
    -------
    leaves : dict of str to array-like
        By dotted name, such as ``worm.traces``, or ``worms.0.traces`` for elements of struct and
        cell arrays. Numbers of one or two axes, with MATLAB's axes; texts as arrays of dtype
        object. Cells of equally long rows of numbers are one array of time by cell.
    file : object
        What must stay open while arrays are read.
    """
    with path.open("rb") as handle:
        head = handle.read(_USER_BLOCK + len(_HDF5))
    if head.startswith(_HDF5) or head[_USER_BLOCK:] == _HDF5:
        file = need("h5py").File(path, "r")
        tree = {name: _from_hdf5(file, file[name]) for name in file if name != "#refs#"}
        return dict(_leaves("", tree)), file
    return dict(_leaves("", _read_v5(path))), None


def _read_v5(path: Path) -> dict[str, Any]:
    from scipy.io import loadmat

    content = loadmat(path, simplify_cells=True)
    return {name: _from_v5(value) for name, value in content.items() if not name.startswith("__")}


def _from_v5(value: Any) -> Any:
    """Dictionaries for structs, lists for cells and struct arrays, arrays, texts."""
    if isinstance(value, dict):
        return {str(key): _from_v5(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_from_v5(each) for each in value]
    if isinstance(value, np.ndarray) and value.dtype.kind == "O":
        return [_from_v5(each) for each in value.T.reshape(-1)]
    if isinstance(value, np.ndarray) and value.dtype.kind in "US":
        return [str(each) for each in value.reshape(-1)]
    if isinstance(value, (str, bytes)):
        return clean_name(value)
    return np.asarray(value)


def _from_hdf5(file: Any, node: Any) -> Any:
    """The same of a v7.3 file, whose cells are references and whose texts are numbers."""
    if hasattr(node, "keys"):
        fields = {str(name): _from_hdf5(file, node[name]) for name in node}
        return _struct_array(node, fields)
    kind = _class_of(node)
    if node.attrs.get("MATLAB_empty", 0):
        return "" if kind == "char" else np.empty(0)
    if kind == "char":
        rows = np.atleast_2d(node[...].T)
        texts = ["".join(map(chr, row)).strip("\0 ") for row in rows]
        return texts[0] if len(texts) == 1 else texts
    if node.dtype.kind == "O":
        return [_from_hdf5(file, file[each]) for each in np.asarray(node[...]).reshape(-1)]
    return Reversed(node) if len(node.shape) <= 2 else np.empty(0)


def _class_of(node: Any) -> str:
    given = node.attrs.get("MATLAB_class", b"")
    return given.decode() if isinstance(given, bytes) else str(given)


def _struct_array(node: Any, fields: dict[str, Any]) -> Any:
    """An array of structs has its fields as lists, which are no cells."""
    lengths = {len(each) for each in fields.values() if isinstance(each, list)}
    is_array = len(lengths) == 1 and all(
        isinstance(fields[str(name)], list) and _class_of(node[name]) == "" for name in node
    )
    if not is_array:
        return fields
    return [{name: each[n] for name, each in fields.items()} for n in range(lengths.pop())]


def _leaves(prefix: str, node: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        for name, value in node.items():
            yield from _leaves(f"{prefix}.{name}" if prefix else name, value)
    elif isinstance(node, list):
        columns = _as_columns(node)
        whole = _as_texts(node) if columns is None else columns
        if whole is not None:
            yield prefix, whole
        else:
            for number, value in enumerate(node):
                yield from _leaves(f"{prefix}.{number}", value)
    elif not isinstance(node, str) and node.dtype.kind in "biuf" and len(node.shape) in (1, 2):
        yield prefix, node


def _as_columns(cells: list[Any]) -> CellColumns | None:
    """Cells of equally long rows of numbers, some of which may be empty."""
    if not cells or not all(_is_row(cell) for cell in cells):
        return None
    filled = [cell for cell in cells if _size(cell)]
    if not filled or len({_size(cell) for cell in filled}) > 1 or _size(filled[0]) < 2:
        return None
    return CellColumns([cell if _size(cell) else None for cell in cells])


def _is_row(cell: Any) -> bool:
    if isinstance(cell, (str, list, dict)) or cell.dtype.kind not in "biuf":
        return False
    return len(cell.shape) == 1 or _size(cell) == 0


def _size(cell: Any) -> int:
    return int(np.prod(cell.shape))


def _as_texts(cells: list[Any]) -> NDArray | None:
    """Cells of texts: of a cell with several, the first one; empty cells are empty texts."""
    texts = []
    for cell in cells:
        inner = next((each for each in cell if each != ""), "") if _is_texts(cell) else cell
        if not isinstance(inner, str):
            if isinstance(inner, (list, dict)) or _size(inner):
                return None
            inner = ""
        texts.append(clean_name(inner))
    return np.array(texts, dtype=object) if any(texts) else None


def _is_texts(cell: Any) -> bool:
    return isinstance(cell, list) and all(isinstance(each, str) for each in cell)
