"""Where the units are in what a module gives, as recordings have it, and how to put them back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workbench.subjects.networks.axes import AxisNames, time_axis
from workbench.subjects.networks.layout import UNIT
from workbench.subjects.networks.outputs import OUTPUT, named_tensors

if TYPE_CHECKING:
    import torch


def modules_of(network: torch.nn.Module) -> dict[str, torch.nn.Module]:
    """Modules by the names that sites of recordings have; ``output`` is what the network gives.

    Examples
    --------
    >>> import torch
    >>> list(modules_of(torch.nn.Sequential(torch.nn.ReLU())))
    ['0', 'output']
    """
    named = dict(network.named_modules())
    found = {name: module for name, module in named.items() if name}
    return found if OUTPUT in found else {**found, OUTPUT: network}


def unit_axes(network: torch.nn.Module, inputs: torch.Tensor) -> dict[str, int]:
    """Axis of the units in the first tensor that every module gives.

    Parameters
    ----------
    network : torch.nn.Module
    inputs : Tensor (examples, ...)
        A few are enough.

    Returns
    -------
    dict of str to int
        Modules whose output has no axis of units are left out.

    Examples
    --------
    >>> import torch
    >>> network = torch.nn.Sequential(torch.nn.Conv1d(3, 4, 1), torch.nn.ReLU())
    >>> unit_axes(network, torch.zeros(2, 3, 9))
    {'0': 1, '1': 1, 'output': 1}
    """
    import torch

    modules, shapes = modules_of(network), {}

    def hook_of(name: str) -> Any:
        def hook(_module: Any, _inputs: Any, output: Any) -> None:
            first = next((tensor for _, tensor in named_tensors(name, output)), None)
            if first is not None and first.ndim > 1:
                shapes[name] = tuple(first.shape)

        return hook

    handles = [each.register_forward_hook(hook_of(name)) for name, each in modules.items()]
    try:
        with torch.inference_mode():
            network(inputs)
    finally:
        for handle in handles:
            handle.remove()
    names = AxisNames(modules, [(name, shape[1:]) for name, shape in shapes.items()])
    found = {}
    for name, shape in shapes.items():
        axes = time_axis(modules[name], name, name) or ("", *names.rest(name, shape[1:]))
        if UNIT in axes:
            found[name] = axes.index(UNIT)
    return found


def first_tensor(output: Any) -> Any:
    """The first tensor in what a module gives; None if there is none."""
    return next((tensor for _, tensor in named_tensors("", output)), None)


def with_first(output: Any, made: torch.Tensor) -> Any:
    """What a module gave, with another first tensor.

    Examples
    --------
    >>> import torch
    >>> with_first((torch.zeros(1), "state"), torch.ones(1))
    (tensor([1.]), 'state')
    """
    if hasattr(output, "ndim"):
        return made
    if isinstance(output, Mapping):
        key = next(name for name, value in output.items() if first_tensor(value) is not None)
        return type(output)(**{**output, key: with_first(output[key], made)})
    parts = list(output)
    place = next(n for n, value in enumerate(parts) if first_tensor(value) is not None)
    parts[place] = with_first(parts[place], made)
    return type(output)(parts)
