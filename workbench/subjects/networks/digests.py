"""What changes the numbers of a network: weights, structure, plain attributes and source."""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import inspect
import textwrap
from collections.abc import Mapping
from types import FunctionType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.recording.identity import digest, digest_array, digest_lines

if TYPE_CHECKING:
    import torch

_PLAIN = (bool, int, str, type(None))


def weights_digest(network: torch.nn.Module) -> str:
    """SHA-256 over all parameters and buffers of a network, by name.

    Parameters
    ----------
    network : torch.nn.Module

    Returns
    -------
    str

    Examples
    --------
    >>> import torch
    >>> one, other = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    >>> weights_digest(one) == weights_digest(other)
    False
    """
    running = hashlib.sha256()
    # Buffers that are not saved change the numbers, too.
    everything = {**dict(network.named_buffers()), **dict(network.named_parameters())}
    for name, value in sorted(everything.items()):
        running.update(f"{name}{value.dtype}{tuple(value.shape)}".encode())
        running.update(memoryview(_bits(value)))
    return running.hexdigest()


def network_ingredients(network: torch.nn.Module) -> dict[str, Any]:
    """What of a network changes its numbers, apart from its weights.

    Parameters
    ----------
    network : torch.nn.Module

    Returns
    -------
    dict
        ``structure`` as it prints; ``attributes`` of all modules that are numbers, text, arrays,
        functions or collections of these; ``source`` of all classes that are not torch's own,
        without its comments.
    """
    modules = dict(network.named_modules())
    return {
        "structure": digest_lines([str(network)]),
        "attributes": digest({name: _attributes(module) for name, module in modules.items()}),
        "source": digest_lines(_sources(network)),
    }


def _attributes(module: Any) -> dict[str, Any]:
    plain = {
        key: _plain(value)
        for key, value in vars(module).items()
        if not key.startswith("_") and key != "training"
    }
    return {key: value for key, value in plain.items() if value is not _UNKNOWN}


_UNKNOWN = object()


def _plain(value: Any) -> Any:
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, float):
        # Text, because JSON has neither NaN nor infinity.
        return repr(value)
    if isinstance(value, (list, tuple)):
        return [None if each is _UNKNOWN else each for each in map(_plain, value)]
    if isinstance(value, Mapping):
        parts = {str(key): _plain(part) for key, part in value.items()}
        return {key: None if part is _UNKNOWN else part for key, part in parts.items()}
    return _numbers(value)


def _numbers(value: Any) -> Any:
    import torch

    if isinstance(value, torch.Tensor):
        said = f"{value.dtype}{tuple(value.shape)}".encode()
        return hashlib.sha256(said + _bits(value)).hexdigest()
    if isinstance(value, (np.ndarray, np.generic)) and not value.dtype.hasobject:
        return digest_array(np.asarray(value))
    return _described(value)


def _described(value: Any) -> Any:
    import torch

    if isinstance(value, (torch.dtype, torch.Size)):
        return str(value)
    if isinstance(value, FunctionType):
        return [value.__module__, value.__qualname__, value.__code__.co_code.hex()]
    if isinstance(value, SimpleNamespace):
        return _plain(vars(value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain({each.name: getattr(value, each.name) for each in dataclasses.fields(value)})
    return _UNKNOWN


def _sources(network: torch.nn.Module) -> list[str]:
    import torch

    kinds = {type(module) for module in network.modules()}
    bases = {base for kind in kinds for base in kind.__mro__}
    own = [kind for kind in bases if issubclass(kind, torch.nn.Module) and not _is_of_torch(kind)]
    return sorted(_source(kind) for kind in own)


def _is_of_torch(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == "torch"


def _source(kind: type) -> str:
    try:
        text = textwrap.dedent(inspect.getsource(kind))
        return ast.unparse(ast.parse(text))
    except (OSError, TypeError, SyntaxError):
        # Typed in somewhere without a file: what was compiled is all there is.
        forward = getattr(kind, "forward", None)
        code = getattr(forward, "__code__", None)
        return kind.__qualname__ if code is None else f"{kind.__qualname__}{code.co_code.hex()}"


def _bits(value: torch.Tensor) -> bytes:
    import torch

    flat = value.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes()
