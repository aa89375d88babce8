"""What training leaves: weights at every checkpoint, and losses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analyses.learning_regime.tasks import Task
from workbench.errors import UsageError, nearest

if TYPE_CHECKING:
    from analyses.learning_regime.recurrent_network import RateNetwork


@dataclass(frozen=True, eq=False, repr=False)
class TrainedNetworks:
    """Networks of several starts and seeds, before, during and after training.

    Attributes
    ----------
    task : Task
    starts : tuple of str
    seeds : tuple of int
    steps : tuple of int
        Of the checkpoints; the first is the start, the last the end.
    inputs : ndarray (starts, seeds, checkpoints, units, channels)
    recurrent : ndarray (starts, seeds, checkpoints, units, units)
        To, from.
    outputs : ndarray (starts, seeds, checkpoints, outputs, units)
    losses : ndarray (starts, seeds, logs)
        Mean training loss in nats since the last log.
    loss_steps : tuple of int
    learning_rates : ndarray (starts, seeds)
        Those that were kept.
    alpha, scale : float
    """

    task: Task
    starts: tuple[str, ...]
    seeds: tuple[int, ...]
    steps: tuple[int, ...]
    inputs: NDArray
    recurrent: NDArray
    outputs: NDArray
    losses: NDArray[np.float64]
    loss_steps: tuple[int, ...]
    learning_rates: NDArray[np.float64]
    alpha: float
    scale: float

    @property
    def diverged(self) -> NDArray[np.bool_]:
        """Networks (starts, seeds) whose losses or weights became infinite or NaN."""
        finite = [np.isfinite(self.losses).all(axis=-1)]
        for weights in (self.inputs, self.recurrent, self.outputs):
            finite.append(np.isfinite(weights[:, :, -1]).all(axis=(-2, -1)))
        return ~np.logical_and.reduce(finite)

    def network(
        self, start: str | int = 0, seed: int | None = None, checkpoint: int = -1
    ) -> RateNetwork:
        """One network as a torch module.

        Parameters
        ----------
        start : str or int
            Name or number of the start.
        seed : int, optional
            One of `seeds`; the first one by default.
        checkpoint : int
            Its number, counted from the end where negative.

        Returns
        -------
        RateNetwork
            In evaluation mode, of the type of the training.

        Raises
        ------
        UsageError
            If there is no such start, seed or checkpoint.
        """
        import torch

        from analyses.learning_regime.recurrent_network import RateNetwork

        place = (*self._place(start, seed), self._checkpoint(checkpoint))
        found = {"W_in": self.inputs, "W_h": self.recurrent, "W_out": self.outputs}
        state = {f"{name}.weight": torch.tensor(each[place]) for name, each in found.items()}
        network = RateNetwork(*self.sizes, self.alpha, self.scale)
        network.to(state["W_h.weight"].dtype).load_state_dict(state)
        return network.eval()

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Numbers of channels, units and outputs."""
        return self.inputs.shape[-1], self.recurrent.shape[-1], self.outputs.shape[-2]

    def save_checkpoints(
        self, folder: str | Path, start: str | int = 0, seed: int | None = None
    ) -> list[Path]:
        """Write the checkpoints of one network as state dicts of `RateNetwork`.

        Parameters
        ----------
        folder : str or Path
            Made where it is missing.
        start, seed
            As `network`.

        Returns
        -------
        list of Path
            ``step-00000000.safetensors`` and so on, in the order of steps, which
            ``workbench.capture(trained.network(), checkpoints=folder, ...)`` reads, and so does
            ``torch:analyses.learning_regime.recurrent_network:RateNetwork`` with the `sizes` as
            ``factory_arguments``.

        Raises
        ------
        UsageError
            If there is no such start or seed.
        """
        from safetensors.torch import save_file

        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        paths = [target / f"step-{step:08d}.safetensors" for step in self.steps]
        for number, path in enumerate(paths):
            save_file(self.network(start, seed, number).state_dict(), path)
        return paths

    def _place(self, start: str | int, seed: int | None) -> tuple[int, int]:
        named = start if isinstance(start, str) else None
        if named is not None and named not in self.starts:
            raise UsageError(f"Found no start '{named}'; {nearest(named, self.starts)}")
        number = self.starts.index(named) if named is not None else int(start)
        if not -len(self.starts) <= number < len(self.starts):
            raise UsageError(f"Found no start {number}; expected 0 to {len(self.starts) - 1}.")
        if seed is not None and seed not in self.seeds:
            raise UsageError(f"Found no seed {seed}; expected one of {list(self.seeds)}.")
        return number, 0 if seed is None else self.seeds.index(seed)

    def _checkpoint(self, number: int) -> int:
        if not -len(self.steps) <= number < len(self.steps):
            raise UsageError(
                f"Found no checkpoint {number}; expected 0 to {len(self.steps) - 1}, at steps "
                f"{list(self.steps)}."
            )
        return number

    def __repr__(self) -> str:
        return (
            f"<TrainedNetworks {self.task.name}: {len(self.starts)} starts x {len(self.seeds)} "
            f"seeds, {self.sizes[1]} units, {self.steps[-1]} steps, {self.diverged.sum()} diverged>"
        )
