"""What has to be fixed for a training to give the same bytes again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def reproducible(seed: int, threads: int) -> Iterator[None]:
    """Seed torch, fix its threads and algorithms; put threads and algorithms back at the end.

    The sum of many numbers depends on how threads share them, so the number of threads is part
    of the recipe.

    Examples
    --------
    >>> import torch
    >>> with reproducible(seed=3, threads=1):
    ...     first = torch.rand(2)
    >>> with reproducible(seed=3, threads=1):
    ...     second = torch.rand(2)
    >>> bool((first == second).all())
    True
    """
    import torch

    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
