"""The study's recurrent network as a torch module, for kernels and for recordings."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RateNetwork(nn.Module):
    """A recurrent network of rectified rates, without biases.

    ``h_t = relu((1 - alpha) h_(t-1) + alpha (W_in x_t + W_h h_(t-1)))``, ``y_t = scale W_out h_t``,
    from ``h_0 = 0`` (Liu et al. 2024, equation 1).

    Parameters
    ----------
    n_inputs, n_units, n_outputs : int
    alpha : float
        Time step over time constant; 1 in the study.
    scale : float
        Of the output. With the learning rate divided by its square, large scales make learning lazy
        (Chizat, Oyallon and Bach 2019).

    Attributes
    ----------
    W_in, W_h, W_out : torch.nn.Linear
        `W_h` is called at every step.
    hidden : torch.nn.Identity
        Gives the hidden states (trials, steps, units) to a forward hook.

    Examples
    --------
    >>> network = RateNetwork(3, 20, 3)
    >>> network(torch.zeros(4, 8, 3)).shape
    torch.Size([4, 8, 3])
    """

    def __init__(
        self,
        n_inputs: int,
        n_units: int,
        n_outputs: int,
        alpha: float = 1.0,
        scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.W_in = nn.Linear(n_inputs, n_units, bias=False)
        self.W_h = nn.Linear(n_units, n_units, bias=False)
        self.W_out = nn.Linear(n_units, n_outputs, bias=False)
        self.hidden = nn.Identity()
        self.alpha, self.scale = alpha, scale

    def states(self, inputs: Tensor) -> Tensor:
        """Map inputs ``(trials, steps, channels)`` to hidden states ``(trials, steps, units)``."""
        driven = self.W_in(inputs)
        state = driven.new_zeros(driven[:, 0].shape)
        states = []
        for step in range(inputs.shape[1]):
            pushed = driven[:, step] + self.W_h(state)
            state = torch.relu((1 - self.alpha) * state + self.alpha * pushed)
            states.append(state)
        found: Tensor = self.hidden(torch.stack(states, dim=1))
        return found

    def forward(self, inputs: Tensor) -> Tensor:
        """Map inputs ``(trials, steps, channels)`` to outputs ``(trials, steps, outputs)``."""
        outputs: Tensor = self.scale * self.W_out(self.states(inputs))
        return outputs


class TaughtSteps(nn.Module):
    """A network's outputs at the steps that are taught.

    Parameters
    ----------
    network : RateNetwork
    taught_from : int
        The first of them.
    """

    def __init__(self, network: RateNetwork, taught_from: int) -> None:
        super().__init__()
        self.network, self.taught_from = network, taught_from

    def forward(self, inputs: Tensor) -> Tensor:
        """Map inputs ``(trials, steps, channels)`` to ``(trials, taught steps, outputs)``."""
        outputs: Tensor = self.network(inputs)[:, self.taught_from :]
        return outputs
