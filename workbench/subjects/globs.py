"""Choosing sites by globs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from workbench.errors import UsageError, nearest


def match_sites(patterns: str | Iterable[str], names: Sequence[str]) -> list[str]:
    """Names that match any of some globs, in the order of the names.

    Parameters
    ----------
    patterns : str or iterable of str
        Globs with ``*``, ``?`` and ``[...]``; a string may hold several, separated by commas.
    names : sequence of str
        What there is.

    Returns
    -------
    list of str

    Raises
    ------
    UsageError
        If a glob matches nothing; the nearest names are suggested.

    Examples
    --------
    >>> match_sites("blocks.*.hook_resid_post", ["embed", "blocks.0.hook_resid_post"])
    ['blocks.0.hook_resid_post']
    >>> match_sites("blokcs.0", ["blocks.0", "blocks.1"])
    Traceback (most recent call last):
    ...
    workbench.errors.UsageError: Found no site 'blokcs.0'; did you mean 'blocks.0', 'blocks.1'?
    """
    given = patterns.split(",") if isinstance(patterns, str) else list(patterns)
    wanted = [pattern.strip() for pattern in given if pattern.strip()]
    if not wanted:
        raise UsageError("Found no site to use; expected names or globs such as 'blocks.*'.")
    for pattern in wanted:
        if not any(_matches(name, pattern) for name in names):
            raise UsageError(f"Found no site '{pattern}'; {nearest(pattern, names)}")
    return [name for name in names if any(_matches(name, pattern) for pattern in wanted)]


def _matches(name: str, pattern: str) -> bool:
    return name == pattern or fnmatchcase(name, pattern)
