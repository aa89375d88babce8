r"""The loss of a sparse autoencoder and its gradients, written out.

.. math:: L = \frac1B \sum_i \|x_i - \hat x_i\|^2 + \frac{\lambda}{B} \sum_{ij} p(z_{ij})

with :math:`\hat x = \sigma(z) D + b`, :math:`z = (x - b) E^T + e`. The penalty p counts what fires
(threshold) or adds up its size (standard). Only entries that fire, or lie within half a bandwidth
of their threshold, have a gradient; with few of them, one dense product is left of six.

Gradient of thresholds: straight through a rectangle of the given bandwidth, as in Rajamanoharan et
al. 2024 (arXiv 2407.14435), equations 11 and 12.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analyses.atoms.activations import Entries
from analyses.atoms.parameters import Parameters

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Step:
    """What one batch gives.

    Attributes
    ----------
    gradients : Parameters
        Of the loss by every weight.
    error : Tensor (rows, units)
        Reconstruction less input, scaled.
    squared_error : Tensor ()
        Mean over rows of its squared length.
    l0 : Tensor ()
        Atoms that fire a row.
    counts : Tensor (atoms,)
        Rows on which each atom fires.
    balance : Tensor ()
        Penalty at which thresholds would stay where they are on average; NaN without thresholds.
    """

    gradients: Parameters
    error: torch.Tensor
    squared_error: torch.Tensor
    l0: torch.Tensor
    counts: torch.Tensor
    balance: torch.Tensor


def decode(found: Entries, weights: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
    """Sum rows of a matrix with sparse weights.

    Parameters
    ----------
    found : Entries
    weights : Tensor (entries,)
    matrix : Tensor (atoms, units)

    Returns
    -------
    Tensor (rows, units)
    """
    from torch.nn.functional import embedding_bag

    return embedding_bag(
        found.atoms,
        matrix,
        found.starts,
        mode="sum",
        per_sample_weights=weights,
        include_last_offset=True,
    )


def transposed(found: Entries) -> tuple[Entries, torch.Tensor]:
    """The same entries sorted by atom, ``rows`` and ``atoms`` exchanged, and the order of them."""
    import torch

    atoms, order = torch.sort(found.atoms, stable=True)
    edges = torch.arange(found.n_atoms + 1, dtype=torch.int32, device=atoms.device)
    starts = torch.searchsorted(atoms, edges, out_int32=True)
    rows = found.rows[order]
    return Entries(atoms, rows, found.values[order], starts, len(found.starts) - 1), order


def step(
    targets: torch.Tensor,
    inputs: torch.Tensor,
    found: Entries,
    parameters: Parameters,
    activation: str,
    penalty: torch.Tensor,
    bandwidth: float,
) -> Step:
    """Loss and gradients of one batch.

    Parameters
    ----------
    targets : Tensor (rows, units)
        Scaled activity.
    inputs : Tensor (rows, units)
        The same less the decoder's bias.
    found : Entries
        Those that fire, and for thresholds those just below.
    parameters : Parameters
    activation : str
    penalty : Tensor ()
        Weight of the sparsity term.
    bandwidth : float

    Returns
    -------
    Step
    """
    import torch

    n_rows = len(targets)
    atoms = found.atoms
    active, codes = _codes(found, parameters, activation)
    codes.requires_grad_()
    with torch.enable_grad():
        # The library's own backward gives the products error · atom at the entries alone.
        parts = decode(found, codes, parameters.decoder)
    error = parts.detach() + parameters.decoder_bias - targets
    outer = error * (2.0 / n_rows)
    (by_code,) = torch.autograd.grad(parts, codes, outer)
    codes = codes.detach()
    by_pre = by_code * active
    if activation == "standard":
        by_pre = by_pre + active * (penalty / n_rows)
    turned, order = transposed(found)
    by_encoder_bias = _sum_by_atom(by_pre[order], turned)
    gradients = Parameters(
        encoder=decode(turned, by_pre[order], inputs),
        encoder_bias=by_encoder_bias,
        decoder=decode(turned, codes[order], outer),
        decoder_bias=outer.sum(0) - by_encoder_bias @ parameters.encoder,
        threshold=torch.zeros_like(parameters.threshold),
    )
    balance = penalty.new_tensor(float("nan"))
    if activation == "threshold":
        height = parameters.threshold[atoms]
        inside = ((found.values - height).abs() < bandwidth / 2).float()
        gain = height * by_code * inside
        jump = gain + inside * (penalty / n_rows)
        gradients.threshold = _sum_by_atom(jump[order], turned) / -bandwidth
        balance = -n_rows * gain.sum() / inside.sum().clamp_min(1.0)
    counts = _sum_by_atom(active[order], turned)
    squared_error = error.square().sum() / n_rows
    return Step(gradients, error, squared_error, counts.sum() / n_rows, counts, balance)


def _codes(
    found: Entries, parameters: Parameters, activation: str
) -> tuple[torch.Tensor, torch.Tensor]:
    if activation == "threshold":
        active = (found.values >= parameters.threshold[found.atoms]).float()
    else:
        active = (found.values > 0).float()
    return active, found.values * active


def _sum_by_atom(values: torch.Tensor, turned: Entries) -> torch.Tensor:
    import torch

    # A sum in order of rows, not an atomic addition: the same bytes every time, on every device.
    return torch.segment_reduce(values, "sum", offsets=turned.starts.long(), initial=0.0)
