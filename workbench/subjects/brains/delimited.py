"""Text files of delimited fields: header, width of lines, empty fields."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError, WorkbenchError
from workbench.subjects.brains.choices import flag

if TYPE_CHECKING:
    from workbench.capturing.request import CaptureRequest

_MISSING = ("", "nan", "na", "n/a", "null", "none")


@dataclass(frozen=True)
class Lines:
    """Fields of a file.

    Attributes
    ----------
    header : list of str, optional
        Fields of the header line.
    table : ndarray (lines, fields) of str
        The other lines.
    notes : dict
        What was left out.
    """

    header: list[str] | None
    table: NDArray
    notes: dict[str, Any]


def as_number(field: str) -> float | None:
    """A field as a number; None where it is empty or none.

    Examples
    --------
    >>> as_number(" 1e-3"), as_number("AVAL"), as_number("")
    (0.001, None, None)
    """
    try:
        return float(field)
    except ValueError:
        return None


def numbers(fields: NDArray, name: str, path: Path) -> NDArray[np.float64]:
    """Fields of a column as numbers, ``(fields,)``; empty ones are NaN.

    Raises
    ------
    UsageError
        If one is something else.
    """
    found = np.empty(len(fields))
    for number, field in enumerate(fields.tolist()):
        if field.lower() in _MISSING:
            found[number] = np.nan
            continue
        value = as_number(field)
        if value is None:
            shown = name.lstrip("\0")
            raise UsageError(
                f"Found '{field[:40]}' in column '{shown}' of '{path}'; expected numbers: pass "
                f"label_columns={shown} if it holds labels, or mend the file."
            )
        found[number] = value
    return found


def read_lines(request: CaptureRequest, path: Path) -> Lines:
    """Read a delimited text file.

    Blank lines at the beginning and the end are left out, as is an empty last field that comes of
    a delimiter at the end of lines. The first line is a header if it holds words.

    Parameters
    ----------
    request : CaptureRequest
        With the options ``header`` and ``delimiter``.
    path : Path

    Returns
    -------
    Lines

    Raises
    ------
    UsageError
        If it is not plain whether there is a header, or what delimits fields.
    WorkbenchError
        If the file is no text, or its lines differ in length.
    """
    delimiter = _delimiter(request, path)
    rows = _rows(path, delimiter)
    notes: dict[str, Any] = {}
    kept = _without_blank_ends(rows)
    if not kept:
        raise UsageError(f"Found no line with fields in '{path}'; expected numbers.")
    if len(kept) < len(rows):
        notes["blank_lines_left_out"] = len(rows) - len(kept)
    width, trimmed = _width(kept, path)
    if trimmed:
        notes["empty_last_fields_left_out"] = trimmed
    table = np.array([[*row, ""][:width] for row in kept], dtype=object)
    if width == 1 and any(mark in str(table[0, 0]) for mark in ";\t"):
        raise UsageError(
            f"Found one field a line in '{path}', and ';' or tabs in it; expected '{delimiter}' "
            "between fields: pass delimiter=';' or delimiter=tab."
        )
    if _has_header(request, table, path):
        return Lines(table[0].tolist(), table[1:], notes)
    return Lines(None, table, notes)


def _delimiter(request: CaptureRequest, path: Path) -> str:
    given = request.option("delimiter")
    if given is None:
        return "\t" if path.name.lower().endswith((".tsv", ".tsv.txt")) else ","
    mark = "\t" if given in ("tab", "\\t") else str(given)
    if len(mark) != 1:
        raise UsageError(f"Found delimiter '{given}'; expected one character, or 'tab'.")
    return mark


def _rows(path: Path, delimiter: str) -> list[list[str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.reader(handle, delimiter=delimiter)
            return [[field.strip() for field in row] for row in reader]
    except UnicodeDecodeError as error:
        raise WorkbenchError(
            f"'{path}' is no text in UTF-8 ({error.reason} at byte {error.start}); expected fields "
            "in text: save it as UTF-8, or use the address of its own format."
        ) from error
    except csv.Error as error:
        raise WorkbenchError(
            f"Could not read '{path}' ({error}); expected text with fields: it may be damaged."
        ) from error


def _without_blank_ends(rows: list[list[str]]) -> list[list[str]]:
    filled = [number for number, row in enumerate(rows) if any(row)]
    return [row or [""] for row in rows[filled[0] : filled[-1] + 1]] if filled else []


def _width(rows: list[list[str]], path: Path) -> tuple[int, int]:
    """Fields in each line, and in how many lines an empty last one is to be left out."""
    sizes = {len(row) for row in rows}
    width = min(sizes)
    ended = [row for row in rows if len(row) > 1 and not row[-1]]
    if len(sizes) == 1:
        return (width - 1, len(rows)) if len(ended) == len(rows) else (width, 0)
    longer = [row for row in rows if len(row) > width]
    if sizes == {width, width + 1} and all(not row[-1] for row in longer):
        return width, len(longer)
    common = max(sizes, key=lambda size: sum(len(row) == size for row in rows))
    at = next(number for number, row in enumerate(rows) if len(row) != common)
    raise WorkbenchError(
        f"Line {at + 1} of '{path}' (blank lines at the beginning not counted) has {len(rows[at])} "
        f"fields, most have {common}; expected equally many: the file may be cut short."
    )


def _has_header(request: CaptureRequest, table: NDArray, path: Path) -> bool:
    stated = flag(request, "header")
    if stated is not None:
        return stated
    first = [as_number(field) for field in table[0].tolist()]
    words = [field for field, value in zip(table[0].tolist(), first, strict=True) if value is None]
    if any(words):
        second = table[1].tolist() if len(table) > 1 else []
        # A line of numbers behind one word is a unit with its name, if the next line is too.
        in_lines = len(words) == 1 and table[0, 0] == words[0] and len(first) > 2
        return not (in_lines and second and as_number(second[0]) is None and bool(second[0]))
    if len(first) > 1 and first == list(range(len(first))):
        raise UsageError(
            f"Found a first line that counts from 0 to {len(first) - 1} in '{path}'; expected to "
            "know whether it is a header or activity: pass header=yes or header=no."
        )
    return False
