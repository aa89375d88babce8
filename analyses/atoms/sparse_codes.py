"""Sparse codes of many rows in bounded memory: encoding, least squares on the support, decoding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analyses.atoms import activations, objective
from analyses.atoms.parameters import Parameters
from analyses.atoms.rowblocks import row_blocks

if TYPE_CHECKING:
    import torch
    from scipy import sparse

_ROWS = 4096
# Numbers of one block (rows, atoms) of a revision: 64 MiB.
_DENSE = 2**24
# Numbers of one block of gathered atoms (rows, support, units): 64 MiB in float64.
_GATHERED = 2**23
# Ridge on the squared lengths of atoms: only keeps supports of dependent atoms solvable.
_RIDGE = 1e-10


def encode(
    X: Any,
    parameters: Parameters,
    scale: float,
    activation: str,
    k: float,
    debias: bool = False,
    revisions: int = 0,
) -> sparse.csr_matrix:
    """Codes of rows, block by block.

    Parameters
    ----------
    X : array (rows, units), Activations, or iterable of arrays
    parameters : Parameters
    scale : float
    activation : str
    k : float
        Atoms a row, for ``topk``.
    debias : bool
        Whether values are those of least squares on the support.
    revisions : int
        How often the support is revised, see `revise`; values are then those of least squares.

    Returns
    -------
    scipy.sparse.csr_matrix (rows, atoms), float32
    """
    from scipy import sparse

    n_atoms = len(parameters.encoder)
    columns, values, lengths = [], [], [np.zeros(1, dtype=np.int64)]
    for inputs in _inputs(X, parameters, scale):
        found = activations.fired(inputs, parameters, activation, k)
        for _ in range(revisions):
            found = revise(found, inputs, parameters)
        fitted = refit(found, inputs, parameters) if debias or revisions else found.values
        columns.append(found.atoms.cpu().numpy())
        values.append(fitted.cpu().numpy())
        lengths.append(np.diff(found.starts.cpu().numpy()).astype(np.int64))
    starts = np.cumsum(np.concatenate(lengths))
    width = np.int64 if starts[-1] > np.iinfo(np.int32).max else np.int32
    data = np.concatenate(values) if values else np.zeros(0, np.float32)
    atoms = np.concatenate(columns) if columns else np.zeros(0, np.int32)
    return sparse.csr_matrix(
        (data, atoms.astype(width, copy=False), starts.astype(width)),
        shape=(len(starts) - 1, n_atoms),
    )


def _inputs(X: Any, parameters: Parameters, scale: float) -> Iterator[torch.Tensor]:
    import torch

    device = parameters.encoder.device
    for block in row_blocks(X, max(1, min(_ROWS, _DENSE // len(parameters.encoder)))):
        rows = torch.from_numpy(np.array(block, dtype=np.float32)).to(device)
        yield rows.mul_(scale).sub_(parameters.decoder_bias)


def decode(
    codes: Any, decoder: NDArray[np.float32], bias: NDArray[np.float32], scale: float
) -> NDArray[np.float32]:
    """Activity from codes.

    Parameters
    ----------
    codes : sparse or dense array (rows, atoms)
    decoder : ndarray (atoms, units)
    bias : ndarray (units,)
    scale : float

    Returns
    -------
    ndarray (rows, units), float32
        In the units of the activity.
    """
    made = np.asarray(codes @ decoder, dtype=np.float32)
    made += bias
    made /= np.float32(scale)
    return made


def refit(found: activations.Entries, inputs: torch.Tensor, parameters: Parameters) -> torch.Tensor:
    """Least squares of every row on the atoms that fire in it.

    Parameters
    ----------
    found : Entries
    inputs : Tensor (rows, units)
        Scaled, and less the decoder's bias.
    parameters : Parameters

    Returns
    -------
    Tensor (entries,), float32
    """
    import torch

    sizes = found.starts.diff().long()
    values = torch.zeros_like(found.values)
    decoder = parameters.decoder.double()
    # Rows of similar support together, so that little is padded.
    order = torch.argsort(sizes, descending=True)
    start = 0
    while start < len(order) and int(sizes[order[start]]) > 0:
        longest = int(sizes[order[start]])
        room = max(1, _GATHERED // (longest * inputs.shape[1]))
        rows = order[start : start + room]
        _solve(found, inputs, decoder, rows, sizes[rows], values)
        start += room
    return values


def revise(
    found: activations.Entries, inputs: torch.Tensor, parameters: Parameters
) -> activations.Entries:
    """Choose the atoms of every row anew, now that most of what they add to each other is known.

    Hard thresholding pursuit (Foucart 2011) with the learned encoder and thresholds: fit the
    values, send what is left through the encoder, add it, and keep what reaches its threshold.

    Parameters
    ----------
    found : Entries
    inputs : Tensor (rows, units)
        Scaled, and less the decoder's bias.
    parameters : Parameters

    Returns
    -------
    Entries
    """

    values = refit(found, inputs, parameters)
    left = inputs - objective.decode(found, values, parameters.decoder)
    sums = left @ parameters.encoder.t()
    rows, atoms = found.rows.long(), found.atoms.long()
    sums[rows, atoms] += values
    rows, atoms = ((sums >= parameters.threshold) & (sums > 0)).nonzero(as_tuple=True)
    return activations.entries(
        rows.int(), atoms.int(), sums[rows, atoms], len(inputs), found.n_atoms
    )


def _solve(
    found: activations.Entries,
    inputs: torch.Tensor,
    decoder: torch.Tensor,
    rows: torch.Tensor,
    sizes: torch.Tensor,
    values: torch.Tensor,
) -> None:
    import torch

    slots = torch.arange(int(sizes.max()), device=rows.device)
    used = slots < sizes[:, None]  # (rows, slots)
    places = torch.where(used, found.starts[rows].long()[:, None] + slots, 0)
    atoms = decoder[found.atoms[places].long()] * used[..., None]  # (rows, slots, units)
    gram = atoms @ atoms.transpose(1, 2)
    # Slots without an atom solve 1 * 0 = 0.
    gram.diagonal(dim1=1, dim2=2).add_(torch.where(used, _RIDGE, 1.0))
    along = atoms @ inputs[rows].double()[..., None]
    solved = torch.linalg.solve(gram, along).squeeze(2)
    values[places[used]] = solved[used].float()
