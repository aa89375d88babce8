"""From ``package.module:factory`` to a network."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from workbench.errors import UsageError, nearest

if TYPE_CHECKING:
    import torch


def build_network(name: str, arguments: dict[str, Any]) -> torch.nn.Module:
    """Call a factory that returns a network; the working directory is importable.

    torch's random numbers are seeded with 0 for the call, so that fresh weights are the same in
    every process.

    Parameters
    ----------
    name : str
        ``package.module:factory`` or ``./path/file.py:factory``; the factory may be dotted, and
        may be a subclass of `torch.nn.Module` or a network itself.
    arguments : dict
        Keyword arguments of the factory.

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    UsageError
        If there is no such factory, if it fails, or if it returns something else.
    """
    import torch

    where, separator, attribute = name.rpartition(":")
    if not separator or not where or not attribute:
        raise UsageError(
            f"Found 'torch:{name}'; expected 'torch:package.module:factory' or "
            "'torch:./file.py:factory'."
        )
    factory = _attribute(_module(where), attribute, where)
    if isinstance(factory, torch.nn.Module):
        return initialised(factory)
    if not callable(factory):
        raise UsageError(
            f"Found {type(factory).__name__} '{attribute}' in '{where}'; expected a function that "
            "returns a torch.nn.Module."
        )
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(0)
        made = _call(factory, arguments, name)
    if not isinstance(made, torch.nn.Module):
        raise UsageError(
            f"Found {type(made).__name__} from the factory '{name}'; expected that it returns a "
            "torch.nn.Module."
        )
    return initialised(made)


def initialised(network: torch.nn.Module) -> torch.nn.Module:
    """The same network, if all its weights have values.

    Raises
    ------
    UsageError
        If some get theirs with the first input, and so others in every process.
    """
    from torch.nn.parameter import is_lazy

    for name, value in (*network.named_parameters(), *network.named_buffers()):
        if is_lazy(value):
            raise UsageError(
                f"Found no values yet in '{name}' of the network; expected one that is complete: "
                "show a lazy network an input before it is recorded."
            )
    return network


def address_of(network: torch.nn.Module) -> str:
    """Address of a network that was given as an object."""
    kind = type(network)
    return f"torch:{kind.__module__}:{kind.__qualname__}"


def _call(factory: Any, arguments: dict[str, Any], name: str) -> Any:
    try:
        return factory(**arguments)
    except Exception as error:
        raise UsageError(
            f"The factory '{name}' failed ({_short(error)}); expected that it returns a "
            "torch.nn.Module: mend it, or pass what it needs with factory_arguments."
        ) from error


def _module(where: str) -> ModuleType:
    if where.endswith(".py"):
        return _from_file(Path(where).expanduser())
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        # As with `python -m`; it stays there for what the network imports later.
        sys.path.insert(0, here)
    try:
        return importlib.import_module(where)
    except ModuleNotFoundError as error:
        missing = error.name or where
        if where == missing or where.startswith(f"{missing}."):
            raise UsageError(
                f"Found no module '{where}'; expected one that is installed or lies in the "
                "working directory: check the spelling, or give './path/file.py:factory'."
            ) from error
        raise _failed(where, error) from error
    except Exception as error:
        raise _failed(where, error) from error


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise UsageError(f"Found no file '{path}'; expected Python source with a factory in it.")
    resolved = path.resolve()
    name = f"{path.stem}_{hashlib.sha256(str(resolved).encode()).hexdigest()[:8]}"
    specification = importlib.util.spec_from_file_location(name, resolved)
    if specification is None or specification.loader is None:
        raise UsageError(f"Found '{path}'; expected Python source that can be imported.")
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    try:
        specification.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise _failed(str(path), error) from error
    return module


def _attribute(module: ModuleType, dotted: str, where: str) -> Any:
    found: Any = module
    for part in dotted.split("."):
        if not hasattr(found, part):
            known = [each for each in dir(found) if callable(getattr(found, each))]
            known = [each for each in known if not each.startswith("_")]
            raise UsageError(f"Found no '{part}' in '{where}'; {nearest(part, known)}")
        found = getattr(found, part)
    return found


def _failed(where: str, error: Exception) -> UsageError:
    return UsageError(
        f"Could not import '{where}' ({_short(error)}); expected a module with a factory: mend it."
    )


def _short(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
