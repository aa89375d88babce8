"""A network made ready for its tangent kernel: inputs, parameters, outputs, and what is refused."""

from __future__ import annotations

import fnmatch
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.errors import UsageError, nearest

if TYPE_CHECKING:
    import torch
    from torch import nn

# Two passes of the same arithmetic may differ by this many roundings of the largest output.
ROUNDINGS = 256


@dataclass(frozen=True)
class Network:
    """A model, what it is called with, and the parameters asked for.

    Attributes
    ----------
    model : torch.nn.Module
    arguments : tuple
        Positional inputs; tensors have rows first.
    named : dict of str
        Inputs by keyword.
    n_rows : int
    parameters : dict of str to torch.nn.Parameter
        Every parameter once, however many modules share it.
    """

    model: nn.Module
    arguments: tuple[Any, ...]
    named: dict[str, Any]
    n_rows: int
    parameters: dict[str, torch.Tensor]

    def outputs(self, rows: slice | list[int] = slice(None)) -> torch.Tensor:
        """Outputs for some rows, (rows, outputs), all axes after the first flattened."""
        arguments = [_of_rows(each, rows) for each in self.arguments]
        named = {name: _of_rows(each, rows) for name, each in self.named.items()}
        found = _main_output(self.model(*arguments, **named))
        n_rows = len(range(self.n_rows)[rows] if isinstance(rows, slice) else rows)
        if not found.ndim or len(found) != n_rows:
            raise UsageError(
                f"Found outputs of shape {tuple(found.shape)} for {n_rows} rows of inputs; "
                "expected rows as the first axis of inputs and outputs (batch_first=True)."
            )
        return found.reshape(n_rows, -1)


def prepare(model: nn.Module, inputs: Any, parameters: str | Sequence[str] | None) -> Network:
    """Read the arguments of `tangent_kernel`.

    Parameters
    ----------
    model : torch.nn.Module
    inputs : array or tensor (rows, ...), tuple of them, or mapping of keywords to them
    parameters : str, sequence of str, or None
        Names or patterns (``*.weight``); None for all that are trained.

    Returns
    -------
    Network

    Raises
    ------
    UsageError
        If the model is no torch module, a name is unknown, or inputs are empty or not finite.

    Examples
    --------
    >>> from torch import nn
    >>> net = prepare(nn.Sequential(nn.Linear(3, 2)), np.ones((4, 3)), "*.weight")
    >>> net.n_rows, list(net.parameters)
    (4, ['0.weight'])
    """
    if not hasattr(model, "named_parameters"):
        raise UsageError(f"Found a model of type {type(model).__name__}; expected a torch module.")
    chosen = selected_parameters(model, parameters)
    arguments, named = _arguments(inputs, next(iter(chosen.values())))
    rows = {len(each) for each in (*arguments, *named.values()) if _has_rows(each)}
    if len(rows) != 1 or 0 in rows:
        raise UsageError(
            f"Found inputs of {sorted(rows)} rows; expected one number of rows, at least one."
        )
    return Network(model, arguments, named, rows.pop(), chosen)


def selected_parameters(
    model: nn.Module, parameters: str | Sequence[str] | None
) -> dict[str, torch.Tensor]:
    """Parameters by names or patterns, each once under its first name.

    Parameters
    ----------
    model : torch.nn.Module
    parameters : str, sequence of str, or None

    Returns
    -------
    dict of str to torch.nn.Parameter

    Raises
    ------
    UsageError
        If a name or pattern fits none, or nothing is trained.

    Examples
    --------
    >>> from torch import nn
    >>> list(selected_parameters(nn.Linear(3, 2), None))
    ['weight', 'bias']
    """
    every = dict(model.named_parameters(remove_duplicate=False))
    if parameters is None:
        found = [name for name, value in every.items() if value.requires_grad]
        if not found:
            raise UsageError("Found no trained parameter in the model; expected at least one.")
    else:
        asked = [parameters] if isinstance(parameters, str) else list(parameters)
        found = [name for pattern in asked for name in _matching(pattern, list(every))]
        if not found:
            raise UsageError("Found an empty list of parameters; expected names, or None for all.")
    return _each_once({name: every[name] for name in every if name in found})


def check(network: Network) -> None:
    """Refuse what has no tangent kernel: random or rows-mixing passes, NaN, whole numbers.

    Parameters
    ----------
    network : Network
        Within `ready`.

    Raises
    ------
    UsageError

    Examples
    --------
    >>> from torch import nn
    >>> check(prepare(nn.Sequential(nn.Linear(2, 2)), np.ones((3, 2)), None))
    """
    import torch

    _refuse_batch_statistics(network.model)
    found = network.outputs()
    first = found.detach()
    with torch.no_grad():
        second = network.outputs()
    if not first.is_floating_point():
        raise UsageError(
            f"Found outputs of type {first.dtype}, which have no gradient: expected a model that "
            "can be differentiated (logits, not their argmax)."
        )
    if not bool(first.isfinite().all()):
        raise UsageError("Found NaN or infinite outputs; expected finite ones: check the weights.")
    if not found.requires_grad:
        raise UsageError(
            "Found outputs without a gradient in the parameters; expected no argmax, detach or "
            "no_grad on the way from the parameters to the outputs."
        )
    if not _same(first, second):
        raise UsageError(f"Found outputs that differ between two passes; {_randomness(network)}")
    if _mixes_rows(network, first):
        raise UsageError(
            "Found outputs of a row that depend on the other rows; expected independent rows, "
            "first axis rows (batch_first=True) and no statistics over the batch."
        )


