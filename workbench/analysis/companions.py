"""Companion recordings: the same stimuli at the same sites, or a refusal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from workbench.errors import UsageError, nearest

if TYPE_CHECKING:
    import pandas as pd

    from workbench.recording.recording import Recording

# What says which observation a row is.
_KEYS = ("stimulus", "position", "word", "time", "trial")


def check_untrained(
    recording: Recording, untrained: Recording, sites: Sequence[str], labels: str = ""
) -> None:
    """Refuse an untrained recording of other stimuli or sites.

    Parameters
    ----------
    recording, untrained : Recording
    sites : sequence of str
        That both must have.
    labels : str
        A further column of the row table that must be the same.

    Raises
    ------
    UsageError
        If a site is missing, or numbers of rows or the columns that say what a row is differ.

    Examples
    --------
    >>> import numpy as np, workbench as wb
    >>> one, two = (wb.from_arrays({"layer": np.zeros((n, 2))}) for n in (3, 4))
    >>> check_untrained(one, two, ["layer"])
    Traceback (most recent call last):
    ...
    workbench.errors.UsageError: Found 4 rows in the untrained recording and 3 in the other; \
expected the same stimuli: capture both with the same stimuli and positions.
    """
    for site in sites:
        if site not in untrained:
            raise UsageError(
                f"Found no site '{site}' in the untrained recording; "
                f"{nearest(site, untrained.sites)}"
            )
    if recording.n_rows != untrained.n_rows:
        raise UsageError(
            f"Found {untrained.n_rows} rows in the untrained recording and {recording.n_rows} in "
            "the other; expected the same stimuli: capture both with the same stimuli and "
            "positions."
        )
    for name in (*_KEYS, *([labels] if labels else [])):
        if name in recording.rows and not _same(recording.rows, untrained.rows, name):
            raise UsageError(
                f"Found another column '{name}' in the untrained recording; expected the same "
                "rows: capture both with the same stimuli and positions."
            )


def _same(first: pd.DataFrame, second: pd.DataFrame, name: str) -> bool:
    if name not in second:
        return False
    return bool([*map(_text, first[name])] == [*map(_text, second[name])])


def _text(value: Any) -> str:
    # A column of whole numbers with gaps has become one of floats.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
