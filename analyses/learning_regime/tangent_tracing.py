"""Watching a forward pass: which operations use which parameters, and with what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import FunctionType as PythonFunction
from typing import Any

import torch
from torch.autograd.graph import GradientEdge, get_gradient_edge
from torch.overrides import TorchFunctionMode

from analyses.learning_regime.tangent_layouts import Layout, find_layout
from analyses.learning_regime.tangent_networks import Network
from analyses.learning_regime.tangent_operations import Call, record_call
from analyses.learning_regime.tangent_recurrent import run_recurrent
from analyses.learning_regime.tangent_uses import Raw, Use, View, settle


@dataclass(frozen=True)
class Recorded:
    """An operation's output and its uses of parameters.

    Attributes
    ----------
    left : tensor
        What came out.
    edge : GradientEdge
        Where its gradient is taken, whatever is done to it in place afterwards.
    raws : list of Raw
    """

    left: torch.Tensor
    edge: GradientEdge
    raws: list[Raw]


@dataclass(frozen=True)
class Traced:
    """An operation whose rows are known.

    Attributes
    ----------
    edge : GradientEdge
    size : int
        Values that came out, of all rows.
    layout : Layout
        Of what came out.
    uses : list of (str, Use)
        Names of parameters and how they were used.
    """

    edge: GradientEdge
    size: int
    layout: Layout
    uses: list[tuple[str, Use]]


def trace(network: Network) -> tuple[torch.Tensor, list[Traced]]:
    """Outputs with their graph, and the operations that use the parameters.

    Operations whose rows are not found are left out.

    Parameters
    ----------
    network : Network
        Within `ready`.

    Returns
    -------
    outputs : tensor (rows, outputs)
    traced : list of Traced

    Examples
    --------
    >>> import numpy as np
    >>> from analyses.learning_regime.tangent_networks import prepare
    >>> net = prepare(torch.nn.Linear(3, 2), np.ones((4, 3)), None)
    >>> [name for name, _ in trace(net)[1][0].uses]
    ['weight', 'bias']
    """
    whole, alone = Recorder(network.parameters), Recorder(network.parameters)
    with alone:
        network.outputs(slice(network.n_rows - 1, None))
    with whole:
        outputs = network.outputs()
    pairs = zip(whole.records, alone.records, strict=False)
    found = [_settled(record, last, network.n_rows) for record, last in pairs]
    return outputs, [each for each in found if each is not None]


def _settled(record: Recorded, last: Recorded, n_rows: int) -> Traced | None:
    left = find_layout(record.left, last.left, n_rows)
    if left is None or len(record.raws) != len(last.raws):
        return None
    uses = []
    for raw, other in zip(record.raws, last.raws, strict=True):
        use = settle(raw, _layout(raw.entered, other.entered, n_rows), left, record.left.ndim)
        if use is not None:
            uses.append((raw.parameter, use))
    return Traced(record.edge, record.left.numel(), left, uses)


def _layout(values: Any, last: Any, n_rows: int) -> Layout | None:
    if isinstance(values, float) or isinstance(last, float):
        return None
    return find_layout(values, last, n_rows)


FUNCTIONAL = "torch.nn.functional"


class Recorder(TorchFunctionMode):
    """While it is on, operations with parameters are recorded.

    Parameters
    ----------
    parameters : mapping of str to tensor

    Attributes
    ----------
    records : list of Recorded
    """

    def __init__(self, parameters: Mapping[str, torch.Tensor]) -> None:
        super().__init__()
        self.records: list[Recorded] = []
        self._spans = [
            (value.data_ptr(), value.numel() * value.element_size(), value.dtype, name)
            for name, value in parameters.items()
        ]

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run an operation and record it."""
        call = Call(func, args, kwargs or {})
        with self:
            recurrent = run_recurrent(func, args)
        if recurrent is not None:
            return recurrent
        if isinstance(func, PythonFunction) and func.__globals__["__name__"] == FUNCTIONAL:
            with self:
                return _opened(func)(*args, **call.kwargs)
        return record_call(self, call) if torch.is_grad_enabled() else call.run()

    def record(self, left: torch.Tensor, raws: Iterable[Raw | None]) -> torch.Tensor:
        """Remember what came out and the uses in it; gives back what came out."""
        found = [raw for raw in raws if raw is not None]
        if found and left.requires_grad:
            self.records.append(Recorded(left.detach(), get_gradient_edge(left), found))
        return left

    def raw(
        self, value: Any, kind: str, entered: torch.Tensor | float, padding: int = -1
    ) -> Raw | None:
        """A use, if the value is a parameter that was asked for or a view of one."""
        if not isinstance(value, torch.Tensor) or not value.numel():
            return None
        view = self._view(value)
        if view is None:
            return None
        kept = entered if isinstance(entered, float) else entered.detach()
        return Raw(view[0], view[1], kind, kept, padding)

    def owns(self, value: Any) -> bool:
        """Whether the value is a parameter that was asked for, or a view of one."""
        return isinstance(value, torch.Tensor) and self._view(value) is not None

    def _view(self, value: torch.Tensor) -> tuple[str, View] | None:
        """Name and part of the parameter in whose memory the value lies."""
        for start, n_bytes, dtype, name in self._spans:
            offset = value.data_ptr() - start
            if 0 <= offset < n_bytes and value.dtype == dtype:
                place = offset // value.element_size()
                view = View(place, tuple(value.shape), tuple(value.stride()))
                inside = (view.last + 1) * value.element_size() <= n_bytes
                return (name, view) if inside and not view.repeats else None
        return None


@lru_cache(maxsize=256)
def _opened(function: PythonFunction) -> PythonFunction:
    """A function of torch.nn.functional that does not stop at overrides, so that its parts show."""

    def no(*_: Any) -> bool:
        return False

    checks = ("has_torch_function", "has_torch_function_unary", "has_torch_function_variadic")
    copy = PythonFunction(
        function.__code__,
        {**function.__globals__, **dict.fromkeys(checks, no)},
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy
