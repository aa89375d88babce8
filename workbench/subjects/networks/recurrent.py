"""States of recurrent layers after every step, which torch's own layers do not give out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def gives_states(module: torch.nn.Module) -> bool:
    """Whether a module is a recurrent layer of torch whose states can be stepped through."""
    import torch

    return isinstance(module, (torch.nn.RNN, torch.nn.LSTM, torch.nn.GRU)) and not (
        module.bidirectional
    )


def state_names(name: str, module: Any) -> list[str]:
    """Names of the sites that the states of a layer have.

    Parameters
    ----------
    name : str
        Name of the layer.
    module : torch.nn.RNNBase

    Returns
    -------
    list of str

    Examples
    --------
    >>> import torch
    >>> state_names("rnn", torch.nn.LSTM(2, 3, num_layers=2))
    ['rnn:hidden.0', 'rnn:hidden.1', 'rnn:cell.0', 'rnn:cell.1']
    """
    kinds = ("hidden", "cell") if module.mode == "LSTM" else ("hidden",)
    return [f"{name}:{kind}.{layer}" for kind in kinds for layer in range(module.num_layers)]


def stepped_states(
    name: str, module: Any, arguments: tuple[Any, ...], named: Mapping[str, Any]
) -> Iterator[tuple[str, torch.Tensor]]:
    """States after every step, by running a layer again, one step at a time, on what it got.

    Parameters
    ----------
    name : str
        Name of the layer.
    module : torch.nn.RNNBase
        Unidirectional.
    arguments, named
        What the layer was called with.

    Yields
    ------
    name : str
    states : Tensor (time, stimuli, units)
    """
    import torch

    inputs = arguments[0] if arguments else named["input"]
    if not isinstance(inputs, torch.Tensor) or inputs.ndim != 3:
        return
    states = arguments[1] if len(arguments) > 1 else named.get("hx")
    axis = 1 if module.batch_first else 0
    after = []
    for step in inputs.split(1, dim=axis):
        # Not through __call__, whose hooks would call this again.
        _, states = module.forward(step, states)
        after.append(states if isinstance(states, tuple) else (states,))
    kinds = [torch.stack(each) for each in zip(*after, strict=True)]
    stacked = [kind[:, layer] for kind in kinds for layer in range(module.num_layers)]
    yield from zip(state_names(name, module), stacked, strict=True)
