"""torch's fused recurrent layers, step by step in plain operations that show what goes in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch
from torch.nn.functional import linear
from torch.overrides import TorchFunctionMode

Weights: TypeAlias = Sequence[Any]
State: TypeAlias = tuple[torch.Tensor, ...]


class StepByStep(TorchFunctionMode):
    """While it is on, fused recurrent layers run as plain operations, which batch and derive.

    Examples
    --------
    >>> layer, x = torch.nn.RNN(3, 4), torch.randn(5, 6, 3)
    >>> with StepByStep():
    ...     outputs = layer(x)[0]
    >>> bool(torch.allclose(outputs, layer(x)[0], atol=1e-6))
    True
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run an operation."""
        found = run_recurrent(func, args)
        return func(*args, **(kwargs or {})) if found is None else found


def run_recurrent(func: Any, args: tuple[Any, ...]) -> Any:
    """Run a fused recurrent layer or cell step by step.

    Parameters
    ----------
    func : callable
        Any operation.
    args : tuple

    Returns
    -------
    What it returns, or None if it is none of those.
    """
    name = getattr(func, "__name__", "")
    if name in STEPS:
        return run_fused(name, args)
    if name.endswith("_cell") and name.removesuffix("_cell") in STEPS:
        return run_cell(name.removesuffix("_cell"), args)
    return None


def run_fused(name: str, args: tuple[Any, ...]) -> tuple[torch.Tensor, ...] | None:
    """What ``torch.rnn_tanh``, ``rnn_relu``, ``gru`` or ``lstm`` returns, layer by layer.

    Parameters
    ----------
    name : str
        The function's name.
    args : tuple
        Its arguments: input, initial state(s), weights, has_biases, num_layers, dropout, train,
        bidirectional, batch_first.

    Returns
    -------
    tuple of tensors
        Outputs (steps, rows, units) or (rows, steps, units), and the final state(s). None for
        packed sequences, which are not read.

    Examples
    --------
    >>> layer = torch.nn.GRU(3, 4, num_layers=2, bidirectional=True, batch_first=True)
    >>> x, start = torch.randn(5, 6, 3), torch.zeros(4, 5, 4)
    >>> weights = list(layer._flat_weights)
    >>> outputs, last = run_fused("gru", (x, start, weights, True, 2, 0.0, False, True, True))
    >>> bool(torch.allclose(outputs, layer(x)[0], atol=1e-6))
    True
    """
    if hasattr(args[3], "detach") or isinstance(args[2], bool):
        return None
    inputs, start, weights, biased, n_layers, _, _, both_ways, batch_first = args
    states = start if isinstance(start, (tuple, list)) else (start,)
    values = inputs.transpose(0, 1) if batch_first else inputs
    values, ends = _layers(name, values, states, list(weights), biased, n_layers, 1 + both_ways)
    return (values.transpose(0, 1) if batch_first else values, *ends)


def run_cell(name: str, args: tuple[Any, ...]) -> torch.Tensor | tuple[torch.Tensor, ...]:
    """What ``torch.rnn_tanh_cell`` and the like return.

    Parameters
    ----------
    name : str
        The function's name without ``_cell``.
    args : tuple
        Input, state(s), and two or four weights.

    Returns
    -------
    tensor, or tuple of two for ``lstm``

    Examples
    --------
    >>> cell, x, h = torch.nn.GRUCell(3, 4), torch.randn(5, 3), torch.randn(5, 4)
    >>> bool(torch.allclose(run_cell("gru", (x, h, *cell.parameters())), cell(x, h), atol=1e-6))
    True
    """
    inputs, state, *weights = args
    states = tuple(state) if isinstance(state, (tuple, list)) else (state,)
    ended = STEPS[name](_linear(inputs, weights, 0), states, weights)
    return ended if len(ended) > 1 else ended[0]


def _layers(
    name: str,
    values: torch.Tensor,
    states: Sequence[torch.Tensor],
    weights: list[torch.Tensor],
    biased: bool,
    n_layers: int,
    n_ways: int,
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    each = len(weights) // (n_layers * n_ways)
    ends = []
    for layer in range(n_layers):
        ways = []
        for way in range(n_ways):
            number = layer * n_ways + way
            own = weights[number * each : (number + 1) * each]
            start = tuple(state[number] for state in states)
            outputs, end = _walk(name, values, start, own, biased, backwards=bool(way))
            ways.append(outputs)
            ends.append(end)
        values = torch.cat(ways, dim=-1)
    return values, [torch.stack(kind) for kind in zip(*ends, strict=True)]


def _walk(
    name: str,
    values: torch.Tensor,
    state: State,
    weights: Weights,
    biased: bool,
    backwards: bool,
) -> tuple[torch.Tensor, State]:
    # The projection of an LSTM comes last, after biases if there are any.
    own = weights if biased else [*weights[:2], None, None, *weights[2:]]
    entering = _linear(values, own, 0)
    outputs = []
    for step in entering.flip(0) if backwards else entering:
        state = STEPS[name](step, state, own)
        outputs.append(state[0])
    return torch.stack(outputs[::-1] if backwards else outputs), state


def _linear(values: torch.Tensor, weights: Sequence[Any], number: int) -> torch.Tensor:
    """With the input's (0) or the hidden state's (1) weight and bias."""
    return linear(values, weights[number], weights[number + 2] if len(weights) > 2 else None)


def _tanh_step(entering: torch.Tensor, state: State, weights: Weights) -> State:
    return ((entering + _linear(state[0], weights, 1)).tanh(),)


def _relu_step(entering: torch.Tensor, state: State, weights: Weights) -> State:
    return ((entering + _linear(state[0], weights, 1)).relu(),)


def _gru_step(entering: torch.Tensor, state: State, weights: Weights) -> State:
    reset, update, new = entering.chunk(3, -1)
    reset_h, update_h, new_h = _linear(state[0], weights, 1).chunk(3, -1)
    update = (update + update_h).sigmoid()
    new = (new + (reset + reset_h).sigmoid() * new_h).tanh()
    return ((1 - update) * new + update * state[0],)


def _lstm_step(entering: torch.Tensor, state: State, weights: Weights) -> State:
    enter, forget, new, leave = (entering + _linear(state[0], weights, 1)).chunk(4, -1)
    cell = forget.sigmoid() * state[1] + enter.sigmoid() * new.tanh()
    hidden = leave.sigmoid() * cell.tanh()
    return (linear(hidden, weights[4]) if len(weights) > 4 else hidden), cell


STEPS: dict[str, Callable[[torch.Tensor, State, Any], State]] = {
    "rnn_tanh": _tanh_step,
    "rnn_relu": _relu_step,
    "gru": _gru_step,
    "lstm": _lstm_step,
}
