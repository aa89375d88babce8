"""Storage dtypes: numpy lacks bfloat16, so its bits travel as uint16 and are widened on reading."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike, NDArray

from workbench.errors import UsageError

STORED_AS: dict[str, str] = {
    "float64": "<f8",
    "float32": "<f4",
    "float16": "<f2",
    "bfloat16": "<u2",
    "int64": "<i8",
    "int32": "<i4",
    "int16": "<i2",
    "uint8": "|u1",
    "int8": "|i1",
    "bool": "|b1",
}
SAFETENSORS_NAMES: dict[str, str] = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "uint8": "U8",
    "int8": "I8",
    "bool": "BOOL",
}


def stored_dtype(name: str) -> np.dtype:
    """Numpy dtype whose bytes hold values of the named dtype.

    Parameters
    ----------
    name : str
        A dtype name such as ``"float32"`` or ``"bfloat16"``.

    Returns
    -------
    numpy.dtype
        Little-endian; ``uint16`` for bfloat16.

    Raises
    ------
    UsageError
        If recordings cannot hold the dtype.

    Examples
    --------
    >>> stored_dtype("bfloat16")
    dtype('uint16')
    """
    if name not in STORED_AS:
        known = ", ".join(STORED_AS)
        raise UsageError(f"Found dtype '{name}'; a recording holds one of {known}; choose one.")
    return np.dtype(STORED_AS[name])


def widen(stored: NDArray, name: str) -> NDArray:
    """Values of stored bits as a dtype that numpy can calculate with; bfloat16 exactly as float32.

    Parameters
    ----------
    stored : ndarray of any shape
        Bits as they lie on disk.
    name : str
        Their dtype.

    Returns
    -------
    ndarray of the same shape

    Examples
    --------
    >>> widen(np.array([0x3F80, 0xC000], dtype=np.uint16), "bfloat16")
    array([ 1., -2.], dtype=float32)
    """
    if name != "bfloat16":
        return stored
    return (stored.astype(np.uint32) << 16).view(np.float32)


def narrow(values: NDArray, name: str) -> NDArray:
    """Bits to store for values: the inverse of `widen`, rounding to nearest even.

    Parameters
    ----------
    values : ndarray of any shape
    name : str
        Storage dtype.

    Returns
    -------
    ndarray of the same shape
        Of dtype ``stored_dtype(name)``.

    Examples
    --------
    >>> narrow(np.array([1.0, -2.0]), "bfloat16")
    array([16256, 49152], dtype=uint16)
    """
    if name != "bfloat16":
        return np.asarray(values).astype(stored_dtype(name), copy=False)
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return np.where(np.isnan(values), 0x7FC0, rounded).astype(np.uint16)


def readable_dtype(name: str) -> np.dtype:
    """Dtype of the values that reading gives.

    Parameters
    ----------
    name : str

    Returns
    -------
    numpy.dtype

    Examples
    --------
    >>> readable_dtype("bfloat16"), readable_dtype("float16")
    (dtype('float32'), dtype('float16'))
    """
    return np.dtype(np.float32) if name == "bfloat16" else stored_dtype(name)


def as_dtype(values: NDArray, dtype: DTypeLike | None) -> NDArray:
    """Cast only when a dtype is asked for and differs."""
    return values if dtype is None else values.astype(dtype, copy=False)
