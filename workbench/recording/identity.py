"""Identity: a hash over everything that changes the numbers of a recording or a result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def canonical_json(value: Any) -> str:
    """One spelling for equal values: sorted keys, no spaces, no NaN.

    Parameters
    ----------
    value : JSON value
        Dictionaries, lists, strings, finite numbers, booleans, None; tuples count as lists.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If a number is NaN or infinite.
    TypeError
        If a value has no JSON form.

    Examples
    --------
    >>> canonical_json({"b": 1, "a": (2, 3)})
    '{"a":[2,3],"b":1}'
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON of a value.

    Parameters
    ----------
    value : JSON value

    Returns
    -------
    str
        64 hexadecimal digits.

    Examples
    --------
    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    True
    """
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def digest_file(path: Path) -> str:
    """SHA-256 of the bytes of a file, read in bounded memory."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def digest_array(array: NDArray) -> str:
    """SHA-256 over dtype, shape and contents of an array.

    Parameters
    ----------
    array : ndarray of any shape

    Returns
    -------
    str

    Examples
    --------
    >>> digest_array(np.zeros(4)) == digest_array(np.zeros((2, 2)))
    False
    """
    contiguous = np.ascontiguousarray(array)
    running = hashlib.sha256(f"{contiguous.dtype.str}{array.shape}".encode())
    running.update(contiguous.reshape(-1).view(np.uint8).data)
    return running.hexdigest()


def digest_lines(lines: Iterable[str]) -> str:
    """SHA-256 over texts, each preceded by its length so that boundaries count.

    Examples
    --------
    >>> digest_lines(["ab", "c"]) == digest_lines(["a", "bc"])
    False
    """
    running = hashlib.sha256()
    for line in lines:
        encoded = line.encode("utf-8", "surrogatepass")
        running.update(f"{len(encoded)}:".encode())
        running.update(encoded)
    return running.hexdigest()
