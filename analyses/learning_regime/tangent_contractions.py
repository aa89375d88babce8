"""Kernels from per-row gradients, or from their factors without ever forming them.

A weight used at positions p with inputs h has the gradients sum_p delta_p h_p', so that

    K_ij = sum_{p, q} (delta_ip . delta_jq) (h_ip . h_jq),

which needs rows x positions x units numbers instead of rows x weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import torch

Similarity: TypeAlias = "Callable[[int, int], torch.Tensor]"

MIB = 2**20
# A product of two positions costs this much beside its arithmetic, in multiply-adds.
CALL = 500_000
# Multiplying by the similarity and adding up, in multiply-adds a value.
PASS = 24


def gram(values: torch.Tensor) -> torch.Tensor:
    """Values times their own transpose, in half the time.

    Parameters
    ----------
    values : tensor (rows, columns)

    Returns
    -------
    tensor (rows, rows)

    Examples
    --------
    >>> import torch
    >>> gram(torch.eye(2)).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    if values.is_cuda:
        return values @ values.T
    import torch

    # numpy sees that both are one array and computes one triangle (syrk); torch does not.
    array = values.contiguous().numpy()
    return torch.from_numpy(array @ array.T)


def kernel_of_gradients(
    blocks: Sequence[torch.Tensor], kernel: torch.Tensor, max_mib: float
) -> torch.Tensor:
    """Add the kernels of per-row gradients of several parameters, small ones joined.

    Parameters
    ----------
    blocks : sequence of tensor (rows, size)
        One for each parameter, rows being rows and outputs.
    kernel : tensor (rows, rows)
        Added to in place.
    max_mib : float
        Memory for copies that join small parameters.

    Returns
    -------
    tensor (rows, rows)

    Examples
    --------
    >>> import torch
    >>> blocks = [torch.ones(2, 3), torch.eye(2)]
    >>> kernel_of_gradients(blocks, torch.zeros(2, 2), max_mib=1).tolist()
    [[4.0, 3.0], [3.0, 4.0]]
    """
    import torch

    limit = max_mib * MIB / (max(1, len(kernel)) * kernel.element_size())
    start = 0
    while start < len(blocks):
        stop, n_columns = start + 1, blocks[start].shape[1]
        while stop < len(blocks) and n_columns + blocks[stop].shape[1] <= limit:
            n_columns += blocks[stop].shape[1]
            stop += 1
        joined = blocks[start] if stop == start + 1 else torch.cat(list(blocks[start:stop]), 1)
        kernel += gram(joined)
        start = stop
    return kernel


def kernel_of_positions(
    delta: torch.Tensor, similarity: Similarity, spans: Sequence[tuple[int, int]]
) -> torch.Tensor:
    """Kernel of a weight from its factors, position by position.

    Parameters
    ----------
    delta : tensor (positions, outputs, rows, out)
        Gradients of outputs in what came out at every position.
    similarity : callable (int, int) -> tensor (rows, rows)
        Inner products of what went in at two positions.
    spans : sequence of (int, int)
        At every position, the first output that depends on it and the one after the last.

    Returns
    -------
    tensor (rows, outputs, rows, outputs)

    Examples
    --------
    >>> import torch
    >>> delta, h = torch.randn(2, 3, 4, 5), torch.randn(2, 4, 6)
    >>> found = kernel_of_positions(delta, lambda p, q: h[p] @ h[q].T, [(0, 3), (0, 3)])
    >>> J = torch.einsum("porc,pri->roci", delta, h).flatten(2).flatten(0, 1)
    >>> bool(torch.allclose(found.reshape(12, 12), J @ J.T, atol=1e-4))
    True
    """
    _, n_outputs, n_rows, _ = delta.shape
    half = delta.new_zeros(n_outputs, n_rows, n_outputs, n_rows)
    for first, (a, b) in enumerate(spans):
        for second, (c, d) in enumerate(spans[: first + 1]):
            if a == b or c == d:
                continue
            left, same = delta[first, a:b].flatten(0, 1), first == second
            products = gram(left) if same else left @ delta[second, c:d].flatten(0, 1).T
            block = products.view(b - a, n_rows, d - c, n_rows)
            # Both halves are added in the end, so that a position with itself counts half.
            share = 0.5 if same else 1.0
            half[a:b, :, c:d].addcmul_(block, similarity(first, second)[:, None], value=share)
    return (half + half.permute(2, 3, 0, 1)).permute(1, 0, 3, 2)


def output_spans(delta: torch.Tensor, used: torch.Tensor) -> list[tuple[int, int]]:
    """Which outputs depend on each position: in a causal network, only later ones.

    Parameters
    ----------
    delta : tensor (positions, outputs, rows, out)
    used : tensor (positions,) of bool
        Positions where anything went in.

    Returns
    -------
    list of (int, int)
        First output and the one after the last; equal where there are none.

    Examples
    --------
    >>> import torch
    >>> output_spans(torch.eye(3)[:, :, None, None], torch.tensor([True, True, False]))
    [(0, 1), (1, 2), (0, 0)]
    """
    spans = []
    for row, any_input in zip(delta.ne(0).flatten(2).any(2), used.tolist(), strict=True):
        places = row.nonzero().flatten().tolist() if any_input else []
        spans.append((places[0], places[-1] + 1) if places else (0, 0))
    return spans


def cost_of_positions(spans: Sequence[tuple[int, int]], n_rows: int, n_out: int) -> float:
    """Multiply-adds of `kernel_of_positions`.

    Parameters
    ----------
    spans : sequence of (int, int)
    n_rows, n_out : int

    Returns
    -------
    float

    Examples
    --------
    >>> cost_of_positions([(0, 1)], 10, 100) == 10 * 10 * (100 + PASS) + CALL
    True
    """
    sizes = [n_rows * (last - first) for first, last in spans if last > first]
    pairs = (sum(sizes) ** 2 + sum(size**2 for size in sizes)) / 2
    return pairs * (n_out + PASS) + CALL * len(sizes) * (len(sizes) + 1) / 2


def cost_of_slices(n_kernel: int, n_positions: int, size: int) -> float:
    """Multiply-adds of forming per-row gradients of a weight, and their products.

    Parameters
    ----------
    n_kernel : int
        Rows of the kernel.
    n_positions, size : int
        Positions a row, and weights.

    Returns
    -------
    float

    Examples
    --------
    >>> cost_of_slices(2, 3, 10)
    80.0
    """
    return n_kernel * n_positions * size + n_kernel**2 * size / 2


def slices(size: int, width_mib: float, max_mib: float) -> Iterator[slice]:
    """Cut an axis so that what is formed for a slice fits in memory.

    Parameters
    ----------
    size : int
    width_mib : float
        Memory that one of `size` needs.
    max_mib : float

    Yields
    ------
    slice

    Examples
    --------
    >>> list(slices(5, 1.0, 2.0))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    step = max(1, int(max_mib / width_mib)) if width_mib else size
    for start in range(0, size, step):
        yield slice(start, min(size, start + step))
