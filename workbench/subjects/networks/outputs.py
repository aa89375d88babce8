"""Names for the tensors in whatever a module returns."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

OUTPUT = "output"


def named_tensors(name: str, output: Any) -> Iterator[tuple[str, Any]]:
    """Every tensor in the output of a module.

    Parameters
    ----------
    name : str
        Name for the first tensor.
    output : tensor, tuple, list, mapping, dataclass, or any nesting of these

    Yields
    ------
    name : str
        For all but the first tensor with its way in the output behind it: ``lstm:1.0``.
    tensor : Tensor

    Examples
    --------
    >>> import torch
    >>> out = (torch.zeros(1), {"state": (torch.zeros(2), None)})
    >>> [(name, tuple(value.shape)) for name, value in named_tensors("cell", out)]
    [('cell', (1,)), ('cell:1.state.0', (2,))]
    """
    for number, (way, tensor) in enumerate(_leaves(output, ())):
        yield (name if number == 0 else f"{name}:{'.'.join(way)}"), tensor


def _leaves(value: Any, way: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    import torch

    if isinstance(value, torch.Tensor):
        yield way, value
        return
    for key, part in _parts(value):
        yield from _leaves(part, (*way, key))


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    from torch.nn.utils.rnn import PackedSequence

    if isinstance(value, PackedSequence):
        # Its rows are steps of several stimuli, sorted by length: no row per stimulus.
        return
    if isinstance(value, Mapping):
        yield from ((str(key), part) for key, part in value.items())
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield field.name, getattr(value, field.name)
    elif isinstance(value, (tuple, list)):
        yield from ((str(number), part) for number, part in enumerate(value))
