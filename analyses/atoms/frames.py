"""Training in the atomic inner product: rows are whitened first, and weights turned back after.

Squared error is then measured by the inverse second moment, so that directions of little variance
count as much as others. What is learned is an ordinary autoencoder of the activity as it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from analyses.atoms.parameters import Parameters

if TYPE_CHECKING:
    import torch

# Of the mean variance of a unit: directions below that are mostly noise.
_RIDGE = 1e-3


@dataclass
class Frame:
    """A whitening map and back.

    Attributes
    ----------
    mean : Tensor (units,)
    there, back : Tensor (units, units)
        Symmetric, inverse to each other.
    length : Tensor ()
        Root mean squared distance of rows from their mean.
    """

    mean: torch.Tensor
    there: torch.Tensor
    back: torch.Tensor
    length: torch.Tensor

    @classmethod
    def of(cls, sample: torch.Tensor) -> Frame:
        """Whitening of a sample (rows, units)."""
        import torch

        mean = sample.double().mean(0)
        centred = sample.double() - mean
        moment = centred.t() @ centred / len(centred)
        length = moment.diagonal().sum().sqrt()
        moment.diagonal().add_(_RIDGE * moment.diagonal().mean())
        variances, axes = torch.linalg.eigh(moment)
        root = variances.sqrt()
        there, back = (axes / root) @ axes.t(), (axes * root) @ axes.t()
        found = (mean, there, back, length)
        # In one order in memory, as after a checkpoint: the other one rounds differently.
        return cls(
            *(each.to(torch.float32, memory_format=torch.contiguous_format) for each in found)
        )

    def named(self) -> dict[str, torch.Tensor]:
        """Tensors by name."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def to(self, device: torch.device | str) -> Frame:
        """The same elsewhere."""
        return Frame(**{name: value.to(device) for name, value in self.named().items()})

    def apply(self, rows: torch.Tensor) -> torch.Tensor:
        """Whiten rows (rows, units)."""
        return (rows - self.mean) @ self.there

    def unfold(self, parameters: Parameters, scale: float) -> tuple[Parameters, float]:
        """The same autoencoder for rows that are not whitened.

        Parameters
        ----------
        parameters : Parameters
        scale : float
            Of whitened rows.

        Returns
        -------
        Parameters
            With atoms of length one.
        float
            Scale of rows as they are: mean squared distance from the mean 1, or as before.
        """
        whitened = math.sqrt(len(self.mean))
        outer = scale * whitened / float(self.length)
        ratio = outer / scale
        decoder = ratio * (parameters.decoder @ self.back)
        lengths = decoder.norm(dim=1).clamp_min(1e-12)
        made = Parameters(
            encoder=(lengths / ratio)[:, None] * (parameters.encoder @ self.there),
            encoder_bias=lengths * parameters.encoder_bias,
            decoder=decoder / lengths[:, None],
            decoder_bias=outer * self.mean + ratio * (parameters.decoder_bias @ self.back),
            threshold=lengths * parameters.threshold,
        )
        return made, outer
