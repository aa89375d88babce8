"""Finding analyses: whatever is installed under the entry-point group ``workbench.analyses``."""

from __future__ import annotations

import warnings
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from workbench.errors import UsageError, WorkbenchError, nearest

if TYPE_CHECKING:
    from workbench.analysis.base import Analysis

GROUP = "workbench.analyses"
OWN = "workbench"


def _entries() -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    # Own entries come first, so that a third party cannot replace a built-in.
    for entry in sorted(entry_points(group=GROUP), key=lambda e: (_origin(e) != OWN, e.name)):
        if entry.name not in found:
            found[entry.name] = entry
        elif found[entry.name].value != entry.value:
            warnings.warn(
                f"Analysis '{entry.name}' of package '{_origin(entry)}' is hidden by that of "
                f"'{_origin(found[entry.name])}'; ask its author to rename it.",
                stacklevel=3,
            )
    return found


def _origin(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else "unknown"


def analysis_names() -> list[str]:
    """Names of all installed analyses; nothing is imported.

    Returns
    -------
    list of str
        In alphabetical order.

    Examples
    --------
    >>> "word_classes" in analysis_names()
    True
    """
    return sorted(_entries())


def analysis_origins() -> dict[str, str]:
    """Package that each installed analysis comes from."""
    return {name: _origin(entry) for name, entry in sorted(_entries().items())}


def load_analysis(name: str) -> type[Analysis]:
    """Class of an analysis.

    Parameters
    ----------
    name : str

    Returns
    -------
    type
        Subclass of `Analysis`.

    Raises
    ------
    UsageError
        If none of that name is installed.
    WorkbenchError
        If its package cannot be imported.
    """
    entries = _entries()
    if name not in entries:
        raise UsageError(
            f"Found no analysis '{name}'; {nearest(name, entries)}: see 'workbench list analyses'."
        )
    try:
        return entries[name].load()
    except (ImportError, AttributeError) as error:
        raise WorkbenchError(
            f"Analysis '{name}' of package '{_origin(entries[name])}' cannot be imported "
            f"({error}); reinstall the package or ask its author."
        ) from error
