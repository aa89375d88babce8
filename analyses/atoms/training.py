"""The training loop: one batch at a time, its whole state in tensors and numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analyses.atoms import activations, objective
from analyses.atoms.frames import Frame
from analyses.atoms.initial import initial_parameters
from analyses.atoms.parameters import Parameters
from analyses.atoms.reviving import repeats, revive

if TYPE_CHECKING:
    import torch

RECORDED = ("squared_error", "l0", "l0_coefficient", "learning_rate", "dead")
# Steps over which the L0 that steers the coefficient is averaged.
_AVERAGED = 10
# How strongly L0 off its target pulls at thresholds, in their mean square.
_PULL = 2.0
_ADAM = ("exp_avg", "exp_avg_sq", "step")
_WARMUP_WITHOUT_END = 100
_HISTORY_BLOCK = 1024


@dataclass(frozen=True)
class Settings:
    """What a training run is told; `ThresholdSAE` says what each means."""

    n_atoms: int
    batch_size: int
    learning_rate: float
    dead_after: int
    target_l0: float | None = None
    l0_coefficient: float | None = None
    bandwidth: float = 0.2
    activation: str = "threshold"
    metric: str = "euclidean"
    init: str = "data"
    input_norm: str = "one"
    warmup: float = 0.05
    decay: float = 0.3
    gradient_clip: float = 1.0
    revive_until: float = 0.8
    seed: int = 0
    dtype: str = "float32"
    n_steps: int | None = None

    @property
    def is_steered(self) -> bool:
        """Whether the coefficient of sparsity follows from a target."""
        return self.l0_coefficient is None and self.activation in {"threshold", "standard"}

    @property
    def expected_l0(self) -> float:
        """Atoms a row to begin with."""
        return float(self.target_l0 if self.target_l0 is not None else max(1, self.n_atoms / 20))

    def rate(self, step: int) -> float:
        """Learning rate of a step: warm-up, plateau, and a straight line to zero."""
        if self.n_steps is None:
            return self.learning_rate * min(1.0, (step + 1) / _WARMUP_WITHOUT_END)
        rising = (step + 1) / max(1.0, self.warmup * self.n_steps)
        falling = (self.n_steps - step) / max(1.0, self.decay * self.n_steps)
        return self.learning_rate * max(0.0, min(rising, falling, 1.0))

    def revives(self, step: int) -> bool:
        """Whether dead atoms begin again after so many steps."""
        end = math.inf if self.n_steps is None else self.revive_until * self.n_steps
        return step % self.dead_after == 0 and step <= end


class Trainer:
    """Weights, optimizer and counters of one training run.

    Parameters
    ----------
    settings : Settings
    parameters : Parameters
        Weights to go on from; they are changed in place.
    scale : float
        By which activity is multiplied.
    frame : Frame, optional
        In which the loss is measured.
    """

    def __init__(
        self, settings: Settings, parameters: Parameters, scale: float, frame: Frame | None = None
    ) -> None:
        import torch

        self.settings, self.parameters, self.scale = settings, parameters, scale
        self.frame = frame
        n_atoms, device = settings.n_atoms, parameters.encoder.device
        self.optimizer = torch.optim.Adam(
            list(parameters.named().values()),
            lr=settings.learning_rate,
            betas=(0.9, 0.999),
            fused=True,
        )
        self.step_number = 0
        start = settings.l0_coefficient or float(parameters.threshold.square().mean()) or 1e-3
        self.coefficient = torch.tensor(start, device=device)
        self.balance = torch.tensor(start, device=device)
        self.l0 = torch.tensor(settings.expected_l0, device=device)
        self.silent = torch.zeros(n_atoms, dtype=torch.int64, device=device)
        self.usage = torch.zeros(n_atoms, device=device)
        self.history = torch.zeros(_HISTORY_BLOCK, len(RECORDED), device=device)
        self.validation: list[tuple[int, float, float]] = []

    @classmethod
    def begin(cls, settings: Settings, rows: NDArray[np.float32], device: str) -> Trainer:
        """Start from a sample of the activity.

        Parameters
        ----------
        settings : Settings
        rows : ndarray (rows, units)
        device : str

        Returns
        -------
        Trainer
        """
        import torch

        sample = torch.from_numpy(rows)
        frame = Frame.of(sample) if settings.metric == "atomic" else None
        sample = sample if frame is None else frame.apply(sample)
        spread = float((sample - sample.mean(0)).double().square().sum(1).mean())
        wanted = sample.shape[1] if settings.input_norm == "units" else 1.0
        scale = math.sqrt(wanted / spread)
        generator = torch.Generator().manual_seed(settings.seed)
        firing = min(1.0, settings.expected_l0 / settings.n_atoms)
        parameters = initial_parameters(
            sample * scale, settings.n_atoms, settings.init, firing, generator
        )
        if settings.activation != "threshold":
            parameters.threshold.zero_()
        return cls(settings, parameters.to(device), scale, frame and frame.to(device))

    def step(self, rows: torch.Tensor) -> None:
        """Learn from one batch.

        Parameters
        ----------
        rows : Tensor (rows, units), float32
        """
        import torch

        with torch.no_grad():
            self._step(rows)

    def _step(self, rows: torch.Tensor) -> None:
        settings, parameters = self.settings, self.parameters
        targets = (rows if self.frame is None else self.frame.apply(rows)) * self.scale
        inputs = targets - parameters.decoder_bias
        found = activations.fired(
            inputs,
            parameters,
            settings.activation,
            settings.expected_l0,
            settings.bandwidth / 2,
            _dtype(settings.dtype),
        )
        result = objective.step(
            targets,
            inputs,
            found,
            parameters,
            settings.activation,
            self.coefficient,
            settings.bandwidth,
        )
        rate = settings.rate(self.step_number)
        self._move(result.gradients, rate)
        self._count(result, len(rows))
        self._steer(found, result)
        self._record(result, rate)
        self.step_number += 1
        if settings.revives(self.step_number):
            self._revive(found, result, inputs)

    def _move(self, gradients: Parameters, rate: float) -> None:
        import torch

        decoder = self.parameters.decoder
        # Along itself an atom cannot move: its length is fixed.
        along = (gradients.decoder * decoder).sum(1, keepdim=True)
        gradients.decoder.addcmul_(along, decoder, value=-1.0)
        given = gradients.named()
        length = torch.stack([each.norm() for each in given.values()]).norm()
        factor = (self.settings.gradient_clip / (length + 1e-6)).clamp(max=1.0)
        for name, weight in self.parameters.named().items():
            weight.grad = given[name].mul_(factor)
        self.optimizer.param_groups[0]["lr"] = rate
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        decoder.div_(decoder.norm(dim=1, keepdim=True).clamp_min_(1e-12))
        self.parameters.threshold.clamp_min_(0.0)

    def _count(self, result: objective.Step, n_rows: int) -> None:
        self.silent.add_(1).masked_fill_(result.counts > 0, 0)
        self.usage.lerp_(result.counts / n_rows, 1 / self.settings.dead_after)
        self.l0.lerp_(result.l0, 1 / _AVERAGED)

    def _steer(self, found: activations.Entries, result: objective.Step) -> None:
        settings = self.settings
        if settings.is_steered:
            excess = (self.l0 / settings.expected_l0 - 1.0).clamp_(-1.0, 1.0)
            if settings.activation == "threshold":
                # Around the value at which thresholds would rest; what is noisy is averaged.
                self.balance.lerp_(result.balance, 1 / _AVERAGED)
                pull = self.parameters.threshold.square().mean() * excess
                # Below zero it rewards atoms that fire: errors alone would let too few do so.
                self.coefficient.copy_(self.balance + _PULL * pull)
            else:
                # Short runs have to steer faster.
                gain = min(0.05, max(0.01, 30 / settings.n_steps)) if settings.n_steps else 0.01
                self.coefficient.mul_((gain * excess).exp())
        elif settings.activation == "batchtopk" and len(found.values):
            smallest = found.values.min()
            # Over the last hundred steps; over a tenth of a short run.
            share = max(0.01, 10 / settings.n_steps if settings.n_steps else 0.0)
            share = min(1.0, max(share, 1 / (self.step_number + 1)))
            self.parameters.threshold.lerp_(smallest.expand_as(self.parameters.threshold), share)

    def _record(self, result: objective.Step, rate: float) -> None:
        import torch

        if self.step_number == len(self.history):
            self.history = torch.cat([self.history, torch.zeros_like(self.history)])
        line = self.history[self.step_number]
        line[0], line[1] = result.squared_error, result.l0
        line[2], line[3] = self.coefficient, rate
        line[4] = (self.silent >= self.settings.dead_after).sum()

    def _revive(
        self, found: activations.Entries, result: objective.Step, inputs: torch.Tensor
    ) -> None:
        settings, parameters = self.settings, self.parameters
        idle = self.silent >= settings.dead_after
        idle |= repeats(parameters.decoder, self.usage)
        if not bool(idle.any()):
            return
        active = found.values > 0
        if settings.activation == "threshold":
            active = found.values >= parameters.threshold[found.atoms.long()]
        firing = min(1.0, settings.expected_l0 / settings.n_atoms)
        held = parameters.threshold.clone()
        chosen = revive(parameters, idle, found, active, result, inputs, firing)
        if settings.activation != "threshold":
            parameters.threshold.copy_(held)
        for weight in parameters.named().values():
            if len(weight) == settings.n_atoms and weight is not parameters.decoder_bias:
                state = self.optimizer.state[weight]
                state["exp_avg"][chosen] = 0.0
                # From zero, the first steps of Adam would be several times too long.
                state["exp_avg_sq"][chosen] = state["exp_avg_sq"].mean(0)
        self.silent[chosen] = 0

    @property
    def dead(self) -> NDArray[np.bool_]:
        """Atoms (atoms,) that did not fire for so long that they count as dead."""
        return (self.silent >= self.settings.dead_after).cpu().numpy()

    def learned(self) -> tuple[Parameters, float]:
        """Weights, and the scale of the activity, for activity as it is."""
        if self.frame is None:
            return self.parameters, self.scale
        return self.frame.unfold(self.parameters, self.scale)

    def recorded(self) -> dict[str, NDArray]:
        """What was recorded, by name: a value a step, and a value a validation."""
        table = self.history[: self.step_number].cpu().numpy()
        found: dict[str, NDArray] = {
            name: table[:, number].copy() for number, name in enumerate(RECORDED)
        }
        if self.validation:
            steps, r2, l0 = zip(*self.validation, strict=True)
            found["validation_step"] = np.array(steps, dtype=np.int64)
            found["validation_r2"], found["validation_l0"] = np.array(r2), np.array(l0)
        return found

    def tensors(self) -> dict[str, torch.Tensor]:
        """Everything that changes, by name; with the settings it is the whole state."""
        found = {
            "coefficient": self.coefficient,
            "balance": self.balance,
            "l0": self.l0,
            "silent": self.silent,
            "usage": self.usage,
            "history": self.history[: self.step_number],
        }
        for name, value in self.frame.named().items() if self.frame else ():
            found[f"frame.{name}"] = value
        for name, weight in self.parameters.named().items():
            found[f"parameters.{name}"] = weight
            for part in _ADAM if weight in self.optimizer.state else ():
                found[f"optimizer.{name}.{part}"] = self.optimizer.state[weight][part]
        return found

    @classmethod
    def restored(
        cls, settings: Settings, scale: float, tensors: dict[str, torch.Tensor], step_number: int
    ) -> Trainer:
        """A trainer that goes on where `tensors` was called."""
        import torch

        weights = {name: tensors[f"parameters.{name}"] for name in Parameters.__annotations__}
        frame = {name: tensors.get(f"frame.{name}") for name in Frame.__annotations__}
        made = cls(
            settings,
            Parameters(**weights),
            scale,
            None if frame["mean"] is None else Frame(**frame),  # type: ignore[arg-type]
        )
        made.step_number = step_number
        for name in ("coefficient", "balance", "l0", "silent", "usage"):
            setattr(made, name, tensors[name])
        # As many empty lines behind as before: how many is no part of the result.
        made.history = torch.cat([tensors["history"], torch.zeros_like(made.history)])
        for name, weight in weights.items():
            if f"optimizer.{name}.step" in tensors:
                made.optimizer.state[weight] = {
                    part: tensors[f"optimizer.{name}.{part}"] for part in _ADAM
                }
        return made


def _dtype(name: str) -> Any:
    import torch

    return getattr(torch, name)
