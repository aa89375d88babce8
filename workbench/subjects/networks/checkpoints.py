"""Checkpoints of a training, loaded one at a time; code in them is refused, never run."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

from workbench.errors import UsageError, WorkbenchError

if TYPE_CHECKING:
    import torch

_SUFFIXES = (".pt", ".pth", ".th", ".ckpt", ".bin", ".safetensors")
_WRAPPERS = ("state_dict", "model_state_dict", "model")
_PREFIXES = ("module.", "_orig_mod.")
# What torch.load raises on bytes that end early or were changed.
_DAMAGE = (
    RuntimeError,
    OSError,
    EOFError,
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    AssertionError,
    OverflowError,
    MemoryError,
    struct.error,
)


def find_checkpoints(given: Any) -> list[Path]:
    """Files of a series, in the order of the numbers in their names.

    Parameters
    ----------
    given : str, path or sequence of these
        A glob, a folder or the files themselves, whose order is then kept.

    Returns
    -------
    list of Path

    Raises
    ------
    UsageError
        If there are none.
    """
    if isinstance(given, (list, tuple)):
        found = [Path(each).expanduser() for each in given]
    else:
        listed = _listed(Path(given).expanduser())
        found = sorted((path for path in listed if path.suffix in _SUFFIXES), key=natural)
    missing = [path for path in found if not path.is_file()]
    if missing or not found:
        raise UsageError(
            f"Found no checkpoint '{missing[0] if missing else given}'; expected a folder, files "
            f"or a glob such as 'ckpt-*.pt' of files that end in {', '.join(_SUFFIXES)}."
        )
    return found


def _listed(pattern: Path) -> Iterable[Path]:
    if pattern.is_dir():
        return pattern.iterdir()
    root = Path(pattern.anchor)
    return root.glob(str(pattern.relative_to(root)))


def natural(path: Path) -> list[tuple[int, int, str]]:
    """Key that sorts by the numbers in a path, so that 2 comes before 10.

    Parameters
    ----------
    path : Path

    Returns
    -------
    list of tuple

    Examples
    --------
    >>> [p.name for p in sorted([Path("ckpt-10.pt"), Path("ckpt-2.pt")], key=natural)]
    ['ckpt-2.pt', 'ckpt-10.pt']
    """
    parts = re.split(r"(\d+)", path.as_posix())
    return [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts]


def step_of(name: str) -> int | None:
    """The step that the name of a checkpoint says: the last number in it.

    Parameters
    ----------
    name : str
        As `checkpoint_names` gives it.

    Returns
    -------
    int, optional
        None if there is none.

    Examples
    --------
    >>> step_of("run3-ckpt-0200"), step_of("checkpoint-5/model"), step_of("final")
    (200, 5, None)
    """
    found = re.findall(r"\d+", name)
    return int(found[-1]) if found else None


def checkpoint_names(paths: Sequence[Path]) -> list[str]:
    """Names of checkpoints: of their files, where these are equal with their ending or folder.

    Parameters
    ----------
    paths : sequence of Path

    Returns
    -------
    list of str

    Examples
    --------
    >>> checkpoint_names([Path("a/ckpt-1.pt"), Path("a/ckpt-2.pt")])
    ['ckpt-1', 'ckpt-2']
    >>> checkpoint_names([Path("1/model.pt"), Path("2/model.pt")])
    ['1/model', '2/model']
    """
    for named in ([path.stem for path in paths], [path.name for path in paths]):
        if len(set(named)) == len(named):
            return named
    return [f"{path.absolute().parent.name}/{path.stem}" for path in paths]


def load_checkpoint(network: torch.nn.Module, path: Path) -> None:
    """Put the weights of a checkpoint into a network.

    Parameters
    ----------
    network : torch.nn.Module
    path : Path
        A state dict written by `torch.save` or safetensors, also as the entry ``state_dict``,
        ``model_state_dict`` or ``model`` of a dict, and with the prefixes that parallel and
        compiled networks write.

    Raises
    ------
    WorkbenchError
        If it is damaged, or holds Python objects that would have to be run.
    UsageError
        If it belongs to another network.
    """
    state = _without_prefixes(_unwrapped(_read(path), path))
    expected = network.state_dict()
    _compare(state, expected, path)
    network.load_state_dict(state)


def _read(path: Path) -> Any:
    import torch

    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise WorkbenchError(
            f"The checkpoint '{path}' holds more than tensors, or is damaged; code in it was not "
            "run: expected a state dict, as torch.save(network.state_dict(), ...) writes it."
        ) from error
    except _DAMAGE as error:
        raise _damaged(path, error) from error


def _read_safetensors(path: Path) -> Any:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> WorkbenchError:
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return WorkbenchError(
        f"Could not read the checkpoint '{path}' ({first}); expected an undamaged state dict: "
        "write or copy it again."
    )


def _unwrapped(found: Any, path: Path) -> dict[str, torch.Tensor]:
    import torch

    if isinstance(found, Mapping):
        inner = [found[key] for key in _WRAPPERS if isinstance(found.get(key), Mapping)]
        state = inner[0] if inner else found
        if state and all(isinstance(value, torch.Tensor) for value in state.values()):
            return dict(state)
    raise UsageError(
        f"Found {type(found).__name__} in the checkpoint '{path}'; expected a state dict (tensors "
        f"by name), or a dict with one under {', '.join(_WRAPPERS)}."
    )


def _without_prefixes(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    for prefix in _PREFIXES:
        if all(name.startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): value for name, value in state.items()}
    return state


def _compare(
    state: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor], path: Path
) -> None:
    for name, value in expected.items():
        if name not in state:
            raise UsageError(
                f"The checkpoint '{path}' lacks '{name}', which the network has; expected "
                "checkpoints of this network: check the factory and its arguments."
            )
        if state[name].shape != value.shape:
            raise UsageError(
                f"The checkpoint '{path}' has '{name}' of shape {tuple(state[name].shape)}, the "
                f"network {tuple(value.shape)}; expected checkpoints of this network."
            )
    extra = [name for name in state if name not in expected]
    if extra:
        raise UsageError(
            f"The checkpoint '{path}' has '{extra[0]}', which the network lacks; expected "
            "checkpoints of this network: check the factory and its arguments."
        )
