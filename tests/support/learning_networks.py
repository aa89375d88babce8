"""Small networks of every kind, and their tangent kernel the plain way."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.functional import jacobian
from torch.func import functional_call, jacrev, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel


class PaperRNN(nn.Module):
    """h = relu(W_in x + W_h h), read out at every step."""

    def __init__(self, hidden: int = 7, inputs: int = 3, outputs: int = 2) -> None:
        super().__init__()
        self.W_in = nn.Parameter(torch.randn(hidden, inputs) / inputs**0.5)
        self.W_h = nn.Parameter(torch.randn(hidden, hidden) * (1.5 / hidden) ** 0.5)
        self.W_out = nn.Parameter(torch.randn(outputs, hidden) / hidden**0.5)

    def forward(self, x: Tensor) -> Tensor:
        """(rows, steps, inputs) -> (rows, steps, outputs)."""
        hidden, outputs = x.new_zeros(len(x), len(self.W_h)), []
        for step in x.unbind(1):
            hidden = torch.relu(step @ self.W_in.T + hidden @ self.W_h.T)
            outputs.append(hidden @ self.W_out.T)
        return torch.stack(outputs, 1)


class StepRNN(nn.Module):
    """Layers that are called at every step; the last outputs count."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.again, self.leave = nn.Linear(3, 6), nn.Linear(6, 6), nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        """(rows, steps, 3) -> (rows, 2)."""
        hidden = x.new_zeros(len(x), 6)
        for step in x.unbind(1):
            hidden = 0.5 * hidden + 0.5 * torch.tanh(self.enter(step) + self.again(hidden))
        return self.leave(hidden)


class ColumnRNN(nn.Module):
    """Units first, a vector as readout, and a time constant, which no structured form covers."""

    def __init__(self) -> None:
        super().__init__()
        self.W, self.readout = nn.Parameter(torch.randn(4, 4)), nn.Parameter(torch.randn(4))
        self.tau, self.gain = nn.Parameter(torch.tensor(0.3)), nn.Parameter(torch.ones(4, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(rows, 4) -> (rows,)."""
        hidden = x.T
        for _ in range(3):
            hidden = (1 - self.tau) * hidden + self.tau * torch.tanh(self.W @ hidden) * self.gain
        return hidden.T @ self.readout


