"""Where the committed weights lie, and how a checkpoint's name becomes a path."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import UsageError

if TYPE_CHECKING:
    from torch import nn

CHECKPOINTS = ("initial", "middle", "final")
DATA = Path(__file__).parent / "data"
# Steps of the optimiser behind each checkpoint, by the recipes of the training scripts.
STEPS = {
    "language": {"initial": 0, "middle": 454, "final": 4543},
    "vision": {"initial": 0, "middle": 1520, "final": 6080},
    "rnn": {"initial": 0, "middle": 25, "final": 1000},
}


def checked(checkpoint: str) -> str:
    """The checkpoint's name, if there is such a one.

    Raises
    ------
    UsageError
        If there is none; the known ones are named.
    """
    if checkpoint not in CHECKPOINTS:
        raise UsageError(
            f"The demonstration has no checkpoint '{checkpoint}'; "
            f"choose one of {', '.join(CHECKPOINTS)}."
        )
    return checkpoint


def series(given: Any) -> list[str]:
    """Names of several checkpoints, in the order of training.

    Parameters
    ----------
    given : str or sequence of str
        Names or globs, in one text with commas between them or apart; ``*`` is all.

    Returns
    -------
    list of str

    Raises
    ------
    UsageError
        If there is none of that name.

    Examples
    --------
    >>> series("final,initial"), series("*")
    (['initial', 'final'], ['initial', 'middle', 'final'])
    """
    parts = given.split(",") if isinstance(given, str) else list(given)
    patterns = [str(part).strip() for part in parts if str(part).strip()]
    for pattern in patterns or [str(given)]:
        if not any(fnmatchcase(name, pattern) for name in CHECKPOINTS):
            checked(pattern)
    return [name for name in CHECKPOINTS if any(fnmatchcase(name, each) for each in patterns)]


def weights_file(kind: str, checkpoint: str) -> Path:
    """Where the weights of a network lie.

    Parameters
    ----------
    kind : str
        Folder under ``data``.
    checkpoint : str

    Returns
    -------
    Path
    """
    return DATA / kind / f"{checked(checkpoint)}.safetensors"


def load_weights(network: nn.Module, kind: str, checkpoint: str) -> nn.Module:
    """Fill a network with the committed weights and switch it to evaluation.

    Parameters
    ----------
    network : torch.nn.Module
        Built as for training.
    kind : str
        Folder under ``data``.
    checkpoint : str
        initial, middle or final.
    """
    from safetensors.torch import load_file

    network.load_state_dict(load_file(weights_file(kind, checkpoint)))
    return network.eval()
