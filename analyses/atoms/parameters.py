"""The numbers that a sparse autoencoder learns, always in float32."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass
class Parameters:
    """Weights, one row an atom on both sides, so that a few atoms are a few rows.

    Attributes
    ----------
    encoder, decoder : Tensor (atoms, units), float32
        The decoder's rows have length one.
    encoder_bias, threshold : Tensor (atoms,), float32
    decoder_bias : Tensor (units,), float32
    """

    encoder: torch.Tensor
    encoder_bias: torch.Tensor
    decoder: torch.Tensor
    decoder_bias: torch.Tensor
    threshold: torch.Tensor

    def named(self) -> dict[str, torch.Tensor]:
        """Tensors by name, in a fixed order."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def to(self, device: torch.device | str) -> Parameters:
        """The same elsewhere."""
        return Parameters(**{name: value.to(device) for name, value in self.named().items()})