class TiedTransformer(nn.Module):
    """Embedding and unembedding share their table; positions are learnt."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.positions = nn.Embedding(11, 6), nn.Parameter(torch.randn(4, 6))
        self.block = nn.TransformerEncoderLayer(6, 2, 8, dropout=0.0, batch_first=True)
        self.out = nn.Linear(6, 11, bias=False)
        self.out.weight = self.table.weight

    def forward(self, tokens: Tensor) -> dict[str, Tensor]:
        """(rows, 4) -> logits of three words after the last token."""
        hidden = self.block(self.table(tokens) + self.positions)
        return {"loss": hidden.sum(), "logits": self.out(hidden)[:, -1, :3]}


class CrossAttention(nn.Module):
    """Query and key parts of one projection are used apart; positions are looked up."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.places = nn.Embedding(11, 4, padding_idx=0), nn.Embedding(4, 4)
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)
        self.out = nn.Linear(4, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        """(rows, 4) -> (rows, 2)."""
        hidden = self.table(tokens) + self.places(torch.arange(tokens.shape[1]))
        return self.out(self.attention(hidden[:, -1:], hidden, hidden)[0][:, 0])


class Autoencoder(nn.Module):
    """One weight, used both ways round."""

    def __init__(self) -> None:
        super().__init__()
        self.W, self.shift = nn.Parameter(torch.randn(4, 6)), nn.Parameter(torch.randn(6))

    def forward(self, x: Tensor) -> Tensor:
        """(rows, 4) -> (rows, 4)."""
        return torch.tanh(x @ self.W - self.shift) @ self.W.T


class Flattened(nn.Module):
    """Rows and steps in one axis, steps outermost, as in code that flattens before a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.W, self.b = (
            nn.Linear(3, 5),
            nn.Parameter(torch.randn(5, 2)),
            nn.Linear(2, 2),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(rows, steps, 3) -> (rows, steps, 2)."""
        flat = torch.tanh(self.first(x.transpose(0, 1).reshape(-1, 3)))
        found = torch.addmm(self.b.bias, flat, self.W) * 2
        return found.reshape(x.shape[1], x.shape[0], 2).transpose(0, 1)


class Recurrent(nn.Module):
    """A recurrent layer of torch and a readout."""

    def __init__(self, layer: nn.Module, width: int) -> None:
        super().__init__()
        self.layer, self.out = layer, nn.Linear(width, 2)

    def forward(self, x: Tensor) -> Tensor:
        """(rows, steps, 3) -> (rows, steps, 2)."""
        return self.out(self.layer(x)[0])


class Cells(nn.Module):
    """Cells of torch, step by step."""

    def __init__(self) -> None:
        super().__init__()
        self.gru, self.lstm, self.rnn = nn.GRUCell(3, 4), nn.LSTMCell(4, 4), nn.RNNCell(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        """(rows, steps, 3) -> (rows, 2)."""
        first, out = x.new_zeros(len(x), 4), x.new_zeros(len(x), 2)
        second = (first, first)
        for step in x.unbind(1):
            first = self.gru(step, first)
            second = self.lstm(first, second)
            out = self.rnn(second[0], out)
        return out


def convolutional() -> nn.Module:
    """Strides, groups, dilation, even kernels and norms, in evaluation mode."""
    net = nn.Sequential(
        nn.Conv2d(2, 4, 3, stride=2, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2, stride=1),
        nn.Conv2d(4, 6, (2, 3), groups=2, padding="same"),
        nn.GroupNorm(2, 6),
        nn.PReLU(6),
        nn.Conv2d(6, 6, 2, groups=6, dilation=2, bias=False),
        nn.InstanceNorm2d(6, affine=True),
        nn.AdaptiveAvgPool2d((1, 2)),
        nn.Flatten(),
        nn.Linear(12, 3),
    )
    net[1].running_mean.normal_()
    return net.eval()


def networks() -> dict[str, tuple[nn.Module, Tensor]]:
    """Networks of every kind in double precision, with inputs."""
    torch.manual_seed(0)
    vectors, series = torch.randn(6, 4), torch.randn(6, 5, 3)
    tokens, images = torch.randint(0, 11, (6, 4)), torch.randn(4, 2, 9, 9)
    gates = {"batch_first": True}
    mlp = [nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 8), nn.LayerNorm(8), nn.RMSNorm(8)]
    found: dict[str, tuple[nn.Module, Tensor]] = {
        "multilayer perceptron": (nn.Sequential(*mlp, nn.ReLU(), nn.Linear(8, 3)), vectors),
        "convolutional": (convolutional(), images),
        "convolutional in time": (
            nn.Sequential(
                nn.Conv1d(3, 4, 3, padding=2, dilation=2), nn.ReLU(), nn.Conv1d(4, 2, 2, stride=3)
            ),
            series.transpose(1, 2),
        ),
        "recurrent": (PaperRNN(), series),
        "wide recurrent": (PaperRNN(80), torch.randn(12, 3, 3)),
        "recurrent layers": (StepRNN(), series),
        "units first": (ColumnRNN(), vectors),
        "torch RNN": (Recurrent(nn.RNN(3, 4, 2, nonlinearity="relu", **gates), 4), series),
        "torch GRU": (Recurrent(nn.GRU(3, 4, bidirectional=True, **gates), 8), series),
        "torch LSTM": (Recurrent(nn.LSTM(3, 4, bias=False, proj_size=2, **gates), 2), series),
        "cells": (Cells(), series),
        "transformer block": (
            nn.TransformerEncoderLayer(6, 2, 8, dropout=0.0, batch_first=True),
            torch.randn(5, 3, 6),
        ),
        "tied transformer": (TiedTransformer(), tokens),
        "cross attention": (CrossAttention(), tokens),
        "autoencoder": (Autoencoder(), vectors),
        "flattened": (Flattened(), series),
    }
    return {
        name: (net.double(), x.double() if x.is_floating_point() else x)
        for name, (net, x) in found.items()
    }


def plain_jacobian(net: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """Jacobian of every parameter, (rows * outputs, size), with torch's own tools alone."""
    names, values = zip(*[(n, v.detach()) for n, v in net.named_parameters()], strict=True)

    def outputs(row: Tensor, *values: Tensor) -> Tensor:
        found = functional_call(net, dict(zip(names, values, strict=True)), (row[None],))
        return (found["logits"] if isinstance(found, dict) else found).reshape(-1)

    with sdpa_kernel(SDPBackend.MATH):
        try:
            argnums = tuple(range(1, len(names) + 1))
            axes = (0, *(None,) * len(names))
            rows: Sequence[Tensor] = vmap(jacrev(outputs, argnums), axes)(x, *values)
        except RuntimeError:
            # Fused recurrent layers and grouped convolutions do not vectorise over rows.
            each = [jacobian(lambda *v, row=row: outputs(row, *v), values) for row in x]
            rows = [torch.stack(found) for found in zip(*each, strict=True)]
    return {
        name: found.reshape(found.shape[0] * found.shape[1], -1)
        for name, found in zip(names, rows, strict=True)
    }


def plain_kernel(net: nn.Module, x: Tensor) -> NDArray:
    """The sum over parameters of their Jacobian times itself."""
    total = sum(found @ found.T for found in plain_jacobian(net, x).values())
    return total.numpy()
