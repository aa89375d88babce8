"""Which atoms fire: threshold, rectifier, and the k largest of a row or of a batch.

All four give the same: the few entries of ``(rows, atoms)`` that can matter, row by row. What
stands between the encoder and them is made a block of rows at a time, and never kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from analyses.atoms.parameters import Parameters

# A block of pre-activations of this many numbers stays within the caches of a processor.
_BLOCK = 2**20
ACTIVATIONS = ("threshold", "standard", "topk", "batchtopk")


@dataclass(frozen=True)
class Entries:
    """Entries of a matrix ``(rows, atoms)``, sorted by row.

    Attributes
    ----------
    rows, atoms : Tensor (entries,), int32
    values : Tensor (entries,), float32
        Pre-activations.
    starts : Tensor (rows + 1,), int32
        Where each row begins.
    n_atoms : int
    """

    rows: torch.Tensor
    atoms: torch.Tensor
    values: torch.Tensor
    starts: torch.Tensor
    n_atoms: int


def pre_activations(
    inputs: torch.Tensor, parameters: Parameters, dtype: torch.dtype
) -> torch.Tensor:
    """Encode rows.

    Parameters
    ----------
    inputs : Tensor (rows, units)
        Scaled, and less the decoder's bias.
    parameters : Parameters
    dtype : torch.dtype
        To multiply in; the result is float32, because thresholds always are.

    Returns
    -------
    Tensor (rows, atoms), float32
    """
    import torch

    if dtype == torch.float32:
        return torch.addmm(parameters.encoder_bias, inputs, parameters.encoder.t())
    product = inputs.to(dtype) @ parameters.encoder.to(dtype).t()
    return product.float() + parameters.encoder_bias


def fired(
    inputs: torch.Tensor,
    parameters: Parameters,
    activation: str,
    k: float,
    band: float = 0.0,
    dtype: torch.dtype | None = None,
) -> Entries:
    """Entries that fire, or that lie at most ``band`` below their threshold.

    Parameters
    ----------
    inputs : Tensor (rows, units)
    parameters : Parameters
    activation : str
        One of `ACTIVATIONS`.
    k : float
        Atoms a row, of ``topk`` and ``batchtopk``.
    band : float
        Below the threshold, for its straight-through gradient.
    dtype : torch.dtype, optional
        To multiply in; float32 by default.

    Returns
    -------
    Entries
    """
    import torch

    dtype = dtype or torch.float32
    if activation == "topk":
        choose = _largest_of_rows(round(k))
    else:
        floor = torch.zeros(()) if activation != "threshold" else parameters.threshold - band
        choose = _above(floor.to(inputs.device))
    found = _by_block(inputs, parameters, dtype, choose)
    return _largest_of_all(found, round(k * len(inputs))) if activation == "batchtopk" else found


def _by_block(
    inputs: torch.Tensor,
    parameters: Parameters,
    dtype: torch.dtype,
    choose: Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]],
) -> Entries:
    import torch

    n_atoms = len(parameters.encoder)
    size = max(1, _BLOCK // n_atoms)
    rows, atoms, values = [], [], []
    for start in range(0, len(inputs), size):
        block = pre_activations(inputs[start : start + size], parameters, dtype)
        places, here = choose(block)
        row = torch.div(places, n_atoms, rounding_mode="floor")
        atoms.append((places - row * n_atoms).int())
        rows.append((row + start).int())
        values.append(here)
    return entries(torch.cat(rows), torch.cat(atoms), torch.cat(values), len(inputs), n_atoms)


def entries(
    rows: torch.Tensor, atoms: torch.Tensor, values: torch.Tensor, n_rows: int, n_atoms: int
) -> Entries:
    """Entries from their coordinates, which must be sorted by row.

    Parameters
    ----------
    rows, atoms : Tensor (entries,), int32
    values : Tensor (entries,)
    n_rows, n_atoms : int

    Returns
    -------
    Entries
    """
    import torch

    edges = torch.arange(n_rows + 1, dtype=torch.int32, device=rows.device)
    return Entries(rows, atoms, values, torch.searchsorted(rows, edges, out_int32=True), n_atoms)


def _above(floor: torch.Tensor) -> Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]:
    def choose(block: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        import torch

        # A threshold of zero must not let the zeros of a dead atom through.
        places = ((block >= floor) & (block > 0)).view(-1).nonzero().squeeze(1)
        return places, torch.take(block, places)

    return choose


def _largest_of_rows(k: int) -> Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]:
    def choose(block: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        import torch

        n_atoms = block.shape[1]
        values, atoms = block.topk(min(k, n_atoms), dim=1)
        starts = torch.arange(len(block), device=block.device)[:, None] * n_atoms
        positive = values > 0
        return (atoms + starts)[positive], values[positive]

    return choose


def _largest_of_all(found: Entries, count: int) -> Entries:
    if len(found.values) <= count:
        return found
    chosen = found.values.topk(count).indices.sort().values
    return entries(
        found.rows[chosen],
        found.atoms[chosen],
        found.values[chosen],
        len(found.starts) - 1,
        found.n_atoms,
    )
