"""What an autoencoder refuses or warns about: its parameters, its rows, and rows of elsewhere."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analyses.atoms.activations import ACTIVATIONS
from analyses.atoms.initial import INITS
from analyses.atoms.rowblocks import site_of
from workbench.analysis.parameters import check_choices
from workbench.errors import UsageError

if TYPE_CHECKING:
    from analyses.atoms.feeding import Feed
    from analyses.atoms.sae import ThresholdSAE
    from analyses.atoms.training import Settings, Trainer

DEFAULT_STEPS = 5000
_DTYPES = ("float32", "bfloat16")
_RATE, _FASTEST = 0.0025, 0.02
# Short runs need larger steps; in long ones the same steps let atoms drift and die.
_USUAL_STEPS, _MOST_FASTER, _MOST_SLOWER = 3000, 1.6, 0.5
_BAND = 0.6
# L0 may end this far from its target, as a share of it.
_TARGET_TOLERANCE = 0.1
_CHOICES = {
    "activation": ACTIVATIONS,
    "init": INITS,
    "metric": ("euclidean", "atomic"),
    "dtype": _DTYPES,
    "input_norm": ("one", "units"),
}
_WHOLE = ("n_atoms", "batch_size", "dead_after")


def check_parameters(sae: ThresholdSAE) -> None:
    """Refuse parameters that contradict themselves or each other.

    Parameters
    ----------
    sae : ThresholdSAE

    Raises
    ------
    UsageError
    """
    check_choices(sae, _CHOICES)
    for name in (*_WHOLE, *(name for name in ("n_steps", "epochs") if getattr(sae, name))):
        value = getattr(sae, name)
        if int(value) != value or value < 1:
            raise UsageError(f"Found {name}={value}; expected a whole number of at least 1.")
    if sae.bandwidth is not None and sae.bandwidth <= 0:
        raise UsageError(f"Found bandwidth={sae.bandwidth}; expected a positive number.")
    _check_sparsity(sae)


def _check_sparsity(sae: ThresholdSAE) -> None:
    counted = sae.activation in {"topk", "batchtopk"}
    if sae.target_l0 is None and (sae.l0_coefficient is None or counted):
        raise UsageError(
            f"Found no target_l0 for activation '{sae.activation}'; expected how many atoms are to "
            "fire a row, such as target_l0=20"
            + ("." if counted else ", or a fixed l0_coefficient.")
        )
    if sae.target_l0 is not None and not 0 < sae.target_l0 <= sae.n_atoms:
        raise UsageError(
            f"Found target_l0={sae.target_l0} with n_atoms={sae.n_atoms}; expected more than 0 and "
            "at most the number of atoms: lower the target or take more atoms."
        )
    if sae.activation == "topk" and sae.target_l0 is not None and sae.target_l0 < 1:
        raise UsageError(f"Found target_l0={sae.target_l0} for 'topk'; expected at least 1.")
    if sae.l0_coefficient is not None and sae.l0_coefficient <= 0:
        raise UsageError(f"Found l0_coefficient={sae.l0_coefficient}; expected a positive number.")


def settings_of(sae: ThresholdSAE, n_steps: int | None, n_units: int) -> Settings:
    """What a trainer is told.

    Parameters
    ----------
    sae : ThresholdSAE
    n_steps : int or None
        None where the end is not known.
    n_units : int

    Returns
    -------
    Settings
    """
    from analyses.atoms.training import Settings

    dead_after = math.ceil(sae.dead_after / sae.batch_size)
    if n_steps is not None:
        dead_after = min(dead_after, max(10, n_steps // 50))
    rate = sae.learning_rate or _rate(sae.n_atoms, n_steps)
    return Settings(
        n_atoms=int(sae.n_atoms),
        batch_size=int(sae.batch_size),
        learning_rate=float(rate),
        dead_after=dead_after,
        target_l0=sae.target_l0,
        l0_coefficient=sae.l0_coefficient,
        bandwidth=float(sae.bandwidth or _bandwidth(sae, n_units)),
        activation=sae.activation,
        metric=sae.metric,
        init=sae.init,
        input_norm=sae.input_norm,
        warmup=float(sae.warmup),
        decay=float(sae.decay),
        gradient_clip=float(sae.gradient_clip),
        revive_until=float(sae.revive_until),
        seed=int(sae.seed),
        dtype=sae.dtype,
        n_steps=n_steps,
    )


def _rate(n_atoms: int, n_steps: int | None) -> float:
    length = 1.0 if n_steps is None else math.sqrt(_USUAL_STEPS / n_steps)
    scaled = min(_MOST_FASTER, max(_MOST_SLOWER, length)) * math.sqrt(128 / n_atoms)
    return min(_FASTEST, _RATE * scaled)


def _bandwidth(sae: ThresholdSAE, n_units: int) -> float:
    length = math.sqrt(n_units) if sae.input_norm == "units" else 1.0
    return _BAND * length / math.sqrt(sae.target_l0 or max(1.0, sae.n_atoms / 20))


def steps_of(sae: ThresholdSAE, feed: Feed) -> int:
    """Steps of a training run.

    Parameters
    ----------
    sae : ThresholdSAE
    feed : Feed

    Returns
    -------
    int

    Raises
    ------
    UsageError
        If passes are asked for and the number of rows is not known.
    """
    if sae.n_steps is not None:
        return int(sae.n_steps)
    if sae.epochs is None:
        return DEFAULT_STEPS
    if feed.n_rows is None:
        raise UsageError(
            f"Found epochs={sae.epochs} with batches of an unknown number of rows; expected "
            "n_steps: pass it, or an array or recording[site]."
        )
    return int(sae.epochs) * max(1, feed.n_rows // int(sae.batch_size))


def check_rows(sample: NDArray[np.float32], n_rows: int | None, n_atoms: int) -> None:
    """Refuse rows that do not vary; warn of constant units and of fewer rows than atoms.

    Parameters
    ----------
    sample : ndarray (rows, units)
    n_rows : int or None
        Of the whole data.
    n_atoms : int

    Raises
    ------
    UsageError
        If no unit varies.
    """
    constant = np.ptp(sample, axis=0) == 0
    if constant.all():
        raise UsageError(
            f"Found {len(sample)} rows whose {sample.shape[1]} units do not vary; expected "
            "activity that varies: choose another site."
        )
    if constant.any():
        warnings.warn(
            f"{int(constant.sum())} of {len(constant)} units do not vary; atoms cannot say "
            "anything about them.",
            stacklevel=4,
        )
    if n_rows is not None and n_rows < n_atoms:
        warnings.warn(
            f"There are fewer rows ({n_rows}) than atoms ({n_atoms}): the regime of a memoriser, "
            "in which each row can have an atom of its own. Believe held-out numbers only.",
            stacklevel=4,
        )


def check_same(sae: ThresholdSAE, X: Any) -> None:
    """Refuse rows of another width or site than an autoencoder was trained on.

    Parameters
    ----------
    sae : ThresholdSAE
        Fitted.
    X : array (rows, units), Activations, or iterable of arrays

    Raises
    ------
    UsageError
    """
    trained, given = getattr(sae, "site_", None), site_of(X)
    if trained is not None and given is not None and trained != given:
        raise UsageError(
            f"Found activity of site '{given}'; expected '{trained}', at which this autoencoder "
            "was trained: pass that site, or train another one."
        )
    shape = getattr(X, "shape", None)
    if shape is None or len(shape) != 2 or not hasattr(sae, "decoder_"):
        return
    if shape[1] != sae.decoder_.shape[1]:
        where = f" at '{trained}'" if trained else ""
        raise UsageError(
            f"Found {shape[1]} units; expected {sae.decoder_.shape[1]}, on which this autoencoder "
            f"was trained{where}: pass activity of the same site."
        )


def warn_of_target(trainer: Trainer) -> None:
    """Say so where L0 ends far from its target.

    Parameters
    ----------
    trainer : Trainer
    """
    settings = trainer.settings
    if settings.target_l0 is None or not settings.is_steered:
        return
    last = max(1, trainer.step_number // 20)
    reached = float(trainer.recorded()["l0"][-last:].mean())
    if abs(reached / settings.target_l0 - 1) > _TARGET_TOLERANCE:
        warnings.warn(
            f"L0 ended at {reached:.3g}, not at target_l0={settings.target_l0:g}, after "
            f"{trainer.step_number} steps (see history_): train longer, or choose a target that "
            "the activity allows.",
            stacklevel=4,
        )
