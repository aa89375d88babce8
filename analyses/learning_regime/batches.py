"""Trials for the steps of a training, the same for a seed whatever is trained beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analyses.learning_regime.tasks import Task

if TYPE_CHECKING:
    from torch import Tensor

# Drawn for so many steps at once, by seed and number of the block: whatever else is trained beside
# a seed, and however long, it sees the same trials.
_BLOCK = 64


class Batches:
    """Trials of every step, for all networks.

    Parameters
    ----------
    task : Task
    seeds : sequence of int
        Networks go through the seeds in turn.
    batch_size : int
    n_networks : int
        A multiple of the number of seeds.
    like : Tensor
        Gives type and device.
    """

    def __init__(
        self, task: Task, seeds: Sequence[int], batch_size: int, n_networks: int, like: Tensor
    ) -> None:
        self.task, self.seeds, self.batch_size, self.like = task, seeds, batch_size, like
        self.copies = n_networks // len(seeds)
        self._number = -1
        self._block: tuple[Tensor, Tensor] | None = None

    def __call__(self, step: int) -> tuple[Tensor, Tensor]:
        """Inputs (networks, steps x trials, channels), targets (networks, outputs, taught)."""
        number, place = divmod(step, _BLOCK)
        if self._block is None or number != self._number:
            self._number, self._block = number, self._drawn(number)
        inputs, targets = (each[place] for each in self._block)
        return inputs.repeat(self.copies, 1, 1), targets.repeat(self.copies, 1, 1)

    def _drawn(self, number: int) -> tuple[Tensor, Tensor]:
        import torch

        drawn = [self.task.trials(_BLOCK * self.batch_size, (seed, number)) for seed in self.seeds]
        inputs = np.stack([self._by_step(each.inputs) for each in drawn], axis=1)
        taught = [self._by_step(each.targets[:, self.task.taught_from :]) for each in drawn]
        targets = np.stack(taught, axis=1)[:, :, None] == np.arange(self.task.n_outputs)[:, None]
        first, second = (torch.from_numpy(np.ascontiguousarray(each)) for each in (inputs, targets))
        return first.to(self.like), second.to(self.like)

    def _by_step(self, values: NDArray) -> NDArray:
        """From (block x trials, steps, ...) to (block, steps x trials, ...)."""
        split = values.reshape(_BLOCK, self.batch_size, *values.shape[1:]).swapaxes(1, 2)
        return split.reshape(_BLOCK, -1, *values.shape[2:])
