"""Packages that read files of recorded brains: optional, and imported when a file needs them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from workbench.errors import UsageError


def need(name: str) -> Any:
    """Import a package of the optional extra ``brain``.

    Parameters
    ----------
    name : str

    Returns
    -------
    module

    Raises
    ------
    UsageError
        If it is not installed.

    Examples
    --------
    >>> need("no_such_reader")
    Traceback (most recent call last):
    ...
    workbench.errors.UsageError: Found no package 'no_such_reader', which reads such files; expected
    it to be installed: run pip install "workbench[brain]".
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise UsageError(
            f"Found no package '{name}', which reads such files; expected it to be installed: run "
            'pip install "workbench[brain]".'
        ) from error
