"""Small networks of every shape, and recording them in memory."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from workbench.capturing.request import CaptureRequest
from workbench.capturing.source import Source
from workbench.subjects.networks.opening import open_subject

Pair = namedtuple("Pair", ["first", "second"])
_FIELDS = ("sites", "images", "dtype", "max_rows", "device", "positions", "shard_rows")


def source_of(network: Any, stimuli: Any = None, **given: Any) -> Source:
    """A network with its stimuli, planned; what is no field of a request is an option."""
    fields = {name: given.pop(name) for name in _FIELDS if name in given}
    name = network.partition(":")[2] if isinstance(network, str) else ""
    request = CaptureRequest(network, stimuli=stimuli, options=given, **fields)
    return open_subject(request, name, None)


def contents(source: Source) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Row table and activity of all shards."""
    names = [site.name for site in source.sites]
    parts = [source.activity(number, names) for number in range(len(source.plan))]
    rows = [source.rows(number) for number in range(len(source.plan))]
    assert [len(each) for each in rows] == list(source.plan)
    whole = {name: np.concatenate([part[name] for part in parts]) for name in names}
    return pd.concat(rows, ignore_index=True), whole


def record(network: Any, stimuli: Any = None, **given: Any) -> dict[str, np.ndarray]:
    """Activity at all sites asked for."""
    return contents(source_of(network, stimuli, **given))[1]


def dims_of(source: Source) -> dict[str, tuple[str, ...]]:
    """Names of the axes, by site."""
    return {site.name: site.dims for site in source.sites}


class Convolutional(nn.Module):
    """Maps, then units; works in place after what was hooked."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)
        self.linear = nn.Linear(width, 5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images to logits."""
        maps = self.norm(self.conv(images))
        maps.clamp_(min=0).mul_(3)
        return self.linear(maps.mean((2, 3)))


@dataclass
class Answer:
    """A dataclass as output."""

    logits: torch.Tensor
    extra: dict[str, torch.Tensor]


class Branching(nn.Module):
    """Gives a dataclass; its parts give tuples, lists and dicts."""

    def __init__(self) -> None:
        super().__init__()
        self.pairs, self.lists, self.never = Tuples(), Lists(), nn.Linear(2, 2)

    def forward(self, values: torch.Tensor) -> Answer:
        """Vectors to an answer."""
        first, (second, nothing) = self.pairs(values)
        assert nothing is None
        return Answer(first.first, {"sum": self.lists(second)[1]["b"], "size": values.new_zeros(2)})


class Tuples(nn.Module):
    """Gives nested tuples with a None."""

    def forward(self, values: torch.Tensor) -> Any:
        """Named and plain tuples."""
        return Pair(values + 1, values + 2), (values * 3, None)


class Lists(nn.Module):
    """Gives a list with a dict."""

    def forward(self, values: torch.Tensor) -> Any:
        """A list."""
        return [values, {"a": values * 2, "b": values.sum(1)}]


class Ticking(nn.Module):
    """A recurrence of a fixed number of ticks on one input."""

    def __init__(self, ticks: int = 4) -> None:
        super().__init__()
        self.encode, self.step = nn.Conv2d(1, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)
        self.act, self.ticks = nn.Tanh(), ticks

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images to the last state."""
        state = start = self.encode(images)
        for _ in range(self.ticks):
            state = self.act(self.step(state) + start)
        return state.sum((2, 3))


class Sequences(nn.Module):
    """A recurrent layer of torch, then one decision for the whole sequence."""

    def __init__(self, kind: str = "LSTM", batch_first: bool = True, **given: Any) -> None:
        super().__init__()
        self.time = 1 if batch_first else 0
        self.core = getattr(nn, kind)(3, 6, batch_first=batch_first, **given)
        self.readout, self.choice = nn.LazyLinear(2), nn.LazyLinear(4)
        with torch.no_grad():
            self(torch.zeros(2, 2, 3))

    def forward(self, inputs: torch.Tensor) -> Any:
        """Sequences to one value a step and one for all."""
        states, _ = self.core(inputs)
        return self.readout(states), self.choice(states.select(self.time, -1))


class Cells(nn.Module):
    """A cell called once a step."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.out = nn.GRUCell(3, 5), nn.Linear(5, 2)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Sequences to logits for every step."""
        state, found = inputs.new_zeros(len(inputs), 5), []
        for step in inputs.unbind(1):
            state = self.cell(step, state)
            found.append(self.out(state))
        return torch.stack(found, 1)


class Leaky(nn.Module):
    """One step of leaky integrate-and-fire neurons."""

    def __init__(self, decay: float = 0.8, threshold: float = 0.5) -> None:
        super().__init__()
        self.decay, self.threshold = decay, threshold

    def forward(self, current: torch.Tensor, voltage: torch.Tensor) -> Any:
        """Spikes and voltages from currents and voltages."""
        voltage = self.decay * voltage + current
        spikes = voltage > self.threshold
        return spikes, voltage * ~spikes, spikes.sum(1, keepdim=True)


class Spiking(nn.Module):
    """Leaky integrate-and-fire neurons on sequences ``(steps, stimuli, channels)``."""

    def __init__(self, **given: float) -> None:
        super().__init__()
        self.weight, self.neurons = nn.Linear(3, 7), Leaky(**given)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Sequences to spikes, time first."""
        voltage, found = inputs.new_zeros(inputs.shape[1], 7), []
        for step in inputs:
            spikes, voltage, _ = self.neurons(self.weight(step), voltage)
            found.append(spikes)
        return torch.stack(found)


def convolutional(width: int = 4) -> Convolutional:
    """A factory."""
    return Convolutional(width)


def failing() -> nn.Module:
    """A factory that fails."""
    raise RuntimeError("no weights today")


def nothing() -> str:
    """A factory that returns something else."""
    return "a network"
