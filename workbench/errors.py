"""The two kinds of error a user sees, each one sentence: what was found, expected, to be done."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class WorkbenchError(Exception):
    """Something failed while working: the data, the disk or the file format.

    The command line prints the sentence and exits with ``exit_code``.
    """

    exit_code = 1


class UsageError(WorkbenchError, ValueError):
    """The request cannot be carried out as written: a wrong name, a missing file, no labels."""

    exit_code = 2


def nearest(name: str, known: Iterable[str], n: int = 3) -> str:
    """Say which known names are closest to a mistyped one.

    Parameters
    ----------
    name : str
        What was asked for.
    known : iterable of str
        What there is.
    n : int
        At most so many suggestions.

    Returns
    -------
    str
        A sentence part such as ``did you mean 'a', 'b'?``, or the start of the list of names.

    Examples
    --------
    >>> nearest("blocks.0.hook_resid_pots", ["blocks.0.hook_resid_post", "unembed"])
    "did you mean 'blocks.0.hook_resid_post'?"
    >>> nearest("zzz", ["upos", "token"])
    "there are 'upos', 'token'"
    """
    known = [str(each) for each in known]
    close = difflib.get_close_matches(name, known, n=n, cutoff=0.5)
    if close:
        return f"did you mean {_quoted(close)}?"
    shown = known[:8]
    more = f" and {len(known) - len(shown)} more" if len(known) > len(shown) else ""
    return f"there are {_quoted(shown)}{more}" if known else "there are none"


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
