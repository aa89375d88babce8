"""Loss and gradients of many recurrent networks at once, through time, without a graph.

Networks of equal sizes differ in their weights and trials only, so that one batched product of
matrices does for all of them what a loop over seeds does in turn. Written out, backpropagation
through time needs two such products a step, and one for the recurrent gradient of all steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


class Weights(NamedTuple):
    """Weights, or their gradients, of several networks.

    Attributes
    ----------
    inputs : Tensor (networks, units, channels)
    recurrent : Tensor (networks, units, units)
        To, from.
    outputs : Tensor (networks, outputs, units)
    """

    inputs: Tensor
    recurrent: Tensor
    outputs: Tensor


class Backpropagation:
    """Buffers for trials of one shape, and the passes through them.

    Parameters
    ----------
    n_steps, n_trials : int
    taught_from : int
        First step that enters the loss.
    alpha, scale : float
        As `RateNetwork`.
    like : Weights
        Gives sizes, type and device.

    Attributes
    ----------
    gradients : Weights
        Of the last backward pass.
    """

    def __init__(
        self,
        n_steps: int,
        n_trials: int,
        taught_from: int,
        alpha: float,
        scale: float,
        like: Weights,
    ) -> None:
        import torch

        n_networks, n_units, _ = like.recurrent.shape
        # All steps of a network lie together: products over all steps then need no copy.
        self.states = like.recurrent.new_empty(n_networks, n_steps * n_trials, n_units)
        self.errors = torch.empty_like(self.states)
        self.gradients = Weights(*(torch.empty_like(each) for each in like))
        self.n_trials, self.taught = n_trials, slice(taught_from * n_trials, None)
        self.alpha, self.scale = alpha, scale

    def forward(self, weights: Weights, inputs: Tensor) -> Tensor:
        """Hidden states.

        Parameters
        ----------
        weights : Weights
        inputs : Tensor (networks, steps x trials, channels)

        Returns
        -------
        Tensor (networks, steps x trials, units)
            The buffer, which the next pass overwrites.
        """
        import torch

        torch.bmm(inputs, (self.alpha * weights.inputs).transpose(1, 2), out=self.states)
        recurrent = self._leaky(weights.recurrent).transpose(1, 2)
        before, *later = self.states.split(self.n_trials, dim=1)
        before.relu_()
        for state in later:
            state.baddbmm_(before, recurrent).relu_()
            before = state
        return self.states

    def backward(self, weights: Weights, inputs: Tensor, targets: Tensor) -> Tensor:
        """Losses; gradients are left in `gradients`.

        Parameters
        ----------
        weights : Weights
        inputs : Tensor (networks, steps x trials, channels)
        targets : Tensor (networks, outputs, taught steps x trials)
            Ones and zeros.

        Returns
        -------
        Tensor (networks,)
            Mean cross-entropy over taught steps and trials, in nats.
        """
        import torch

        read = self.forward(weights, inputs)[:, self.taught]
        # Outputs lie before trials: a softmax over a last axis of three is many times slower.
        logits = torch.bmm(self.scale * weights.outputs, read.transpose(1, 2))
        surprise = torch.log_softmax(logits, dim=1)
        losses = -(surprise * targets).sum((1, 2)) / targets.shape[2]
        wrong = surprise.exp_().sub_(targets).mul_(self.scale / targets.shape[2])
        torch.bmm(wrong, read, out=self.gradients.outputs)
        self._through_time(weights, wrong.transpose(1, 2))
        later, before = self.errors[:, self.n_trials :], self.states[:, : -self.n_trials]
        torch.bmm(self.errors.transpose(1, 2), inputs, out=self.gradients.inputs)
        torch.bmm(later.transpose(1, 2), before, out=self.gradients.recurrent)
        for gradient in self.gradients[:2]:
            gradient.mul_(self.alpha)
        return losses

    def _through_time(self, weights: Weights, wrong: Tensor) -> None:
        """Fill `errors`: gradients of the loss with respect to what enters the rectifier."""
        import torch

        self.errors[:, : self.taught.start] = 0
        torch.bmm(wrong, weights.outputs, out=self.errors[:, self.taught])
        recurrent = self._leaky(weights.recurrent)
        steps = [each.split(self.n_trials, dim=1) for each in (self.errors, self.states)]
        after = None
        for error, state in zip(*(reversed(each) for each in steps), strict=True):
            if after is not None:
                error.baddbmm_(after, recurrent)
            torch.ops.aten.threshold_backward.grad_input(error, state, 0, grad_input=error)
            after = error

    def _leaky(self, recurrent: Tensor) -> Tensor:
        """The matrix that takes one state to the next: the leak is part of its diagonal."""
        if self.alpha == 1:
            return recurrent
        leaky = self.alpha * recurrent
        leaky.diagonal(dim1=1, dim2=2).add_(1 - self.alpha)
        return leaky
