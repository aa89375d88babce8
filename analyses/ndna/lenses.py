"""Lenses: what turns activity within a model into the probabilities that its head would give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch


class Lens(Protocol):
    """What reads probabilities off activity."""

    @property
    def weight(self) -> torch.Tensor:
        """Rows of the head (classes, features)."""
        ...

    @property
    def bias(self) -> torch.Tensor | None:
        """Bias of the head (classes,), where it has one."""
        ...

    def features(self, states: torch.Tensor) -> torch.Tensor:
        """Features (rows, nodes, features) of states (rows, nodes, units)."""
        ...

    def finish(self, logits: torch.Tensor) -> torch.Tensor:
        """Logits as the model scales them, in place where it can be."""
        ...


class _HeadReachedError(Exception):
    """Carries what enters the head, so that the head itself need not run."""

    def __init__(self, features: torch.Tensor) -> None:
        super().__init__()
        self.features = features


@dataclass(frozen=True)
class HeadLens:
    """The logit lens: what follows the last block, applied after any of them.

    Attributes
    ----------
    tail : sequence of torch.nn.Module
        Modules after the last block, in order; the last one is or holds the head.
    head : torch.nn.Linear
    scale : float
        Factor of logits.
    cap : float, optional
        Logits beyond it are bent back by a hyperbolic tangent.
    temperature : float
        Logits are divided by it last.
    """

    tail: Sequence[torch.nn.Module]
    head: torch.nn.Module
    scale: float = 1.0
    cap: float | None = None
    temperature: float = 1.0

    @property
    def weight(self) -> torch.Tensor:
        """Rows of the head (classes, features)."""
        weight: Any = self.head.weight
        return weight.detach()

    @property
    def bias(self) -> torch.Tensor | None:
        """Bias of the head (classes,)."""
        bias: Any = self.head.bias
        return None if bias is None else bias.detach()

    def features(self, states: torch.Tensor) -> torch.Tensor:
        """What would enter the head; see `Lens`."""

        def stop(_module: Any, inputs: Any) -> None:
            raise _HeadReachedError(inputs[0])

        handle = self.head.register_forward_pre_hook(stop)
        try:
            for module in self.tail:
                output = module(states)
                states = output if hasattr(output, "shape") else output[0]
        except _HeadReachedError as reached:
            return reached.features
        finally:
            handle.remove()
        return states

    def finish(self, logits: torch.Tensor) -> torch.Tensor:
        """Logits as the model scales them; see `Lens`."""
        if self.scale != 1.0:
            logits.mul_(self.scale)
        if self.cap is not None:
            logits.div_(self.cap).tanh_().mul_(self.cap)
        return logits if self.temperature == 1.0 else logits.div_(self.temperature)


@dataclass(frozen=True)
class TunedLens:
    """The tuned lens: an affine translator of each node before the logit lens.

    Belrose et al. 2023, *Eliciting Latent Predictions from Transformers with the Tuned Lens*
    (arXiv 2303.08112), equation 8.

    Attributes
    ----------
    base : HeadLens
    matrices : Tensor (nodes, units, units)
        Added to the identity.
    offsets : Tensor (nodes, units)
    """

    base: HeadLens
    matrices: torch.Tensor
    offsets: torch.Tensor

    @property
    def weight(self) -> torch.Tensor:
        """Rows of the head (classes, features)."""
        return self.base.weight

    @property
    def bias(self) -> torch.Tensor | None:
        """Bias of the head (classes,)."""
        return self.base.bias

    def features(self, states: torch.Tensor) -> torch.Tensor:
        """What would enter the head; see `Lens`."""
        return self.base.features(translated(states, self.matrices, self.offsets))

    def finish(self, logits: torch.Tensor) -> torch.Tensor:
        """Logits as the model scales them; see `Lens`."""
        return self.base.finish(logits)


@dataclass(frozen=True)
class LogitsLens:
    """For activity that is logits already: of networks whose layers have widths of their own.

    Attributes
    ----------
    weight : Tensor (classes, classes)
        The identity.
    """

    weight: torch.Tensor
    bias: torch.Tensor | None = None

    def features(self, states: torch.Tensor) -> torch.Tensor:
        """The logits themselves; see `Lens`."""
        return states

    def finish(self, logits: torch.Tensor) -> torch.Tensor:
        """The logits themselves; see `Lens`."""
        return logits


def translated(states: torch.Tensor, matrices: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
    """States (rows, nodes, units), each node moved by its own affine map."""
    import torch

    return states + torch.einsum("rnd,nde->rne", states, matrices) + offsets


def logits_of(
    features: torch.Tensor,
    lens: Lens,
    classes: slice = slice(None),
    room: torch.Tensor | None = None,
) -> torch.Tensor:
    """Logits of features, as the model scales them.

    Parameters
    ----------
    features : Tensor (..., features)
    lens : Lens
    classes : slice
        Which classes.
    room : Tensor, optional
        Memory to write them to.

    Returns
    -------
    Tensor (..., classes)
    """
    import torch

    # One flat product; a view over nodes would be multiplied node by node, copying the weights.
    flat, weight = features.reshape(-1, features.shape[-1]), lens.weight[classes].mT
    shape = (len(flat), weight.shape[1])
    out = None if room is None else room[: shape[0] * shape[1]].view(shape)
    if lens.bias is None:
        logits = torch.mm(flat, weight, out=out)
    else:
        logits = torch.addmm(lens.bias[classes], flat, weight, out=out)
    return lens.finish(logits).view(*features.shape[:-1], -1)
