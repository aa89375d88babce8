"""Models by name on the Hugging Face hub: from the cache, or over the network if there is one."""

from __future__ import annotations

import os
import socket
from urllib.parse import urlparse
from urllib.request import getproxies

from workbench.errors import UsageError

_SECONDS = 5.0


def prepare_hub(name: str) -> None:
    """See to it that a name can be loaded, before libraries try again and again for half a minute.

    Without a network, libraries are told to use the cache only.

    Parameters
    ----------
    name : str
        Name of a model on the hub.

    Raises
    ------
    UsageError
        If it is no such name, or it is neither in the cache nor is there a network.
    """
    from huggingface_hub import constants, try_to_load_from_cache

    try:
        cached = isinstance(try_to_load_from_cache(name, "config.json"), str)
    except ValueError as error:
        raise UsageError(
            f"Found no folder '{name}', and it cannot be a name on the hub either; expected a "
            "Hugging Face folder or a name such as 'gpt2': check the path."
        ) from error
    if _reachable():
        return
    if not cached:
        raise UsageError(
            f"Found no folder '{name}' and no model of that name in the hub's cache, and the hub "
            "cannot be reached; expected one of the three: check the path or the network."
        )
    constants.HF_HUB_OFFLINE = True


def _reachable() -> bool:
    if getproxies():
        # A proxy resolves names that this machine cannot.
        return True
    address = urlparse(os.environ.get("HF_ENDPOINT", "https://huggingface.co"))
    port = address.port or (80 if address.scheme == "http" else 443)
    try:
        with socket.create_connection((address.hostname or "", port), timeout=_SECONDS):
            return True
    except OSError:
        return False
