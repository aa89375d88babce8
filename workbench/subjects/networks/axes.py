"""Which axis of a module's output is what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from workbench.subjects.networks.layout import ROW, TIME, UNIT

_SPACE = {1: ("x",), 2: ("y", "x"), 3: ("z", "y", "x")}
_SEQUENCE = 2


class AxisNames:
    """Names for the axes of outputs, from the kinds of modules that gave them.

    Where a module does not say whether channels come first or last (an activation function, a
    block), it follows those of the same shape that do. Where there are none, and no convolution
    either, the order is kept and the axes are called ``axis2``, ``axis3`` ...

    Parameters
    ----------
    modules : mapping of str to torch.nn.Module
    shapes : iterable of (str, tuple of int)
        Name of the module and sizes of the axes of its outputs but those of stimuli and time.
    """

    def __init__(
        self, modules: Mapping[str, Any], shapes: Iterable[tuple[str, tuple[int, ...]]]
    ) -> None:
        self._modules = modules
        self._first: set[tuple[int, ...]] = set()
        self._last: set[tuple[int, ...]] = set()
        for name, shape in shapes:
            order = _order(modules[name], shape) if len(shape) > 1 else None
            if order is not None:
                (self._first if order == "first" else self._last).add(shape)
        self._has_maps = {_convolved(module) for module in modules.values()} - {0}
        self._lengths = {shape[0] for shape in self._last if len(shape) == _SEQUENCE}
        self._has_series = any(len(each) == _SEQUENCE and each[1] > 1 for each in self._first)

    def rest(self, module: str, shape: tuple[int, ...]) -> tuple[str, ...]:
        """Names of the axes but those of stimuli and time.

        Parameters
        ----------
        module : str
        shape : tuple of int

        Returns
        -------
        tuple of str
            One of them is the axis of units, unless there is none.
        """
        if len(shape) < _SEQUENCE:
            return (UNIT,) * len(shape)
        order = _order(self._modules[module], shape) or self._by_company(shape)
        if order == "last":
            return (*self._positions(len(shape) - 1), UNIT)
        if order == "first":
            return (UNIT, *_SPACE.get(len(shape) - 1, _numbered(len(shape) - 1)))
        return (UNIT, *_numbered(len(shape) - 1))

    def _by_company(self, shape: tuple[int, ...]) -> str | None:
        if (shape in self._first) != (shape in self._last):
            return "first" if shape in self._first else "last"
        if len(shape) == _SEQUENCE and self._lengths and not self._has_series:
            return "last"
        is_attention = shape[1] in self._lengths
        return "first" if len(shape) - 1 in self._has_maps and not is_attention else None

    def _positions(self, count: int) -> tuple[str, ...]:
        # Two axes before the channels are a map in a network that also convolves in two.
        return _SPACE[count] if count > 1 and count in self._has_maps else _numbered(count)


def time_axis(module: Any, site: str, name: str) -> tuple[str, ...] | None:
    """Axes of what torch's own recurrent layers give, which their documentation fixes.

    Parameters
    ----------
    module : torch.nn.Module
    site : str
        Name of the site.
    name : str
        Name of the module.

    Returns
    -------
    tuple of str, optional
        None for other modules.

    Examples
    --------
    >>> import torch
    >>> time_axis(torch.nn.GRU(2, 3), "gru:1", "gru")
    ('layer', 'row', 'unit')
    """
    import torch

    if not isinstance(module, torch.nn.RNNBase):
        return None
    if site.startswith((f"{name}:hidden.", f"{name}:cell.")):
        return (TIME, ROW, UNIT)
    if site != name:
        return ("layer", ROW, UNIT)
    return (ROW, TIME, UNIT) if module.batch_first else (TIME, ROW, UNIT)


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(f"axis{number}" for number in range(2, count + 2))


def _convolved(module: Any) -> int:
    import torch

    kinds = (torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d)
    found = [number for number, kind in enumerate(kinds, start=1) if isinstance(module, kind)]
    return found[0] if found else 0


def _order(module: Any, shape: tuple[int, ...]) -> str | None:
    from torch import nn
    from torch.nn.modules import batchnorm, conv, instancenorm, pooling

    first = (
        conv._ConvNd,
        batchnorm._BatchNorm,
        instancenorm._InstanceNorm,
        nn.GroupNorm,
        pooling._MaxPoolNd,
        pooling._AvgPoolNd,
        pooling._AdaptiveAvgPoolNd,
        pooling._AdaptiveMaxPoolNd,
    )
    if isinstance(module, first):
        return "first"
    if isinstance(module, (nn.LayerNorm, nn.RMSNorm)):
        return _order_of_norm(module, shape)
    is_last = isinstance(module, (nn.Linear, nn.Embedding, nn.MultiheadAttention))
    return "last" if is_last else None


def _order_of_norm(module: Any, shape: tuple[int, ...]) -> str | None:
    # Vision networks derive norms over the channels of maps from these, and put channels back.
    from torch import nn

    channels = tuple(module.normalized_shape)
    fits = {"first": (shape[0],) == channels, "last": (shape[-1],) == channels}
    if fits["first"] != fits["last"]:
        return "first" if fits["first"] else "last"
    if type(module) in (nn.LayerNorm, nn.RMSNorm):
        return "last"
    stated = getattr(module, "data_format", None)
    return "first" if stated == "channels_first" else "last" if stated else None
