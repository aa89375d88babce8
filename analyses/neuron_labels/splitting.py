"""Stimuli in parts: for exemplars, for re-ranking, for evaluation; copies never in two of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from analyses.neuron_labels.types import Stimuli

PARTS = ("exemplars", "probe", "held-out")
SHARES = (0.5, 0.25, 0.25)
# Columns of tables of stimuli that say what a stimulus is, rather than what it is like.
_CONTENT = ("sha256", "digest", "text")


def contents_of(stimuli: Stimuli | None, table: pd.DataFrame | None, n: int) -> list[str]:
    """What each stimulus is: equal for copies.

    Parameters
    ----------
    stimuli : Stimuli, optional
        Pixels or tokens count, if there are some.
    table : DataFrame, optional
        Table of stimuli; a column ``sha256``, ``digest`` or ``text`` counts.
    n : int
        Number of stimuli; each is its own content where nothing else is known.

    Returns
    -------
    list of str

    Examples
    --------
    >>> from analyses.neuron_labels.types import Stimuli
    >>> found = contents_of(Stimuli("language", texts=[["a"], ["b"], ["a"]]), None, 3)
    >>> found[0] == found[2], found[0] == found[1]
    (True, False)
    """
    if stimuli is not None and stimuli.images is not None:
        return [_hash(image.tobytes()) for image in stimuli.images]
    if stimuli is not None and stimuli.texts is not None:
        return [_hash("\0".join(tokens).encode()) for tokens in stimuli.texts]
    column = next((c for c in _CONTENT if table is not None and c in table), None)
    if table is not None and column is not None and len(table) >= n:
        return [_hash(str(value).encode()) for value in table[column].iloc[:n]]
    return [_hash(str(number).encode()) for number in range(n)]


def groups_of(contents: Sequence[str]) -> NDArray[np.int64]:
    """One number for all copies of a stimulus: that of the first.

    Parameters
    ----------
    contents : sequence of str

    Returns
    -------
    ndarray (stimuli,) of int

    Examples
    --------
    >>> groups_of(["x", "y", "x"]).tolist()
    [0, 1, 0]
    """
    first: dict[str, int] = {}
    return np.array([first.setdefault(each, n) for n, each in enumerate(contents)], np.int64)


def divide(
    contents: Sequence[str], shares: Sequence[float] = SHARES, seed: int = 0
) -> dict[str, NDArray[np.int64]]:
    """Divide stimuli by a seeded hash of what they are.

    A stimulus falls in the same part whatever else is recorded, and its copies fall there too.

    Parameters
    ----------
    contents : sequence of str
        As `contents_of` gives them.
    shares : sequence of three float
        Of the parts in `PARTS`; they are taken relative to their sum.
    seed : int

    Returns
    -------
    dict of str to ndarray of int
        Positions by part, rising.

    Raises
    ------
    UsageError
        If there are other than three shares, or one is negative or all are zero.

    Examples
    --------
    >>> parts = divide([str(n) for n in range(1000)])
    >>> list(parts), sum(len(part) for part in parts.values())
    (['exemplars', 'probe', 'held-out'], 1000)
    """
    limits = np.asarray(shares, dtype=np.float64)
    if limits.shape != (len(PARTS),) or limits.min() < 0 or limits.sum() <= 0:
        raise UsageError(
            f"Found shares {tuple(shares)}; expected three that are not negative, for "
            f"{', '.join(PARTS)}."
        )
    limits = np.cumsum(limits) / limits.sum()
    places = np.array([_place(each, seed) for each in contents])
    part = np.minimum(np.searchsorted(limits, places, side="right"), len(PARTS) - 1)
    return {name: np.flatnonzero(part == number) for number, name in enumerate(PARTS)}


def chosen_part(
    parts: Mapping[str, NDArray[np.int64]], split: str | None, n: int
) -> NDArray[np.int64]:
    """The stimuli of one part.

    Parameters
    ----------
    parts : mapping of str to ndarray of int
    split : str, optional
        Name of the part; all stimuli by default.
    n : int
        Number of stimuli.

    Returns
    -------
    ndarray of int

    Raises
    ------
    UsageError
        If there is no such part, or nothing in it.
    """
    if split is None:
        return np.arange(n)
    if split not in parts:
        raise UsageError(f"Found split='{split}'; expected one of {', '.join(parts)}, or None.")
    if not len(parts[split]):
        raise UsageError(
            f"Found none of {n} stimuli in the part '{split}'; expected some: record more "
            "stimuli, or pass split=None."
        )
    return parts[split]


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _place(content: str, seed: int) -> float:
    return int(hashlib.sha256(f"{seed}:{content}".encode()).hexdigest()[:13], 16) / 16**13
