"""Refusing to score labels on stimuli that they were made from."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from analyses.neuron_labels.splitting import PARTS
from workbench.errors import UsageError

EXEMPLARS, PROBE, HELD_OUT = PARTS
Parts = Mapping[str, NDArray[np.int64]]


def check_parts(parts: Parts, held_out: str = HELD_OUT) -> None:
    """Refuse parts that share a stimulus with those held out.

    Parameters
    ----------
    parts : mapping of str to array of int
    held_out : str
        Name of the part that scores are computed on.

    Raises
    ------
    UsageError
        If there is no such part, it is empty, or another part shares a stimulus with it.

    Examples
    --------
    >>> check_parts({"exemplars": np.array([0, 1]), "held-out": np.array([1, 2])})
    Traceback (most recent call last):
    ...
    workbench.errors.UsageError: Found 1 stimulus (1) both in 'exemplars' and in 'held-out'; ...
    """
    if held_out not in parts or not len(parts[held_out]):
        raise UsageError(
            f"Found the parts {list(parts)} without stimuli in '{held_out}'; expected one that is "
            "held out, for scores."
        )
    for name, part in parts.items():
        shared = np.intersect1d(part, parts[held_out])
        if name != held_out and len(shared):
            what = "stimulus" if len(shared) == 1 else "stimuli"
            raise UsageError(
                f"Found {len(shared)} {what} ({', '.join(map(str, shared[:5]))}) both in '{name}' "
                f"and in '{held_out}'; expected none: labels would be scored on what they were "
                "made from."
            )
