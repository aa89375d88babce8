"""Finding analyses: whatever is installed under the entry-point group ``workbench.analyses``."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import UsageError, WorkbenchError, nearest

if TYPE_CHECKING:
    from workbench.analysis.base import Analysis
    from workbench.recording.recording import Recording

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


def configured_analysis(
    name: str, given: Mapping[str, Any]
) -> tuple[Analysis, dict[str, Recording]]:
    """An analysis with its parameters set, and its companion recordings.

    Parameters
    ----------
    name : str
    given : mapping
        Parameters by name; and companions by name, as recordings or paths, or None for none.

    Returns
    -------
    (Analysis, dict of str to Recording)

    Raises
    ------
    UsageError
        If there is no such analysis or parameter.
    """
    from workbench.recording.recording import open_recording

    plugin = load_analysis(name)()
    names = plugin.spec.companions
    companions = {
        key: open_recording(value) if isinstance(value, (str, Path)) else value
        for key, value in given.items()
        if key in names and value is not None
    }
    plugin.set_params(**{key: value for key, value in given.items() if key not in names})
    return plugin, companions
