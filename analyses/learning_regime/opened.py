"""A subject opened again with the weights of all its checkpoints, to ask more of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

State = Mapping[str, "torch.Tensor"]


@dataclass(frozen=True, eq=False)
class Opened:
    """A network that takes the weights of any checkpoint, and some of the recorded stimuli.

    Attributes
    ----------
    network : torch.nn.Module
    states : list of mapping of str to Tensor
        Parameters and buffers of every checkpoint.
    answers : torch.nn.Module
        Takes ``inputs``, gives (stimuli, outputs).
    inputs : Tensor (stimuli, ...)
    n_outputs : int
        Of the network for one stimulus, before a random mixture made them fewer.
    labels : ndarray (stimuli,), optional
        Of the inputs.
    activity : callable
        Activity (rows, ...) by site with the weights that are loaded, for a few stimuli.
    groups : ndarray (rows,) of int
        Stimulus of each of those rows.
    scores : callable
        Loss and accuracy by name, with the weights that are loaded; empty if not known.
    no_scores : str
        Why not.
    """

    network: torch.nn.Module
    states: list[State]
    answers: torch.nn.Module
    inputs: torch.Tensor
    n_outputs: int
    labels: NDArray | None
    activity: Callable[[Sequence[str]], dict[str, NDArray]]
    scores: Callable[[], dict[str, float]]
    no_scores: str = ""

    def load(self, state: State) -> None:
        """Put weights into the network, in place."""
        put(self.network, state)

    def names(self) -> dict[str, str]:
        """Weights with two axes or more: name in the network to name in ``answers``."""
        own = {id(value): name for name, value in self.answers.named_parameters()}
        return {
            name: own[id(value)]
            for name, value in self.network.named_parameters()
            if value.ndim > 1 and id(value) in own
        }


def state_of(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Copies of parameters and buffers, by name; those that are shared once.

    Parameters
    ----------
    network : torch.nn.Module

    Returns
    -------
    dict of str to Tensor
    """
    held = {**dict(network.named_buffers()), **dict(network.named_parameters())}
    return {name: value.detach().clone() for name, value in held.items()}


def put(network: torch.nn.Module, state: State) -> None:
    """The inverse of `state_of`.

    Parameters
    ----------
    network : torch.nn.Module
        Changed in place.
    state : mapping of str to Tensor
    """
    import torch

    held = {**dict(network.named_buffers()), **dict(network.named_parameters())}
    with torch.no_grad():
        for name, value in state.items():
            held[name].copy_(value)


def moved_at_random(
    start: State, end: State, parameters: Sequence[str], generator: torch.Generator
) -> dict[str, torch.Tensor]:
    """The start with each parameter moved as far as training did, in a random direction.

    Parameters
    ----------
    start, end : mapping of str to Tensor
    parameters : sequence of str
        What training moves; buffers keep their start.
    generator : torch.Generator

    Returns
    -------
    dict of str to Tensor
    """
    import torch

    moved = dict(start)
    for name in parameters:
        noise = torch.randn(start[name].shape, generator=generator, dtype=torch.float64)
        length = (end[name] - start[name]).double().norm()
        moved[name] = start[name] + (noise * length / noise.norm()).to(start[name].dtype)
    return moved


def mixture(n_outputs: int, n_kept: int, seed: int) -> NDArray[np.float32] | None:
    """Random combinations of outputs, where there are too many for a kernel.

    Parameters
    ----------
    n_outputs, n_kept, seed : int

    Returns
    -------
    ndarray (outputs, kept), optional
        None to keep all.
    """
    if n_outputs <= n_kept:
        return None
    drawn = np.random.default_rng([seed, 2]).normal(size=(n_outputs, n_kept))
    return (drawn / np.sqrt(n_outputs)).astype(np.float32)


def answering(network: torch.nn.Module, read: Callable[[Any], Any], mixed: Any) -> torch.nn.Module:
    """A module that gives (stimuli, outputs) from what a network gives.

    Parameters
    ----------
    network : torch.nn.Module
    read : callable
        From the network's output to a tensor (stimuli, ...).
    mixed : ndarray (outputs, kept), optional

    Returns
    -------
    torch.nn.Module
    """
    import torch

    class Answers(torch.nn.Module):
        """A few outputs of a network."""

        mixed: torch.Tensor | None

        def __init__(self) -> None:
            super().__init__()
            self.network = network
            kept = None if mixed is None else torch.from_numpy(mixed)
            self.register_buffer("mixed", kept, persistent=False)

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            """Inputs (stimuli, ...) to (stimuli, outputs)."""
            flat: torch.Tensor = read(self.network(inputs)).flatten(1)
            return flat if self.mixed is None else flat @ self.mixed.to(flat.dtype)

    return Answers().eval()