@contextmanager
def ready(network: Network) -> Iterator[None]:
    """Differentiable in the parameters asked for, with nothing left changed afterwards.

    Parameters
    ----------
    network : Network

    Yields
    ------
    None

    Examples
    --------
    >>> from torch import nn
    >>> layer = nn.Linear(2, 2).requires_grad_(False)
    >>> with ready(prepare(layer, np.ones((3, 2)), "weight")):
    ...     layer.weight.requires_grad
    True
    >>> layer.weight.requires_grad
    False
    """
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    frozen = [value for value in network.parameters.values() if not value.requires_grad]
    fast_path = torch.backends.mha.get_fastpath_enabled()
    device = next(iter(network.parameters.values())).device
    with ExitStack() as stack:
        # Dropout would draw from the caller's generator.
        stack.enter_context(torch.random.fork_rng([device] if device.type == "cuda" else []))
        # Fused attention has neither forward derivatives nor batched gradients.
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(warnings.catch_warnings())
        warnings.filterwarnings("ignore", message=".*batching rule.*")
        stack.callback(torch.backends.mha.set_fastpath_enabled, fast_path)
        torch.backends.mha.set_fastpath_enabled(False)
        for value in frozen:
            stack.callback(value.requires_grad_, False)
            value.requires_grad_(True)
        yield


def _of_rows(value: Any, rows: slice | list[int]) -> Any:
    return value[rows] if _has_rows(value) else value


def _has_rows(value: Any) -> bool:
    return hasattr(value, "detach") and value.ndim > 0


def _main_output(found: Any) -> torch.Tensor:
    """The logits of a Hugging Face model, or the first of several outputs."""
    if isinstance(found, Mapping):
        found = found.get("logits", next(iter(found.values())))
    elif isinstance(found, (tuple, list)) and found:
        found = found[0]
    if not hasattr(found, "detach"):
        raise UsageError(f"Found an output of type {type(found).__name__}; expected a tensor.")
    return found


def _matching(pattern: str, names: list[str]) -> list[str]:
    found = [name for name in names if name == pattern or fnmatch.fnmatchcase(name, pattern)]
    if not found:
        raise UsageError(f"Found no parameter '{pattern}': {nearest(pattern, names)}")
    return found


def _each_once(parameters: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    seen: dict[int, str] = {}
    for name, value in parameters.items():
        seen.setdefault(id(value), name)
    return {name: parameters[name] for name in seen.values()}


def _arguments(inputs: Any, like: torch.Tensor) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if isinstance(inputs, Mapping):
        named = {str(name): _tensor(each, like, str(name)) for name, each in inputs.items()}
        return (), named
    several = isinstance(inputs, tuple) and all(hasattr(each, "shape") for each in inputs)
    return tuple(_tensor(each, like, "inputs") for each in (inputs if several else [inputs])), {}


def _tensor(values: Any, like: torch.Tensor, name: str) -> Any:
    """A tensor on the model's device; real numbers get the parameters' type."""
    import torch

    if values is None or isinstance(values, (bool, int, float, str)):
        return values
    try:
        array = values if hasattr(values, "detach") else torch.as_tensor(np.asarray(values))
    except (TypeError, ValueError) as error:
        raise UsageError(f"Expected an array of numbers for {name}; found {error}.") from error
    array = array.detach().to(like.device)
    if not array.is_floating_point():
        return array
    if not bool(array.isfinite().all()):
        raise UsageError(f"Found NaN or infinite values in {name}; expected finite numbers.")
    return array.to(like.dtype)


def _refuse_batch_statistics(model: nn.Module) -> None:
    from torch.nn.modules.batchnorm import _BatchNorm

    for name, module in model.named_modules():
        if isinstance(module, _BatchNorm) and (module.training or module.running_mean is None):
            raise UsageError(
                f"Found '{name}' normalising with the statistics of the batch, which makes rows "
                "depend on each other; expected running statistics: call model.eval()."
            )


def _mixes_rows(network: Network, outputs: torch.Tensor) -> bool:
    """Whether the last row changes with the others."""
    import torch

    last = network.n_rows - 1
    with torch.no_grad():
        if _same(outputs[-1:], network.outputs([last])):
            return False
        # Fewer rows are summed in another order, which some networks magnify; copies are not.
        return not _same(outputs[-1:], network.outputs([last] * network.n_rows)[-1:])


def _same(first: torch.Tensor, second: torch.Tensor) -> bool:
    import torch

    largest = float(first.abs().max()) if first.numel() else 0.0
    limit = ROUNDINGS * torch.finfo(first.dtype).eps * largest
    return float((first - second).abs().max()) <= limit


def _randomness(network: Network) -> str:
    """What may be random: the layers of dropout that are on, if there are."""
    on = [
        f"'{name or type(module).__name__}'"
        for name, module in network.model.named_modules()
        if module.training and (getattr(module, "p", 0) or getattr(module, "dropout", 0))
    ]
    if on:
        return f"dropout is on in {', '.join(on[:3])}: call model.eval()."
    return "expected a deterministic model: switch off noise, and reset states kept between calls."
