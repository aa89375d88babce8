"""Where training starts: scale of the input, atoms, encoder, and thresholds that meet a target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyses.atoms.parameters import Parameters

if TYPE_CHECKING:
    import torch

INITS = ("data", "random", "whitened")
# Ridge of the second moment, as a share of its mean eigenvalue.
_RIDGE = 1e-3
# Rows from which the size of codes is told.
_SCALED = 4096


def initial_parameters(
    sample: torch.Tensor, n_atoms: int, init: str, firing: float, generator: torch.Generator
) -> Parameters:
    """Weights to start from.

    Parameters
    ----------
    sample : Tensor (rows, units)
        Scaled activity.
    n_atoms : int
    init : str
        ``data``: atoms are rows of the sample about their mean, and the encoder is the decoder.
        ``random``: directions at random. ``whitened``: atoms as in ``data``; the encoder is
        ``S d`` for each atom d, with S the inverse second moment, scaled to give 1 for the atom
        itself.
    firing : float
        Share of rows on which each atom is to fire at the start.
    generator : torch.Generator

    Returns
    -------
    Parameters
    """
    import torch

    mean = sample.mean(0)
    centred = sample - mean
    atoms = torch.randn(n_atoms, sample.shape[1], generator=generator)
    if init != "random":
        lengths = centred.norm(dim=1)
        usable = torch.nonzero(lengths > 1e-6 * lengths.mean()).squeeze(1)
        chosen = usable[torch.randperm(len(usable), generator=generator)[:n_atoms]]
        atoms[: len(chosen)] = centred[chosen]
    decoder = torch.nn.functional.normalize(atoms, dim=1)
    encoder = whitened_encoder(decoder, centred) if init == "whitened" else decoder.clone()
    parameters = Parameters(
        encoder=encoder,
        encoder_bias=torch.zeros(n_atoms),
        decoder=decoder,
        decoder_bias=mean,
        threshold=torch.zeros(n_atoms),
    )
    parameters.threshold = fitting_thresholds(encoder, centred, firing)
    _scale_codes(parameters, centred[:_SCALED])
    return parameters


def _scale_codes(parameters: Parameters, centred: torch.Tensor) -> None:
    """Scale codes so that the sum of atoms has the size of the rows (rows, units), in place.

    Atoms that resemble each other fire together and would add up to far more.
    """
    sums = centred @ parameters.encoder.t()
    made = (sums * (sums >= parameters.threshold)) @ parameters.decoder
    size = float(made.square().sum())
    factor = float((made * centred).sum()) / size if size > 0 else 1.0
    if 0 < factor < 1:
        parameters.encoder.mul_(factor)
        parameters.threshold.mul_(factor)


def whitened_encoder(decoder: torch.Tensor, centred: torch.Tensor) -> torch.Tensor:
    """Encoder of the atomic inner product: S d, scaled so that each atom gives 1 for itself.

    Parameters
    ----------
    decoder : Tensor (atoms, units)
    centred : Tensor (rows, units)

    Returns
    -------
    Tensor (atoms, units)
    """
    import torch

    moment = centred.double().t() @ centred.double() / len(centred)
    ridge = _RIDGE * moment.diagonal().mean()
    moment.diagonal().add_(ridge)
    turned = torch.cholesky_solve(decoder.double().t(), torch.linalg.cholesky(moment)).t()
    own = (turned * decoder.double()).sum(1, keepdim=True)
    return (turned / own).float()


def fitting_thresholds(encoder: torch.Tensor, centred: torch.Tensor, firing: float) -> torch.Tensor:
    """Thresholds that let every atom fire on the same share of rows.

    Parameters
    ----------
    encoder : Tensor (atoms, units)
    centred : Tensor (rows, units)
    firing : float

    Returns
    -------
    Tensor (atoms,)
    """
    import torch

    rank = min(len(centred) - 1, max(0, round((1 - firing) * len(centred)) - 1))
    parts = [(centred @ part.t()).kthvalue(rank + 1, dim=0).values for part in encoder.split(256)]
    return torch.cat(parts).clamp_min(1e-6)
